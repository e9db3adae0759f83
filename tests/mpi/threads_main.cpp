// The cases on ranks that are threads: threads_cases NUMBER.
#include <gtest/gtest.h>

#include <cstdlib>

#include "comm/threads.h"
#include "tests/mpi/world_cases.h"

namespace incipit::comm {
namespace {
int ranks = 1;
}

void on_world(const std::function<void(Communicator&)>& body) { run_on_threads(ranks, body); }

int world_size() { return ranks; }

}  // namespace incipit::comm

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) return 2;
  incipit::comm::ranks = std::atoi(argv[1]);
  return RUN_ALL_TESTS();
}
