#include "core/stop_request.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace incipit {
namespace {

using std::chrono::milliseconds;

// To the process, as kill(1) sends it; some thread takes it.
void send(int signal) { ::kill(::getpid(), signal); }

bool comes_true(bool (*condition)()) {
  for (int i = 0; i < 5000 && !condition(); ++i) std::this_thread::sleep_for(milliseconds(1));
  return condition();
}

// Until it is no longer pending: the waiting thread has taken it.
void wait_until_taken(int signal) {
  sigset_t pending;
  do {
    std::this_thread::sleep_for(milliseconds(1));
    ::sigpending(&pending);
  } while (::sigismember(&pending, signal) == 1);
}

// Waits for a signal that ends the process; 0 when none does.
[[noreturn]] void wait_for_the_end() {
  std::this_thread::sleep_for(std::chrono::seconds(10));
  ::_exit(0);
}

bool is_blocked(int signal) {
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return ::sigismember(&mask, signal) == 1;
}

TEST(StopRequest, IsRaisedByEachOfTheSignalsAndLoweredWithTheScope) {
  EXPECT_FALSE(stop_requested());
  for (const auto& [signal, name] : {std::pair{SIGTERM, "SIGTERM"}, std::pair{SIGUSR1, "SIGUSR1"},
                                     std::pair{SIGINT, "SIGINT"}}) {
    const StopSignals signals(OnSignal::kStop, /*announce=*/false);
    EXPECT_FALSE(stop_requested());
    send(signal);
    EXPECT_TRUE(comes_true(stop_requested));
    EXPECT_STREQ(stop_signal(), name);
  }
  EXPECT_FALSE(stop_requested());
  EXPECT_STREQ(stop_signal(), "");
}

TEST(StopRequest, InstallsNoHandlerAndBlocksTheSignalsInThreadsThatAreStartedLater) {
  const StopSignals signals(OnSignal::kStop, /*announce=*/false);
  std::thread([] {
    for (const int signal : {SIGTERM, SIGUSR1, SIGINT}) {
      EXPECT_TRUE(is_blocked(signal)) << signal;
      struct sigaction action {};
      ::sigaction(signal, nullptr, &action);
      EXPECT_EQ(action.sa_handler, SIG_DFL) << signal;
    }
  }).join();
}

TEST(StopRequest, RestoresTheMaskOfItsThread) {
  { const StopSignals signals(OnSignal::kEnd, /*announce=*/false); }
  for (const int signal : {SIGTERM, SIGUSR1, SIGINT}) EXPECT_FALSE(is_blocked(signal)) << signal;
}

TEST(StopRequest, TakesASignalThatCameWhileItWasBlockedBefore) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  send(SIGUSR1);
  {
    const StopSignals signals(OnSignal::kStop, /*announce=*/false);
    EXPECT_TRUE(comes_true(stop_requested));
  }
  EXPECT_TRUE(is_blocked(SIGUSR1));
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

TEST(StopRequest, SignalsInOneMomentAreOneRequest) {
  const StopSignals signals(OnSignal::kStop, /*announce=*/false);
  send(SIGUSR1);
  EXPECT_TRUE(comes_true(stop_requested));
  send(SIGTERM);
  wait_until_taken(SIGTERM);
  send(SIGTERM);
  wait_until_taken(SIGTERM);
  EXPECT_STREQ(stop_signal(), "SIGUSR1");
}

TEST(StopRequest, ComesFromTheProgramItselfToo) {
  const StopSignals signals(OnSignal::kStop, /*announce=*/false);
  request_stop(SIGINT);
  EXPECT_TRUE(stop_requested());
  EXPECT_STREQ(stop_signal(), "SIGINT");
}

TEST(StopRequest, AnIgnoredSignalStaysIgnored) {
  struct sigaction before {};
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  for (const int signal : {SIGINT, SIGUSR1}) {
    ::sigaction(signal, &ignore, &before);
    {
      const StopSignals signals(OnSignal::kLeave, /*announce=*/false);
      send(signal);
      wait_until_taken(signal);
      std::this_thread::sleep_for(milliseconds(20));
      EXPECT_FALSE(stop_requested());
    }
    ::sigaction(signal, &before, nullptr);
  }
}

TEST(StopRequestDeathTest, ASecondSignalEndsTheProcessAtOnce) {
  EXPECT_EXIT(
      {
        const StopSignals signals(OnSignal::kStop, /*announce=*/true);
        send(SIGUSR1);
        std::this_thread::sleep_for(milliseconds(1100));
        send(SIGTERM);
        wait_for_the_end();
      },
      ::testing::ExitedWithCode(128 + SIGTERM), "incipit: SIGUSR1: stopping after this step");
}

TEST(StopRequestDeathTest, WhileNothingIsWrittenASignalEndsTheProcessWith75) {
  EXPECT_EXIT(
      {
        const StopSignals signals(OnSignal::kLeave, /*announce=*/true);
        send(SIGTERM);
        wait_for_the_end();
      },
      ::testing::ExitedWithCode(75),
      "incipit: SIGTERM: stopped while starting, nothing was written");
}

TEST(StopRequestDeathTest, OtherRanksLeaveALittleLaterThanRankZeroAndSayNothing) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EXIT(
      {
        const StopSignals signals(OnSignal::kLeave, /*announce=*/false);
        send(SIGTERM);
        wait_for_the_end();
      },
      ::testing::ExitedWithCode(75), "^$");
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(900));
}

TEST(StopRequest, OtherRanksThatComeToWriteInTimeLeaveWithRankZero) {
  const StopSignals signals(OnSignal::kLeave, /*announce=*/false);
  send(SIGTERM);
  EXPECT_TRUE(comes_true(stop_requested));
  on_stop_signal(OnSignal::kStop);
  std::this_thread::sleep_for(milliseconds(1200));  // it would have left by now
  EXPECT_STREQ(stop_signal(), "SIGTERM");
}

TEST(StopRequestDeathTest, OtherCommandsEndByTheSignal) {
  EXPECT_EXIT(
      {
        const StopSignals signals(OnSignal::kEnd, /*announce=*/true);
        send(SIGINT);
        wait_for_the_end();
      },
      ::testing::KilledBySignal(SIGINT), "");
}

TEST(StopRequestDeathTest, WhenAllIsWrittenASignalChangesNothing) {
  EXPECT_EXIT(
      {
        const StopSignals signals(OnSignal::kStop, /*announce=*/true);
        on_stop_signal(OnSignal::kDone);
        send(SIGTERM);
        wait_until_taken(SIGTERM);
        std::this_thread::sleep_for(milliseconds(20));
        ::_exit(7);
      },
      ::testing::ExitedWithCode(7), "^$");
}

TEST(StopRequestDeathTest, AfterTheScopeASignalEndsTheProcessAsEver) {
  EXPECT_EXIT(
      {
        { const StopSignals signals(OnSignal::kStop, /*announce=*/false); }
        send(SIGUSR1);
        wait_for_the_end();
      },
      ::testing::KilledBySignal(SIGUSR1), "");
}

}  // namespace
}  // namespace incipit
