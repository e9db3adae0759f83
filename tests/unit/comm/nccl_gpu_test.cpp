// The nccl backend on the machine's own GPU, where there is one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dlfcn.h>

#include "comm/bfloat16.h"
#include "comm/nccl_communicator.h"
#include "comm/single.h"
#include "comm/threads.h"
#include "comm/world.h"
#include "core/error.h"

namespace incipit::comm {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

// The number of GPUs; 0 also without a driver.
int gpus(const NcclApi& api) {
  int count = 0;
  return api.device_count(&count) == cudaSuccess ? count : 0;
}

// A few functions that only tests need, from the runtime that load_nccl() loaded.
struct DeviceMemory {
  void* library = ::dlopen("libcudart.so.13", RTLD_NOW | RTLD_NOLOAD);
  cudaError_t (*allocate)(void**, std::size_t) = find<decltype(allocate)>("cudaMalloc");
  cudaError_t (*copy)(void*, const void*, std::size_t,
                      cudaMemcpyKind) = find<decltype(copy)>("cudaMemcpy");
  cudaError_t (*release)(void*) = find<decltype(release)>("cudaFree");

  template <typename Function>
  Function find(const char* name) const {
    return reinterpret_cast<Function>(::dlsym(library, name));
  }
};

template <typename T>
class DeviceArray {
 public:
  DeviceArray(std::size_t count, T value) : count_(count) {
    const std::vector<T> host(count, value);
    EXPECT_EQ(memory_.allocate(&data_, count * sizeof(T)), cudaSuccess);
    EXPECT_EQ(memory_.copy(data_, host.data(), count * sizeof(T), cudaMemcpyHostToDevice),
              cudaSuccess);
  }
  ~DeviceArray() { memory_.release(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  [[nodiscard]] std::span<T> span() const { return {static_cast<T*>(data_), count_}; }
  [[nodiscard]] std::vector<T> to_host() const {
    std::vector<T> host(count_);
    EXPECT_EQ(memory_.copy(host.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost),
              cudaSuccess);
    return host;
  }

 private:
  DeviceMemory memory_;
  std::size_t count_;
  void* data_ = nullptr;
};

TEST(NcclOnGpu, ReducesAndMovesDeviceMemory) {
  const auto api = load_nccl();
  if (gpus(*api) == 0) GTEST_SKIP() << "no GPU";
  const auto world = make_nccl_world(make_single(), {});
  const DeviceArray<float> values(1000, 1.5f);
  const DeviceArray<float> received(1000, 0.0f);
  world->all_reduce_sum(values.span(), "gradients");
  world->broadcast(std::as_writable_bytes(values.span()), 0, "weights");
  world->all_gather(std::as_bytes(values.span()), std::as_writable_bytes(received.span()),
                    "weights");
  EXPECT_THAT(received.to_host(), Each(1.5f));
  world->reduce_scatter_sum(values.span(), received.span(), "gradients");
  EXPECT_THAT(received.to_host(), Each(1.5f));
  const DeviceArray<BFloat16> narrow(9, to_bfloat16(2.0f));
  world->all_reduce_sum(narrow.span(), "activations");
  EXPECT_EQ(to_float(narrow.to_host().back()), 2.0f);
  const auto part = world->split(0, 0, "data");
  const std::vector<std::span<float>> parts{values.span().first(10), values.span().subspan(10)};
  part->all_reduce_sum(parts, "gradients");
  EXPECT_THAT(values.to_host(), Each(1.5f));
}

TEST(NcclOnGpu, RefusesTwoRanksOnOneGpu) {
  const auto api = load_nccl();
  if (gpus(*api) == 0) GTEST_SKIP() << "no GPU";
  EXPECT_THROW(run_on_threads(2,
                              [](Communicator& world) {
                                static_cast<void>(
                                    make_nccl_world(world.split(0, world.rank(), "world"), {}));
                              }),
               ConfigError);
}

TEST(NcclWithoutGpu, IsRefusedWithAReason) {
  const auto api = load_nccl();
  if (gpus(*api) > 0) GTEST_SKIP() << "there is a GPU";
  try {
    static_cast<void>(make_world({.backend = "nccl"}));
    ADD_FAILURE() << "NCCL started without a GPU";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("parallel.backend: nccl: rank 0 finds no GPU"));
    EXPECT_THAT(error.what(), HasSubstr("or use mpi"));
  }
}

}  // namespace
}  // namespace incipit::comm
