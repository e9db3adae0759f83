// Storage for the examples of a file: in memory, or in a mapped cache file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/task.h"

namespace incipit::data {

// Facts that every start needs of every example of a split, available without reading its text.
struct ExampleFacts {
  std::int64_t line = 0;
  std::uint64_t identity = 0;  // hash of the whole source text and of its own candidates
  std::uint64_t group = 0;     // hash of the group's text; 0: its own group
  std::uint64_t seen = 0;      // hash of everything the model sees of it
  std::uint32_t part = 0;
  std::uint32_t source_tokens = 0;
  std::uint32_t target_tokens = 0;
  std::uint32_t answer_tokens = 0;  // of the longest possible answer
  std::int32_t label = -1;
  std::uint32_t truncated = 0;  // 0 or 1
};

// Immutable; thread-safe.
class ExampleStore {
 public:
  virtual ~ExampleStore() = default;
  [[nodiscard]] virtual std::int64_t size() const = 0;
  [[nodiscard]] virtual ExampleFacts facts(std::int64_t index) const = 0;
  // Valid while the store lives.
  [[nodiscard]] virtual std::span<const TokenId> source(std::int64_t index) const = 0;
  [[nodiscard]] virtual Example example(std::int64_t index) const = 0;
};

// Computes the facts of examples. Caches the facts of the last candidates, which are usually
// shared.
class FactsMaker {
 public:
  [[nodiscard]] ExampleFacts facts(const Example& example);

 private:
  std::shared_ptr<const Candidates> candidates_;  // kept alive so that its address is not reused
  std::uint64_t candidates_hash_ = 0;
  std::uint32_t longest_ = 0;
};

[[nodiscard]] std::shared_ptr<const ExampleStore> store_in_memory(std::vector<Example> examples);

}  // namespace incipit::data
