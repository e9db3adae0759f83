// Where the kernels of CUDA devices are tested: on the host, on the host in reverse order, and on a
// GPU if there is one.
#pragma once

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/cuda/module.h"
#include "tests/support/host_kernels.h"

namespace incipit::kernels::cuda {

enum class Place { kHost, kHostBackwards, kGpu };

inline void PrintTo(Place place, std::ostream* to) {
  *to << (place == Place::kGpu ? "gpu" : place == Place::kHost ? "host" : "host_backwards");
}

// A test of kernels in a place and a storage type.
class CudaKernels : public ::testing::TestWithParam<std::tuple<Place, at::ScalarType>> {
 protected:
  CudaKernels() { at::manual_seed(7); }
  void SetUp() override {
    incipit::testing::run_backwards(place() == Place::kHostBackwards);
    if (place() != Place::kGpu) return;
    if (::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr || !at::hasCUDA() ||
        at::detail::getCUDAHooks().deviceCount() == 0) {
      GTEST_SKIP() << "no CUDA build of libtorch, or no GPU";
    }
    ASSERT_NE(module().table, nullptr) << module().problem;
    device_ = at::Device(at::kCUDA, 0);
    stream_ = c10::impl::VirtualGuardImpl(device_.type()).getStream(device_).native_handle();
  }
  void TearDown() override { incipit::testing::run_backwards(false); }

  [[nodiscard]] static Place place() { return std::get<0>(GetParam()); }
  [[nodiscard]] static at::ScalarType dtype() { return std::get<1>(GetParam()); }
  [[nodiscard]] const Table& kernels() const {
    return place() == Place::kGpu ? *module().table : incipit::testing::host_kernels();
  }
  [[nodiscard]] Launch launch() const {
    const Type type = dtype() == at::kFloat      ? Type::kFloat32
                      : dtype() == at::kBFloat16 ? Type::kBFloat16
                                                 : Type::kFloat16;
    return {type, stream_};
  }

  // Random numbers of the storage type on the device. `wider` numbers stand between its rows.
  [[nodiscard]] at::Tensor random(std::int64_t rows, std::int64_t width,
                                  std::int64_t wider = 0) const {
    return at::randn({rows, width + wider}).to(device_, dtype()).narrow(1, 0, width);
  }
  // Numbers of the storage type that nobody has set.
  [[nodiscard]] at::Tensor unset(std::int64_t rows, std::int64_t width) const {
    return at::empty({rows, width}, at::TensorOptions(device_).dtype(dtype())).fill_(77);
  }
  [[nodiscard]] at::Tensor floats(at::IntArrayRef shape) const {
    return at::randn(shape).to(device_);
  }
  static Input in(const at::Tensor& x) { return {x.data_ptr(), x.stride(0)}; }
  static Output out(const at::Tensor& x) { return {x.data_ptr(), x.stride(0)}; }
  template <typename T>
  static T* data(const at::Tensor& x) {
    return static_cast<T*>(x.data_ptr());
  }
  // Returns the numbers on the host, in float64.
  static at::Tensor exact(const at::Tensor& x) { return x.to(at::kCPU, at::kDouble); }

  void expect_near(const at::Tensor& found, const at::Tensor& expected) const {
    ASSERT_EQ(kernels().last_error(), nullptr);
    const double tolerance = dtype() == at::kFloat ? 4e-6 : dtype() == at::kHalf ? 1e-3 : 8e-3;
    expect_within(found, expected, tolerance);
  }
  static void expect_within(const at::Tensor& found, const at::Tensor& expected, double tolerance) {
    ASSERT_EQ(found.sizes(), expected.sizes());
    if (found.numel() == 0) return;
    const at::Tensor error = (exact(found) - expected).abs() / (expected.abs() + 1);
    // Written so that NaN fails.
    EXPECT_TRUE(error.max().item<double>() <= tolerance) << error.max().item<double>();
  }

  at::Device device_{at::kCPU};
  void* stream_ = nullptr;
};

inline std::string name_of(const ::testing::TestParamInfo<CudaKernels::ParamType>& info) {
  const Place place = std::get<0>(info.param);
  return std::string(place == Place::kGpu    ? "Gpu"
                     : place == Place::kHost ? "Host"
                                             : "HostBackwards") +
         toString(std::get<1>(info.param));
}

// Returns where the tests run: on a GPU only if the environment variable INCIPIT_TEST_GPU is set.
inline std::vector<Place> places() {
  if (std::getenv("INCIPIT_TEST_GPU") != nullptr) return {Place::kGpu};
  return {Place::kHost, Place::kHostBackwards};
}

inline auto places_and(const std::vector<at::ScalarType>& types) {
  return ::testing::Combine(::testing::ValuesIn(places()), ::testing::ValuesIn(types));
}
inline auto all_places() { return places_and({at::kFloat, at::kBFloat16, at::kHalf}); }

}  // namespace incipit::kernels::cuda
