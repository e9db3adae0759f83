#include "comm/threads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "core/error.h"

namespace incipit::comm {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Returns the error that a world of three throws when it runs `body`; fails when that took long.
std::string failure_of(const std::function<void(Communicator&)>& body,
                       const ThreadsOptions& options = {}) {
  const auto start = std::chrono::steady_clock::now();
  std::string message = "nothing was thrown";
  try {
    run_on_threads(3, body, options);
  } catch (const std::exception& error) {
    message = error.what();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(10));
  return message;
}

TEST(RunOnThreads, RethrowsTheCauseAndNotItsConsequences) {
  EXPECT_EQ(failure_of([](Communicator& world) {
              if (world.rank() == 1) throw DataError("line 17 is broken");
              world.barrier("epoch");
            }),
            "line 17 is broken");
}

TEST(RunOnThreads, TellsTheOtherRanksWhichOneFailed) {
  std::vector<std::string> seen(3);
  EXPECT_THROW(run_on_threads(3,
                              [&](Communicator& world) {
                                if (world.rank() == 1) throw DataError("line 17 is broken");
                                try {
                                  world.barrier("epoch");
                                } catch (const CommError& error) {
                                  EXPECT_EQ(error.rank(), world.rank());
                                  EXPECT_EQ(error.operation(), "epoch (barrier on world)");
                                  seen[static_cast<std::size_t>(world.rank())] = error.what();
                                  throw;
                                }
                              }),
               DataError);
  EXPECT_THAT(seen[0], HasSubstr("rank 1 failed: line 17 is broken"));
  EXPECT_THAT(seen[2], HasSubstr("rank 1 failed: line 17 is broken"));
}

TEST(RunOnThreads, EndsPartsOfTheWorldToo) {
  EXPECT_EQ(failure_of([](Communicator& world) {
              const auto part = world.split(world.rank() == 2 ? 1 : 0, 0, "part");
              if (world.rank() == 2) throw DataError("line 17 is broken");
              world.barrier("epoch");
            }),
            "line 17 is broken");
}

TEST(RunOnThreads, ReportsARankThatEndedEarly) {
  EXPECT_THAT(failure_of([](Communicator& world) {
                if (world.rank() != 2) world.barrier("epoch");
              }),
              AllOf(HasSubstr("epoch (barrier on world)"), HasSubstr("rank 2 has ended")));
}

TEST(RunOnThreads, ReportsASenderThatEndedEarly) {
  EXPECT_THAT(failure_of([](Communicator& world) {
                std::byte byte{};
                if (world.rank() == 0) world.recv(std::span(&byte, 1), 1, 0, "activations");
              }),
              AllOf(HasSubstr("activations (recv on world)"), HasSubstr("rank 1 has ended")));
}

TEST(RunOnThreads, NamesTheMissingRankWhenTimeIsUp) {
  EXPECT_THAT(failure_of(
                  [](Communicator& world) {
                    if (world.rank() == 2) std::this_thread::sleep_for(std::chrono::seconds(1));
                    world.barrier("epoch");
                  },
                  {.timeout = std::chrono::milliseconds(200)}),
              AllOf(HasSubstr("epoch (barrier on world)"), HasSubstr("missing: rank 2")));
}

TEST(RunOnThreads, ReportsRanksInDifferentOperations) {
  EXPECT_THAT(failure_of([](Communicator& world) {
                std::vector<float> values(4);
                if (world.rank() == 0) {
                  world.barrier("epoch");
                } else {
                  world.all_reduce_sum(std::span<float>(values), "gradients");
                }
              }),
              AllOf(HasSubstr("gradients (all_reduce_sum) with 16 bytes"),
                    HasSubstr("epoch (barrier) with 0 bytes")));
}

TEST(RunOnThreads, ReportsDifferentSizes) {
  EXPECT_THAT(failure_of([](Communicator& world) {
                std::vector<float> values(world.rank() == 1 ? 5 : 4);
                world.all_reduce_sum(std::span<float>(values), "gradients");
              }),
              AllOf(HasSubstr("with 16 bytes"), HasSubstr("with 20 bytes")));
}

TEST(Communicator, RefusesEverythingAfterAFailure) {
  run_on_threads(1, [](Communicator& world) {
    const auto part = world.split(0, 0, "part");
    world.context().broken_by = "gradients (all_reduce_sum on world)";
    try {
      part->barrier("epoch");
      ADD_FAILURE() << "a broken communicator continued";
    } catch (const CommError& error) {
      EXPECT_THAT(error.what(), HasSubstr("because gradients (all_reduce_sum on world) failed"));
    }
  });
}

TEST(Communicator, ChecksItsArguments) {
  run_on_threads(1, [](Communicator& world) {
    std::vector<std::byte> three(3);
    std::vector<std::byte> four(4);
    EXPECT_THROW(world.all_gather(three, four, "bytes"), LogicError);
    EXPECT_THROW(world.broadcast(std::span(three), 1, "bytes"), LogicError);
    EXPECT_THROW(world.send(three, 0, 0, "to myself"), LogicError);
  });
}

}  // namespace
}  // namespace incipit::comm
