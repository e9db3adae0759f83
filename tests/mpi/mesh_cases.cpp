// Tests of what uses communicators: meshes, reductions, agreement, replica checks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/agreement.h"
#include "comm/gradient_reduction.h"
#include "comm/mesh.h"
#include "comm/neighbours.h"
#include "comm/replicas.h"
#include "core/error.h"
#include "tests/mpi/world_cases.h"

namespace incipit::comm {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;

// Every mesh of the world's size.
std::vector<MeshShape> shapes_of(int size) {
  std::vector<MeshShape> shapes;
  for (int data = 1; data <= size; ++data) {
    for (int fsdp = 1; data * fsdp <= size; ++fsdp) {
      for (int pipeline = 1; data * fsdp * pipeline <= size; ++pipeline) {
        const int others = data * fsdp * pipeline;
        if (size % others != 0) continue;
        shapes.push_back({data, fsdp, pipeline, size / others});
      }
    }
  }
  return shapes;
}

template <typename Error, typename Body>
std::string message_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Mesh, JoinsTheRanksThatDifferAlongTheDimensionsAsked) {
  on_world([](Communicator& world) {
    for (const MeshShape& shape : shapes_of(world.size())) {
      const Mesh mesh(copy_of(world), shape);
      EXPECT_EQ(rank_of(mesh.position(), shape), world.rank());
      for (unsigned bits = 0; bits < MeshDimensions::kSubsets; ++bits) {
        const auto dimensions = MeshDimensions::from_bits(bits);
        std::vector<int> expected;
        for (int r = 0; r < world.size(); ++r) {
          MeshPosition other = position_of(r, shape);
          if (dimensions.contains(kData)) other.data = mesh.position().data;
          if (dimensions.contains(kFsdp)) other.fsdp = mesh.position().fsdp;
          if (dimensions.contains(kPipeline)) other.pipeline = mesh.position().pipeline;
          if (dimensions.contains(kTensor)) other.tensor = mesh.position().tensor;
          if (other == mesh.position()) expected.push_back(r);
        }
        EXPECT_EQ(mesh.along(dimensions).all_gather(world.rank(), "members"), expected)
            << dimensions.name();
      }
    }
  });
}

TEST(Mesh, KeepsTensorRanksTogether) {
  on_world([](Communicator& world) {
    const Mesh mesh(copy_of(world), {.data = 1, .pipeline = 1, .tensor = world.size()});
    EXPECT_EQ(mesh.tensor().rank(), world.rank());
    EXPECT_EQ(mesh.batch().size(), 1);
  });
}

TEST(Mesh, BatchesAreSharedByTheRanksOfDataAndFsdp) {
  on_world([](Communicator& world) {
    for (const MeshShape& shape : shapes_of(world.size())) {
      const Mesh mesh(copy_of(world), shape);
      EXPECT_EQ(mesh.batch().size(), shape.data * shape.fsdp);
      EXPECT_EQ(mesh.batch().rank(), mesh.position().data * shape.fsdp + mesh.position().fsdp);
      EXPECT_EQ(mesh.fsdp().rank(), mesh.position().fsdp);
    }
  });
}

TEST(Neighbours, ReceiveWhatTheirNeighboursSend) {
  on_world([](Communicator& world) {
    const Neighbours line(world);
    EXPECT_EQ(line.to_next().ranks == nullptr, world.rank() + 1 == world.size());
    EXPECT_EQ(line.from_previous().ranks == nullptr, world.rank() == 0);
    EXPECT_EQ(line.from_next().ranks == nullptr, line.to_next().ranks == nullptr);
    EXPECT_EQ(line.to_previous().ranks == nullptr, line.from_previous().ranks == nullptr);
    int mine = world.rank();
    std::byte memory{};
    int connections = 0;
    for (int i = 0; i < 2; ++i) {
      line.connect([&] {
        ++connections;
        return std::span(&memory, 1);
      });
    }
    EXPECT_EQ(connections, world.enqueues() && world.size() > 1 ? 1 : 0);
    const auto send = [&](const Channel& to) {
      if (to.ranks) to.ranks->send(std::as_bytes(std::span(&mine, 1)), to.peer, 3, "number");
    };
    const auto expect = [&](const Channel& from, int number) {
      if (!from.ranks) return;
      int theirs = -1;
      from.ranks->recv(std::as_writable_bytes(std::span(&theirs, 1)), from.peer, 3, "number");
      EXPECT_EQ(theirs, number);
    };
    expect(line.from_previous(), world.rank() - 1);
    send(line.to_next());
    expect(line.from_next(), world.rank() + 1);
    send(line.to_previous());
  });
}

TEST(GradientReduction, SumsEachParameterOverItsOwnDimensions) {
  on_world([](Communicator& world) {
    for (const MeshShape& shape : shapes_of(world.size())) {
      const Mesh mesh(copy_of(world), shape);
      std::vector<float> prompt(100, 1.0f);
      std::vector<float> deep(60, 1.0f);
      std::vector<float> sharded(7, static_cast<float>(world.rank()));
      std::vector<float> second(3, 1.0f);
      const std::vector<ReducedParameter> parameters{
          {"prompt", prompt, kBatch},
          {"deep", deep, kBatch | kPipeline | kTensor},
          {"sharded", sharded, kNoDimension},
          {"second", second, kBatch},
      };
      reduce_gradients(mesh, parameters);
      const int shares = shape.data * shape.fsdp;
      EXPECT_THAT(prompt, Each(static_cast<float>(shares)));
      EXPECT_THAT(deep, Each(static_cast<float>(world.size())));
      EXPECT_THAT(sharded, Each(static_cast<float>(world.rank())));
      EXPECT_THAT(second, Each(static_cast<float>(shares)));
    }
  });
}

TEST(GradientReduction, CountsTheLossOncePerShareOfTheBatch) {
  on_world([](Communicator& world) {
    for (const MeshShape& shape : shapes_of(world.size())) {
      const Mesh mesh(copy_of(world), shape);
      const bool last_stage = mesh.position().pipeline == shape.pipeline - 1;
      std::vector<double> totals(4);
      if (last_stage) totals = {0.1, 16'777'217, 5, 2};  // loss, targets, tokens, examples
      mesh.along(kBatch | kPipeline).all_reduce_sum(std::span<double>(totals), "batch totals");
      const double shares = shape.data * shape.fsdp;
      EXPECT_DOUBLE_EQ(totals[0], 0.1 * shares);
      EXPECT_EQ(totals[1], 16'777'217.0 * shares);
      EXPECT_EQ(totals[2], 5.0 * shares);
      EXPECT_EQ(totals[3], 2.0 * shares);
    }
  });
}

TEST(Agreement, AcceptsTheSameText) {
  on_world([](Communicator& world) {
    EXPECT_NO_THROW(require_same(world, "configuration", "seed: 17\nsteps: 300\n"));
  });
}

TEST(Agreement, NamesTheRankAndTheLineThatDiffer) {
  if (world_size() < 2) GTEST_SKIP() << "needs two ranks";
  on_world([](Communicator& world) {
    const int odd = world.size() - 1;
    const std::string text =
        world.rank() == odd ? "seed: 17\nsteps: 30\nlr: 1\n" : "seed: 17\nsteps: 300\nlr: 1\n";
    const auto message =
        message_of<ConfigError>([&] { require_same(world, "configuration", text); });
    EXPECT_THAT(message, AllOf(HasSubstr("configuration"), HasSubstr("'steps: 300'"),
                               HasSubstr("rank " + std::to_string(odd) + " has 'steps: 30'")));
    EXPECT_NO_THROW(require_same(world, "tokenizer", "same"));  // the ranks are still in step
  });
}

TEST(Replicas, PassWhenEqual) {
  on_world([](Communicator& world) {
    const std::vector<float> prompt(1001, 0.5f);
    const std::vector<Replica> mine{{"prompt", std::as_bytes(std::span(prompt))}};
    EXPECT_NO_THROW(check_replicas(world, mine));
  });
}

TEST(Replicas, NameTheRankThatDrifted) {
  if (world_size() < 3) GTEST_SKIP() << "needs a majority";
  on_world([](Communicator& world) {
    const int drifted = 0;  // the majority is right, not the lowest rank
    const std::vector<float> prompt(1001, 0.5f);
    std::vector<float> state(77, 1.0f);
    if (world.rank() == drifted) state[76] = std::nextafter(1.0f, 2.0f);
    const std::vector<Replica> mine{{"prompt", std::as_bytes(std::span(prompt))},
                                    {"optimizer", std::as_bytes(std::span(state))}};
    const auto message = message_of<CommError>([&] { check_replicas(world, mine); });
    EXPECT_THAT(message, AllOf(HasSubstr("'optimizer'"), HasSubstr("rank 0 differs")));
  });
}

}  // namespace
}  // namespace incipit::comm
