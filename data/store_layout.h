// The layout of a file of examples (data/store_file.h).
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "data/example_store.h"

namespace incipit::data {

constexpr std::string_view kStoreMagic = "INCIPIT\n";
constexpr std::size_t kStoreAlignment = 8;  // alignment of payloads and facts

struct StoreHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t facts_size;  // of StoredFacts
  char key[64];
  std::uint64_t examples;
  std::uint64_t skipped;
  std::uint64_t facts_begin;  // after the last payload
  std::uint64_t facts_hash;
  std::uint64_t header_hash;  // of all fields before it
};

struct StoredFacts {
  ExampleFacts facts;
  std::uint64_t begin;  // of the payload, in the file
  std::uint64_t bytes;
  std::uint64_t hash;  // of the payload
};
static_assert(std::is_trivially_copyable_v<StoreHeader> &&
              std::is_trivially_copyable_v<StoredFacts>);
static_assert(sizeof(StoreHeader) % kStoreAlignment == 0 && sizeof(StoredFacts) == 80);

// Hashes bytes, whose number must be a multiple of 8. Fast; protects against damage only.
[[nodiscard]] inline std::uint64_t store_hash(std::span<const std::byte> bytes,
                                              std::uint64_t hash = 0x243f6a8885a308d3ULL) {
  for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 32;
  }
  return hash;
}

[[nodiscard]] inline std::uint64_t header_hash(const StoreHeader& header) {
  return store_hash(std::as_bytes(std::span(&header, 1)).first(offsetof(StoreHeader, header_hash)));
}

// Appends an example to `out`, padded, with tokens first so that they are aligned.
// `with_candidates`: the example stores its own candidates.
void encode_example(const Example& example, bool with_candidates, std::string& out);

// Decodes the example with this payload and these facts. Throws StoreError when they do not match.
[[nodiscard]] Example decode_example(std::span<const std::byte> payload, const ExampleFacts& facts,
                                     const std::shared_ptr<const Candidates>& shared);

}  // namespace incipit::data
