#include "comm/mesh_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/mesh.h"
#include "core/error.h"

namespace incipit::comm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string refusal(const MeshOptions& options, int world_size) {
  try {
    static_cast<void>(resolve_mesh(options, world_size));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(ResolveMesh, FillsTheWorldWithCopiesWhenDataIsAuto) {
  EXPECT_EQ(resolve_mesh({}, 8), (MeshShape{.data = 8, .pipeline = 1, .tensor = 1}));
  EXPECT_EQ(resolve_mesh({.tensor = 2, .pipeline = 2}, 8),
            (MeshShape{.data = 2, .pipeline = 2, .tensor = 2}));
}

TEST(ResolveMesh, AcceptsSizesThatMakeTheWorld) {
  EXPECT_EQ(resolve_mesh({.data = 3, .tensor = 2}, 6).product(), 6);
}

TEST(ResolveMesh, SaysTheProductAndWhatWouldWork) {
  EXPECT_THAT(refusal({.data = 3, .tensor = 2}, 8),
              AllOf(HasSubstr("data 3 x pipeline 1 x tensor 2 = 6 ranks"),
                    HasSubstr("the world has 8 ranks"), HasSubstr("mpirun -n 6"),
                    HasSubstr("parallel.data to 4")));
}

TEST(ResolveMesh, SaysHowManyRanksOneCopyTakes) {
  EXPECT_THAT(refusal({.tensor = 4}, 2), AllOf(HasSubstr("tensor 4 = 4 ranks"),
                                               HasSubstr("2 ranks"), HasSubstr("mpirun -n 4")));
  EXPECT_THAT(refusal({.tensor = 2}, 5),
              AllOf(HasSubstr("does not divide the world of 5 ranks"), HasSubstr("mpirun -n 4")));
}

TEST(ResolveMesh, NamesTheKeyOfAValueThatCannotBe) {
  EXPECT_THAT(refusal({.data = -1}, 1), HasSubstr("parallel.data: -1"));
  EXPECT_THAT(refusal({.tensor = 0}, 1), HasSubstr("parallel.tensor: 0"));
  EXPECT_THAT(refusal({.pipeline = -2}, 1), HasSubstr("parallel.pipeline: -2"));
  EXPECT_THAT(refusal({.backend = "ncl"}, 1),
              AllOf(HasSubstr("parallel.backend"), HasSubstr("did you mean 'nccl'?")));
  EXPECT_THAT(refusal({.timeout_seconds = 0}, 1), HasSubstr("parallel.timeout_seconds"));
}

TEST(MeshPosition, PutsTensorInnermost) {
  const MeshShape shape{.data = 2, .pipeline = 3, .tensor = 4};
  EXPECT_EQ(position_of(1, shape), (MeshPosition{.data = 0, .pipeline = 0, .tensor = 1}));
  EXPECT_EQ(position_of(4, shape), (MeshPosition{.data = 0, .pipeline = 1, .tensor = 0}));
  EXPECT_EQ(position_of(12, shape), (MeshPosition{.data = 1, .pipeline = 0, .tensor = 0}));
  for (int rank = 0; rank < shape.product(); ++rank) {
    EXPECT_EQ(rank_of(position_of(rank, shape), shape), rank);
  }
}

TEST(MeshDimensions, ReadAsWords) {
  EXPECT_EQ((kData | kTensor).name(), "data x tensor");
  EXPECT_EQ(kNoDimension.name(), "none");
}

}  // namespace
}  // namespace incipit::comm
