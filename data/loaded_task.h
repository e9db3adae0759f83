// A task of a run with its examples.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "data/dataset.h"
#include "data/task.h"

namespace incipit::data {

struct LoadedTask {
  std::string name;              // under `tasks:`
  std::int64_t prompt_rows = 0;  // that precede its sequences
  std::unique_ptr<Task> task;
  Splits splits;
};

}  // namespace incipit::data
