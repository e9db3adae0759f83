#include "init/files.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "configs/schema_text.h"
#include "core/json.h"
#include "core/schema.h"

namespace incipit::init {
namespace {

using configs::yaml_text;

std::string comment(std::string_view text) {
  std::string lines;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.append(begin == end ? "#" : "# ").append(text.substr(begin, end - begin)).append("\n");
    begin = end + 1;
  }
  return lines;
}

// Writes lines of YAML with a configuration's values.
class Writer {
 public:
  explicit Writer(const configs::RunConfig& config) : config_(config) {
    configs::declare(schema_, config_);
  }

  Writer& raw(const std::string& text) {
    text_ += text;
    return *this;
  }
  // Writes "  steps: 300  # remark" for the key "train.steps".
  Writer& key(const std::string& path, const std::string& remark = "", int indent = 2) {
    text_.append(static_cast<std::size_t>(indent), ' ');
    text_ += path.substr(path.rfind('.') + 1) + ": " + value(path);
    return raw(remark.empty() ? "\n" : "  # " + remark + "\n");
  }
  [[nodiscard]] std::string value(const std::string& path) const {
    return configs::value_yaml(schema_, path);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  configs::RunConfig config_;
  Schema schema_;
  std::string text_;
};

}  // namespace

std::string run_yaml(const configs::RunConfig& config, const std::string& about) {
  Writer yaml(config);
  yaml.raw(comment(about) + "run:\n")
      .key("run.name")
      .key("run.output_dir", "an earlier run there is moved aside")
      .key("run.seed")
      .raw("model:\n")
      .key("model.path")
      .key("model.dtype", "auto: the fastest on the machine; bfloat16: half the memory of float32")
      .raw("method:\n")
      .key("method.kind", "none: the model as it is, for incipit eval")
      .key("method.num_virtual_tokens", "the soft prompt's length; 1 to 100")
      .raw("  init: {kind: " + yaml.value("method.init.kind") + "}  # its initial value\n")
      .raw("task:\n")
      .key("task.name")
      .key("task.data_dir");
  if (!config.task.train.empty()) yaml.key("task.train").key("task.validation").key("task.test");
  yaml.raw("train:\n")
      .key("train.steps")
      .key("train.batch_size", "examples per step, over all ranks")
      .key("train.loss", "candidates: compares only the labels")
      .raw("  optimizer: {kind: " + yaml.value("train.optimizer.kind") +
           ", lr: " + yaml.value("train.optimizer.lr") +
           "}  # the learning rate to try first; then three times it, and a third\n")
      .raw("  schedule: {kind: " + yaml.value("train.schedule.kind") +
           ", warmup_steps: " + yaml.value("train.schedule.warmup_steps") + "}\n")
      .key("train.eval_every", "steps between evaluations on validation; the best prompt is kept")
      .key("train.checkpoint_every")
      .raw("eval:\n")
      .key("eval.score");
  return yaml.take();
}

std::string task_yaml(const data::TaskOptions& options, const std::string& about) {
  configs::RunConfig config;
  config.task = options;
  Writer yaml(config);
  yaml.raw(comment(about))
      .key("task.train", "", 0)
      .key("task.validation", "for early stopping and every choice", 0)
      .key("task.test", "scored once, at the end", 0)
      .raw("# The text that the model continues; {fields} are fields of the records.\n")
      .key("task.template", "", 0)
      .raw("# The answer for each label.\nverbalizer:\n");
  for (const auto& [label, answer] : options.verbalizer) {
    yaml.raw("  " + yaml_text(label) + ": " + yaml_text(answer) + "\n");
  }
  const data::TaskOptions defaults;
  if (options.label_field != defaults.label_field) yaml.key("task.label_field", "", 0);
  if (options.id_fields != defaults.id_fields) yaml.key("task.id_field", "", 0);
  yaml.key("task.max_source_tokens", "", 0)
      .key("task.truncate", "cut from its end in longer sources", 0)
      .key("task.metrics", "the first one selects the best prompt", 0);
  return yaml.take();
}

std::string split_lines(const LabelledTable& table, const TaskPlan& plan,
                        const std::vector<int>& parts, int part) {
  std::string text;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    if (parts[i] != part) continue;
    const LabelledText& row = table.rows[i];
    nlohmann::ordered_json line{{plan.options.id_fields.front(), row.number}};
    for (std::size_t column = 0; column < plan.fields.size(); ++column) {
      line[plan.fields[column]] = row.texts[column];
    }
    line[plan.options.label_field] = table.labels[static_cast<std::size_t>(row.label)];
    text += dump_json(line) + "\n";
  }
  return text;
}

}  // namespace incipit::init
