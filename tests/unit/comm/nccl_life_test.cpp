// The nccl backend against a fake of NCCL that is slow or fails. Tests that need a GPU are in
// nccl_gpu_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/nccl_communicator.h"
#include "comm/single.h"
#include "comm/threads.h"
#include "core/error.h"
#include "tests/unit/comm/fake_nccl.h"

namespace incipit::comm {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

class NcclLifeTest : public ::testing::Test {
 protected:
  NcclLifeTest() { fake = &nccl_; }
  ~NcclLifeTest() override { fake = nullptr; }

  std::unique_ptr<Communicator> make(const NcclLimits& limits = {}) {
    auto context = std::make_shared<CommContext>();
    context->timeout = milliseconds(200);
    return make_nccl_communicator(make_single("world", context), fake_nccl_api(), {}, limits);
  }
  std::span<float> device() { return nccl_.device; }
  // Waits as the host does for the numbers of a step, for work that the device never does.
  static void wait_in_vain(Communicator& world) {
    world.wait_until([] { return false; }, "numbers of the step");
  }

  template <typename Error, typename Body>
  static std::string message_of(Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }

  FakeNccl nccl_;
};

TEST_F(NcclLifeTest, CreatesWithoutBlockingAndEndsInOrder) {
  nccl_.polls_in_progress = 20;
  nccl_.polls_of_stream = 20;
  {
    const auto world = make();
    EXPECT_EQ(nccl_.blocking, 0);
    EXPECT_EQ(world->backend(), "nccl");
    world->all_reduce_sum(device(), "gradients");
    EXPECT_EQ(nccl_.operations, 1);
  }
  EXPECT_EQ(nccl_.finalized, 1);
  EXPECT_EQ(nccl_.destroyed, 1);
  EXPECT_EQ(nccl_.aborted, 0);
}

TEST_F(NcclLifeTest, KeepsHostMemoryAwayFromTheGpu) {
  const auto world = make();
  std::vector<float> host(4, 1.0f);
  world->all_reduce_sum(std::span<float>(host), "gradients");
  EXPECT_EQ(world->all_reduce_max(std::int64_t{5}, "largest"), 5);
  EXPECT_EQ(world->broadcast(std::string("text"), 0, "text"), "text");
  EXPECT_EQ(world->all_gather(std::string_view("text"), "texts").size(), 1u);
  world->barrier("epoch");
  EXPECT_EQ(nccl_.operations, 0);
}

TEST_F(NcclLifeTest, SendsEveryKindOfOperationOnDeviceMemoryToNccl) {
  const auto world = make();
  const auto bytes = std::as_writable_bytes(device());
  world->all_reduce_sum(std::span(reinterpret_cast<BFloat16*>(bytes.data()), 8), "activations");
  world->broadcast(bytes, 0, "weights");
  world->all_gather(bytes.first(16), bytes.subspan(16, 16), "weights");
  world->reduce_scatter_sum(device().first(4), device().subspan(4, 4), "gradients");
  const std::vector<std::span<float>> parts{device().first(4), device().subspan(4, 4)};
  world->all_reduce_sum(parts, "gradients");
  EXPECT_EQ(nccl_.operations, 6);
}

TEST_F(NcclLifeTest, LaterWorkWaitsForAnOperationThatWasStartedOnlyFromItsWaitOn) {
  run_on_threads(2, [&](Communicator& threads) {
    const auto world = make_nccl_communicator(threads.split(0, threads.rank(), "world"),
                                              fake_nccl_api(), {.device = threads.rank()});
    if (world->rank() == 0) {
      const auto bytes = std::as_writable_bytes(device());
      Pending gather = world->start_all_gather(bytes.first(16), bytes.subspan(16, 32), "weights");
      const auto start_send = [&](std::span<const std::byte> what) {
        return world->start("activations", [&] { world->send(what, 1, 0, "activations"); });
      };
      std::optional<Pending> send = start_send(bytes);
      ASSERT_TRUE(send.has_value());
      EXPECT_EQ(nccl_.operations, 2);
      EXPECT_EQ(nccl_.joins, 0);
      gather.wait();
      EXPECT_EQ(nccl_.joins, 1);
      send->wait();
      EXPECT_EQ(nccl_.joins, 2);
      world->send(bytes, 1, 0, "activations");
      EXPECT_EQ(nccl_.joins, 3);
      // Host memory is sent at once, by the control communicator.
      const std::vector<std::byte> host(8);
      EXPECT_FALSE(start_send(host).has_value());
    } else {
      std::vector<std::byte> host(8);
      world->recv(host, 0, 0, "activations");
    }
    threads.barrier("end");
  });
}

TEST_F(NcclLifeTest, AnOperationAfterAMarkDoesNotWaitForLaterWork) {
  const auto world = make();
  nccl_.submitted = 1;
  const Communicator::Mark mark = world->mark_submitted();
  nccl_.submitted = 2;
  world->run_after(mark, [&] { world->all_reduce_sum(device(), "activations"); });
  EXPECT_EQ(nccl_.awaited, 1);
  EXPECT_EQ(nccl_.joins, 1);
  world->all_reduce_sum(device(), "gradients");
  EXPECT_EQ(nccl_.awaited, 2);
}

// Neither does the host wait for an operation.
TEST_F(NcclLifeTest, WaitsForOperationsOnlyWithTheHostsOneWait) {
  const auto world = make();
  const auto bytes = std::as_writable_bytes(device());
  nccl_.finishes = 1;
  world->all_reduce_sum(device(), "activations");
  Pending gather = world->start_all_gather(bytes.first(16), bytes.subspan(16, 16), "weights");
  world->all_reduce_sum(device(), "gradients");
  gather.wait();
  EXPECT_EQ(nccl_.operations, 3);
  EXPECT_EQ(message_of<CommError>([&] { world->wait_until([] { return true; }, "a number"); }),
            "nothing was thrown");
  // The first operation that is not done, of whatever communicator.
  const auto part = world->split(0, 0, "data");
  part->all_reduce_sum(device(), "later");
  EXPECT_THAT(
      message_of<CommError>([&] { wait_in_vain(*world); }),
      AllOf(HasSubstr("weights (all_gather on world)"), HasSubstr("did not answer within 200ms")));
  EXPECT_EQ(nccl_.aborted, 1);
}

TEST_F(NcclLifeTest, NamesAnotherCommunicatorsOperationThatIsNotDone) {
  const auto world = make();
  const auto part = world->split(0, 0, "data");
  world->all_reduce_sum(device(), "numbers");
  nccl_.finishes = 1;
  part->all_reduce_sum(device(), "gradients");
  EXPECT_THAT(message_of<CommError>([&] { wait_in_vain(*world); }),
              HasSubstr("gradients (all_reduce_sum on data)"));
}

TEST_F(NcclLifeTest, SaysWhatTheHostWaitedForWhenAllOperationsAreDone) {
  const auto world = make();
  world->all_reduce_sum(device(), "gradients");
  EXPECT_THAT(message_of<CommError>([&] { wait_in_vain(*world); }),
              HasSubstr("numbers of the step (wait on world)"));
}

TEST_F(NcclLifeTest, SplitsIntoCommunicatorsOfTheirOwn) {
  const auto world = make();
  const auto part = world->split(0, 0, "data");
  EXPECT_EQ(nccl_.created, 2);
  EXPECT_EQ(part->backend(), "nccl");
  EXPECT_EQ(part->name(), "data");
}

TEST_F(NcclLifeTest, GivesUpOnACreationThatNeverEnds) {
  nccl_.polls_in_progress = FakeNccl::kForever;
  EXPECT_THAT(message_of<CommError>([&] { static_cast<void>(make()); }),
              AllOf(HasSubstr("NCCL communicator (creation on world)"),
                    HasSubstr("did not answer within 200ms")));
  EXPECT_EQ(nccl_.aborted, 1);
}

TEST_F(NcclLifeTest, GivesUpOnAnOperationThatNeverEnds) {
  {
    const auto world = make();
    nccl_.polls_of_stream = FakeNccl::kForever;
    world->all_reduce_sum(device(), "gradients");
    EXPECT_THAT(message_of<CommError>([&] { wait_in_vain(*world); }),
                AllOf(HasSubstr("gradients (all_reduce_sum on world)"),
                      HasSubstr("did not answer within 200ms")));
    EXPECT_EQ(nccl_.aborted, 1);
    EXPECT_THROW(world->barrier("epoch"), CommError);
  }
  EXPECT_EQ(nccl_.finalized, 0);
  EXPECT_EQ(nccl_.aborted, 1);
}

TEST_F(NcclLifeTest, ReportsAnErrorThatComesWhileTheStreamWorks) {
  const auto world = make();
  nccl_.polls_of_stream = FakeNccl::kForever;
  world->all_reduce_sum(device(), "gradients");
  nccl_.async_error = ncclRemoteError;
  EXPECT_THAT(message_of<CommError>([&] { wait_in_vain(*world); }),
              AllOf(HasSubstr("gradients (all_reduce_sum on world)"),
                    HasSubstr("remote process exited"), HasSubstr("socket closed by peer")));
  EXPECT_EQ(nccl_.aborted, 1);
}

TEST_F(NcclLifeTest, AbortsAnEndThatNeverEnds) {
  {
    const auto world = make({.finalize_timeout = milliseconds(50)});
    nccl_.polls_in_progress = FakeNccl::kForever;
  }
  EXPECT_EQ(nccl_.finalized, 1);
  EXPECT_EQ(nccl_.destroyed, 0);
  EXPECT_EQ(nccl_.aborted, 1);
}

TEST_F(NcclLifeTest, AbortsWithoutWaitingForOthersWhileAnExceptionUnwinds) {
  EXPECT_THROW(
      {
        const auto world = make();
        throw DataError("line 17");
      },
      DataError);
  EXPECT_EQ(nccl_.finalized, 0);
  EXPECT_EQ(nccl_.aborted, 1);
}

TEST_F(NcclLifeTest, EndsTheProcessWhenTheAbortHangs) {
  int exits = 0;
  const auto world = make({.abort_timeout = milliseconds(50), .hard_exit = [&] { ++exits; }});
  nccl_.abort_hangs = true;
  nccl_.polls_of_stream = FakeNccl::kForever;
  world->all_reduce_sum(device(), "gradients");
  EXPECT_THROW(wait_in_vain(*world), CommError);
  EXPECT_EQ(exits, 1);
  nccl_.abort_hangs = false;
  while (nccl_.aborted == 0) std::this_thread::yield();  // it uses nccl_
}

TEST_F(NcclLifeTest, SaysOnEveryRankThatThereIsNoGpu) {
  nccl_.devices = 0;
  run_on_threads(2, [](Communicator& world) {
    const auto make_here = [&] {
      static_cast<void>(make_nccl_communicator(world.split(0, world.rank(), "world"),
                                               fake_nccl_api(), {.device = world.rank()}));
    };
    EXPECT_THAT(message_of<ConfigError>(make_here),
                AllOf(HasSubstr("rank 0 finds no GPU"), HasSubstr("no CUDA-capable device")));
  });
}

TEST_F(NcclLifeTest, RefusesMoreRanksThanGpus) {
  nccl_.devices = 1;
  run_on_threads(2, [](Communicator& world) {
    const auto make_here = [&] {
      static_cast<void>(make_nccl_communicator(world.split(0, world.rank(), "world"),
                                               fake_nccl_api(), {.device = world.rank()}));
    };
    EXPECT_THAT(message_of<ConfigError>(make_here),
                HasSubstr("rank 1 needs GPU number 1, but its machine has 1"));
  });
}

TEST_F(NcclLifeTest, RefusesTwoRanksOnOneGpuInWords) {
  run_on_threads(2, [](Communicator& world) {
    const auto make_here = [&] {
      static_cast<void>(make_nccl_communicator(world.split(0, world.rank(), "world"),
                                               fake_nccl_api(), {.device = 0}));
    };
    EXPECT_THAT(message_of<ConfigError>(make_here),
                AllOf(HasSubstr("ranks 0 and 1 share one GPU"), HasSubstr("0000:00:00.0")));
  });
}

}  // namespace
}  // namespace incipit::comm
