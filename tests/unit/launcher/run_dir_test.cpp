#include "launcher/run_dir.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/support/temporary_folder.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

TEST(RunDir, IsMadeWithItsParents) {
  const incipit::testing::TemporaryFolder folder;
  make_run_dir(folder / "runs" / "rte");
  EXPECT_TRUE(fs::is_directory(folder / "runs" / "rte"));
}

TEST(RunDir, AnEarlierRunIsKeptAside) {
  const incipit::testing::TemporaryFolder folder;
  const fs::path dir = folder / "rte";
  for (const char* run : {"first", "second", "third"}) {
    make_run_dir(dir / "");  // a slash at the end is the same folder
    describe_run(dir, run, "{}");
  }
  EXPECT_EQ(read_text(dir / "config.yaml"), "third");
  EXPECT_EQ(read_text(folder / "rte.1" / "config.yaml"), "first");
  EXPECT_EQ(read_text(folder / "rte.2" / "config.yaml"), "second");
}

TEST(RunDir, AFolderThatHoldsNoRunIsUsedAsItIs) {
  const incipit::testing::TemporaryFolder folder;
  folder.write("rte/notes.txt", "mine");
  make_run_dir(folder / "rte");
  EXPECT_EQ(read_text(folder / "rte" / "notes.txt"), "mine");
  EXPECT_FALSE(fs::exists(folder / "rte.1"));
}

TEST(RunDir, KnowsHowFarATrainingRunCame) {
  const incipit::testing::TemporaryFolder folder;
  const fs::path dir = folder / "run";
  EXPECT_EQ(run_stage(dir), RunStage::kNone);
  make_run_dir(dir);
  describe_run(dir, "", R"({"command":"eval","finished":null})");
  EXPECT_EQ(run_stage(dir), RunStage::kNone);
  describe_run(dir, "", R"({"command":"train","finished":null})");
  EXPECT_EQ(run_stage(dir), RunStage::kUnfinished);
  mark_finished(dir, "2026-01-31T12:00:00Z");
  EXPECT_EQ(run_stage(dir), RunStage::kFinished);
  EXPECT_THAT(read_text(dir / "manifest.json"), ::testing::HasSubstr("2026-01-31T12:00:00Z"));
  describe_run(dir, "", R"({"command":"train"})");  // of a version that did not say
  EXPECT_EQ(run_stage(dir), RunStage::kFinished);
}

TEST(RunDir, WhatAKilledProcessWasWritingIsRemoved) {
  const incipit::testing::TemporaryFolder folder;
  const fs::path torn = folder.write("adapter/last/adapter_config.json.tmp.123", "{");
  const fs::path mine = folder.write("notes.tmp.txt", "mine");
  remove_unfinished_files(folder.path());
  EXPECT_FALSE(fs::exists(torn));
  EXPECT_TRUE(fs::exists(mine));
}

TEST(RunDir, NamesAPlaceWhereNoneCanBeMade) {
  const incipit::testing::TemporaryFolder folder;
  const fs::path file = folder.write("taken", "a file");
  for (const fs::path& dir : {file, file / "below"}) {
    try {
      make_run_dir(dir);
      ADD_FAILURE() << dir << " was made";
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(dir.string()));
      EXPECT_THAT(error.what(), ::testing::HasSubstr("run.output_dir"));
    }
  }
}

}  // namespace
}  // namespace incipit::launcher
