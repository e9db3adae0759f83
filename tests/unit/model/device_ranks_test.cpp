// Operations of several ranks overlap with computation where they are enqueued, as on GPUs.
#include <ATen/ops/allclose.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "comm/mesh.h"
#include "model/stage_link.h"
#include "tests/support/fake_gpus.h"
#include "tests/unit/model/engine_cases.h"

namespace incipit::model {
namespace {

using namespace engine_cases;
using Calls = std::vector<std::string>;

Backbone part_of(const comm::Mesh& mesh, const llama::Config& config, at::ScalarType type) {
  return Backbone::random(config.spec(), 12, {.dtype = type}, Placement(mesh));
}

// Returns how often `part` occurs in `calls`.
std::int64_t count(const Calls& calls, const Calls& part) {
  std::int64_t found = 0;
  for (auto at = calls.begin(); at != calls.end(); ++at) {
    at = std::search(at, calls.end(), part.begin(), part.end());
    if (at == calls.end()) break;
    ++found;
  }
  return found;
}

// 1200 rows are two blocks.
TEST(TensorParallelOnGpus, ABlockOfRowsIsSummedWhileTheNextIsComputed) {
  llama::Config c = small_config();
  c.max_positions = 1200;
  Sequence sequence;
  sequence.append_prompt({0, 5});
  for (TokenId id = 0; id < 1195; ++id) sequence.append_tokens(std::vector<TokenId>{id * 7 % 50});
  for (std::int64_t row = 4; row < 1190; row += 60) sequence.predictions.push_back({row, 7, 1});
  const std::vector<at::Tensor> prompts{random_prompt(5, c, 3, at::kDouble)};
  const auto outcome_of = [&](const Backbone& backbone) {
    return run(backbone, {sequence}, prompts, 1, 100000);
  };
  const Outcome expected = outcome_of(Backbone::random(c.spec(), 12, {.dtype = at::kDouble}));
  testing::run_on_fake_gpus(2, [&](comm::Communicator& world) {
    const comm::Mesh mesh(world.split(0, world.rank(), "world"), {.tensor = 2});
    const Backbone part = part_of(mesh, c, at::kDouble);
    (void)testing::take_device_calls();
    expect_equal(outcome_of(part), expected, 1e-10);
    // In each of two layers, forward and backward, the sums of attention and of the MLP. The last
    // layer computes few rows.
    const Calls overlapped{"all_reduce", "all_reduce", "wait", "wait"};
    EXPECT_GE(count(testing::take_device_calls(), overlapped), 8);
  });
}

TEST(StageLinkOnGpus, SendsInBothDirectionsBeforeItReceives) {
  testing::run_on_fake_gpus(3, [&](comm::Communicator& world) {
    const comm::Mesh mesh(world.split(0, world.rank(), "world"), {.pipeline = 3});
    const llama::Config c = small_config();
    const Backbone stage = part_of(mesh, c, at::kFloat);
    const bool is_middle = world.rank() == 1;
    StageLink link(stage);
    (void)testing::take_device_calls();
    const auto values = [&](int rank, int factor) {
      return at::full({4, c.hidden_size}, factor * (rank + 1), at::kFloat);
    };
    for (int factor = 1; factor <= 3; ++factor) {
      link.expect_input(4);
      link.expect_gradient(4);
      link.send_output(values(world.rank(), factor));
      link.send_gradient(values(world.rank(), -factor));
      // Waits for the tensors sent before.
      Calls sent(is_middle ? 2 : 1, "send");
      if (factor > 1)
        sent = is_middle ? Calls{"wait", "send", "wait", "send"} : Calls{"wait", "send"};
      EXPECT_EQ(testing::take_device_calls(), sent);
      const at::Tensor input = link.receive_input(4);
      const at::Tensor gradient = link.receive_gradient(4);
      const Calls received =
          is_middle ? Calls{"recv", "wait", "recv", "wait"} : Calls{"recv", "wait"};
      EXPECT_EQ(testing::take_device_calls(), received);
      ASSERT_EQ(input.defined(), world.rank() > 0);
      ASSERT_EQ(gradient.defined(), world.rank() < 2);
      if (input.defined()) {
        EXPECT_TRUE(at::allclose(input, values(world.rank() - 1, factor)));
      }
      if (gradient.defined()) {
        EXPECT_TRUE(at::allclose(gradient, values(world.rank() + 1, -factor)));
      }
    }
  });
}

}  // namespace
}  // namespace incipit::model
