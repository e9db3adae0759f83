// The cases under mpirun: mpi_cases [MOST_ELEMENTS_PER_CALL]. Every rank runs every case;
// rank 0 prints the usual lines, the others their failures; all end with the same status.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "comm/guarded_main.h"
#include "comm/mpi_communicator.h"
#include "tests/mpi/world_cases.h"

namespace incipit::comm {
namespace {

Communicator* the_world = nullptr;

class FailurePrinter final : public ::testing::EmptyTestEventListener {
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (!result.failed()) return;
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::fprintf(stderr, "[rank %d] %s.%s: %s:%d: %s\n", the_world->rank(), test->test_suite_name(),
                 test->name(), result.file_name() == nullptr ? "?" : result.file_name(),
                 result.line_number(), result.message());
  }
};

int run(int argc, char** argv) {
  MpiOptions options;
  if (argc == 2) options.max_count = static_cast<std::size_t>(std::atoi(argv[1]));
  auto context = std::make_shared<CommContext>();
  context->timeout = std::chrono::seconds(60);
  const auto world = make_mpi_world(std::make_shared<MpiEnvironment>(), context, options);
  the_world = world.get();
  auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
  if (world->rank() != 0) delete listeners.Release(listeners.default_result_printer());
  if (world->size() > 1) listeners.Append(new FailurePrinter);
  const int failed = RUN_ALL_TESTS();
  return static_cast<int>(world->all_reduce_max(std::int64_t{failed}, "status of the tests"));
}

}  // namespace

void on_world(const std::function<void(Communicator&)>& body) { body(*the_world); }

int world_size() { return the_world->size(); }

}  // namespace incipit::comm

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return incipit::comm::guarded_main([&] { return incipit::comm::run(argc, argv); });
}
