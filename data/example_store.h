// Where the examples of a file live: in memory, or in a mapped file of the cache.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/task.h"

namespace incipit::data {

// What is asked of every example of a split at every start, without a look at its texts.
struct ExampleFacts {
  std::int64_t line = 0;
  std::uint64_t identity = 0;  // hash of the source's whole text, and of candidates of its own
  std::uint64_t group = 0;     // hash of the group's text; 0: a group of its own
  std::uint64_t seen = 0;      // hash of all that the model sees of it
  std::uint32_t part = 0;
  std::uint32_t source_tokens = 0;
  std::uint32_t target_tokens = 0;
  std::uint32_t answer_tokens = 0;  // of the longest that it may be answered with
  std::int32_t label = -1;
  std::uint32_t truncated = 0;  // 0 or 1
};

// Immutable; any thread.
class ExampleStore {
 public:
  virtual ~ExampleStore() = default;
  [[nodiscard]] virtual std::int64_t size() const = 0;
  [[nodiscard]] virtual ExampleFacts facts(std::int64_t index) const = 0;
  // Valid while the store lives.
  [[nodiscard]] virtual std::span<const TokenId> source(std::int64_t index) const = 0;
  [[nodiscard]] virtual Example example(std::int64_t index) const = 0;
};

// Makes the facts of examples; remembers the last candidates, which are usually shared.
class FactsMaker {
 public:
  [[nodiscard]] ExampleFacts facts(const Example& example);

 private:
  std::shared_ptr<const Candidates> candidates_;  // held: its address must not come again
  std::uint64_t candidates_hash_ = 0;
  std::uint32_t longest_ = 0;
};

[[nodiscard]] std::shared_ptr<const ExampleStore> store_in_memory(std::vector<Example> examples);

}  // namespace incipit::data
