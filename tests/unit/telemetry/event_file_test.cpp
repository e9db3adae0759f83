#include "telemetry/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/files.h"
#include "tests/support/temporary_folder.h"

namespace incipit::telemetry {
namespace {

std::uint32_t unmasked(std::uint32_t masked) {
  const std::uint32_t rotated = masked - 0xa282ead8u;
  return rotated >> 17 | rotated << 15;
}

template <typename T>
T read(const std::string& bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

// RFC 3720, B.4.
TEST(MaskedCrc32c, IsThatOfTheStandard) {
  EXPECT_EQ(unmasked(masked_crc32c(std::string(32, '\0'))), 0x8a9136aau);
  EXPECT_EQ(unmasked(masked_crc32c(std::string(32, '\xff'))), 0x62a8ab43u);
  EXPECT_EQ(unmasked(masked_crc32c("123456789")), 0xe3069283u);
}

TEST(EventFile, IsASequenceOfCheckedRecords) {
  const testing::TemporaryFolder folder;
  const std::array scores{std::pair<std::string, double>("accuracy", 0.75)};
  {
    EventFile events(folder.path(), 0);
    events.append({.step = 1, .loss = 0.5, .losses = {{"rte", 0.25}}});
    events.append_scores(1, "rte", "validation", scores);
  }
  const auto file = std::filesystem::directory_iterator(folder.path())->path();
  EXPECT_THAT(file.filename().string(), ::testing::StartsWith("events.out.tfevents."));
  const std::string bytes = read_text(file);
  std::vector<std::string> records;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto length = read<std::uint64_t>(bytes, at);
    EXPECT_EQ(read<std::uint32_t>(bytes, at + 8), masked_crc32c(bytes.substr(at, 8)));
    records.push_back(bytes.substr(at + 12, length));
    EXPECT_EQ(read<std::uint32_t>(bytes, at + 12 + length), masked_crc32c(records.back()));
    at += length + 16;
  }
  ASSERT_EQ(records.size(), 3u);
  EXPECT_THAT(records[0], ::testing::HasSubstr("brain.Event:2"));
  EXPECT_THAT(records[1], ::testing::AllOf(::testing::HasSubstr("train/loss"),
                                           ::testing::HasSubstr("rte/train/loss")));
  EXPECT_THAT(records[2], ::testing::HasSubstr("rte/validation/accuracy"));
}

}  // namespace
}  // namespace incipit::telemetry
