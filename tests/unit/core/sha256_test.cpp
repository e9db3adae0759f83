#include "core/sha256.h"

#include <gtest/gtest.h>

#include <string_view>

namespace incipit {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// The digests of FIPS 180-4's examples.
constexpr std::string_view kEmpty =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(sha256_hex({}), kEmpty);
  EXPECT_EQ(sha256_hex(bytes_of("abc")), kAbc);
}

TEST(Sha256, TakesBytesInPartsAndGoesOnAfterADigest) {
  Sha256 hash;
  EXPECT_EQ(hash.hex(), kEmpty);
  hash.update(bytes_of("a"));
  EXPECT_EQ(hash.hex(), sha256_hex(bytes_of("a")));
  hash.update(bytes_of("bc"));
  EXPECT_EQ(hash.hex(), kAbc);
  EXPECT_EQ(hash.hex(), kAbc);
}

}  // namespace
}  // namespace incipit
