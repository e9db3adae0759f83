#include "launcher/prompt_source.h"

#include <algorithm>
#include <span>
#include <string>

#include "core/error.h"
#include "core/text.h"
#include "launcher/same_inputs.h"
#include "methods/text_key_values.h"

namespace incipit::launcher {

namespace {

// Returns the initial prompt for `tasks`. class_labels uses the labels of all of them.
std::shared_ptr<methods::Trainable> start_prompt(const Session& session,
                                                 std::span<const data::LoadedTask> tasks,
                                                 const methods::MethodOptions& options,
                                                 std::uint64_t seed, const std::string& name) {
  const model::Backbone& backbone = *session.backbone;
  const data::Tokenizer& tokenizer = session.task->tokenizer();
  methods::StartInputs inputs;
  inputs.spec = backbone.spec();
  inputs.seed = seed;
  inputs.embed = [&backbone](std::span<const TokenId> ids) { return backbone.embed(ids); };
  inputs.key_values = [&backbone](std::span<const TokenId> ids) {
    return methods::text_key_values(backbone, ids);
  };
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    if (tokenizer.is_special(id)) inputs.special_ids.push_back(id);
  }
  inputs.text_ids = tokenizer.encode(options.init.text);
  for (const data::LoadedTask& task : tasks) {
    for (const data::Candidate& candidate : task.task->candidates()) {
      inputs.label_ids.push_back(tokenizer.encode_after("\n", candidate.text));
    }
  }
  if (inputs.label_ids.empty()) {  // answers that depend on the record: use label names
    for (const data::LoadedTask& task : tasks) {
      const data::TaskOptions& options = task.task->options();
      for (const std::string& label :
           data::has_head(options) ? options.labels : task.task->labels()) {
        inputs.label_ids.push_back(tokenizer.encode_after("\n", " " + label));
      }
    }
  }
  inputs.head = head_of(session.task->options());
  return methods::make_trainable(options, inputs, name);
}

// Throws ConfigError if an adapter was not trained for such a head.
void require_head(const methods::BackboneInfo& adapter,
                  const std::optional<methods::HeadOptions>& wanted,
                  const std::filesystem::path& path) {
  const std::optional<methods::TrainedHead>& head = adapter.head;
  if (!head && !wanted) return;
  if (!head || !wanted || head->kind != wanted->kind) {
    throw ConfigError(path.string() + ": was trained " +
                      (head ? "with a head of another kind of task" : "without a head") +
                      "; expected an adapter for this task.kind");
  }
  const std::size_t outputs = wanted->outputs.size();
  const bool named = !head->outputs.empty();
  if (head->weight.size(0) == static_cast<std::int64_t>(outputs) &&
      (!named || head->outputs == wanted->outputs)) {
    return;
  }
  throw ConfigError("task.labels: the head of " + path.string() + " has " +
                    (named ? "the outputs " + join(head->outputs)
                           : std::to_string(head->weight.size(0)) + " outputs") +
                    ", and the task has " + join(wanted->outputs));
}

}  // namespace

std::vector<std::int64_t> prompt_rows_of(const configs::RunConfig& config) {
  std::vector<std::int64_t> rows;
  for (const configs::SweepMember& member : configs::members(config)) {
    rows.push_back(methods::prompt_rows(member.method).rows);
  }
  if (rows.empty()) rows.push_back(methods::prompt_rows(config.method).rows);
  return rows;
}

std::optional<methods::HeadOptions> head_of(const data::TaskOptions& task) {
  const std::vector<std::string> outputs = data::head_outputs(task);
  switch (task.kind) {
    case data::TaskKind::kText:
      return std::nullopt;
    case data::TaskKind::kSequenceClassification:
      return methods::HeadOptions{methods::HeadKind::kSequence, outputs};
    case data::TaskKind::kTokenClassification:
      return methods::HeadOptions{methods::HeadKind::kTokens, outputs};
    case data::TaskKind::kExtractiveQuestion:
      return methods::HeadOptions{methods::HeadKind::kSpan, outputs};
  }
  throw LogicError("unknown kind of task");
}

void check_starts(const configs::RunConfig& config, const model::ModelSpec& spec,
                  std::span<const data::LoadedTask> tasks) {
  if (!config.method.trains()) return;
  const data::Task& task = *tasks.front().task;
  if (spec.has_encoder() && data::has_head(task.options())) {
    throw ConfigError("task.kind: heads are trained on decoders, and " + config.model.path +
                      " has an encoder; expected text");
  }
  const auto check = [&](const methods::MethodOptions& options) {
    methods::check_start(options, spec, std::ssize(task.tokenizer().encode(options.init.text)));
  };
  if (config.sweep.empty()) return check(config.method);
  for (const configs::SweepMember& member : configs::members(config)) check(member.method);
}

std::vector<std::shared_ptr<methods::Trainable>> start_prompts(const Session& session) {
  const std::span<const data::LoadedTask> tasks(session.tasks);
  const configs::RunConfig& config = session.config;
  const std::vector<configs::SweepMember> members = configs::members(config);
  std::vector<std::shared_ptr<methods::Trainable>> prompts;
  if (configs::has_several_prompts(config)) {
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      prompts.push_back(start_prompt(
          session, tasks.subspan(i, 1), members.empty() ? config.method : members[i].method,
          members.empty() ? config.run.seed : members[i].seed, tasks[i].name));
    }
  } else {
    prompts.push_back(
        start_prompt(session, tasks, config.method, config.run.seed, config.run.name));
  }
  require_same_prompts(session.world(), "initial prompts", prompts);
  return prompts;
}

configs::RunConfig with_trained_weights(configs::RunConfig config) {
  if (!methods::trains_backbone(config.method)) return config;
  const auto best = std::filesystem::path(config.run.output_dir) / "model" / "best";
  if (!std::filesystem::exists(best)) {
    throw ConfigError(best.string() +
                      ": there is no trained model; run incipit train first, or score the model as "
                      "it is with --set method.kind=none");
  }
  config.model.path = best.string();
  config.method.kind = methods::kNoMethod;
  return config;
}

std::optional<methods::LoadedPrompt> trained_prompt(const configs::RunConfig& config,
                                                    const std::filesystem::path& adapter) {
  if (!adapter.empty()) return methods::load_prompt(adapter);
  if (!config.method.trains()) return std::nullopt;
  auto best = std::filesystem::path(config.run.output_dir) / "adapter" / "best";
  if (!config.picked.empty()) best /= config.picked;
  if (!std::filesystem::exists(best)) {
    throw ConfigError(best.string() +
                      ": there is no trained prompt; run incipit train first, name one with "
                      "--adapter, or score the model without a prompt with --set method.kind=none");
  }
  return methods::load_prompt(best);
}

std::vector<std::filesystem::path> adapters_by_task(const configs::RunConfig& config,
                                                    const std::vector<std::string>& given) {
  const auto tasks = configs::all_tasks(config);
  std::vector<std::filesystem::path> adapters(tasks.size());
  std::vector<std::string> in_order;
  for (const std::string& each : given) {
    const std::size_t equals = each.find('=');
    const auto task = std::find_if(tasks.begin(), tasks.end(), [&](const auto& candidate) {
      return equals != std::string::npos && candidate.name == each.substr(0, equals);
    });
    if (task == tasks.end()) {
      in_order.push_back(each);
    } else {
      adapters[static_cast<std::size_t>(task - tasks.begin())] = each.substr(equals + 1);
    }
  }
  if (in_order.empty()) return adapters;
  if (in_order.size() == 1 && given.size() == 1 && !configs::has_several_adapters(config)) {
    std::fill(adapters.begin(), adapters.end(), in_order.front());
    return adapters;
  }
  if (in_order.size() != tasks.size()) {
    throw ConfigError(
        "--adapter " + in_order.front() + ": expected " +
        (tasks.size() == 1 ? "one path" : "TASK=PATH, or a path for each task in this order") +
        ": " + configs::task_names(config));
  }
  std::copy(in_order.begin(), in_order.end(), adapters.begin());
  return adapters;
}

std::int64_t rows_of(const std::optional<methods::LoadedPrompt>& trained) {
  return trained ? trained->prompt->rows(0).rows : 0;
}

void check_prompt(const Session& session, const std::optional<methods::LoadedPrompt>& trained,
                  const std::filesystem::path& adapter) {
  std::shared_ptr<methods::Trainable> prompt;
  if (trained) prompt = trained->trained();
  require_same_prompts(session.world(), "adapter", {&prompt, 1});
  if (!trained) return;
  const auto own = std::filesystem::path(session.config.run.output_dir) / "adapter";
  const std::filesystem::path path = adapter.empty() ? own : adapter;
  methods::check_backbone(*trained, session.backbone->spec(), session.backbone_info, path);
  require_head(trained->backbone, head_of(session.task->options()), path);
}

methods::PromptedModel prompted_model(const Session& session,
                                      const std::optional<methods::LoadedPrompt>& trained,
                                      const std::filesystem::path& adapter) {
  check_prompt(session, trained, adapter);
  if (!trained) return methods::PromptedModel(*session.backbone);
  return methods::PromptedModel(*session.backbone, {trained->trained()});
}

}  // namespace incipit::launcher
