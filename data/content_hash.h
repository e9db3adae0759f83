// FNV-1a, 64 bits: the same hash on every platform and in every run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace incipit::data {

constexpr std::uint64_t kContentHashSeed = 0xcbf29ce484222325ULL;

[[nodiscard]] inline std::uint64_t content_hash(std::span<const std::byte> bytes,
                                                std::uint64_t seed = kContentHashSeed) {
  for (const std::byte byte : bytes) {
    seed = (seed ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3ULL;
  }
  return seed;
}

[[nodiscard]] inline std::uint64_t content_hash(std::string_view text) {
  return content_hash(std::as_bytes(std::span(text)));
}

}  // namespace incipit::data
