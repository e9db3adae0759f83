#include "launcher/model_card.h"

#include <nlohmann/json.hpp>
#include <string>

#include "core/files.h"
#include "core/json.h"
#include "launcher/system_info.h"
#include "methods/registry.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

std::string quoted(const std::string& text) {
  return dump_json(nlohmann::json(text), -1, BadUtf8::kReplace);
}

// YAML at the top of the card, which the Hugging Face hub reads.
std::string head(const Session& session, const methods::MethodOptions& method) {
  return "---\nbase_model: " + quoted(session.config.model.path) +
         "\nlibrary_name: peft\ntags: [incipit, " + quoted(method.kind) + "]\n---\n\n# " +
         session.config.run.name + "\n\nAn adapter (" + method.kind + ": " +
         methods::prompt_title(method) + ") for the frozen model `" + session.config.model.path +
         "`, learned by Incipit " + incipit_version() + ".\n";
}

std::string answers_of(const data::TaskOptions& options) {
  std::string text;
  for (const data::VerbalizerEntry& entry : options.verbalizer) {
    text += "- " + quoted(entry.label) + ": " + quoted(entry.text) + "\n";
  }
  return text.empty() ? "" : "\nThe answers, by label:\n\n" + text;
}

std::string scores_of(const trainer::TaskResult& result, const data::LoadedTask& task) {
  std::string rows;
  const auto add = [&](const std::string& split, std::int64_t size, const std::string& metric,
                       double value) {
    rows += "| " + split + " | " + std::to_string(size) + " | " + metric + " | " +
            telemetry::fixed(value, 4) + " |\n";
  };
  if (result.best_score) {
    add("validation", task.splits.validation.size(), result.metric, *result.best_score);
  }
  for (const auto& [name, value] : result.test) add("test", task.splits.test.size(), name, value);
  if (rows.empty()) return "";
  return "\n| split | examples | metric | score |\n|---|---|---|---|\n" + rows +
         "\nThe prompt was chosen on the validation split, which makes that score optimistic.\n";
}

std::string task_text(const data::LoadedTask& task, const trainer::TaskResult& result) {
  const data::TaskOptions& options = task.task->options();
  return "\n## Task: " + task.name +
         "\n\nTemplate, with fields of a record in braces:\n\n```json\n" +
         quoted(options.source_template) + "\n```\n" + answers_of(options) +
         scores_of(result, task);
}

std::string use(const methods::MethodOptions& method) {
  return "\n## Use\n\nWith RUN, the directory of the run:\n\n```\nincipit predict RUN --input "
         "FILE\n"
         "```\n\nor in Python: " +
         methods::loading_in_python(method) +
         ", with the text of the template before the answer.\n";
}

}  // namespace

void write_model_cards(const Session& session, const trainer::TrainResult& result,
                       const std::filesystem::path& run_dir) {
  if (methods::trains_backbone(session.config.method)) return;
  const std::filesystem::path folder = run_dir / "adapter" / "best";
  const bool several = configs::has_several_adapters(session.config);
  const std::vector<configs::SweepMember> members = configs::members(session.config);
  std::string all;
  for (std::size_t i = 0; i < result.tasks.size(); ++i) {
    const data::LoadedTask& task = session.tasks[i];
    const std::string text = task_text(task, result.tasks[i]);
    if (several) {
      const auto& method = members.empty() ? session.config.method : members[i].method;
      write_atomically(folder / task.name / "README.md",
                       head(session, method) + text + use(method));
    }
    all += text;
  }
  if (several) return;
  const methods::MethodOptions& method = session.config.method;
  write_atomically(folder / "README.md", head(session, method) + all + use(method));
}

}  // namespace incipit::launcher
