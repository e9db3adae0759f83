#include "core/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

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

TEST_F(Files, RefusesAPipeWithoutWaitingForItsWriter) {
  std::filesystem::create_directories(folder_);
  const auto pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const auto& path : {pipe, std::filesystem::path("/dev/zero")}) {
    try {
      (void)read_text(path);
      FAIL() << path;
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find("not a regular file"), std::string::npos);
    }
    EXPECT_THROW(require_regular_file(path), DataError);
  }
}

TEST_F(Files, RefusesATextBeyondItsLimit) {
  write_atomically(folder_ / "text", "12345");
  EXPECT_EQ(read_text(folder_ / "text", 5), "12345");
  EXPECT_THROW((void)read_text(folder_ / "text", 4), DataError);
}

TEST_F(Files, AKnownFolderNoticesThatItIsGone) {
  const auto path = folder_ / "run";
  std::filesystem::create_directories(path);
  const KnownFolder folder(path);
  folder.require_unchanged();
  std::filesystem::rename(path, folder_ / "moved");
  EXPECT_THROW(folder.require_unchanged(), DataError);
  std::filesystem::create_directories(path);
  EXPECT_THROW(folder.require_unchanged(), DataError);
  std::filesystem::remove(path);
  std::filesystem::rename(folder_ / "moved", path);
  folder.require_unchanged();
  EXPECT_THROW(KnownFolder(folder_ / "none"), DataError);
}

}  // namespace
}  // namespace incipit
