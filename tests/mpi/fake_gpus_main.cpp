// The cases on NCCL and GPUs that are faked: fake_gpus_cases NUMBER.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <span>

#include "core/error.h"
#include "tests/mpi/world_cases.h"
#include "tests/support/fake_gpus.h"

namespace incipit::comm {
namespace {
int ranks = 1;
}

void on_world(const std::function<void(Communicator&)>& body) {
  testing::run_on_fake_gpus(ranks, body);
}

int world_size() { return ranks; }

// A case above in such an order would fail, too.
TEST(FakeGpus, AnOrderOfTransfersThatDeadlocksFails) {
  const auto receive_first = [](Communicator& world) {
    int number = world.rank();
    const auto bytes = std::as_writable_bytes(std::span(&number, 1));
    world.recv(bytes, 1 - world.rank(), 0, "number");
    world.send(bytes, 1 - world.rank(), 0, "number");
  };
  EXPECT_THROW(testing::run_on_fake_gpus(2, receive_first, std::chrono::seconds(1)), CommError);
}

}  // namespace incipit::comm

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) return 2;
  incipit::comm::ranks = std::atoi(argv[1]);
  return RUN_ALL_TESTS();
}
