#include "telemetry/progress.h"

#include <gmock/gmock.h>

#include <sstream>

#include "core/log.h"
#include "telemetry/terminal.h"

namespace incipit::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::chrono::steady_clock::time_point fake_time;
std::chrono::steady_clock::time_point fake_now() { return fake_time; }
void pass(std::chrono::milliseconds time) { fake_time += time; }

ProgressOptions on_terminal(std::ostream& out, int width) {
  return {.terminal = &out, .width = width, .colour = false, .now = &fake_now};
}

// Returns the last line of a terminal after `text`.
std::string last_line(const std::string& text) {
  const std::string erase = "\r\x1b[2K";
  const std::size_t at = text.rfind(erase);
  return at == std::string::npos ? text : text.substr(at + erase.size());
}

TEST(ProgressBar, ShowsCountNumbersRateAndTimeLeft) {
  std::ostringstream out;
  Progress progress("train", 300, on_terminal(out, 100));
  pass(std::chrono::seconds(10));
  progress.update(100, {{"loss", 0.6121}}, 40);
  EXPECT_THAT(last_line(out.str()), HasSubstr("train  ━"));
  EXPECT_THAT(last_line(out.str()), HasSubstr("100/300  loss 0.6121  40.0 examples/s  eta 20.0s"));
}

TEST(ProgressBar, DoesNotCountTheStepsOfAFormerRunAsItsOwnSpeed) {
  std::ostringstream out;
  ProgressOptions options = on_terminal(out, 100);
  options.start = 200;
  Progress progress("train", 300, options);
  pass(std::chrono::seconds(10));
  progress.update(210);
  EXPECT_THAT(last_line(out.str()), HasSubstr("eta 1m30s"));
}

TEST(ProgressBar, NeverGrowsWiderThanTheTerminal) {
  for (const int width : {12, 20, 40, 60, 80, 200}) {
    std::ostringstream out;
    Progress progress("train", 300, on_terminal(out, width));
    pass(std::chrono::seconds(1));
    progress.update(150, {{"loss", 0.6121}, {"accuracy", 0.5}}, 40);
    EXPECT_LT(display_width(last_line(out.str())), width) << last_line(out.str());
  }
}

TEST(ProgressBar, IsRedrawnAtMostTenTimesASecond) {
  std::ostringstream out;
  Progress progress("train", 1000, on_terminal(out, 80));
  for (int step = 1; step <= 1000; ++step) {
    progress.update(step);
    pass(std::chrono::milliseconds(1));
  }
  int redraws = 0;
  for (const char c : out.str()) redraws += c == '\r' ? 1 : 0;
  EXPECT_GE(redraws, 10);
  EXPECT_LE(redraws, 13);
}

TEST(ProgressBar, LogLinesGoAboveItAndItStaysLast) {
  std::ostringstream out;
  const log::Redirection captured = log::Redirection::to(out);
  {
    Progress progress("train", 10, on_terminal(out, 80));
    log::info("a checkpoint was written");
    EXPECT_THAT(out.str(), HasSubstr("\r\x1b[2Ka checkpoint was written\ntrain"));
    progress.finish();
  }
  log::info("afterwards");
  EXPECT_THAT(out.str(), ::testing::EndsWith("\nafterwards\n"));
}

TEST(ProgressBar, AnotherMayStandInItsPlaceForAWhile) {
  std::ostringstream out;
  const log::Redirection captured = log::Redirection::to(out);
  Progress train("train", 10, on_terminal(out, 80));
  {
    Progress validation("validation", 4, on_terminal(out, 80));
    EXPECT_THAT(last_line(out.str()), HasSubstr("validation"));
    log::info("half way");
    EXPECT_THAT(out.str(), HasSubstr("\r\x1b[2Khalf way\n"));
    EXPECT_THAT(last_line(out.str()), HasSubstr("validation"));
  }
  EXPECT_EQ(last_line(out.str()), "");
  log::info("validation 0.5");
  EXPECT_THAT(out.str(), HasSubstr("validation 0.5\n"));
  EXPECT_THAT(last_line(out.str()), HasSubstr("train"));
}

TEST(ProgressBar, AnUnfinishedBarIsTakenAway) {
  std::ostringstream out;
  { Progress progress("train", 10, on_terminal(out, 80)); }
  EXPECT_EQ(last_line(out.str()), "");
}

TEST(ProgressBar, FinishLeavesTheLastStateAndTheTimeTaken) {
  std::ostringstream out;
  Progress progress("train", 10, on_terminal(out, 80));
  pass(std::chrono::seconds(75));
  progress.update(10, {{"loss", 0.5}});
  progress.finish();
  EXPECT_THAT(last_line(out.str()), HasSubstr("10/10  loss 0.5000  1m15s\n"));
  EXPECT_THAT(last_line(out.str()), Not(HasSubstr("eta")));
}

// The test's standard error is no terminal under ctest; with one, a bar would be drawn.
TEST(ProgressLines, ComeNowAndThenWhereThereIsNoTerminal) {
  if (is_terminal(2)) GTEST_SKIP() << "standard error is a terminal";
  std::ostringstream out;
  const log::Redirection captured = log::Redirection::to(out);
  Progress progress("train", 100, {.plain_every_seconds = 10, .now = &fake_now});
  for (int step = 1; step <= 30; ++step) {
    pass(std::chrono::seconds(1));
    progress.update(step, {{"loss", 0.25}});
  }
  progress.finish();
  std::vector<std::string> lines;
  std::istringstream text(out.str());
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 4u) << out.str();  // steps 1, 11, 21 and the end
  EXPECT_EQ(lines[0], "train  1/100  loss 0.2500  eta 1m39s");
  EXPECT_THAT(lines[1], HasSubstr("11/100"));
  EXPECT_THAT(lines[3], HasSubstr("30/100"));
  EXPECT_THAT(out.str(), Not(HasSubstr("\x1b")));
}

TEST(CutToWidth, NeverCutsInsideACodePoint) {
  EXPECT_EQ(cut_to_width("a━b", 2), "a━");
  EXPECT_EQ(cut_to_width("a━b", 9), "a━b");
  EXPECT_EQ(cut_to_width("a━b", 0), "");
}

}  // namespace
}  // namespace incipit::telemetry
