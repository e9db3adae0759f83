#include "methods/head.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "core/json.h"
#include "methods/draws.h"
#include "methods/values.h"

namespace incipit::methods {
namespace {

constexpr std::uint64_t kHeadStream = 0x50726f06;  // random stream
constexpr const char* kOutputsKey = "incipit_head_outputs";

struct KindNames {
  HeadKind kind;
  const char* task_type;
  bool bias;
  std::vector<std::string> modules;  // modules_to_save, as PEFT lists them
};

const std::vector<KindNames>& kinds() {
  static const std::vector<KindNames> all{
      {HeadKind::kSequence, "SEQ_CLS", false, {"classifier", "score"}},
      {HeadKind::kTokens, "TOKEN_CLS", true, {"classifier", "score"}},
      {HeadKind::kSpan, "QUESTION_ANS", true, {"qa_outputs"}}};
  return all;
}

const KindNames& names_of(HeadKind kind) {
  return *std::find_if(kinds().begin(), kinds().end(),
                       [&](const KindNames& names) { return names.kind == kind; });
}

std::string module_of(HeadKind kind, const model::ModelSpec& spec) {
  switch (kind) {
    case HeadKind::kSequence:
      return "score";
    case HeadKind::kTokens:
      return spec.token_classifier;
    case HeadKind::kSpan:
      return "qa_outputs";
  }
  throw LogicError("unknown head");
}

// PEFT wraps the model once if a prompt precedes the input, else twice.
std::string prefix_of(const nlohmann::json& config) {
  return config.contains("num_virtual_tokens") ? "base_model." : "base_model.model.";
}

// Returns a tensor of the head, as float32 in its own memory. -1: any size.
at::Tensor read_part(const model::SafetensorsFile& file, const std::string& name,
                     std::vector<std::int64_t> shape) {
  const model::TensorInfo& info = file.info(name);
  const bool fits =
      std::equal(info.shape.begin(), info.shape.end(), shape.begin(), shape.end(),
                 [](std::int64_t is, std::int64_t wanted) { return wanted < 0 || is == wanted; });
  const std::string where = file.path().string() + ": tensor '" + name + "' ";
  if (!fits || !c10::isFloatingType(info.dtype)) {
    throw DataError(where + "has shape " + model::shape_text(info.shape) + " of " +
                    c10::toString(info.dtype) + "; expected a head's floating-point numbers");
  }
  const at::Tensor values = file.tensor(name).to(at::kFloat, false, /*copy=*/true);
  if (!all_finite(values)) throw DataError(where + "has numbers that are not finite");
  return values;
}

}  // namespace

TrainedHead start_head(const HeadOptions& options, const model::ModelSpec& spec, std::uint64_t seed,
                       at::Device device) {
  constexpr double kDeviation = 0.02;  // transformers' initializer_range
  const auto outputs = static_cast<std::int64_t>(options.outputs.size());
  Draws draws(seed, kHeadStream, device);
  TrainedHead head{.kind = options.kind,
                   .module = module_of(options.kind, spec),
                   .outputs = options.outputs,
                   .weight = draws.normal({outputs, spec.hidden_size}, kDeviation),
                   .bias = {}};
  if (names_of(options.kind).bias) {
    head.bias = at::zeros({outputs}, at::TensorOptions(device).dtype(at::kFloat));
  }
  return head;
}

std::int64_t head_numbers(const HeadOptions& options, const model::ModelSpec& spec) {
  const std::int64_t of_output = spec.hidden_size + (names_of(options.kind).bias ? 1 : 0);
  return static_cast<std::int64_t>(options.outputs.size()) * of_output;
}

void add_head(const TrainedHead& head, std::map<std::string, at::Tensor>& tensors,
              nlohmann::json& config, std::map<std::string, std::string>& metadata) {
  const KindNames& names = names_of(head.kind);
  config["task_type"] = names.task_type;
  config["modules_to_save"] = names.modules;
  const std::string name = prefix_of(config) + head.module;
  tensors[name + ".weight"] = head.weight;
  if (head.bias.defined()) tensors[name + ".bias"] = head.bias;
  if (!head.outputs.empty()) metadata[kOutputsKey] = dump_json(nlohmann::json(head.outputs));
}

bool is_head_tensor(const std::string& name) {
  return std::any_of(kinds().begin(), kinds().end(), [&](const KindNames& names) {
    return std::any_of(names.modules.begin(), names.modules.end(), [&](const std::string& module) {
      return name.ends_with("." + module + ".weight") || name.ends_with("." + module + ".bias");
    });
  });
}

std::optional<TrainedHead> read_head(const model::JsonObject& config,
                                     const model::SafetensorsFile& file) {
  if (!config.has("modules_to_save") || config.value()["modules_to_save"].empty()) return {};
  const std::string task_type = config.text_or("task_type", "");
  const auto names = std::find_if(kinds().begin(), kinds().end(), [&](const KindNames& each) {
    return task_type == each.task_type;
  });
  if (names == kinds().end()) {
    config.fail("modules_to_save",
                "further trained modules beside the prompt are not supported, except the head of "
                "task_type SEQ_CLS, TOKEN_CLS or QUESTION_ANS");
  }
  for (const nlohmann::json& module : config.value()["modules_to_save"]) {
    if (std::count(names->modules.begin(), names->modules.end(), module) > 0) continue;
    config.fail("modules_to_save",
                "has " + dump_json(module) + ", which is no head of task_type " + task_type);
  }
  for (const std::string& module : names->modules) {
    const std::string name = prefix_of(config.value()) + module;
    if (!file.contains(name + ".weight")) continue;
    TrainedHead head{.kind = names->kind,
                     .module = module,
                     .outputs = {},
                     .weight = read_part(file, name + ".weight", {-1, -1}),
                     .bias = {}};
    if (file.contains(name + ".bias")) {
      head.bias = read_part(file, name + ".bias", {head.weight.size(0)});
    }
    const auto outputs = file.metadata().find(kOutputsKey);
    if (outputs != file.metadata().end()) {
      head.outputs = parse_json<nlohmann::json>(outputs->second).get<std::vector<std::string>>();
    }
    return head;
  }
  throw DataError(file.path().string() + ": has no tensor of the head, which task_type " +
                  task_type + " needs");
}

}  // namespace incipit::methods
