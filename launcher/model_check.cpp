#include "launcher/model_check.h"

#include <cmath>
#include <memory>
#include <optional>
#include <span>

#include "core/error.h"
#include "core/text.h"
#include "families/registry.h"
#include "launcher/memory_budget.h"
#include "launcher/model_choice.h"
#include "launcher/system_info.h"
#include "model/as_stored.h"
#include "model/forest_pass.h"
#include "plan/plan.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

// Runs the steps and records their results.
class Steps {
 public:
  // Runs `look`, which returns a text. Returns whether it succeeded.
  template <typename Look>
  bool run(const char* name, const Look& look) {
    try {
      checks_.push_back({.name = name, .ok = true, .text = look()});
    } catch (const Error& error) {
      checks_.push_back({.name = name, .ok = false, .text = error.what()});
    } catch (const fs::filesystem_error& error) {
      checks_.push_back({.name = name, .ok = false, .text = error.what()});
    }
    return checks_.back().ok;
  }
  [[nodiscard]] std::vector<ModelCheck> take() { return std::move(checks_); }

 private:
  std::vector<ModelCheck> checks_;
};

std::string describe_tokenizer(const fs::path& dir, const model::ModelSpec& spec) {
  const data::TaskModel task_model = data::load_task_model(dir, {}, limits_of(spec));
  const std::int64_t tokens = task_model.tokenizer->vocab_size();
  const std::string text = telemetry::grouped(tokens) + " tokens";
  if (tokens <= spec.vocab_size || spec.vocab_size == 0) return text;
  return text + "; the model has embeddings for " + telemetry::grouped(spec.vocab_size) +
         ": texts with other tokens are refused";
}

// Only tasks with format chat need a chat format, so a model without one can be used.
void add_chat_format(const fs::path& dir, const model::ModelSpec& spec, Steps& steps) {
  data::TaskOptions options;
  options.format = data::Format::kChat;
  (void)steps.run("chat format", [&] {
    try {
      return data::load_task_model(dir, options, limits_of(spec)).chat->name;
    } catch (const DataError& error) {
      return std::string("none: ") + error.what();
    }
  });
}

// Returns how one rank would load the model.
ModelChoice choice_for(const model::ModelSpec& spec) {
  ModelMachine machine = this_machine({});
  machine.float32_bytes = plan::planned_weight_bytes(spec, {}, /*number_bytes=*/4);
  machine.memory = memory_of_rank({}, model::Device::kCpu);
  return choose_model({}, machine);
}

// Returns why one rank has not enough memory for the weights, or "". A larger model needs more
// ranks, but is not broken.
std::string memory_objection_of_one_rank(const model::ModelSpec& spec, const ModelChoice& choice) {
  return memory_objection(spec, {}, model::number_bytes(choice.options.dtype),
                          memory_of_rank({}, choice.options.device));
}

// Loads the weights on the processor and computes one prediction.
std::string compute(const model::ModelSpec& spec, const model::WeightFiles& files,
                    const ModelChoice& choice) {
  const auto backbone = model::Backbone::load(
      spec, files, {.dtype = scalar_type(choice.options.dtype), .device = at::kCPU});
  Sequence sequence;
  const std::vector<TokenId> first{spec.bos_token_id.value_or(0) %
                                   static_cast<TokenId>(spec.vocab_size)};
  sequence.append_tokens(first);
  sequence.predictions.push_back({0, first.front(), 1});
  const PackedForest packed = pack(std::span(&sequence, 1));
  const model::ForestPass pass(backbone, packed.forest, {}, {});
  const double found = pass.log_likelihoods()[0].item<double>();
  if (std::isfinite(found)) {
    return human_bytes(static_cast<double>(backbone.weight_bytes())) + " as " +
           std::string(model::dtype_name(choice.options.dtype));
  }
  throw NumericsError("the model's numbers are not finite: its weights are damaged");
}

}  // namespace

data::ModelLimits limits_of(const model::ModelSpec& spec) {
  return {.max_positions = spec.max_positions, .vocab_size = spec.vocab_size};
}

std::vector<ModelCheck> check_model(const fs::path& path) {
  Steps steps;
  fs::path dir;
  if (!steps.run("folder", [&] { return (dir = model::resolve_model_dir(path)).string(); })) {
    return steps.take();
  }
  std::optional<model::ModelSpec> spec;
  (void)steps.run("config.json", [&] {
    spec = families::read_model(dir);
    return spec->model_type + ", " + std::to_string(spec->layer_count()) + " layers, " +
           telemetry::grouped(spec->max_positions) + " positions";
  });
  std::optional<model::WeightFiles> files;
  const bool stored = steps.run("weights", [&] {
    files.emplace(dir);
    if (spec) spec = model::as_stored(*spec, *files);
    return std::to_string(files->names().size()) + " tensors, " +
           human_bytes(static_cast<double>(files->total_bytes()));
  });
  const bool reads = steps.run(
      "tokenizer", [&] { return describe_tokenizer(dir, spec.value_or(model::ModelSpec{})); });
  if (!spec || !stored || !reads) return steps.take();
  add_chat_format(dir, *spec, steps);
  const ModelChoice choice = choice_for(*spec);
  const std::string objection = memory_objection_of_one_rank(*spec, choice);
  (void)steps.run("computes", [&] {
    return objection.empty() ? compute(*spec, *files, choice)
                             : "not tried: it does not fit on one rank; " + objection;
  });
  return steps.take();
}

}  // namespace incipit::launcher
