// The cases on a world of one.
#include <gtest/gtest.h>

#include "comm/single.h"
#include "tests/mpi/world_cases.h"

namespace incipit::comm {

void on_world(const std::function<void(Communicator&)>& body) {
  const auto world = make_single();
  body(*world);
}

int world_size() { return 1; }

}  // namespace incipit::comm

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
