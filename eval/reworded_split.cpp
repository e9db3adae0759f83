#include "eval/reworded_split.h"

#include <utility>

#include "core/error.h"

namespace incipit::eval {
namespace {

std::vector<std::int64_t> answered(const data::Dataset& dataset) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const data::ExampleFacts facts = dataset.facts(i);
    // Without candidates, the answer is the target.
    if (facts.target_tokens > 0 && (facts.label >= 0 || dataset[i].candidates->empty())) {
      indices.push_back(i);
    }
  }
  return indices;
}

}  // namespace

RewordedSplit::RewordedSplit(const data::Task& task, const data::Dataset& dataset, bool training)
    : file_(dataset.file()),
      records_(data::example_records(task, dataset, answered(dataset), training)) {
  if (!records_.empty()) return;
  throw DataError(file_ +
                  ": no example has a label or target; words are chosen by the likelihood "
                  "of the right answers");
}

data::Dataset RewordedSplit::read(const data::Task& task) const {
  std::vector<data::Example> examples;
  for (const data::Record& record : records_) examples.push_back(task.example(record, true));
  return {file_, std::move(examples), 0};
}

}  // namespace incipit::eval
