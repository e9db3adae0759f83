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
