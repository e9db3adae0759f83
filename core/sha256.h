// SHA-256 (FIPS 180-4), for fingerprints of files and weights.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace incipit {

// Hashes bytes incrementally.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::span<const std::byte> bytes);

  // Returns the digest of all bytes so far, as 64 lower-case hexadecimal digits. update() may be
  // called again afterwards.
  [[nodiscard]] std::string hex() const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// Returns the digest of `bytes`, as 64 lower-case hexadecimal digits.
[[nodiscard]] std::string sha256_hex(std::span<const std::byte> bytes);

}  // namespace incipit
