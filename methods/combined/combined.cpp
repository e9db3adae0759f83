#include "methods/combined/combined.h"

#include <utility>

#include "core/error.h"

namespace incipit::combined {
namespace {

constexpr const char* kPrompt = "prompt";  // folders of the parts
constexpr const char* kLora = "lora";

// Returns the options of one part: the same with another kind, and if it starts from an adapter,
// with the part's folder.
methods::MethodOptions part_options(methods::MethodOptions options, const std::string& kind,
                                    const char* folder) {
  options.kind = kind;
  std::string& path = options.init.path;
  if (!path.empty()) path = (std::filesystem::path(path) / folder).string();
  return options;
}

// Returns the same for LoRA, which starts as it does alone unless both parts are drawn or read.
methods::MethodOptions lora_options(const methods::MethodOptions& options) {
  methods::MethodOptions lora = part_options(options, kLora, kLora);
  const methods::InitKind kind = options.init.kind;
  if (kind != methods::InitKind::kFile && kind != methods::InitKind::kRandomUniform) {
    lora.init = {};
  }
  return lora;
}

// The prompt's variants, each with LoRA in one set of modules.
std::vector<methods::MethodOptions> examples(const methods::Method& prompt,
                                             const methods::Method& lora, const std::string& kind) {
  std::vector<methods::MethodOptions> all = prompt.examples();
  const methods::LoraOptions additions = lora.examples().front().lora;
  for (methods::MethodOptions& options : all) {
    options.kind = kind;
    options.lora = additions;
    options.init.kind = methods::InitKind::kRandomUniform;  // else nothing is added at first
    options.init.scale = "0.5";
  }
  return all;
}

}  // namespace

Combined::Combined(std::shared_ptr<methods::Adapter> prompt, std::shared_ptr<methods::Adapter> lora)
    : Adapter(prompt->name()), prompt_(std::move(prompt)), lora_(std::move(lora)) {
  for (const methods::Parameter& parameter : all_parameters()) add_parameter(parameter);
}

std::vector<methods::Parameter> Combined::all_parameters() const {
  std::vector<methods::Parameter> all = prompt_->parameters();
  all.insert(all.end(), lora_->parameters().begin(), lora_->parameters().end());
  return all;
}

void Combined::attach(const model::Backbone& backbone) {
  prompt_->attach(backbone);
  lora_->attach(backbone);
  share_parameters(all_parameters());
}

PromptRows Combined::rows(int number) const {
  PromptRows rows = prompt_->rows(number);
  rows.adapts = true;
  return rows;
}

void Combined::contribute(const model::Backbone& backbone, bool for_backward,
                          methods::Contribution& to) {
  prompt_->contribute(backbone, for_backward, to);
  lora_->contribute(backbone, for_backward, to);
}

void Combined::take_gradients(const methods::Contribution& from, const model::Backbone& backbone) {
  prompt_->take_gradients(from, backbone);
  lora_->take_gradients(from, backbone);
}

void Combined::sum_gradients(const comm::Mesh& mesh, std::vector<nn::PartialGradient>& flat) {
  prompt_->sum_gradients(mesh, flat);
  lora_->sum_gradients(mesh, flat);
}

void Combined::finish_gradients(const at::Tensor& count) {
  prompt_->finish_gradients(count);
  lora_->finish_gradients(count);
}

void Combined::save(const std::filesystem::path& folder, std::span<const at::Tensor> parameters,
                    const methods::BackboneInfo& backbone, const comm::Mesh& mesh) const {
  const std::size_t of_prompt = prompt_->parameters().size();
  prompt_->save(folder / kPrompt, parameters.first(of_prompt), backbone, mesh);
  lora_->save(folder / kLora, parameters.subspan(of_prompt), backbone, mesh);
}

std::vector<at::Tensor> Combined::stored() const {
  std::vector<at::Tensor> all = prompt_->stored();
  for (at::Tensor& each : lora_->stored()) all.push_back(std::move(each));
  return all;
}

void Combined::check(const model::ModelSpec& spec, const std::filesystem::path& path) const {
  prompt_->check(spec, path / kPrompt);
  lora_->check(spec, path / kLora);
}

methods::PromptDescription Combined::describe() const {
  methods::PromptDescription all = prompt_->describe();
  const methods::PromptDescription additions = lora_->describe();
  all.title += " and " + additions.title;
  all.facts.insert(all.facts.end(), additions.facts.begin(), additions.facts.end());
  return all;
}

std::map<std::string, at::Tensor> Combined::weight_changes() const {
  return lora_->weight_changes();
}

bool is_combined(const std::filesystem::path& folder) {
  return std::filesystem::is_directory(folder / kPrompt) &&
         std::filesystem::is_directory(folder / kLora);
}

methods::LoadedPrompt load(const std::filesystem::path& folder, LoadAdapter load) {
  const methods::LoadedPrompt prompt = load(folder / kPrompt);
  const methods::LoadedPrompt lora = load(folder / kLora);
  if (prompt.prompt->rows(0).adapts || !lora.prompt->rows(0).adapts) {
    throw DataError(folder.string() + ": expected a prompt in " + kPrompt + " and LoRA in " +
                    kLora);
  }
  return {std::make_shared<Combined>(prompt.prompt, lora.prompt), prompt.backbone};
}

methods::Method with_lora(const methods::Method& prompt, const methods::Method& lora) {
  const std::string kind = prompt.kind + "+" + lora.kind;
  const auto prompt_options = [kind = prompt.kind](const methods::MethodOptions& options) {
    return part_options(options, kind, kPrompt);
  };
  return {
      .kind = kind,
      .peft_type = {},
      .in_python =
          "`model = PeftModel.from_pretrained(model, \"FOLDER/lora\").merge_and_unload()`, then "
          "`PeftModel.from_pretrained(model, \"FOLDER/prompt\")`",
      .trains_backbone = false,
      .rows =
          [=](const methods::MethodOptions& options) {
            PromptRows rows = prompt.rows(prompt_options(options));
            rows.adapts = true;
            return rows;
          },
      .title =
          [=](const methods::MethodOptions& options) {
            return prompt.title(prompt_options(options)) + " and " +
                   lora.title(lora_options(options));
          },
      .numbers =
          [=](const methods::MethodOptions& options, const model::ModelSpec& spec) {
            return prompt.numbers(prompt_options(options), spec) +
                   lora.numbers(lora_options(options), spec);
          },
      .check_text =
          [=](const methods::MethodOptions& options, const model::ModelSpec& spec,
              std::int64_t text_tokens) {
            if (!prompt.check_text) return;
            prompt.check_text(prompt_options(options), spec, text_tokens);
          },
      .make = [=](const methods::MethodOptions& options, const methods::StartInputs& inputs,
                  const std::string& name) -> std::shared_ptr<methods::Trainable> {
        const auto part = [](const std::shared_ptr<methods::Trainable>& made) {
          return std::dynamic_pointer_cast<methods::Adapter>(made);
        };
        return std::make_shared<Combined>(part(prompt.make(prompt_options(options), inputs, name)),
                                          part(lora.make(lora_options(options), inputs, name)));
      },
      .load = nullptr,
      .examples = [=] { return examples(prompt, lora, kind); }};
}

}  // namespace incipit::combined
