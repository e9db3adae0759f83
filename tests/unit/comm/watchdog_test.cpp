#include "comm/watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "comm/library_watch.h"
#include "core/error.h"
#include "core/stop_request.h"

namespace incipit::comm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::system_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kWaiting = "step 4, in gradients (all_reduce_sum)";

class HeartbeatFolder : public ::testing::Test {
 protected:
  HeartbeatFolder() { std::filesystem::remove_all(path_); }
  ~HeartbeatFolder() override { std::filesystem::remove_all(path_); }
  const std::filesystem::path path_ =
      std::filesystem::path(::testing::TempDir()) /
      (std::string("beats_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());

  void write(int rank, seconds age, double idle, const char* doing = "step 4, in forward") {
    std::filesystem::create_directories(path_);
    EXPECT_TRUE(write_heartbeat(path_, {.rank = rank,
                                        .host = "node",
                                        .pid = 70 + rank,
                                        .doing = doing,
                                        .idle_seconds = idle,
                                        .written = system_clock::now() - age}));
  }
};

using Heartbeats = HeartbeatFolder;
using WatchdogTest = HeartbeatFolder;

TEST_F(Heartbeats, AreReadAsTheyWereWritten) {
  write(3, seconds(5), 2.5);
  const auto beat = read_heartbeat(path_, 3);
  ASSERT_TRUE(beat.has_value());
  EXPECT_EQ(beat->host, "node");
  EXPECT_EQ(beat->pid, 73);
  EXPECT_EQ(beat->doing, "step 4, in forward");
  EXPECT_EQ(beat->idle_seconds, 2.5);
  const auto age = system_clock::now() - beat->written;
  EXPECT_GT(age, milliseconds(4900));
  EXPECT_LT(age, seconds(10));
  EXPECT_FALSE(read_heartbeat(path_, 4).has_value());
}

TEST_F(Heartbeats, NameEverySilentRank) {
  write(0, seconds(0), 1);
  write(1, seconds(40), 1);
  write(2, seconds(0), 9);
  write(3, seconds(50), 1);
  EXPECT_THAT(
      describe_others(path_, 0, 4, kWaiting, seconds(5)),
      AllOf(HasSubstr("rank 1 (node, process 71) has been silent for 40"),
            HasSubstr("rank 3 (node, process 73) has been silent for 50"),
            HasSubstr("last seen at step 4, in forward"), ::testing::Not(HasSubstr("rank 2"))));
}

TEST_F(Heartbeats, NameTheRanksThatAreElsewhere) {
  write(1, seconds(0), 30, kWaiting);
  write(2, seconds(0), 2);
  EXPECT_EQ(describe_others(path_, 0, 3, kWaiting, seconds(5)),
            "rank 2 (node, process 72) has been at step 4, in forward for 2.0s");
}

TEST_F(Heartbeats, NameTheRankThatStandsStillLongestWhenAllDoTheSame) {
  write(1, seconds(0), 3, kWaiting);
  write(2, seconds(0), 30, kWaiting);
  EXPECT_EQ(describe_others(path_, 0, 3, kWaiting, seconds(5)),
            std::string("rank 2 (node, process 72) has been at ") + kWaiting + " for 30.0s");
}

TEST_F(Heartbeats, NameOnlyTheFirstOfVeryMany) {
  for (int rank = 1; rank <= 10; ++rank) write(rank, seconds(0), 1);
  EXPECT_THAT(describe_others(path_, 0, 11, kWaiting, seconds(5)),
              AllOf(HasSubstr("rank 8 "), ::testing::Not(HasSubstr("rank 9 ")),
                    ::testing::EndsWith("; and 2 more")));
}

TEST_F(Heartbeats, SayNothingWhenNothingIsKnown) {
  EXPECT_EQ(describe_others(path_, 0, 3, kWaiting, seconds(5)), "");
}

TEST_F(WatchdogTest, WritesHeartbeatsForAsLongAsItLives) {
  auto activity = std::make_shared<Activity>();
  activity->set_step(12);
  {
    const Watchdog watchdog(activity, {.rank = 1,
                                       .size = 2,
                                       .deadline = seconds(60),
                                       .interval = milliseconds(10),
                                       .heartbeat_folder = path_});
    for (int i = 0; i < 500 && !read_heartbeat(path_, 1); ++i) {
      std::this_thread::sleep_for(milliseconds(10));
    }
    const auto beat = read_heartbeat(path_, 1);
    ASSERT_TRUE(beat.has_value());
    EXPECT_EQ(beat->doing, "step 12, in start");
  }
  EXPECT_FALSE(read_heartbeat(path_, 1).has_value());
}

TEST_F(WatchdogTest, RefusesAFolderItCannotMake) {
  std::ofstream(path_) << "a file";
  EXPECT_THROW(Watchdog(std::make_shared<Activity>(), {.heartbeat_folder = path_ / "beats"}),
               DataError);
}

TEST_F(WatchdogTest, StopsAtOnceWhenDestroyed) {
  const auto start = std::chrono::steady_clock::now();
  { const Watchdog watchdog(std::make_shared<Activity>(), {.interval = seconds(100)}); }
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(10));
}

using WatchdogDeathTest = HeartbeatFolder;

TEST_F(WatchdogDeathTest, EndsAProcessThatStandsStill) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  write(0, seconds(100), 1);
  const auto stand_still = [&] {
    auto activity = std::make_shared<Activity>();
    activity->set_step(17);
    const Activity::Scope scope(*activity, "backward");
    const Watchdog watchdog(activity, {.rank = 1,
                                       .size = 2,
                                       .deadline = milliseconds(100),
                                       .interval = milliseconds(10),
                                       .heartbeat_folder = path_});
    std::this_thread::sleep_for(seconds(20));
  };
  EXPECT_EXIT(stand_still(), ::testing::ExitedWithCode(4),
              "rank 1 of 2.*nothing has moved.*step 17, in backward.*rank 0 .*silent");
}

TEST_F(WatchdogDeathTest, LetsAProcessLiveThatReports) {
  auto activity = std::make_shared<Activity>();
  const Watchdog watchdog(activity, {.deadline = seconds(2), .interval = milliseconds(10)});
  for (int i = 0; i < 30; ++i) {
    activity->beat();
    std::this_thread::sleep_for(milliseconds(100));
  }
  SUCCEED();  // or the whole test would have ended with code 4
}

TEST_F(WatchdogTest, TellsWhereARankWaitsWhenASignalAsksToStop) {
  write(1, seconds(40), 1);
  const auto activity = std::make_shared<Activity>();
  activity->set_step(7);
  const StopSignals signals(OnSignal::kStop, /*announce=*/false);
  testing::internal::CaptureStderr();
  {
    const Activity::CollectiveScope scope(*activity, {"all_reduce_sum", "gradients"});
    const Watchdog watchdog(activity, {.rank = 0, .size = 2, .heartbeat_folder = path_});
    request_stop(SIGTERM);
    std::this_thread::sleep_for(milliseconds(900));
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("incipit (rank 0 of 2): a signal asks to stop, and this rank waits "
                              "for others at step 7, in gradients (all_reduce_sum)"),
                    HasSubstr("rank 1 (node, process 71) has been silent for 40")));
}

TEST_F(WatchdogTest, SaysOnceThatARankWaitsWhileTheJobStarts) {
  const auto output = [](bool starting) {
    const auto activity = std::make_shared<Activity>();
    testing::internal::CaptureStderr();
    {
      Watchdog watchdog(activity, {.rank = 0, .size = 2, .notice_after = milliseconds(200)});
      if (!starting) watchdog.end_start();
      const Activity::CollectiveScope scope(*activity, {"all_gather", "check at start-up"});
      std::this_thread::sleep_for(milliseconds(900));
    }
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(output(true), ::testing::MatchesRegex(
                                "incipit .rank 0 of 2.: has waited [0-9]+ms for the other ranks at "
                                "check at start-up .all_gather.\n"));
  EXPECT_EQ(output(false), "");
}

TEST_F(WatchdogTest, BeginsWithHeartbeatsWhenWorkBegins) {
  const auto activity = std::make_shared<Activity>();
  Watchdog watchdog(activity, {.rank = 1, .size = 2, .interval = milliseconds(10)});
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_FALSE(std::filesystem::exists(path_));
  watchdog.begin_work(path_, seconds(60));
  for (int i = 0; i < 500 && !read_heartbeat(path_, 1); ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_TRUE(read_heartbeat(path_, 1).has_value());
}

TEST_F(WatchdogDeathTest, ALibraryThatWaitsForOtherRanksHasADeadline) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto hang = [] {
    const LibraryWatch watch({.call = "start (MPI_Init)",
                              .timeout = milliseconds(600),
                              .notice_after = milliseconds(100)});
    std::this_thread::sleep_for(seconds(20));
  };
  EXPECT_EXIT(hang(), ::testing::ExitedWithCode(4),
              "start .MPI_Init. has waited 100ms for the other ranks.*\n.*start .MPI_Init.: the "
              "other ranks did not answer within 600ms");
}

}  // namespace
}  // namespace incipit::comm
