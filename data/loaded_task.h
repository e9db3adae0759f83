// A task of a run with its examples.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "data/dataset.h"
#include "data/task.h"

namespace incipit::data {

// Copies share the task and the examples.
struct LoadedTask {
  std::string name;  // under `tasks:`; used in file names and messages when there are several tasks
  std::shared_ptr<Task> task;
  Splits splits;                 // those that the command needs; the others are empty
  std::int64_t prompt_rows = 0;  // that precede its sequences
};

}  // namespace incipit::data
