#include "core/stop_request.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace incipit {
namespace {

TEST(StopRequest, IsRaisedByEachOfTheSignalsAndLoweredWithTheHandlers) {
  EXPECT_FALSE(stop_requested());
  for (const auto& [signal, name] : {std::pair{SIGTERM, "SIGTERM"}, std::pair{SIGUSR1, "SIGUSR1"},
                                     std::pair{SIGINT, "SIGINT"}}) {
    const StopSignals signals(false);
    EXPECT_FALSE(stop_requested());
    ::raise(signal);
    EXPECT_TRUE(stop_requested());
    EXPECT_STREQ(stop_signal(), name);
  }
  EXPECT_FALSE(stop_requested());
  EXPECT_STREQ(stop_signal(), "");
}

TEST(StopRequest, SignalsInOneMomentAreOneRequest) {
  const StopSignals signals(false);
  ::raise(SIGUSR1);
  ::raise(SIGTERM);
  ::raise(SIGTERM);
  EXPECT_STREQ(stop_signal(), "SIGUSR1");
}

TEST(StopRequestDeathTest, ASecondSignalEndsTheProcessAtOnce) {
  EXPECT_EXIT(
      {
        const StopSignals signals(true);
        ::raise(SIGUSR1);
        std::this_thread::sleep_for(std::chrono::milliseconds(1100));
        ::raise(SIGTERM);
        ::_exit(0);
      },
      ::testing::ExitedWithCode(128 + SIGTERM), "a signal asks to stop");
}

TEST(StopRequestDeathTest, WithoutHandlersASignalEndsTheProcessAsEver) {
  EXPECT_EXIT(
      {
        { const StopSignals signals(false); }
        ::raise(SIGUSR1);
      },
      ::testing::KilledBySignal(SIGUSR1), "");
}

}  // namespace
}  // namespace incipit
