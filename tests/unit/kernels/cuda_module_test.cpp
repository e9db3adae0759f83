// Loading the module of GPU kernels, which needs no GPU.
#include <gmock/gmock.h>

#include "core/error.h"
#include "kernels/cuda/module.h"

namespace incipit::kernels::cuda {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(CudaModule, HasAllKernels) {
  if (!INCIPIT_HAS_MODULE) GTEST_SKIP() << "built without nvcc";
  ASSERT_NE(module().table, nullptr) << module().problem;
  EXPECT_EQ(module().table->version, kTableVersion);
  // Functions follow the version, each a pointer.
  const auto* const first = reinterpret_cast<void* const*>(&module().table->last_error);
  const auto* const end = reinterpret_cast<void* const*>(module().table + 1);
  EXPECT_GE(end - first, 16);
  for (const auto* each = first; each != end; ++each) EXPECT_NE(*each, nullptr) << each - first;
}

TEST(CudaModule, WhatIsMissingIsNamed) {
  const Module none = load_module("/nowhere/libincipit_cuda.so");
  EXPECT_EQ(none.table, nullptr);
  EXPECT_THAT(none.problem, AllOf(HasSubstr("/nowhere/libincipit_cuda.so"), HasSubstr("nvcc 13"),
                                  HasSubstr("INCIPIT_CUDA_MODULE")));
}

TEST(CudaModule, AnotherVersionIsRefused) {
  try {
    static_cast<void>(load_module(INCIPIT_OLD_MODULE));
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr(std::to_string(kTableVersion + 1)),
                                    HasSubstr("needs " + std::to_string(kTableVersion))));
  }
}

}  // namespace
}  // namespace incipit::kernels::cuda
