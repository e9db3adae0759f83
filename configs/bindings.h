// Binds the keys of each block of a run's configuration.
#pragma once

#include "configs/run_config.h"

namespace incipit::configs {

void bind_run(RunOptions& options, Block& block);
void bind_model(ModelOptions& options, Block& block);
void bind_parallel(comm::MeshOptions& options, Block& block);
void bind_method(prompt_tuning::PromptOptions& options, Block& block);
void bind_task(data::TaskOptions& options, Block& block);
void bind_mixture(data::MixtureOptions& options, Block& block);
// Binds only the keys of a task that a prompt template may set (configs/templates.h).
void bind_prompt_template(data::TaskOptions& options, Block& block);
void bind_train(trainer::TrainOptions& options, Block& block);
void bind_eval(eval::EvalOptions& options, Block& block);
void bind_metrics(telemetry::EndpointOptions& options, Block& block);
void bind_log(LogOptions& options, Block& block);

}  // namespace incipit::configs
