#include "comm/mesh_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/mesh.h"
#include "core/error.h"

namespace incipit::comm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal(const MeshOptions& options, int world_size) {
  try {
    static_cast<void>(resolve_mesh(options, world_size));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(ResolveMesh, FillsTheWorldWithCopiesWhenDataIsAuto) {
  EXPECT_EQ(resolve_mesh({}, 8), (MeshShape{.data = 8}));
  EXPECT_EQ(resolve_mesh({.tensor = 2, .pipeline = 2}, 8),
            (MeshShape{.data = 2, .pipeline = 2, .tensor = 2}));
  EXPECT_EQ(resolve_mesh({.fsdp = 4}, 8), (MeshShape{.data = 2, .fsdp = 4}));
}

TEST(ResolveMesh, AcceptsSizesThatMakeTheWorld) {
  EXPECT_EQ(resolve_mesh({.data = 3, .tensor = 2}, 6).product(), 6);
}

TEST(ResolveMesh, GathersOverAllRanksThatCopiesLeave) {
  constexpr int kTrue = 0;
  EXPECT_EQ(resolve_mesh({.fsdp = kTrue}, 6), (MeshShape{.fsdp = 6}));
  EXPECT_EQ(resolve_mesh({.data = 2, .fsdp = kTrue}, 6), (MeshShape{.data = 2, .fsdp = 3}));
  EXPECT_EQ(resolve_mesh({.fsdp = kTrue}, 1), MeshShape{});
  EXPECT_THAT(refusal({.data = 4, .fsdp = kTrue}, 6),
              AllOf(HasSubstr("data 4 = 4 ranks, but the world has 6 ranks"),
                    HasSubstr("nearest mesh of 6 ranks is data 6;")));
}

TEST(ResolveMesh, SaysTheProductAndTheNearestMesh) {
  EXPECT_THAT(
      refusal({.data = 3, .tensor = 2}, 8),
      AllOf(HasSubstr("data 3 x tensor 2 = 6 ranks, but the world has 8 ranks"),
            HasSubstr("nearest mesh of 8 ranks is data 4 x tensor 2"), HasSubstr("mpirun -n 6")));
  EXPECT_THAT(refusal({.tensor = 2, .pipeline = 2}, 6),
              HasSubstr("nearest mesh of 6 ranks is data 1 x pipeline 2 x tensor 3"));
  EXPECT_THAT(refusal({.fsdp = 4}, 6), HasSubstr("is data 2 x fsdp 3;"));
}

TEST(ResolveMesh, SaysHowManyRanksOneCopyTakes) {
  EXPECT_THAT(refusal({.tensor = 4}, 2),
              AllOf(HasSubstr("one copy of the model takes 4 ranks (data 1 x tensor 4)"),
                    HasSubstr("world of 2 ranks"), HasSubstr("is data 1 x tensor 2"),
                    HasSubstr("mpirun -n 4")));
  EXPECT_THAT(refusal({.tensor = 2}, 5),
              AllOf(HasSubstr("does not divide the world of 5 ranks"), HasSubstr("is data 5;")));
}

TEST(ResolveMesh, KeepsToWhatTheModelCanBeSplitInto) {
  const MeshLimits limits{.tensor = 9, .pipeline = 6};
  const auto refused = [&](const MeshOptions& options, int world) {
    try {
      static_cast<void>(resolve_mesh(options, world, limits));
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string("nothing was refused");
  };
  EXPECT_EQ(resolve_mesh({.tensor = 9}, 9, limits), (MeshShape{.tensor = 9}));
  EXPECT_THAT(refused({.tensor = 16}, 16),
              AllOf(HasSubstr("parallel.tensor: 16 ranks, but the model has 9 attention heads"),
                    HasSubstr("is data 2 x tensor 8"), Not(HasSubstr("mpirun"))));
  EXPECT_THAT(refused({.pipeline = 8}, 8),
              AllOf(HasSubstr("parallel.pipeline: 8 ranks, but the model has 6 layers"),
                    HasSubstr("is data 2 x pipeline 4")));
}

TEST(ResolveMesh, NamesTheKeyOfAValueThatCannotBe) {
  EXPECT_THAT(refusal({.data = -1}, 1), HasSubstr("parallel.data: -1"));
  EXPECT_THAT(refusal({.tensor = 0}, 1), HasSubstr("parallel.tensor: 0"));
  EXPECT_THAT(refusal({.pipeline = -2}, 1), HasSubstr("parallel.pipeline: -2"));
  EXPECT_THAT(refusal({.fsdp = -1}, 1), HasSubstr("parallel.fsdp: -1"));
  EXPECT_THAT(refusal({.backend = "ncl"}, 1),
              AllOf(HasSubstr("parallel.backend"), HasSubstr("did you mean 'nccl'?")));
  EXPECT_THAT(refusal({.timeout_seconds = 0}, 1), HasSubstr("parallel.timeout_seconds"));
}

TEST(ResolveMesh, SplitLayersMayBeSharded) {
  EXPECT_EQ(resolve_mesh({.tensor = 2, .fsdp = 2}, 4), (MeshShape{.fsdp = 2, .tensor = 2}));
  EXPECT_EQ(resolve_mesh({.tensor = 2, .pipeline = 2, .fsdp = 2}, 16),
            (MeshShape{.data = 2, .fsdp = 2, .pipeline = 2, .tensor = 2}));
  EXPECT_EQ(resolve_mesh({.pipeline = 2, .fsdp = 0}, 8), (MeshShape{.fsdp = 4, .pipeline = 2}));
}

TEST(MeshPosition, PutsTensorInnermostAndDataOutermost) {
  const MeshShape shape{.data = 2, .pipeline = 3, .tensor = 4};
  EXPECT_EQ(position_of(1, shape), (MeshPosition{.tensor = 1}));
  EXPECT_EQ(position_of(4, shape), (MeshPosition{.pipeline = 1}));
  EXPECT_EQ(position_of(12, shape), (MeshPosition{.data = 1}));
  EXPECT_EQ(position_of(4, {.data = 2, .fsdp = 3}), (MeshPosition{.data = 1, .fsdp = 1}));
  for (int rank = 0; rank < shape.product(); ++rank) {
    EXPECT_EQ(rank_of(position_of(rank, shape), shape), rank);
  }
}

TEST(MeshDimensions, ReadAsWords) {
  EXPECT_EQ((kData | kTensor).name(), "data x tensor");
  EXPECT_EQ(kBatch.name(), "data x fsdp");
  EXPECT_EQ(kNoDimension.name(), "none");
}

}  // namespace
}  // namespace incipit::comm
