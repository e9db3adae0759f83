#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/nccl.h"
#include "comm/world.h"
#include "core/error.h"

namespace incipit::comm {
namespace {

TEST(NcclUnavailable, IsRefusedByName) {
  EXPECT_FALSE(has_nccl());
  try {
    static_cast<void>(make_world({.backend = "nccl"}));
    ADD_FAILURE() << "a build without NCCL started it";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("parallel.backend: nccl is not in this build"));
  }
}

}  // namespace
}  // namespace incipit::comm
