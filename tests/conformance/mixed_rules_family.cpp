// A family that is registered from outside of families/. Its layers differ in what the layers of
// one real model rarely do: window, softcap, scale, rotary table, norms. One of its models is an
// encoder-decoder. The conformance tests run on it as on every other family.
#include <gtest/gtest.h>

#include "families/registry.h"
#include "tests/support/temporary_folder.h"

namespace incipit {
namespace {

constexpr std::int64_t kHidden = 24;

// What the attention of a layer differs in.
struct Form {
  nn::AttentionRule rule;
  int rotary = -1;
  bool head_norms = false;
  nn::NormKind norm = nn::NormKind::kRms;
  bool cross = false;
  bool output_norm = false;
};

model::LayerSpec layer(const Form& form, int number) {
  const std::string name = "layer" + std::to_string(number) + ".";
  const auto norm = [&](const std::string& part, nn::NormKind kind) {
    return model::NormSpec{.name = name + part, .kind = kind, .eps = 1e-5};
  };
  model::LayerSpec made;
  made.attention_norm = norm("norm1", form.norm);
  made.attention = {.heads = 6,
                    .kv_heads = 2,
                    .head_dim = 4,
                    .query = {name + "q", /*bias=*/true},
                    .key = {name + "k", /*bias=*/true},
                    .value = {name + "v", /*bias=*/true},
                    .output = {name + "o", /*bias=*/true},
                    .query_norm = {},
                    .key_norm = {},
                    .rotary = form.rotary,
                    .rule = form.rule};
  if (form.head_norms) {
    made.attention.query_norm = norm("q_norm", nn::NormKind::kRms);
    made.attention.key_norm = norm("k_norm", nn::NormKind::kRms);
  }
  made.mlp_norm = norm("norm2", nn::NormKind::kRms);
  made.mlp = {.width = 40,
              .activation = nn::Activation::kSwiglu,
              .gate = model::LinearSpec{name + "gate"},
              .up = {name + "up"},
              .down = {name + "down"}};
  if (form.cross) {
    made.cross = model::CrossSpec{.norm = norm("cross_norm", form.norm),
                                  .query = {name + "cross_q", /*bias=*/true},
                                  .key = {name + "cross_k"},
                                  .value = {name + "cross_v"},
                                  .output = {name + "cross_o", /*bias=*/true},
                                  .scale = 0.6};
  }
  if (form.output_norm) made.output_norm = norm("output_norm", form.norm);
  return made;
}

struct Variant {
  bool scales_prompts = false;
  std::int64_t classes = 0;
  bool encoder = false;
};

std::vector<Form> forms(bool encoder) {
  const std::vector<Form> decoder{
      {.rule = {.window = 3, .softcap = 2}, .rotary = 0},
      {.rule = {.scale = 0.3}, .rotary = 1, .norm = nn::NormKind::kLayer},
      {.rule = {.window = 5}, .rotary = -1, .head_norms = true},
      {.rule = {.scale = 0.8, .softcap = 1}, .rotary = 0},
  };
  if (!encoder) return decoder;
  return {{.rule = {.window = 3, .softcap = 2, .full = true}, .rotary = 0},
          {.rule = {.full = true}, .rotary = 1, .output_norm = true},
          {.rule = {.window = 2}, .rotary = 0, .head_norms = true, .cross = true},
          {.rule = {.scale = 0.3}, .rotary = 1, .norm = nn::NormKind::kLayer, .cross = true}};
}

model::ModelSpec spec(const Variant& variant) {
  model::ModelSpec made;
  made.model_type = "mixed_rules";
  made.hidden_size = kHidden;
  made.vocab_size = 61;
  made.max_positions = 64;
  made.embedding = "tokens";
  made.embedding_scale = 1.5;
  made.scales_prompts = variant.scales_prompts;
  made.rotary = {{.theta = 100, .head_dim = 4, .scaling = {}},
                 {.theta = 10000, .head_dim = 4, .scaling = {}}};
  for (const Form& form : forms(variant.encoder)) {
    made.layers.push_back(layer(form, static_cast<int>(made.layers.size())));
  }
  made.final_norm = {.name = "norm", .kind = nn::NormKind::kRms, .eps = 1e-5};
  made.classes = variant.classes;
  if (made.classes > 0) made.head = "head";
  made.logit_softcap = 3;
  return made;
}

[[maybe_unused]] const bool kAdded = [] {
  families::add_family({.model_types = {"mixed_rules"},
                        .read =
                            [](const model::JsonObject& config) {
                              return spec({.scales_prompts = config.boolean("scales_prompts")});
                            },
                        .examples =
                            [] {
                              return std::vector{spec({}),
                                                 spec({.scales_prompts = true, .classes = 45}),
                                                 spec({.encoder = true})};
                            }});
  return true;
}();

TEST(AddedFamily, IsReadLikeTheOthers) {
  const testing::TemporaryFolder folder;
  folder.write("config.json", R"({"model_type": "mixed_rules", "scales_prompts": true})");
  const model::ModelSpec read = families::read_model(folder.path());
  EXPECT_TRUE(read.scales_prompts);
  EXPECT_EQ(read.layers[0].attention.rule.window, 3);
  EXPECT_EQ(read.layers.size(), 4U);
}

}  // namespace
}  // namespace incipit
