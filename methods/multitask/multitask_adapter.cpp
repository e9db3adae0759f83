#include "methods/multitask/multitask_adapter.h"

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace incipit::multitask {
namespace {

constexpr const char* kSharedTensor = "prompt_embeddings";
constexpr const char* kColsTensor = "prefix_task_cols";
constexpr const char* kRowsTensor = "prefix_task_rows";

}  // namespace

// PEFT's prompt_tuning_init says how to fill a new prompt; since the values are given, use RANDOM,
// which needs no further settings.
void save_multitask_adapter(const std::filesystem::path& folder, const methods::PeftOrigin& origin,
                            const Factors& factors) {
  methods::save_peft_files(
      folder, origin,
      {{kSharedTensor, factors.shared}, {kColsTensor, factors.cols}, {kRowsTensor, factors.rows}},
      {
          {"num_attention_heads", methods::null_if_zero(origin.backbone.attention_heads)},
          {"num_layers", methods::null_if_zero(origin.backbone.layers)},
          {"num_ranks", factors.ranks()},
          {"num_tasks", factors.tasks()},
          {"num_transformer_submodules", 1},
          {"num_virtual_tokens", factors.tokens()},
          {"peft_type", kPeftType},
          {"prompt_tuning_init", "RANDOM"},
          {"prompt_tuning_init_state_dict_path", nullptr},
          {"prompt_tuning_init_task", 0},
          {"prompt_tuning_init_text", nullptr},
          {"token_dim", factors.width()},
          {"tokenizer_kwargs", nullptr},
          {"tokenizer_name_or_path", nullptr},
      });
}

LoadedFactors load_multitask_adapter(const std::filesystem::path& folder) {
  const model::JsonObject config = methods::read_peft_config(folder);
  const std::string type = config.text("peft_type");
  if (type != kPeftType) config.fail("peft_type", "is " + type + "; expected " + kPeftType);
  const std::int64_t tokens = config.integer("num_virtual_tokens", 1);
  const std::int64_t tasks = config.integer("num_tasks", 1);
  const std::int64_t ranks = config.integer("num_ranks", 1);
  if (config.has("num_transformer_submodules")) {
    (void)config.integer("num_transformer_submodules", 1, 1);
  }
  // PEFT leaves the width null until it has seen the model.
  const std::int64_t width =
      config.has("token_dim") ? config.integer("token_dim", 1) : methods::stored_width(folder);
  const model::SafetensorsFile file = methods::open_peft_tensors(folder);
  const auto read = [&](const char* name, at::IntArrayRef shape, const char* shape_text) {
    return methods::read_peft_tensor(file, name, shape, shape_text);
  };
  LoadedFactors loaded;
  loaded.origin = methods::read_peft_origin(folder, config, file);
  loaded.origin.backbone.hidden_size = width;
  loaded.factors.shared = read(kSharedTensor, {tokens, width}, "num_virtual_tokens, token_dim");
  loaded.factors.cols =
      read(kColsTensor, {tasks, tokens, ranks}, "num_tasks, num_virtual_tokens, num_ranks");
  loaded.factors.rows = read(kRowsTensor, {tasks, ranks, width}, "num_tasks, num_ranks, token_dim");
  std::vector<std::string>& names = loaded.origin.tasks;
  if (names.empty()) {
    for (std::int64_t task = 0; task < tasks; ++task) names.push_back(std::to_string(task));
  }
  if (std::ssize(names) != tasks) {
    config.fail("num_tasks", "is " + std::to_string(tasks) + ", but " + file.path().string() +
                                 " names " + std::to_string(names.size()) + " tasks");
  }
  return loaded;
}

}  // namespace incipit::multitask
