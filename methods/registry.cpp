#include "methods/registry.h"

#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "core/text.h"
#include "methods/combined/combined.h"
#include "methods/headed.h"
#include "methods/lora/linear_probe.h"
#include "methods/lora/lora.h"
#include "methods/model_tuning/model_tuning.h"
#include "methods/multitask/multitask.h"
#include "methods/p_tuning/p_tuning.h"
#include "methods/peft_folder.h"
#include "methods/prefix_tuning/cartridge.h"
#include "methods/prefix_tuning/prefix_tuning.h"
#include "methods/prompt_tuning/adapter_files.h"
#include "methods/prompt_tuning/prompt_tuning.h"
#include "nn/meta_device.h"

namespace incipit::methods {
namespace {

std::vector<Method>& all_methods() {
  static std::vector<Method> all{
      prompt_tuning::method(),
      prefix_tuning::method(),
      prefix_tuning::cartridge(),
      p_tuning::method(),
      multitask::method(),
      lora::method(),
      combined::with_lora(prompt_tuning::method(), lora::method()),
      combined::with_lora(prefix_tuning::method(), lora::method()),
      lora::linear_probe(),
      model_tuning::method(),
  };
  return all;
}

// Returns null for `none`.
const Method* find(const std::string& kind) {
  for (const Method& method : all_methods()) {
    if (method.kind == kind) return &method;
  }
  return nullptr;
}

// Returns the method that loads adapters of this type, or null.
const Method* find_loader(const std::string& peft_type) {
  for (const Method& method : all_methods()) {
    if (method.load && method.peft_type == peft_type) return &method;
  }
  return nullptr;
}

std::string loadable_types() {
  std::vector<std::string> types;
  for (const Method& method : all_methods()) {
    if (method.load) types.push_back(method.peft_type);
  }
  return join(types);
}

}  // namespace

void add_method(Method method, MethodDeclaration declaration) {
  INCIPIT_CHECK(method.kind == declaration.name, method.kind, " is declared as ", declaration.name);
  INCIPIT_CHECK(find(method.kind) == nullptr, "method ", method.kind, " is there already");
  INCIPIT_CHECK(!method.load || find_loader(method.peft_type) == nullptr, "another method loads ",
                method.peft_type, " adapters");
  add_declaration(std::move(declaration));
  all_methods().push_back(std::move(method));
}

MethodOptions small_options(const std::string& kind) {
  MethodOptions options;
  options.kind = kind;
  options.num_virtual_tokens = 3;
  options.init.kind = InitKind::kNormal;
  return options;
}

PromptRows rows_of_tokens(const MethodOptions& options) {
  return {.rows = static_cast<int>(options.num_virtual_tokens)};
}

std::string title_with_tokens(const std::string& title, const MethodOptions& options) {
  return title + " of " + std::to_string(options.num_virtual_tokens) + " tokens";
}

std::shared_ptr<Trainable> make_trainable(const MethodOptions& options, const StartInputs& inputs,
                                          const std::string& name) {
  const Method* method = find(options.kind);
  INCIPIT_CHECK(method != nullptr, "this method trains nothing");
  std::shared_ptr<Trainable> made = method->make(options, inputs, name);
  if (!inputs.head) return made;
  auto prompt = std::dynamic_pointer_cast<Adapter>(std::move(made));
  INCIPIT_CHECK(prompt != nullptr, "no head can be trained with method ", options.kind);
  return std::make_shared<Headed>(
      std::move(prompt), start_head(*inputs.head, inputs.spec, inputs.seed, inputs.device));
}

std::shared_ptr<Trainable> make_trainable_without_data(MethodOptions options,
                                                       const model::ModelSpec& spec,
                                                       const std::string& name,
                                                       const std::optional<HeadOptions>& head) {
  nn::prepare_meta_device();
  options.init = {};
  options.init.kind = InitKind::kNormal;  // every method that has initial values has it
  return make_trainable(options,
                        {.spec = spec,
                         .embed = {},
                         .special_ids = {},
                         .text_ids = {},
                         .label_ids = {},
                         .head = head,
                         .seed = 0,
                         .device = at::kMeta},
                        name);
}

bool trains_backbone(const MethodOptions& options) {
  const Method* method = find(options.kind);
  return method != nullptr && method->trains_backbone;
}

PromptRows prompt_rows(const MethodOptions& options) {
  const Method* method = find(options.kind);
  return method == nullptr ? PromptRows{} : method->rows(options);
}

std::string prompt_title(const MethodOptions& options) {
  const Method* method = find(options.kind);
  return method == nullptr ? "" : method->title(options);
}

std::string loading_in_python(const MethodOptions& options) {
  const Method* method = find(options.kind);
  return method == nullptr ? "" : method->in_python;
}

std::int64_t trained_numbers(const MethodOptions& options, const model::ModelSpec& spec,
                             const std::optional<HeadOptions>& head) {
  const Method* method = find(options.kind);
  if (method == nullptr) return 0;
  return method->numbers(options, spec) + (head ? head_numbers(*head, spec) : 0);
}

void check_start(const MethodOptions& options, const model::ModelSpec& spec,
                 std::int64_t text_tokens) {
  (void)trained_numbers(options, spec);
  const Method* method = find(options.kind);
  if (method == nullptr || !method->check_text || init_kind(options) != InitKind::kText) return;
  method->check_text(options, spec, text_tokens);
}

std::shared_ptr<Trainable> LoadedPrompt::trained() const {
  if (!backbone.head) return prompt;
  return std::make_shared<Headed>(prompt, *backbone.head);
}

std::vector<MethodOptions> example_options() {
  std::vector<MethodOptions> all;
  for (const Method& method : all_methods()) {
    for (const MethodOptions& options : method.examples()) all.push_back(options);
  }
  return all;
}

bool is_adapter(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / "adapter_config.json") || combined::is_combined(folder);
}

LoadedPrompt load_prompt(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path) && multitask::is_multitask(path.parent_path())) {
    return multitask::load_task(path.parent_path(), path.filename().string());
  }
  if (!std::filesystem::is_directory(path)) {
    const prompt_tuning::LoadedPrompt loaded = prompt_tuning::load_file(path);
    return {std::make_shared<prompt_tuning::PromptTuning>(loaded.prompt), loaded.backbone};
  }
  if (combined::is_combined(path)) return combined::load(path, load_prompt);
  const model::JsonObject config = read_peft_config(path);
  const std::string type = config.text("peft_type");
  const Method* method = find_loader(type);
  if (method == nullptr) {
    config.fail("peft_type", "is " + type + "; supported: " + loadable_types());
  }
  return method->load(path);
}

void check_backbone(const LoadedPrompt& loaded, const model::ModelSpec& spec,
                    const BackboneInfo& backbone, const std::filesystem::path& path) {
  loaded.prompt->check(spec, path);
  const std::vector<std::string> tasks = loaded.prompt->tasks();
  if (tasks.size() > 1) {
    throw DataError(path.string() + ": has the prompts of " + std::to_string(tasks.size()) +
                    " tasks (" + join(tasks) +
                    "); expected that of one: " + (path / tasks.front()).string());
  }
  const std::optional<TrainedHead>& head = loaded.backbone.head;
  if (head && head->weight.size(1) != spec.hidden_size) {
    throw DataError(path.string() + ": has a head of " + std::to_string(head->weight.size(1)) +
                    " inputs, but the model's states have " + std::to_string(spec.hidden_size) +
                    "; it belongs to another model");
  }
  warn_of_other_weights(loaded.backbone, backbone, path);
}

}  // namespace incipit::methods
