// A classification task of made-up sentences and a small random model that reads bytes,
// for tests that need all of a run but its size.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/loaded_task.h"
#include "data/task.h"
#include "model/backbone.h"

namespace incipit::testing_support {

// A tokenizer of which every byte is a token. Made once per process.
[[nodiscard]] std::shared_ptr<const data::Tokenizer> byte_tokenizer();

// "TEXT ->" with the answers " yes" and " no way" to the labels "good" and "bad".
[[nodiscard]] data::Task tiny_task();
// The same texts with " LABEL" and an EOS to be generated; measured by its loss.
[[nodiscard]] data::Task tiny_generation_task();

// `count` examples of lengths between 5 and 40, labels in turns.
[[nodiscard]] data::Dataset tiny_dataset(const data::Task& task, int count, std::uint64_t seed);

// A task with its examples, as a run has it.
[[nodiscard]] inline data::LoadedTask loaded(const std::string& name, const data::Task& task,
                                             const data::Splits& splits) {
  return {.name = name, .task = std::make_shared<data::Task>(task), .splits = splits};
}

// Two layers, grouped queries, float32 or float64.
[[nodiscard]] model::Backbone tiny_backbone(at::ScalarType dtype = at::kFloat);

// [rows, hidden of tiny_backbone], small random numbers.
[[nodiscard]] at::Tensor tiny_prompt(std::int64_t rows, at::ScalarType dtype = at::kFloat);

}  // namespace incipit::testing_support
