// The build's promises about threads: one OpenMP runtime, and loops that do run in parallel.
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <fstream>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace {

// Paths of the mapped files whose name contains one of the OpenMP runtimes' names.
std::set<std::string> MappedOpenMpRuntimes() {
  std::set<std::string> paths;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto slash = line.find('/');
    if (slash == std::string::npos) continue;
    const std::string path = line.substr(slash);
    const std::string name = path.substr(path.rfind('/') + 1);
    for (const char* runtime : {"libgomp", "libomp", "libiomp"}) {
      if (name.rfind(runtime, 0) == 0) paths.insert(path);
    }
  }
  return paths;
}

TEST(OpenMp, ExactlyOneRuntimeIsMappedAndItIsTheOneOfTorch) {
  at::parallel_for(0, 2, 1, [](int64_t, int64_t) {});
  const auto runtimes = MappedOpenMpRuntimes();
  ASSERT_EQ(runtimes.size(), 1u) << ::testing::PrintToString(runtimes);
  EXPECT_THAT(*runtimes.begin(), ::testing::HasSubstr("/torch"));
}

TEST(OpenMp, ParallelForRunsOnTwoThreadsAtOnce) {
  at::set_num_threads(2);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::atomic<int> arrived{0};
  at::parallel_for(0, 2, 1, [&](int64_t, int64_t) {
    {
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    }
    // Each waits for the other: a loop run by one thread after the other would give up here.
    ++arrived;
    for (int i = 0; i < 1'000'000 && arrived < 2; ++i) sched_yield();
  });
  EXPECT_EQ(arrived, 2);
  EXPECT_EQ(threads.size(), 2u);
}

}  // namespace
