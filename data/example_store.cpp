#include "data/example_store.h"

#include <algorithm>
#include <string_view>

#include "core/random.h"
#include "data/content_hash.h"

namespace incipit::data {
namespace {

class Fold {
 public:
  void add(std::uint64_t value) { hash_ = mix_seed(hash_, value); }
  void add(std::string_view text) {
    add(text.size());
    add(content_hash(text));
  }
  void add(std::span<const TokenId> tokens) {
    add(tokens.size());
    for (const TokenId id : tokens) add(static_cast<std::uint64_t>(id));
  }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }

 private:
  std::uint64_t hash_ = kContentHashSeed;
};

class MemoryStore : public ExampleStore {
 public:
  explicit MemoryStore(std::vector<Example> examples) : examples_(std::move(examples)) {
    FactsMaker maker;
    facts_.reserve(examples_.size());
    for (const Example& example : examples_) facts_.push_back(maker.facts(example));
  }
  [[nodiscard]] std::int64_t size() const override {
    return static_cast<std::int64_t>(examples_.size());
  }
  [[nodiscard]] ExampleFacts facts(std::int64_t index) const override { return facts_[index]; }
  [[nodiscard]] std::span<const TokenId> source(std::int64_t index) const override {
    return examples_[index].source;
  }
  [[nodiscard]] Example example(std::int64_t index) const override { return examples_[index]; }

 private:
  std::vector<Example> examples_;
  std::vector<ExampleFacts> facts_;
};

}  // namespace

ExampleFacts FactsMaker::facts(const Example& example) {
  if (example.candidates != candidates_) {
    candidates_ = example.candidates;
    Fold fold;
    longest_ = 0;
    for (const Candidate& candidate : candidates_ ? *candidates_ : Candidates{}) {
      fold.add(candidate.text);
      fold.add(candidate.tokens);
      longest_ = std::max(longest_, static_cast<std::uint32_t>(candidate.tokens.size()));
    }
    candidates_hash_ = fold.hash();
  }
  Fold identity;
  identity.add(example.content);
  identity.add(candidates_hash_);
  Fold seen;
  seen.add(example.source);
  seen.add(example.target);
  seen.add(candidates_hash_);
  const auto target_tokens = static_cast<std::uint32_t>(example.target.size());
  // 0 means no group. The chance that a group's text hashes to 0 is accepted.
  const std::uint64_t group = example.group.empty() ? 0 : content_hash(example.group);
  return {.line = example.line,
          .identity = identity.hash(),
          .group = group,
          .seen = seen.hash(),
          .part = static_cast<std::uint32_t>(example.part),
          .source_tokens = static_cast<std::uint32_t>(example.source.size()),
          .target_tokens = target_tokens,
          .answer_tokens = std::max(longest_, target_tokens),
          .label = example.label,
          .truncated = example.truncated ? 1U : 0U};
}

std::shared_ptr<const ExampleStore> store_in_memory(std::vector<Example> examples) {
  return std::make_shared<MemoryStore>(std::move(examples));
}

}  // namespace incipit::data
