#include "data/store_layout.h"

#include "data/store_file.h"

namespace incipit::data {
namespace {

void put(std::string& out, std::uint64_t value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void put_tokens(std::string& out, std::span<const TokenId> tokens) {
  out.append(reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes());
}

void put_text(std::string& out, std::string_view text) {
  put(out, text.size());
  out += text;
}

class Payload {
 public:
  explicit Payload(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::uint64_t number() {
    std::uint64_t value;
    std::memcpy(&value, take(sizeof(value)).data(), sizeof(value));
    return value;
  }
  std::vector<TokenId> tokens(std::uint64_t count) {
    // Every token takes bytes here, so a wrong count cannot allocate much memory.
    if (count > bytes_.size() / sizeof(TokenId)) fail();
    const auto bytes = take(count * sizeof(TokenId));
    std::vector<TokenId> out(count);
    if (count > 0) std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }
  std::string text() {
    const auto bytes = take(number());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  // Reads the count of items that each take at least the size of a number.
  std::uint64_t count() {
    const std::uint64_t value = number();
    if (value > bytes_.size() / sizeof(value)) fail();
    return value;
  }

 private:
  std::span<const std::byte> take(std::uint64_t size) {
    if (size > bytes_.size()) fail();
    const auto taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }
  [[noreturn]] static void fail() { throw StoreError("a payload is too short for its contents"); }

  std::span<const std::byte> bytes_;
};

}  // namespace

void encode_example(const Example& example, bool with_candidates, std::string& out) {
  out.clear();
  put_tokens(out, example.source);
  put_tokens(out, example.target);
  put(out, example.content);
  put_text(out, example.id);
  put_text(out, example.group);
  put_text(out, example.metric_group);
  put(out, example.references.size());
  for (const std::string& reference : example.references) put_text(out, reference);
  put(out, with_candidates ? 1 : 0);
  if (with_candidates) {
    put(out, example.candidates->size());
    for (const Candidate& candidate : *example.candidates) {
      put_text(out, candidate.label);
      put_text(out, candidate.text);
      put(out, candidate.tokens.size());
      put_tokens(out, candidate.tokens);
    }
  }
  out.resize((out.size() + kStoreAlignment - 1) / kStoreAlignment * kStoreAlignment);
}

Example decode_example(std::span<const std::byte> bytes, const ExampleFacts& facts,
                       const std::shared_ptr<const Candidates>& shared) {
  Payload payload(bytes);
  Example example;
  example.line = facts.line;
  example.part = facts.part;
  example.label = facts.label;
  example.truncated = facts.truncated != 0;
  example.source = payload.tokens(facts.source_tokens);
  example.target = payload.tokens(facts.target_tokens);
  example.content = payload.number();
  example.id = payload.text();
  example.group = payload.text();
  example.metric_group = payload.text();
  for (auto left = payload.count(); left > 0; --left) example.references.push_back(payload.text());
  example.candidates = shared;
  if (payload.number() == 0) return example;
  auto candidates = std::make_shared<Candidates>();
  for (auto left = payload.count(); left > 0; --left) {
    Candidate& candidate = candidates->emplace_back();
    candidate.label = payload.text();
    candidate.text = payload.text();
    candidate.tokens = payload.tokens(payload.number());
  }
  example.candidates = std::move(candidates);
  return example;
}

}  // namespace incipit::data
