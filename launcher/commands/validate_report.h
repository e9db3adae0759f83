// What `incipit validate` prints.
#pragma once

#include <iosfwd>
#include <memory>
#include <span>
#include <string>

#include "configs/run_config.h"
#include "data/dataset.h"
#include "data/task.h"
#include "launcher/model_choice.h"
#include "launcher/output.h"
#include "model/config.h"
#include "model/weight_files.h"

namespace incipit::launcher {

// A task of the run, its splits read.
struct ReadTask {
  std::string name;
  std::unique_ptr<data::Task> task;
  data::Splits splits;
};

// Run, model, dtype, device, method, tasks, mixture and training, a line each.
void print_summary(std::ostream& out, const Style& style, const configs::RunConfig& config,
                   const model::TransformerConfig& transformer, const model::WeightFiles& weights,
                   const ModelChoice& choice, std::span<const ReadTask> tasks);

// A table of the splits: sizes, lengths, labels.
void print_splits(std::ostream& out, const Style& style, const data::Task& task,
                  const data::Splits& splits);

}  // namespace incipit::launcher
