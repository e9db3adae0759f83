#include "trainer/checkpoint.h"

#include <gmock/gmock.h>

#include <cctype>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "tests/support/errors.h"
#include "tests/support/file_limit.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensors.h"

namespace incipit::trainer {
namespace {

namespace fs = std::filesystem;
using incipit::testing::floats;
using incipit::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

class CheckpointTest : public ::testing::Test {
 protected:
  [[nodiscard]] static TrainState state(std::int64_t step) {
    TrainState state{
        .step = step,
        .seed = std::numeric_limits<std::uint64_t>::max(),
        .samples = 8 * step,
        .tokens = 1'000'000'000'000,
        .last_loss = 0.1 + 1e-17 * static_cast<double>(step),
        .nonfinite_in_a_row = 2,
        .evaluated_at = step - 1,
        .early_stop = {.best_score = 1.0 / 3, .mark = -0.0, .best_step = 5, .without_gain = 3},
        .prompts = {{.score = 2.0 / 3, .step = 4}, {}},
        .task_scores = {1.0 / 7, std::nullopt}};
    state.tensors["prompt"] = floats({2, 2}, {1.5F, -0.0F, 1e-42F, static_cast<float>(step)});
    state.tensors["optimizer.step"] = floats({1}, {7});
    return state;
  }
  fs::path write(std::int64_t step) const {
    return write_checkpoint(folder_.path(), state(step), facts_);
  }
  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(checkpoints_folder(folder_.path()))) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }

  incipit::testing::TemporaryFolder folder_;
  RunFacts facts_{.identity = {{"data", "fingerprint 17"}}, .circumstances = {{"ranks", "2"}}};
};

TEST_F(CheckpointTest, ReadsBackWhatWasWritten) {
  const Checkpoint read = read_checkpoint(write(12));
  const TrainState written = state(12);
  EXPECT_EQ(read.folder, folder_.path() / "checkpoints" / "step-12");
  EXPECT_EQ(scalars_json(read.state), scalars_json(written));
  EXPECT_EQ(read.state.seed, written.seed);
  EXPECT_EQ(read.state.last_loss, written.last_loss);
  EXPECT_EQ(read.state.early_stop, written.early_stop);
  EXPECT_EQ(read.state.prompts, written.prompts);
  EXPECT_EQ(read.state.task_scores, written.task_scores);
  ASSERT_EQ(read.state.tensors.size(), 2u);
  for (const auto& [name, tensor] : written.tensors) {
    EXPECT_TRUE(read.state.tensors.at(name).equal(tensor)) << name;
  }
  EXPECT_EQ(read.facts.identity, facts_.identity);
  EXPECT_EQ(read.facts.circumstances, facts_.circumstances);
  EXPECT_EQ(names(), std::set<std::string>{"step-12"});
}

TEST_F(CheckpointTest, ALossThatIsNotFiniteAndAbsentScoresReadBackToo) {
  TrainState odd = state(1);
  odd.last_loss = std::nan("");
  odd.early_stop = {};
  const Checkpoint read = read_checkpoint(write_checkpoint(folder_.path(), odd, {}));
  EXPECT_TRUE(std::isnan(read.state.last_loss));
  EXPECT_EQ(read.state.early_stop, EarlyStop::State{});
}

TEST_F(CheckpointTest, EqualStatesGiveEqualBytes) {
  const fs::path first = write(3);
  std::map<std::string, std::string> before;
  for (const auto& file : fs::directory_iterator(first)) {
    before[file.path().filename()] = read_text(file.path());
  }
  (void)write(3);  // over the first
  EXPECT_EQ(before.size(), 3u);
  for (const auto& [name, text] : before) EXPECT_EQ(read_text(first / name), text) << name;
}

TEST_F(CheckpointTest, TheNewestWholeOneWins) {
  for (const std::int64_t step : {9, 100, 20}) write(step);
  EXPECT_EQ(newest_checkpoint(folder_.path())->state.step, 100);  // not in the order of names
  EXPECT_FALSE(newest_checkpoint(folder_ / "elsewhere"));
  EXPECT_FALSE(has_checkpoints(folder_ / "elsewhere"));
}

TEST_F(CheckpointTest, OneThatIsTornOrDamagedIsSkippedAndTheReasonNamed) {
  write(1);
  const std::vector<std::pair<const char*, const char*>> damages{
      {"state.safetensors", "SHA-256"}, {"state.json", "bytes"}, {"manifest.json", "manifest"}};
  std::int64_t step = 1;
  for (const auto& [name, reason] : damages) {
    const fs::path file = write(++step) / name;
    std::string text = read_text(file);
    if (step == 2) text[text.size() - 1] ^= 1;  // one bit
    if (step == 3) text.pop_back();             // short
    if (step == 4) text = text.substr(0, text.size() / 2);
    write_atomically(file, text);
    EXPECT_THAT(message_of<DataError>([&] { (void)read_checkpoint(file.parent_path()); }),
                AllOf(HasSubstr(name), HasSubstr(reason)));
  }
  fs::remove(write(5) / "state.json");
  fs::remove_all(write(6) / "manifest.json");
  fs::rename(write(7), folder_ / "checkpoints" / "step-7.tmp");  // killed before the rename
  fs::create_directories(folder_ / "checkpoints" / "step-abc");
  EXPECT_EQ(newest_checkpoint(folder_.path())->state.step, 1);
}

TEST_F(CheckpointTest, AFullDiskLeavesTheFormerCheckpointAndNamesTheFile) {
  write(1);
  {
    const incipit::testing::FileSizeLimit full(100);
    EXPECT_THAT(message_of<DataError>([&] { write(2); }),
                AllOf(HasSubstr("step-2.tmp"), HasSubstr("state.safetensors")));
  }
  EXPECT_EQ(newest_checkpoint(folder_.path())->state.step, 1);
  write(2);  // what the failure left is in nobody's way
  EXPECT_EQ(newest_checkpoint(folder_.path())->state.step, 2);
}

TEST_F(CheckpointTest, OldOnesAreRemovedAndThoseOfAnAbandonedFuture) {
  for (const std::int64_t step : {1, 2, 3, 4, 9}) write(step);
  fs::create_directories(folder_ / "checkpoints" / "step-5.tmp");
  remove_old_checkpoints(folder_.path(), 4, 2);
  EXPECT_EQ(names(), (std::set<std::string>{"step-3", "step-4"}));
}

TEST_F(CheckpointTest, AnyChangedBitOfTheManifestFallsBackToTheOlderCheckpoint) {
  write(4);
  const fs::path file = write(8) / "manifest.json";
  const std::string whole = read_text(file);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ (1 << i % 7));
    folder_.write(file.lexically_relative(folder_.path()), changed);
    const auto newest = newest_checkpoint(folder_.path());
    ASSERT_TRUE(newest.has_value());
    // White space may change: the content is the same.
    const bool space = std::isspace(static_cast<unsigned char>(whole[i])) != 0;
    EXPECT_EQ(newest->state.step, space && newest->state.step == 8 ? 8 : 4) << i << changed;
    EXPECT_EQ(newest->facts.identity, facts_.identity);
  }
}

TEST_F(CheckpointTest, AManifestOfTheFirstFormatIsReadWithoutItsOwnHash) {
  const fs::path file = write(4) / "manifest.json";
  std::string text = read_text(file);
  text.replace(text.find("\"format\": 2"), 11, "\"format\": 1");
  const std::size_t hash = text.rfind(",\n  \"sha256\"");
  text.erase(hash, text.find('\n', hash + 2) - hash);
  write_atomically(file, text);
  EXPECT_EQ(read_checkpoint(file.parent_path()).state.step, 4);
}

}  // namespace
}  // namespace incipit::trainer
