#include "methods/registry.h"

#include <array>
#include <string_view>

#include "core/check.h"
#include "core/error.h"
#include "methods/peft_folder.h"
#include "methods/prefix_tuning/prefix_adapter.h"
#include "methods/prefix_tuning/prefix_start.h"
#include "methods/prompt_tuning/adapter_files.h"
#include "methods/prompt_tuning/initializer.h"
#include "methods/prompt_tuning/prompt_tuning.h"

namespace incipit::methods {
namespace {

LoadedPrompt soft_prompt(const prompt_tuning::LoadedPrompt& loaded) {
  return {std::make_shared<prompt_tuning::PromptTuning>(loaded.prompt), loaded.backbone};
}

// Three virtual tokens, drawn at random.
MethodOptions small(MethodKind kind) {
  MethodOptions options;
  options.kind = kind;
  options.num_virtual_tokens = 3;
  options.init.kind = InitKind::kNormal;
  return options;
}

struct Method {
  MethodKind kind;
  std::string_view peft_type;
  std::string_view title;                               // "... of N tokens"
  bool resident;                                        // PromptRows::resident
  std::int64_t (*width)(const model::ModelSpec& spec);  // numbers per virtual token
  std::vector<MethodOptions> (*examples)();
  std::shared_ptr<Prompt> (*make)(const MethodOptions&, const StartInputs&, const std::string&);
  LoadedPrompt (*load)(const std::filesystem::path& folder);
};

constexpr std::array kMethods{
    Method{MethodKind::kPromptTuning, prompt_tuning::kPeftType, "soft prompt", /*resident=*/false,
           [](const model::ModelSpec& spec) { return spec.hidden_size; },
           [] { return std::vector{small(MethodKind::kPromptTuning)}; },
           [](const MethodOptions& options, const StartInputs& inputs,
              const std::string& name) -> std::shared_ptr<Prompt> {
             return std::make_shared<prompt_tuning::PromptTuning>(
                 prompt_tuning::initialize_prompt(options, inputs, name));
           },
           [](const std::filesystem::path& folder) {
             return soft_prompt(prompt_tuning::load_peft_adapter(folder));
           }},
    Method{MethodKind::kPrefixTuning, prefix_tuning::kPeftType, "prefix in every layer",
           /*resident=*/true,
           [](const model::ModelSpec& spec) { return prefix_tuning::prefix_shape(spec).width(); },
           [] {
             std::vector both(2, small(MethodKind::kPrefixTuning));
             both[1].prefix_projection = true;
             return both;
           },
           [](const MethodOptions& options, const StartInputs& inputs,
              const std::string& name) -> std::shared_ptr<Prompt> {
             return prefix_tuning::start_prefix(options, inputs, name);
           },
           [](const std::filesystem::path& folder) -> LoadedPrompt {
             const auto loaded = prefix_tuning::load_prefix_adapter(folder);
             return {std::make_shared<prefix_tuning::PrefixTuning>(
                         loaded.adapter.name, loaded.shape, loaded.adapter.values),
                     loaded.adapter.backbone};
           }},
};

// Returns null for `none`.
const Method* find(MethodKind kind) {
  for (const Method& method : kMethods) {
    if (method.kind == kind) return &method;
  }
  return nullptr;
}

}  // namespace

std::shared_ptr<Prompt> make_prompt(const MethodOptions& options, const StartInputs& inputs,
                                    const std::string& name) {
  const Method* method = find(options.kind);
  INCIPIT_CHECK(method != nullptr, "this method trains no prompt");
  return method->make(options, inputs, name);
}

PromptRows prompt_rows(const MethodOptions& options) {
  const Method* method = find(options.kind);
  if (method == nullptr) return {};
  return {.rows = static_cast<int>(options.num_virtual_tokens), .resident = method->resident};
}

std::string prompt_title(const MethodOptions& options) {
  const Method* method = find(options.kind);
  if (method == nullptr) return "";
  return std::string(method->title) + " of " + std::to_string(options.num_virtual_tokens) +
         " tokens";
}

std::vector<MethodOptions> example_options() {
  std::vector<MethodOptions> all;
  for (const Method& method : kMethods) {
    for (const MethodOptions& options : method.examples()) all.push_back(options);
  }
  return all;
}

std::int64_t adapter_numbers(const MethodOptions& options, const model::ModelSpec& spec) {
  const Method* method = find(options.kind);
  return method == nullptr ? 0 : options.num_virtual_tokens * method->width(spec);
}

LoadedPrompt load_prompt(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return soft_prompt(prompt_tuning::load_file(path));
  const model::JsonObject config = read_peft_config(path);
  const std::string type = config.text("peft_type");
  std::string supported;
  for (const Method& method : kMethods) {
    if (method.peft_type == type) return method.load(path);
    supported += (supported.empty() ? "" : ", ") + std::string(method.peft_type);
  }
  config.fail("peft_type", "is " + type + "; supported: " + supported);
}

void check_backbone(const LoadedPrompt& loaded, const model::ModelSpec& spec,
                    const BackboneInfo& backbone, const std::filesystem::path& path) {
  loaded.prompt->check(spec, path);
  warn_of_other_weights(loaded.backbone, backbone, path);
}

}  // namespace incipit::methods
