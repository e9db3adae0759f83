// Every method on every family: what all of them promise, with no code for any one of them. A
// method or a family that is registered is tested here.
#include <ATen/Parallel.h>
#include <ATen/ops/allclose.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "comm/threads.h"
#include "core/error.h"
#include "families/registry.h"
#include "methods/headed.h"
#include "methods/prefix_tuning/prefix_tuning.h"
#include "methods/prompt.h"
#include "methods/prompted_model.h"
#include "methods/registry.h"
#include "methods/text_key_values.h"
#include "model/weight_files.h"
#include "nn/flops.h"
#include "nn/ledger.h"
#include "plan/rank_cost.h"
#include "tests/conformance/conformance.h"
#include "tests/conformance/steps.h"
#include "tests/conformance/subjects.h"
#include "tests/support/temporary_folder.h"
#include "trainer/optimizer.h"
#include "trainer/step.h"
#include "trainer/train_step.h"

namespace incipit {
namespace {

using conformance::all_models;
using conformance::all_subjects;
using conformance::batch_after;
using conformance::long_batch_after;
using conformance::one_rank;
using conformance::Outcome;
using conformance::run_passes;
using conformance::start;
using conformance::start_without_data;
using conformance::step;
using conformance::Subject;

namespace fs = std::filesystem;

void expect_equal(const Outcome& a, const Outcome& b, double tolerance, const std::string& what) {
  EXPECT_NEAR(a.loss, b.loss, tolerance * std::abs(b.loss)) << what;
  ASSERT_EQ(a.gradients.size(), b.gradients.size());
  for (const auto& [name, gradient] : a.gradients) {
    const at::Tensor& other = b.gradients.at(name);
    const double size = other.norm().item<double>();
    EXPECT_GT(size, 0) << what << ", " << name;
    EXPECT_LT(gradient.sub(other).norm().item<double>(), tolerance * size) << what << ", " << name;
  }
}

using Case = std::tuple<int, int>;  // indices of the model and of the method

// A teacher has the weights and the head of the frozen model.
bool can_distil(const Subject& subject) {
  return !methods::trains_backbone(subject.options) && !subject.head;
}

class Conformance : public ::testing::TestWithParam<Case> {
 protected:
  Conformance() { at::set_num_threads(1); }
  [[nodiscard]] methods::PromptedModel prompted(const model::Backbone& backbone) const {
    return methods::PromptedModel(backbone, {start(subject_, spec_)});
  }
  [[nodiscard]] std::vector<Sequence> batch() const { return batch_after(spec_, prompt_rows()); }
  [[nodiscard]] PromptRows prompt_rows() const { return methods::prompt_rows(subject_.options); }
  void expect_finite_differences(bool distils) const;
  model::ModelSpec spec_ = all_models()[std::get<0>(GetParam())];
  Subject subject_ = all_subjects()[std::get<1>(GetParam())];
};

TEST_P(Conformance, FlatForestAndCutBatchesGiveEqualGradients) {
  const auto backbone = model::Backbone::random(spec_, 3, {.dtype = at::kDouble});
  auto model = prompted(backbone);
  // Prompts are float32, so sums of their gradients are rounded to it.
  const Outcome flat = step(model, batch(), {.min_shared_rows = 0});
  expect_equal(step(model, batch()), flat, 1e-5, "forest");
  for (const std::int64_t rows : {12, 7, 1}) {
    expect_equal(step(model, batch(), {.max_rows = rows}), flat, 1e-5,
                 "cut at " + std::to_string(rows));
  }
}

void Conformance::expect_finite_differences(bool distils) const {
  const auto backbone = model::Backbone::random(spec_, 3, {.dtype = at::kDouble});
  auto model = prompted(backbone);
  const auto one_step = [&] { return step(model, batch(), {.distils = distils}); };
  (void)one_step();
  std::vector<at::Tensor> gradients;
  for (const methods::Parameter& parameter : model.prompt(0).parameters()) {
    gradients.push_back(parameter.grad.flatten().clone());
  }
  for (std::size_t p = 0; p < gradients.size(); ++p) {
    const methods::Parameter& parameter = model.prompt(0).parameters()[p];
    at::Tensor value = parameter.value.view({-1});
    const at::Tensor& gradient = gradients[p];
    const auto tolerance = [](double difference) { return 2e-3 * std::abs(difference) + 1e-6; };
    const auto difference_over = [&](std::int64_t i, float distance) {
      const float before = value[i].item<float>();
      double difference = 0;
      for (const float sign : {1.0F, -1.0F}) {
        value[i].fill_(before + sign * distance);
        difference += sign * one_step().loss / (2 * distance);
      }
      value[i].fill_(before);
      return difference;
    };
    // The elements with the largest gradients, where float32 parameters move far enough. Weights of
    // an encoder move the prompt so little that its rounding to float32 may count: they may move
    // farther. Parameters that start near 0, as the factors of multi-task prompts, may move less.
    for (int turn = 0; turn < 3; ++turn) {
      const auto i = gradient.abs().argsort(-1, /*descending=*/true)[turn].item<std::int64_t>();
      const auto wanted = gradient[i].item<double>();
      double difference = 0;
      for (const float distance : {1.0F / 512, 1.0F / 64, 1.0F / 8192}) {
        difference = difference_over(i, distance);
        if (std::abs(wanted - difference) <= tolerance(difference)) break;
      }
      EXPECT_NEAR(wanted, difference, tolerance(difference)) << parameter.name << ", element " << i;
    }
  }
}

TEST_P(Conformance, GradientsEqualFiniteDifferences) {
  expect_finite_differences(/*distils=*/false);
}

// Of the methods that can distil.
class Distillation : public Conformance {};

TEST_P(Distillation, GradientsEqualFiniteDifferences) {
  expect_finite_differences(/*distils=*/true);
}

TEST_P(Conformance, EveryMeshGivesTheLossAndGradientsOfOneRank) {
  const auto whole = model::Backbone::random(spec_, 3, {});
  auto alone = prompted(whole);
  const Outcome one = step(alone, batch());
  const Outcome divergence =
      can_distil(subject_) ? step(alone, batch(), {.distils = true}) : Outcome();
  for (const comm::MeshShape& shape : {comm::MeshShape{.data = 2},
                                       {.fsdp = 2},
                                       {.pipeline = 2},
                                       {.pipeline = 3},
                                       {.tensor = 2},
                                       {.tensor = 3},
                                       {.fsdp = 2, .pipeline = 2, .tensor = 2}}) {
    comm::run_on_threads(shape.product(), [&](comm::Communicator& world) {
      at::set_num_threads(1);
      const comm::Mesh mesh(world.split(0, world.rank(), "world"), shape);
      const auto part = model::Backbone::random(spec_, 3, {}, model::Placement(mesh));
      EXPECT_EQ(part.weight_bytes(),
                plan::weight_bytes(spec_, shape, world.rank(), /*number_bytes=*/4));
      auto model = prompted(part);
      std::vector<Sequence> share;  // a rank may have no example
      const std::vector<Sequence> all = batch();
      for (std::size_t i = mesh.batch().rank(); i < all.size(); i += mesh.batch().size()) {
        share.push_back(all[i]);
      }
      for (const bool recompute : {false, true}) {
        const Outcome outcome =
            step(model, share, {.max_rows = 9, .recompute = recompute, .mesh = mesh});
        if (world.rank() == 0) expect_equal(outcome, one, 1e-4, comm::describe(shape));
      }
      if (!can_distil(subject_)) return;
      const Outcome outcome = step(model, share, {.max_rows = 9, .distils = true, .mesh = mesh});
      if (world.rank() == 0) expect_equal(outcome, divergence, 1e-4, comm::describe(shape));
    });
  }
}

TEST_P(Conformance, ARankWithoutExamplesTakesPart) {
  const auto whole = model::Backbone::random(spec_, 3, {});
  auto alone = prompted(whole);
  const Outcome one = step(alone, batch());
  comm::run_on_threads(2, [&](comm::Communicator& world) {
    at::set_num_threads(1);
    const comm::Mesh mesh(world.split(0, world.rank(), "world"), {.fsdp = 2});
    const auto part = model::Backbone::random(spec_, 3, {}, model::Placement(mesh));
    auto model = prompted(part);
    const auto share = world.rank() == 0 ? batch() : std::vector<Sequence>{};
    const Outcome outcome = step(model, share, {.max_rows = 9, .mesh = mesh});
    if (world.rank() == 0) expect_equal(outcome, one, 1e-4, "fsdp 2");
  });
}

// What the passes of a step take, without the weights.
struct Cost {
  double flops = 0;
  double peak_bytes = 0;
};

Cost cost_of(const model::Backbone& backbone, std::shared_ptr<methods::Trainable> prompt,
             const std::vector<Sequence>& batch, std::int64_t max_rows) {
  const double flops = nn::counted_flops();
  const nn::LedgerRecording recording;
  methods::PromptedModel model(backbone, {std::move(prompt)});
  (void)run_passes(model, batch, {.max_rows = max_rows});
  return {nn::counted_flops() - flops, recording.snapshot().total.peak_bytes};
}

// So that `incipit plan` knows the memory and the operations of every method on every family.
TEST_P(Conformance, AStepWithoutDataCostsWhatARealOneDoes) {
  nn::start_ledger();
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const auto real = model::Backbone::random(spec_, 3, {.dtype = dtype});
    const auto meta = model::Backbone::without_data(spec_, dtype);
    EXPECT_EQ(meta.weight_bytes(), real.weight_bytes());
    const auto batch = long_batch_after(spec_, prompt_rows());
    for (const std::int64_t rows : {2000, 800}) {  // whole, cut
      const Cost is = cost_of(real, start(subject_, spec_), batch, rows);
      const Cost planned = cost_of(meta, start_without_data(subject_, spec_), batch, rows);
      EXPECT_EQ(planned.flops, is.flops);
      EXPECT_NEAR(planned.peak_bytes, is.peak_bytes, 0.1 * is.peak_bytes);
    }
  }
}

TEST_P(Conformance, RecomputingLayersChangesNoBitAndSavesMemory) {
  nn::start_ledger();
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const auto backbone = model::Backbone::random(spec_, 3, {.dtype = dtype});
    auto model = prompted(backbone);
    for (const std::int64_t rows : {1000, 9}) {  // whole, cut
      const double before = nn::counted_flops();
      const Outcome kept = step(model, batch(), {.max_rows = rows});
      const double between = nn::counted_flops();
      const Outcome again = step(model, batch(), {.max_rows = rows, .recompute = true});
      EXPECT_EQ(nn::counted_flops() - between, between - before);  // those that are needed
      EXPECT_EQ(again.loss, kept.loss);
      ASSERT_EQ(again.gradients.size(), kept.gradients.size());
      for (const auto& [name, gradient] : kept.gradients) {
        EXPECT_TRUE(again.gradients.at(name).equal(gradient)) << name;
      }
    }
    const Forest forest = pack(long_batch_after(spec_, prompt_rows())).forest;
    const auto saved_bytes = [&](bool recompute) {
      const nn::LedgerRecording recording;
      const auto pass = model.forward(forest, {.for_backward = true, .recompute = recompute});
      return recording.snapshot().total.bytes;
    };
    // For a head alone, no layer saves anything.
    if (methods::trained_numbers(subject_.options, spec_) == 0) continue;
    EXPECT_LT(saved_bytes(true), 0.7 * saved_bytes(false));
  }
}

// On a device every read makes the host wait. Here it throws.
TEST_P(Conformance, AStepReadsNothingFromTheDevice) {
  const auto meta = model::Backbone::without_data(spec_, at::kFloat);
  methods::PromptedModel model(meta, {start_without_data(subject_, spec_)});
  const Forest forest = pack(batch(), 1).forest;
  for (const auto kind : {trainer::OptimizerKind::kAdamW, trainer::OptimizerKind::kAdafactor,
                          trainer::OptimizerKind::kSgd}) {
    const auto optimizer = trainer::make_optimizer(
        {.kind = kind, .weight_decay = 0.1, .momentum = 0.9}, {model.prompt(0).parameters()});
    trainer::StepBatch share{.forest = forest,
                             .objective = trainer::target_token_objective(forest, meta.device())};
    share.tasks.push_back(trainer::target_token_objective(forest, meta.device()));
    const at::Tensor numbers =
        trainer::run_step(model, *optimizer, one_rank(), share,
                          {.micro_batches = {.max_rows = 9}, .max_grad_norm = 1});
    EXPECT_EQ(numbers.numel(), 8);
    EXPECT_THROW((void)numbers.sum().item<double>(), c10::Error);
  }
}

// Rounding can be large beside a gradient that happens to be small. A mistake shows with most
// weights.
TEST_P(Conformance, BFloat16FollowsFloat32) {
  std::map<std::string, std::vector<double>> errors;
  for (const std::uint64_t seed : {3, 4, 5}) {
    const auto wide = model::Backbone::random(spec_, seed, {});
    const auto narrow = model::Backbone::random(spec_, seed, {.dtype = at::kBFloat16});
    auto a = prompted(narrow);
    auto b = prompted(wide);
    const Outcome exact = step(b, batch());
    const Outcome rounded = step(a, batch());
    EXPECT_NEAR(rounded.loss, exact.loss, 0.1 * std::abs(exact.loss));
    for (const auto& [name, gradient] : exact.gradients) {
      const at::Tensor error = rounded.gradients.at(name).sub(gradient);
      errors[name].push_back(error.norm().item<double>() / gradient.norm().item<double>());
    }
  }
  for (auto& [name, values] : errors) {
    std::sort(values.begin(), values.end());
    EXPECT_LT(values[values.size() / 2], 0.1) << name;
  }
}

// Reads a prompt's adapter.
void expect_adapter(const fs::path& folder, const methods::Trainable& trained,
                    const model::ModelSpec& spec, const Subject& subject) {
  const auto* headed = dynamic_cast<const methods::Headed*>(&trained);
  const auto& prompt = headed ? headed->prompt() : dynamic_cast<const methods::Adapter&>(trained);
  const methods::LoadedPrompt loaded = methods::load_prompt(folder);
  loaded.prompt->check(spec, folder);
  const std::vector<at::Tensor> stored = prompt.stored();
  const std::vector<at::Tensor> read = loaded.prompt->stored();
  ASSERT_EQ(read.size(), stored.size());
  std::int64_t numbers = 0;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    EXPECT_TRUE(read[i].equal(stored[i])) << i;
    numbers += stored[i].numel();
  }
  EXPECT_EQ(loaded.backbone.head.has_value(), subject.head.has_value());
  if (loaded.backbone.head) {
    const methods::TrainedHead& head = *loaded.backbone.head;
    EXPECT_EQ(head.outputs, subject.head->outputs);
    const std::shared_ptr<methods::Trainable> again = loaded.trained();
    ASSERT_EQ(again->parameters().size(),
              prompt.parameters().size() + (head.bias.defined() ? 2 : 1));
    numbers += head.weight.numel() + (head.bias.defined() ? head.bias.numel() : 0);
    EXPECT_TRUE(again->parameters().back().value.equal(trained.parameters().back().value));
  }
  EXPECT_EQ(loaded.prompt->name(), "task");
  EXPECT_EQ(loaded.backbone.weights_fingerprint, "abc");
  const PromptRows rows = loaded.prompt->rows(0);
  EXPECT_EQ(rows.rows, prompt.rows(0).rows);
  EXPECT_EQ(rows.resident, prompt.rows(0).resident);
  EXPECT_EQ(rows.adapts, prompt.rows(0).adapts);
  EXPECT_EQ(rows.rows, methods::prompt_rows(subject.options).rows);
  EXPECT_EQ(numbers, methods::trained_numbers(subject.options, spec, subject.head));
}

TEST_P(Conformance, WhatIsSavedReadsBackAsItWasWritten) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const testing::TemporaryFolder folder;
    const auto backbone = model::Backbone::random(spec_, 3, {.dtype = dtype});
    const auto trained = start(subject_, spec_);
    methods::PromptedModel model(backbone, {trained});
    for (const methods::Parameter& parameter : trained->parameters()) parameter.value.mul_(1.1);
    model.refresh();
    const methods::BackboneInfo info{.name = "small", .weights_fingerprint = "abc"};
    trained->save(folder / "saved", methods::current_parameters(*trained), info, one_rank());
    if (!methods::trains_backbone(subject_.options)) {
      expect_adapter(folder / "saved", *trained, spec_, subject_);
      continue;
    }
    // The weights that passes used, also where they are rounded from masters.
    const model::WeightFiles files(folder / "saved");
    const auto loaded = model::Backbone::load(spec_, files, {.dtype = dtype});
    EXPECT_EQ(loaded.weight_hash(), backbone.weight_hash()) << toString(dtype);
    EXPECT_EQ(files.parameter_count(), methods::trained_numbers(subject_.options, spec_));
  }
}

// Returns "NAME_NUMBER" with characters that the names of tests may have.
std::string numbered(std::string name, int number) {
  const auto is_word = [](unsigned char c) { return std::isalnum(c) != 0; };
  std::replace_if(name.begin(), name.end(), std::not_fn(is_word), '_');
  return name + "_" + std::to_string(number);
}

std::string model_name(int model) { return numbered(all_models()[model].model_type, model); }

std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  const auto& [model, method] = info.param;
  return model_name(model) + "_" + numbered(all_subjects()[method].name(), method);
}

INSTANTIATE_TEST_SUITE_P(
    All, Conformance,
    ::testing::Combine(::testing::Range(0, static_cast<int>(all_models().size())),
                       ::testing::Range(0, static_cast<int>(all_subjects().size()))),
    name_of);

// Every model with every method that can distil but P-tuning, where a difference may cross the kink
// of a ReLU.
std::vector<Case> distilling_cases() {
  std::vector<Case> cases;
  const std::vector<Subject> subjects = all_subjects();
  for (int model = 0; model < std::ssize(all_models()); ++model) {
    for (int i = 0; i < std::ssize(subjects); ++i) {
      if (!can_distil(subjects[i]) || subjects[i].options.kind == "p_tuning") continue;
      cases.emplace_back(model, i);
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, Distillation, ::testing::ValuesIn(distilling_cases()), name_of);

class MixedBatches : public ::testing::TestWithParam<int> {};

// One batch with every method and with no prompt.
TEST_P(MixedBatches, GiveTheLossAndGradientsOfEachMethodAlone) {
  at::set_num_threads(1);
  const model::ModelSpec spec = all_models()[GetParam()];
  const auto backbone = model::Backbone::random(spec, 3, {.dtype = at::kDouble});
  const std::vector<methods::MethodOptions> options = methods::example_options();
  methods::PromptedModel none(backbone);
  const auto sequences_without = batch_after(spec, {});
  Outcome apart = step(none, sequences_without);
  std::vector<Sequence> mixed = sequences_without;
  std::vector<std::shared_ptr<methods::Trainable>> prompts{nullptr};  // prompt 0: none
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (methods::trains_backbone(options[i])) continue;  // not beside a frozen model
    const auto number = static_cast<int>(prompts.size());
    prompts.push_back(start({options[i]}, spec, i));
    for (const Sequence& sequence : batch_after(spec, prompts.back()->rows(number))) {
      mixed.push_back(sequence);
    }
    methods::PromptedModel one(backbone, {start({options[i]}, spec, i)});
    const Outcome own = step(one, batch_after(spec, one.rows(0)));
    apart.loss += own.loss;
    for (const auto& [name, gradient] : own.gradients) {
      apart.gradients[std::to_string(number) + name.substr(1)] = gradient;
    }
  }
  methods::PromptedModel all(backbone, prompts);
  expect_equal(step(all, mixed), apart, 1e-5, "whole");
  expect_equal(step(all, mixed, {.max_rows = 20}), apart, 1e-5, "cut");
}

INSTANTIATE_TEST_SUITE_P(Models, MixedBatches,
                         ::testing::Range(0, static_cast<int>(all_models().size())),
                         [](const auto& info) { return model_name(info.param); });

class Texts : public ::testing::TestWithParam<int> {};

// A prefix of them is the text, and on every mesh they are those of one rank.
TEST_P(Texts, HaveTheKeysAndValuesOfAPrefix) {
  at::set_num_threads(1);
  const model::ModelSpec spec = all_models()[GetParam()];
  if (spec.has_encoder()) return;  // refused, see below
  const std::vector<TokenId> text{7, 8, 9, 10};
  const auto backbone = model::Backbone::random(spec, 3, {});
  const at::Tensor values = methods::text_key_values(backbone, text);
  methods::PromptedModel prefixed(backbone,
                                  {std::make_shared<prefix_tuning::PrefixTuning>(
                                      "text", prefix_tuning::prefix_shape(spec), values)});
  std::vector<Sequence> plain = batch_after(spec, {});
  for (Sequence& sequence : plain) {
    Sequence whole;
    whole.append_tokens(text);
    whole.inputs.insert(whole.inputs.end(), sequence.inputs.begin(), sequence.inputs.end());
    sequence.inputs = std::move(whole.inputs);
    for (Sequence::Prediction& prediction : sequence.predictions) prediction.index += 4;
  }
  methods::PromptedModel none(backbone);
  const double wanted = step(none, plain).loss;
  EXPECT_NEAR(step(prefixed, batch_after(spec, prefixed.rows(0))).loss, wanted, 1e-5 * wanted);
  for (const comm::MeshShape& shape : {comm::MeshShape{.fsdp = 2},
                                       {.pipeline = 2},
                                       {.tensor = 2},
                                       {.tensor = 3},
                                       {.pipeline = 2, .tensor = 2}}) {
    comm::run_on_threads(shape.product(), [&](comm::Communicator& world) {
      at::set_num_threads(1);
      const comm::Mesh mesh(world.split(0, world.rank(), "world"), shape);
      const auto part = model::Backbone::random(spec, 3, {}, model::Placement(mesh));
      EXPECT_TRUE(methods::text_key_values(part, text).allclose(values, 1e-4, 1e-5))
          << comm::describe(shape);
    });
  }
}

TEST_P(Texts, ThatAPrefixCannotStartFromAreRefused) {
  const model::ModelSpec spec = all_models()[GetParam()];
  methods::MethodOptions options = methods::small_options("prefix_tuning");
  options.init.kind = methods::InitKind::kText;
  const std::int64_t tokens = options.num_virtual_tokens;
  EXPECT_THROW(methods::check_start(options, spec, tokens - 1), ConfigError);
  if (spec.has_encoder()) {
    EXPECT_THROW(methods::check_start(options, spec, tokens), ConfigError);
  } else {
    EXPECT_NO_THROW(methods::check_start(options, spec, tokens));
  }
  options.init.kind = methods::InitKind::kNormal;
  EXPECT_NO_THROW(methods::check_start(options, spec, 0));
}

INSTANTIATE_TEST_SUITE_P(Models, Texts, ::testing::Range(0, static_cast<int>(all_models().size())),
                         [](const auto& info) { return model_name(info.param); });

}  // namespace

int conformance::run(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

}  // namespace incipit
