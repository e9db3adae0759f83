#include "core/files.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"

namespace incipit {
namespace {

class Files : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("incipit_files_" + std::to_string(::getpid()));
};

TEST_F(Files, WritesWholeFilesAndReplacesThem) {
  const auto path = folder_ / "deep" / "file.txt";
  write_atomically(path, "first");
  write_atomically(path, "second");
  EXPECT_EQ(read_text(path), "second");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path.parent_path()), {}), 1);
}

TEST_F(Files, AnEmptyFileIsEmptyText) {
  write_atomically(folder_ / "empty", "");
  EXPECT_EQ(read_text(folder_ / "empty"), "");
}

TEST_F(Files, NamesAMissingFile) {
  try {
    (void)read_text(folder_ / "missing.json");
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("missing.json: cannot open"), std::string::npos);
  }
}

TEST_F(Files, NamesAFileThatCannotBeReplaced) {
  std::filesystem::create_directories(folder_ / "taken" / "inside");
  EXPECT_THROW(write_atomically(folder_ / "taken", "text"), DataError);
  write_atomically(folder_ / "file", "text");
  EXPECT_THROW(write_atomically(folder_ / "file" / "below", "text"), DataError);
}

TEST_F(Files, RefusesAFolder) {
  std::filesystem::create_directories(folder_);
  EXPECT_THROW((void)read_text(folder_), DataError);
}

}  // namespace
}  // namespace incipit
