// What `incipit validate` prints.
#pragma once

#include <iosfwd>

#include "configs/run_config.h"
#include "data/dataset.h"
#include "data/task.h"
#include "launcher/output.h"
#include "model/config.h"
#include "model/weight_files.h"

namespace incipit::launcher {

// Run, model, method, task and training, a line each.
void print_summary(std::ostream& out, const Style& style, const configs::RunConfig& config,
                   const model::TransformerConfig& transformer, const model::WeightFiles& weights,
                   const data::Task& task, const data::Splits& splits);

// A table of the splits: sizes, lengths, labels.
void print_splits(std::ostream& out, const Style& style, const data::Task& task,
                  const data::Splits& splits);

}  // namespace incipit::launcher
