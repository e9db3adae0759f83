#include "model/as_stored.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/log.h"
#include "core/text.h"
#include "model/backbone.h"
#include "model/safetensors_types.h"

namespace incipit::model {
namespace {

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

constexpr std::size_t kMostNames = 3;  // in a message

// Tensors that are stored with many models and take part in no computation of a causal model:
// heads of other tasks, and constants (rotary frequencies, causal masks).
constexpr std::string_view kOtherHeads[] = {"score.",      "classifier.",          "v_head.",
                                            "value_head.", "qa_outputs.",          "reward_head.",
                                            "summary.",    "multiple_choice_head."};
constexpr std::string_view kConstants[] = {"rotary_emb.inv_freq", ".attn.bias",
                                           ".attn.masked_bias"};

// Returns the tensors that a model loads. Builds it without memory for its weights.
Shapes needed_tensors(const ModelSpec& spec) {
  Shapes needed;
  const auto note = [&](const std::string& name, at::IntArrayRef shape, const Range& rows) {
    needed.emplace(name, shape.vec());
    std::vector<std::int64_t> part = shape.vec();
    part[0] = rows.size();
    return at::empty(part, at::kMeta);
  };
  (void)Backbone(spec, {.dtype = at::kFloat, .device = at::kMeta}, {}, note);
  return needed;
}

bool same_tensor(const WeightFiles& files, const std::string& a, const std::string& b) {
  const TensorInfo& x = files.info(a);
  const TensorInfo& y = files.info(b);
  return x.dtype == y.dtype && x.shape == y.shape && files.same_bytes(a, b);
}

void choose_head(ModelSpec& spec, const WeightFiles& files) {
  if (!spec.tied() || !files.contains(spec.stored_head)) return;
  const std::string embedding = stored_name(spec.embedding, spec, files);
  if (!files.contains(embedding)) {
    spec.embedding = spec.stored_head;
  } else if (!same_tensor(files, embedding, spec.stored_head)) {
    spec.head = spec.stored_head;
  }
}

void require_head(const WeightFiles& files, const ModelSpec& spec) {
  if (spec.tied() || files.contains(spec.head)) return;
  throw DataError(files.model_dir().string() + ": the weights have no tensor '" + spec.head +
                  "', and config.json does not say that it is the embedding "
                  "(\"tie_word_embeddings\": true)");
}

void require_tensor(const WeightFiles& files, const std::string& name,
                    const std::vector<std::int64_t>& shape) {
  files.require(name, shape);
  const at::ScalarType dtype = files.info(name).dtype;
  if (at::isFloatingType(dtype)) return;
  throw DataError(files.model_dir().string() + ": tensor '" + name + "' is stored as " +
                  safetensors_dtype_name(dtype) +
                  "; quantized storage is not supported: load the model with transformers, call "
                  "dequantize(), save it, and use the copy");
}

bool is_ignored(std::string_view name) {
  return std::any_of(std::begin(kOtherHeads), std::end(kOtherHeads),
                     [&](std::string_view head) { return name.starts_with(head); }) ||
         std::any_of(std::begin(kConstants), std::end(kConstants),
                     [&](std::string_view constant) { return name.ends_with(constant); });
}

// Returns the modules of a tensor's name: "model", "layers", "0", "mlp" of model.layers.0.mlp.bias.
std::vector<std::string_view> modules_of(std::string_view name) {
  std::vector<std::string_view> modules;
  for (std::size_t dot; (dot = name.find('.')) != std::string_view::npos;) {
    modules.push_back(name.substr(0, dot));
    name.remove_prefix(dot + 1);
  }
  return modules;
}

// Returns whether a tensor belongs to a module that the model has: model.layers.0.mlp.bias, or
// base_model.model.model.layers.0.mlp.lora_A, but not extra.scale.
bool is_part(std::string_view name, const std::vector<std::string>& used) {
  const auto modules = modules_of(name);
  return std::any_of(used.begin(), used.end(), [&](const std::string& other) {
    const auto top = modules_of(other);
    return !top.empty() && std::find(modules.begin(), modules.end(), top.front()) != modules.end();
  });
}

// "a, b, c and 4 more"
std::string first_names(std::vector<std::string> names) {
  const std::size_t more = names.size() > kMostNames ? names.size() - kMostNames : 0;
  names.resize(names.size() - more);
  return join(names) + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

// Refuses unused tensors within the model, and warns of others, which transformers ignores, too.
void judge_unused(const WeightFiles& files, const ModelSpec& spec, const Shapes& needed,
                  bool warns) {
  std::vector<std::string> unused;
  std::vector<std::string> foreign;
  std::vector<std::string> used{spec.stored_head};
  for (const auto& [name, shape] : needed) used.push_back(stored_name(name, spec, files));
  std::sort(used.begin(), used.end());
  for (const std::string& name : files.names()) {
    if (std::binary_search(used.begin(), used.end(), name) || is_ignored(name)) continue;
    (is_part(name, used) ? unused : foreign).push_back(name);
  }
  const std::string folder = files.model_dir().string();
  if (!unused.empty()) {
    throw DataError(folder + ": the weights have tensors that a model of type '" + spec.model_type +
                    "' with this config.json does not use: " + first_names(unused) +
                    "; config.json may lack a key, or belong to another model");
  }
  if (foreign.empty() || !warns) return;
  log::warn("{}: the weights have tensors of no module of a '{}', which are ignored: {}", folder,
            spec.model_type, first_names(foreign));
}

}  // namespace

std::string stored_name(const std::string& name, const ModelSpec& spec, const WeightFiles& files) {
  if (files.contains(name) || spec.base_prefix.empty() || !name.starts_with(spec.base_prefix)) {
    return name;
  }
  const std::string bare = name.substr(spec.base_prefix.size());
  return files.contains(bare) ? bare : name;
}

ModelSpec as_stored(ModelSpec spec, const WeightFiles& files, bool warns) {
  choose_head(spec, files);
  require_head(files, spec);
  const Shapes needed = needed_tensors(spec);
  for (const auto& [name, shape] : needed) {
    require_tensor(files, stored_name(name, spec, files), shape);
  }
  judge_unused(files, spec, needed, warns);
  return spec;
}

}  // namespace incipit::model
