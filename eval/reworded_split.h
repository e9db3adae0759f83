// A split of which the examples are made again whenever the task's words change.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/record.h"
#include "data/task.h"

namespace incipit::eval {

class RewordedSplit {
 public:
  // Keeps the records of the examples of `dataset` whose right answer is known. `training` is as in
  // data::read_dataset(). Throws DataError as reading does, and when no example has a right answer.
  RewordedSplit(const data::Task& task, const data::Dataset& dataset, bool training);

  // Returns the examples as `task` words them. Throws DataError as Task::example() does.
  [[nodiscard]] data::Dataset read(const data::Task& task) const;
  [[nodiscard]] const std::vector<data::Record>& records() const { return records_; }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(records_.size()); }

 private:
  std::string file_;
  std::vector<data::Record> records_;
};

}  // namespace incipit::eval
