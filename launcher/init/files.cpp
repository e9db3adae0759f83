#include "launcher/init/files.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "configs/schema.h"
#include "configs/schema_text.h"

namespace incipit::launcher {
namespace {

using configs::number_text;
using configs::yaml_text;

std::string select_text(const data::SelectOptions& select) {
  return select.file.empty() ? number_text(select.share) : yaml_text(select.file);
}

std::string comment(std::string_view text) {
  std::string lines;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.append(begin == end ? "#" : "# ").append(text.substr(begin, end - begin)).append("\n");
    begin = end + 1;
  }
  return lines;
}

std::string score_name(eval::Score score) {
  switch (score) {
    case eval::Score::kTokenMean:
      return "token_mean";
    case eval::Score::kByteMean:
      return "byte_mean";
    case eval::Score::kSum:
      break;
  }
  return "sum";
}

std::string task_block(const data::TaskOptions& task) {
  std::string text = "task:\n  name: " + yaml_text(task.name) + "\n";
  text += "  data_dir: " + yaml_text(task.data_dir) + "\n";
  if (task.train.empty()) return text;
  text += "  train: " + yaml_text(task.train) + "\n";
  text += "  select: " + select_text(task.select) + "\n";
  return text + "  test: " + yaml_text(task.test) + "\n";
}

}  // namespace

std::string run_yaml(const configs::RunConfig& config, const std::string& about) {
  const trainer::TrainOptions& train = config.train;
  const std::string name = yaml_text(config.run.name);
  return comment(about) +
         "run:\n"
         "  name: " +
         name +
         "\n"
         "  output_dir: " +
         yaml_text(config.run.output_dir) +
         "  # an earlier run there is moved aside\n"
         "  seed: " +
         std::to_string(config.run.seed) +
         "\n"
         "model:\n"
         "  path: " +
         yaml_text(config.model.path) +
         "\n"
         "  dtype: float32  # bfloat16: half the memory, on many machines faster\n"
         "method:\n"
         "  kind: prompt_tuning  # none: the model as it is, for incipit eval\n"
         "  num_virtual_tokens: " +
         std::to_string(config.method.num_virtual_tokens) +
         "  # length of the soft prompt; 1 to 100\n"
         "  init: {kind: class_labels}  # start from the labels' words\n" +
         task_block(config.task) +
         "train:\n"
         "  steps: " +
         std::to_string(train.steps) +
         "\n"
         "  batch_size: " +
         std::to_string(train.batch_size) +
         "  # examples a step, of all ranks\n"
         "  loss: target_tokens  # candidates: compares the labels alone\n"
         "  optimizer: {kind: adamw, lr: " +
         number_text(train.optimizer.lr) +
         "}  # the rate to try first; then three times as much, and a third\n"
         "  schedule: {kind: constant, warmup_steps: 0}\n"
         "  eval_every: " +
         std::to_string(train.eval_every) +
         "  # steps between scores on select; the best prompt is kept\n"
         "  checkpoint_every: " +
         std::to_string(train.checkpoint_every) +
         "\n"
         "eval: {score: " +
         score_name(config.eval.score) + "}\n";
}

std::string task_yaml(const data::TaskOptions& options, const std::string& about) {
  std::string text = comment(about);
  text += "train: " + yaml_text(options.train) + "\n";
  text += "select: " + select_text(options.select) + "  # early stop and choices are made on it\n";
  text += "test: " + yaml_text(options.test) + "  # scored once, at the end\n";
  text += "# What the model is to continue; {fields} are those of the records.\n";
  text += "template: " + yaml_text(options.source_template) + "\n";
  text += "# What it is to say for each label.\nverbalizer:\n";
  for (const auto& [label, answer] : options.verbalizer) {
    text += "  " + yaml_text(label) + ": " + yaml_text(answer) + "\n";
  }
  text += "max_source_tokens: " + std::to_string(options.max_source_tokens) + "\n";
  text += "truncate: {field: " + yaml_text(options.truncate.field) +
          "}  # cut from its end in longer sources\n";
  std::string metrics;
  for (const std::string& metric : options.metrics) {
    metrics += (metrics.empty() ? "" : ", ") + metric;
  }
  return text + "metrics: [" + metrics + "]  # the first one decides\n";
}

std::string split_lines(const LabelledTable& table, const TaskPlan& plan,
                        const std::vector<int>& parts, int part) {
  std::string text;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    if (parts[i] != part) continue;
    const LabelledText& row = table.rows[i];
    nlohmann::ordered_json line{{"idx", row.number}};
    for (std::size_t column = 0; column < plan.fields.size(); ++column) {
      line[plan.fields[column]] = row.texts[column];
    }
    line["label"] = table.labels[static_cast<std::size_t>(row.label)];
    text += line.dump() + "\n";
  }
  return text;
}

}  // namespace incipit::launcher
