// Jobs that go wrong must end, soon, with the right exit code, and say why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>

namespace incipit::comm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Ending {
  int exit_code = -1;
  std::string output;
  double seconds = 0;
};

// Three ranks of fault_program.
Ending run_job(const std::string& kind) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / ("heartbeats_" + kind);
  std::filesystem::remove_all(folder);
  const std::string command = std::string("timeout -k 5 60 ") + INCIPIT_MPIRUN + " -n 3 " +
                              INCIPIT_FAULT_PROGRAM + " " + kind + " " + folder.string() + " 2>&1";
  const auto start = std::chrono::steady_clock::now();
  Ending ending;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return ending;
  std::array<char, 4096> buffer{};
  while (const std::size_t read = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    ending.output.append(buffer.data(), read);
  }
  const int status = ::pclose(pipe);
  ending.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  ending.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::filesystem::remove_all(folder);
  return ending;
}

void expect_ending(const Ending& ending, int exit_code,
                   const ::testing::Matcher<std::string>& says) {
  EXPECT_EQ(ending.exit_code, exit_code) << ending.output;
  EXPECT_THAT(ending.output, says);
  EXPECT_LT(ending.seconds, 30);
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(Job, EndsWithZeroWhenNothingGoesWrong) {
  const Ending ending = run_job("orderly");
  expect_ending(ending, 0, HasSubstr("finished"));
  EXPECT_EQ(count(ending.output, "finished"), 3);
}

TEST(Job, NamesOperationAndSlowRankWhenARankHangs) {
  expect_ending(run_job("hang"), 4,
                AllOf(HasSubstr("gradients (all_reduce_sum on world)"),
                      HasSubstr("did not answer within 6.0s"), HasSubstr("rank 2 ("),
                      HasSubstr("has been at step 7, in forward"), Not(HasSubstr("rank 1 (")),
                      Not(HasSubstr("finished"))));
}

TEST(Job, NamesTheSilentRankWhenARankIsStopped) {
  expect_ending(run_job("stop"), 4,
                AllOf(HasSubstr("gradients (all_reduce_sum on world)"), HasSubstr("rank 2 ("),
                      HasSubstr("has been silent for"), HasSubstr("last seen at step 7")));
}

TEST(Job, EndsWhenARankLeavesWithoutAWord) {
  const Ending ending = run_job("exit");
  EXPECT_NE(ending.exit_code, 0) << ending.output;
  EXPECT_LT(ending.seconds, 30);
  EXPECT_THAT(ending.output, Not(HasSubstr("finished")));
}

TEST(Job, EndsWhenARankIsKilled) {
  const Ending ending = run_job("kill");
  EXPECT_NE(ending.exit_code, 0) << ending.output;
  EXPECT_LT(ending.seconds, 30);
  EXPECT_THAT(ending.output, Not(HasSubstr("finished")));
}

TEST(Job, EndsWithTheCodeOfTheRankThatThrew) {
  expect_ending(run_job("throw"), 3,
                HasSubstr("incipit (rank 2): train.jsonl:17: not a JSON object"));
}

TEST(Job, TellsAFaultOfAllRanksOnce) {
  const Ending ending = run_job("throw_all");
  expect_ending(ending, 2, HasSubstr("incipit (rank 0): train.steps: expected a number"));
  EXPECT_EQ(count(ending.output, "train.steps: expected a number"), 1) << ending.output;
}

TEST(Job, EndsBeforeWorkWhenRanksWereGivenDifferentThings) {
  const Ending ending = run_job("disagree");
  expect_ending(ending, 2, AllOf(HasSubstr("same configuration"), HasSubstr("'steps: 30'")));
  EXPECT_EQ(count(ending.output, "not given the same"), 1) << ending.output;
}

TEST(Job, IsEndedByTheWatchdogWhenTheMainThreadHangs) {
  expect_ending(run_job("hang_all"), 4,
                AllOf(HasSubstr("watchdog: nothing has moved for"),
                      HasSubstr("step 7, in forward, last collective gradients (all_reduce_sum)")));
}

}  // namespace
}  // namespace incipit::comm
