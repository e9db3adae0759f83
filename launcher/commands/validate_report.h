// Output of `incipit validate`.
#pragma once

#include <iosfwd>
#include <memory>
#include <span>
#include <string>

#include "configs/run_config.h"
#include "data/dataset.h"
#include "data/loaded_task.h"
#include "launcher/model_choice.h"
#include "model/spec.h"
#include "model/weight_files.h"
#include "telemetry/output.h"

namespace incipit::launcher {

// Prints run, model, dtype, device, method, tasks, mixture and training, one line each.
void print_summary(std::ostream& out, const telemetry::Style& style,
                   const configs::RunConfig& config, const model::ModelSpec& transformer,
                   const model::WeightFiles& weights, const ModelChoice& choice,
                   std::span<const data::LoadedTask> tasks);

// Prints a table of the splits: sizes, lengths, labels.
void print_splits(std::ostream& out, const telemetry::Style& style, const data::Task& task,
                  const data::Splits& splits);

}  // namespace incipit::launcher
