#include "launcher/prompt_source.h"

#include "core/error.h"
#include "prompt/initializer.h"

namespace incipit::launcher {

prompt::SoftPrompt start_prompt(const Session& session) {
  const prompt::PromptOptions& options = session.config.method;
  const model::Backbone& backbone = *session.backbone;
  const data::Tokenizer& tokenizer = session.task->tokenizer();
  prompt::InitInputs inputs;
  inputs.embed = [&backbone](std::span<const TokenId> ids) { return backbone.embed(ids); };
  inputs.vocab_size = backbone.config().vocab_size;
  inputs.hidden_size = backbone.config().hidden_size;
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    if (tokenizer.is_special(id)) inputs.special_ids.push_back(id);
  }
  inputs.text_ids = tokenizer.encode(options.init.text);
  for (const data::Candidate& candidate : session.task->candidates()) {
    inputs.label_ids.push_back(tokenizer.encode(candidate.text));
  }
  if (inputs.label_ids.empty()) {  // answers with a part of the record in them: by their names
    for (const std::string& label : session.task->labels()) {
      inputs.label_ids.push_back(tokenizer.encode(" " + label));
    }
  }
  return prompt::initialize_prompt(options, inputs, session.config.run.seed,
                                   session.config.run.name);
}

std::optional<prompt::LoadedPrompt> trained_prompt(const configs::RunConfig& config,
                                                   const std::filesystem::path& adapter) {
  if (!adapter.empty()) return prompt::load_prompt(adapter);
  if (config.method.kind == prompt::MethodKind::kNone) return std::nullopt;
  const auto best = std::filesystem::path(config.run.output_dir) / "adapter" / "best";
  if (!std::filesystem::exists(best)) {
    throw ConfigError(best.string() +
                      ": there is no trained prompt; run incipit train first, name one with "
                      "--adapter, or score the model alone with --set method.kind=none");
  }
  return prompt::load_prompt(best);
}

std::optional<at::Tensor> values_for(const Session& session,
                                     const std::optional<prompt::LoadedPrompt>& trained,
                                     const std::filesystem::path& adapter) {
  if (!trained) return std::nullopt;
  const auto own = std::filesystem::path(session.config.run.output_dir) / "adapter";
  prompt::check_backbone(*trained, session.backbone_info, adapter.empty() ? own : adapter);
  return trained->prompt.values;
}

}  // namespace incipit::launcher
