// Random numbers that are equal on every platform and with every library version. The engine is the
// standard one, whose output is specified. The distributions are our own, since the output of the
// standard ones is not.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <span>
#include <utility>

namespace incipit {

// Mixes a seed with a stream number (an epoch, a purpose), so that the streams of one seed do not
// overlap. SplitMix64 finaliser.
[[nodiscard]] constexpr std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t stream) {
  std::uint64_t z = seed + 0x9e3779b97f4a7c15ULL * (stream + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0) : engine_(mix_seed(seed, stream)) {}

  // Returns a uniform number in [0, 1).
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }

  // Returns a standard normal number (Box-Muller).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

  // Returns a uniform integer in [0, bound), without modulo bias. bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    std::uint64_t value = engine_();
    while (value >= limit) value = engine_();
    return value % bound;
  }

  // Shuffles in place (Fisher-Yates).
  template <typename T>
  void shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace incipit
