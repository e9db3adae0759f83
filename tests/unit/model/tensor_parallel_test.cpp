// A model whose layers and vocabulary are split over ranks equals the model on one rank.
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <string>

#include "comm/threads.h"
#include "core/error.h"
#include "families/registry.h"
#include "model/safetensors.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/model/engine_cases.h"

namespace incipit::model {
namespace {

using namespace engine_cases;

Placement tensor_placement(comm::Communicator& ranks) {
  Placement placement;
  placement.tensor = {std::shared_ptr<void>(), &ranks};
  return placement;
}

std::vector<at::Tensor> two_prompts(const llama::Config& c, at::ScalarType type) {
  return {random_prompt(5, c, 3, type), random_prompt(2, c, 4, type)};
}

// The outcome of every rank.
std::vector<Outcome> run_split(const llama::Config& c, int ranks, at::ScalarType type) {
  std::vector<Outcome> outcomes(static_cast<std::size_t>(ranks));
  const auto prompt_type = type == at::kDouble ? at::kDouble : at::kFloat;
  comm::run_on_threads(ranks, [&](comm::Communicator& world) {
    const Backbone part = Backbone::random(c.spec(), 12, {.dtype = type}, tensor_placement(world));
    outcomes[static_cast<std::size_t>(world.rank())] =
        run(part, mixed_batch(), two_prompts(c, prompt_type), 1, 6);
  });
  return outcomes;
}

class TensorForms : public ::testing::TestWithParam<std::tuple<const char*, int>> {};

TEST_P(TensorForms, EveryRankHasTheOutcomeOfOneRankInFloat64) {
  const auto [form, ranks] = GetParam();
  const llama::Config c = config_of(form);
  const Backbone whole = Backbone::random(c.spec(), 12, {.dtype = at::kDouble});
  const Outcome expected = run(whole, mixed_batch(), two_prompts(c, at::kDouble), 1, 6);
  const std::vector<Outcome> outcomes = run_split(c, ranks, at::kDouble);
  for (const Outcome& outcome : outcomes) {
    expect_equal(outcome, expected, 1e-10);
    EXPECT_EQ(outcome.argmax, expected.argmax);
    // Replicas of the prompt stay the same bits without telling each other.
    EXPECT_EQ(outcome.log_likelihoods, outcomes[0].log_likelihoods);
    for (std::size_t p = 0; p < outcome.gradients.size(); ++p) {
      EXPECT_TRUE(at::equal(outcome.gradients[p], outcomes[0].gradients[p]));
    }
  }
}

std::string name_of(const ::testing::TestParamInfo<std::tuple<const char*, int>>& info) {
  return std::string(std::get<0>(info.param)) + "_on_" + std::to_string(std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Forms, TensorForms, ::testing::Combine(kForms, ::testing::Values(2, 3, 4)),
                         name_of);
// Groups that ranks cannot divide evenly, and more ranks than groups.
INSTANTIATE_TEST_SUITE_P(Uneven, TensorForms,
                         ::testing::Combine(::testing::Values("nine_heads"),
                                            ::testing::Values(2, 3, 4, 5)),
                         name_of);

TEST(TensorParallel, BFloat16FollowsFloat32) {
  const llama::Config c = config_of("nine_heads");
  const Backbone exact_model = Backbone::random(c.spec(), 12, {.dtype = at::kFloat});
  const Outcome exact = run(exact_model, mixed_batch(), two_prompts(c, at::kFloat), 1, 6);
  const std::vector<Outcome> outcomes = run_split(c, 2, at::kBFloat16);
  for (std::size_t p = 0; p < exact.gradients.size(); ++p) {
    const at::Tensor& rounded = outcomes[0].gradients[p];
    const double error = (rounded - exact.gradients[p]).norm().item<double>() /
                         exact.gradients[p].norm().item<double>();
    EXPECT_LT(error, 0.05);
    EXPECT_TRUE(at::equal(rounded, outcomes[1].gradients[p]));
  }
}

TEST(TensorParallel, EmbeddingRowsAndKeptLogitsAreThoseOfOneRank) {
  const llama::Config c = config_of("nine_heads");
  const std::vector<TokenId> ids{49, 0, 16, 17, 33, 34};
  const std::vector<at::Tensor> prompts = two_prompts(c, at::kFloat);
  const PackedForest packed = pack(mixed_batch());
  const auto logits_of = [&](const Backbone& backbone) {
    return ForestPass(backbone, packed.forest, prompts, {.keep_logits = true}).logits();
  };
  const Backbone whole = Backbone::random(c.spec(), 12, {.dtype = at::kFloat});
  const at::Tensor rows = whole.embed(ids);
  const at::Tensor logits = logits_of(whole);
  comm::run_on_threads(3, [&](comm::Communicator& world) {
    const Backbone part =
        Backbone::random(c.spec(), 12, {.dtype = at::kFloat}, tensor_placement(world));
    EXPECT_TRUE(at::equal(part.embed(ids), rows));
    EXPECT_TRUE(at::allclose(logits_of(part), logits, 1e-4, 1e-5));
  });
}

TEST(TensorParallel, AWideHeadIsScoredInSeveralChunks) {
  llama::Config c = small_config();
  c.max_positions = 700;
  Sequence sequence;
  sequence.append_prompt({0, 5});
  sequence.append_tokens(std::vector<TokenId>(600, 2));
  for (std::int64_t row = 4; row < 604; ++row) {
    sequence.predictions.push_back({row, static_cast<TokenId>(row % 50), 1});
  }
  const std::vector<at::Tensor> prompts{random_prompt(5, c, 3, at::kDouble)};
  const auto outcome_of = [&](const Backbone& backbone) {
    return run(backbone, {sequence}, prompts, 1, 100000);
  };
  const Outcome expected = outcome_of(Backbone::random(c.spec(), 12, {.dtype = at::kDouble}));
  comm::run_on_threads(2, [&](comm::Communicator& world) {
    expect_equal(
        outcome_of(Backbone::random(c.spec(), 12, {.dtype = at::kDouble}, tensor_placement(world))),
        expected, 1e-10);
  });
}

TEST(TensorParallel, MoreRanksThanHeadsAreRefusedBeforeAnythingIsMade) {
  comm::run_on_threads(7, [&](comm::Communicator& world) {
    EXPECT_EQ(testing::message_of<ConfigError>([&] {
                (void)Backbone::random(small_config().spec(), 1, {}, tensor_placement(world));
              }),
              "parallel.tensor: 7 ranks, but the model has 6 attention heads to split; set it to "
              "6 or less");
  });
}

// Pages that nobody should read: reading one is counted, and then allowed.
class ForbiddenPages {
 public:
  ForbiddenPages() {
    touched_ = 0;
    struct sigaction action {};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t* info, void*) {
      const auto page = reinterpret_cast<std::uintptr_t>(info->si_addr) / kPage * kPage;
      ++touched_;
      // Fails, and so ends the program, when the fault has nothing to do with us.
      if (::mprotect(reinterpret_cast<void*>(page), kPage, PROT_READ) != 0) std::abort();
    };
    ::sigaction(SIGSEGV, &action, &before_);
  }
  ~ForbiddenPages() { ::sigaction(SIGSEGV, &before_, nullptr); }
  ForbiddenPages(const ForbiddenPages&) = delete;
  ForbiddenPages& operator=(const ForbiddenPages&) = delete;

  // Those that lie within this part of a mapped tensor.
  void forbid(const at::Tensor& part) {
    const auto begin = reinterpret_cast<std::uintptr_t>(part.const_data_ptr());
    const std::uintptr_t first = (begin + kPage - 1) / kPage * kPage;
    const std::uintptr_t end = (begin + part.nbytes()) / kPage * kPage;
    if (first >= end) return;
    ASSERT_EQ(::mprotect(reinterpret_cast<void*>(first), end - first, PROT_NONE), 0);
    count_ += static_cast<int>((end - first) / kPage);
  }
  [[nodiscard]] int count() const { return count_; }
  [[nodiscard]] static int touched() { return touched_; }

 private:
  static constexpr std::uintptr_t kPage = 4096;
  static inline std::atomic<int> touched_;
  struct sigaction before_ {};
  int count_ = 0;
};

constexpr std::int64_t kWide = 8192;  // of the vocabulary and the MLP: rows of several pages

ModelSpec write_wide_model(const testing::TemporaryFolder& folder) {
  folder.write("config.json", R"({
    "model_type": "llama", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 2, "head_dim": 4, "intermediate_size": 8192, "vocab_size": 8192,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu",
    "tie_word_embeddings": true})");
  std::map<std::string, at::Tensor> tensors;
  const auto add = [&](const std::string& name, at::IntArrayRef shape) {
    tensors["model." + name + ".weight"] = at::ones(shape, at::kFloat);
  };
  add("embed_tokens", {kWide, 16});
  add("norm", {16});
  for (const char* norm : {"input_layernorm", "post_attention_layernorm"}) {
    add(std::string("layers.0.") + norm, {16});
  }
  for (const char* name : {"q_proj", "k_proj", "v_proj"}) {
    add(std::string("layers.0.self_attn.") + name, {8, 16});
  }
  add("layers.0.self_attn.o_proj", {16, 8});
  add("layers.0.mlp.gate_proj", {kWide, 16});
  add("layers.0.mlp.up_proj", {kWide, 16});
  add("layers.0.mlp.down_proj", {16, kWide});
  write_safetensors(folder / "model.safetensors", tensors);
  return families::read_model(folder.path());
}

// Forbids the parts of the wide tensors that belong to a rank with this share.
void forbid_share(const WeightFiles& files, const Partition& part, ForbiddenPages& pages) {
  const LayerShare& share = part.shares[0];
  const auto rows = [&](const char* name, const Range& range) {
    pages.forbid(files.get_rows(name, {kWide, 16}, range.begin, range.end));
  };
  rows("model.embed_tokens.weight", part.vocabulary);
  rows("model.layers.0.mlp.gate_proj.weight", share.columns);
  rows("model.layers.0.mlp.up_proj.weight", share.columns);
  const at::Tensor down = files.get("model.layers.0.mlp.down_proj.weight", {16, kWide});
  for (std::int64_t row = 0; row < 16; ++row) {
    pages.forbid(down.select(0, row).narrow(0, share.columns.begin, share.columns.size()));
  }
}

TEST(TensorParallel, ARankHoldsItsShareAndReadsNoOther) {
  const testing::TemporaryFolder folder;
  const ModelSpec c = write_wide_model(folder);
  comm::run_on_threads(2, [&](comm::Communicator& world) {
    if (world.rank() != 1) return;  // loading is not collective
    const WeightFiles files(folder.path());
    ForbiddenPages pages;
    forbid_share(files, partition_of(c, 1, 0, 2, 0), pages);
    EXPECT_GT(pages.count(), 150);
    const Backbone part = Backbone::load(c, files, {.dtype = at::kFloat}, tensor_placement(world));
    EXPECT_EQ(pages.touched(), 0) << "of " << pages.count() << " pages of the other rank";
    EXPECT_EQ(part.weight_bytes(),
              Backbone::without_data(c, at::kFloat, tensor_placement(world)).weight_bytes());
    EXPECT_LE(static_cast<double>(part.weight_bytes()),
              1.02 * static_cast<double>(files.total_bytes()) / 2);

    forbid_share(files, partition_of(c, 1, 0, 2, 1), pages);  // and the test can fail
    (void)Backbone::load(c, files, {.dtype = at::kFloat}, tensor_placement(world));
    EXPECT_GT(pages.touched(), 150);
  });
}

}  // namespace
}  // namespace incipit::model
