#include "telemetry/run_log.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "tests/support/file_limit.h"

namespace incipit::telemetry {
namespace {

class RunLogTest : public ::testing::Test {
 protected:
  RunLogTest()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                ("run_log_" + std::to_string(::getpid()))),
        path_(folder_ / "metrics.jsonl") {
    std::filesystem::remove_all(folder_);
  }
  ~RunLogTest() override { std::filesystem::remove_all(folder_); }

  void write_steps(int from, int to, int keep) {
    RunLog log(path_, {.step = keep, .evaluation = keep});
    for (int step = from; step <= to; ++step) {
      log.append({.step = step, .loss = 0.5, .tokens = 7, .seconds = 0.25});
    }
  }
  std::vector<std::int64_t> steps() const {
    std::vector<std::int64_t> steps;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) {
      steps.push_back(nlohmann::json::parse(line).at("step"));
    }
    return steps;
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(RunLogTest, WritesOneObjectPerStepWithTheDocumentedNames) {
  RunLog log(path_, {});
  log.append({.step = 3,
              .loss = 0.25,
              .learning_rate = 0.01,
              .grad_norm = 1.5,
              .tokens = 99,
              .samples = 8,
              .seconds = 2.5});
  const auto line = nlohmann::json::parse(read_text(path_));
  EXPECT_EQ(line.at("step"), 3);
  EXPECT_EQ(line.at("loss"), 0.25);
  EXPECT_EQ(line.at("learning_rate"), 0.01);
  EXPECT_EQ(line.at("grad_norm"), 1.5);
  EXPECT_EQ(line.at("tokens"), 99);
  EXPECT_EQ(line.at("seconds"), 2.5);
}

TEST_F(RunLogTest, IsOnDiskAfterEveryLine) {
  RunLog log(path_, {});
  log.append({.step = 1});
  EXPECT_THAT(steps(), ::testing::ElementsAre(1));
  log.append({.step = 2});
  EXPECT_THAT(steps(), ::testing::ElementsAre(1, 2));
}

TEST_F(RunLogTest, ANewRunStartsAnEmptyFile) {
  write_steps(1, 3, 0);
  write_steps(1, 2, 0);
  EXPECT_THAT(steps(), ::testing::ElementsAre(1, 2));
}

TEST_F(RunLogTest, AResumedRunCutsBackToItsCheckpoint) {
  write_steps(1, 5, 0);
  write_steps(4, 4, 3);
  EXPECT_THAT(steps(), ::testing::ElementsAre(1, 2, 3, 4));
}

TEST_F(RunLogTest, AnEvaluationThatTheCheckpointDoesNotKnowIsCutOff) {
  {
    RunLog log(path_, {});
    log.append({.step = 1});
    log.append_scores(1, "", "validation", {});
    log.append({.step = 2});
    log.append_scores(2, "", "validation", {});
    log.append_scores(2, "", "test", {});
  }
  for (const auto& [evaluation, lines] : {std::pair{2, 4}, std::pair{1, 3}, std::pair{-1, 1}}) {
    const RunLog log(path_, {.step = 2, .evaluation = evaluation});
    EXPECT_EQ(steps().size(), static_cast<std::size_t>(lines));
  }
}

TEST_F(RunLogTest, AHalfWrittenLastLineIsCutOff) {
  write_steps(1, 2, 0);
  std::ofstream(path_, std::ios::app) << R"({"step":3,"los)";
  write_steps(3, 3, 10);
  EXPECT_THAT(steps(), ::testing::ElementsAre(1, 2, 3));
}

TEST_F(RunLogTest, WritesScoresAndTurnsWhatIsNotFiniteIntoNull) {
  RunLog log(path_, {});
  const std::array<std::pair<std::string, double>, 2> scores{
      {{"accuracy", 0.75}, {"f1", std::nan("")}}};
  log.append_scores(100, "", "validation", scores);
  EXPECT_EQ(read_text(path_),
            "{\"step\":100,\"split\":\"validation\",\"accuracy\":0.75,\"f1\":null}\n");
}

TEST_F(RunLogTest, ARunOfSeveralTasksSaysOfWhich) {
  RunLog log(path_, {});
  log.append({.step = 1, .loss = 0.5, .losses = {{"rte", 0.75}, {"cb", 0.25}}});
  log.append_scores(1, "cb", "validation", {});
  const std::string text = read_text(path_);
  EXPECT_THAT(text, ::testing::HasSubstr(R"("losses":{"rte":0.75,"cb":0.25})"));
  EXPECT_THAT(text, ::testing::EndsWith("{\"step\":1,\"task\":\"cb\",\"split\":\"validation\"}\n"));
}

TEST_F(RunLogTest, NamesTheFileThatCannotBeOpened) {
  std::filesystem::create_directories(path_);
  try {
    RunLog log(path_, {});
    FAIL() << "a folder was opened as a log";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr(path_.string()));
  }
}

TEST_F(RunLogTest, ALineThatDoesNotFitLeavesNoPart) {
  RunLog log(path_, {});
  log.append({.step = 1});
  {
    const incipit::testing::FileSizeLimit full(std::filesystem::file_size(path_) + 10);
    EXPECT_THROW(log.append({.step = 2}), DataError);
  }
  log.append({.step = 3});
  EXPECT_THAT(steps(), ::testing::ElementsAre(1, 3));
}

TEST(RunLogDiskFull, NamesTheFile) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full on this system";
  const std::filesystem::path link =
      std::filesystem::path(::testing::TempDir()) / ("full_" + std::to_string(::getpid()));
  std::filesystem::create_symlink("/dev/full", link);
  try {
    RunLog log(link, {});
    log.append({.step = 1});
    ADD_FAILURE() << "writing to a full device went unnoticed";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr(link.string()));
  }
  std::filesystem::remove(link);
}

}  // namespace
}  // namespace incipit::telemetry
