#include "launcher/commands/validate_report.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <ostream>

#include "core/scalars.h"
#include "core/text.h"
#include "data/mixture.h"
#include "launcher/prompt_source.h"
#include "methods/registry.h"

namespace incipit::launcher {
namespace {

std::string method_text(const configs::RunConfig& config, const model::ModelSpec& transformer) {
  if (!config.method.trains()) return "none: the model as it is";
  const std::int64_t rows = methods::prompt_rows(config.method).rows;
  const auto head = config.tasks.empty() ? head_of(config.task) : std::nullopt;
  const std::int64_t numbers = methods::trained_numbers(config.method, transformer, head);
  const std::string title = methods::prompt_title(config.method) + ": ";
  const std::string parameters = telemetry::grouped(numbers) + " parameters";
  if (head) return title + parameters + ", with a head";
  if (rows == 0 || methods::has_rows_by_task(config.method)) return title + parameters;
  return title + telemetry::grouped(rows) + " x " + telemetry::grouped(numbers / rows) + " = " +
         parameters;
}

std::string task_text(const data::Task& task) {
  const data::TaskOptions& options = task.options();
  std::string text = options.name.empty() ? "" : options.name + ", ";
  text += options.format == data::Format::kChat ? "chat format: " + task.model().chat->name
                                                : "raw format";
  if (task.generates()) return text + ", generates its answers";
  if (data::has_head(options))
    return text + "\noutputs of the head: " + join(head_outputs(options));
  const data::CandidateOptions& own = options.candidates;
  if (!own.foreach.empty())
    return text + "\n" + own.foreach + " -> \"" + telemetry::visible(own.text) + "\"";
  if (task.candidates().empty()) {
    for (const auto& entry : options.verbalizer) {
      text += "\n" + entry.label + " -> \"" + telemetry::visible(entry.text) + "\"";
    }
  }
  for (const data::Candidate& candidate : task.candidates()) {
    text += "\n" + candidate.label + " -> \"" + telemetry::visible(candidate.text) + "\" (" +
            std::to_string(candidate.tokens.size()) +
            (candidate.tokens.size() == 1 ? " token)" : " tokens)");
  }
  return text;
}

// Returns each task's share of the run.
std::string mixture_text(const configs::RunConfig& config,
                         std::span<const data::LoadedTask> tasks) {
  std::vector<std::int64_t> sizes;
  for (const data::LoadedTask& read : tasks) {
    if (read.splits.train.empty()) return "";
    sizes.push_back(read.splits.train.size());
  }
  const auto weights = data::mixture_weights(config.mixture, sizes);
  const auto total =
      static_cast<double>(std::accumulate(weights.begin(), weights.end(), std::int64_t{0}));
  std::string text =
      configs::has_several_adapters(config) ? "a prompt for each task" : "one prompt for all tasks";
  const auto samples = static_cast<double>(config.train.steps * config.train.batch_size);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const double share = static_cast<double>(weights[i]) / total;
    text += "\n" + tasks[i].name + ": " + telemetry::fixed(100 * share, 1) +
            " % of the examples, " +
            telemetry::fixed(share * samples / static_cast<double>(sizes[i]), 1) + " epochs";
  }
  return text;
}

std::string training_text(trainer::TrainOptions train, const data::Splits& splits) {
  train.steps = trainer::steps_to_train(train, splits.train.size());
  const std::int64_t samples = train.steps * train.batch_size;
  std::string text = telemetry::grouped(train.steps) + " steps x " +
                     telemetry::grouped(train.batch_size) +
                     " examples = " + telemetry::grouped(samples);
  if (!splits.train.empty()) {
    const double epochs = static_cast<double>(samples) / static_cast<double>(splits.train.size());
    text += ", " + telemetry::fixed(epochs, 1) + " epochs";
    if (train.examples > 0) {
      text += " of " + telemetry::grouped(splits.train.size()) + " examples drawn from " +
              telemetry::grouped(splits.available);
    }
  }
  return text + ", learning rate " + number_text(train.optimizer.lr);
}

std::string label_text(const data::Task& task, const data::Dataset& split) {
  if (task.labels().empty()) return "-";
  if (!split.labelled()) return "none";
  std::string text;
  for (std::size_t label = 0; label < task.labels().size(); ++label) {
    const auto count = std::count_if(split.begin(), split.end(), [&](const data::Example& example) {
      return example.label == static_cast<int>(label);
    });
    if (!text.empty()) text += ", ";
    text += task.labels()[label] + " " + telemetry::grouped(count);
  }
  return text;
}

}  // namespace

void print_summary(std::ostream& out, const telemetry::Style& style,
                   const configs::RunConfig& config, const model::ModelSpec& transformer,
                   const model::WeightFiles& weights, const ModelChoice& choice,
                   std::span<const data::LoadedTask> tasks) {
  telemetry::Facts facts{
      {"run", config.run.name + " -> " + config.run.output_dir},
      {"model", config.model.path + "\n" + transformer.model_type + ", " +
                    std::to_string(transformer.layer_count()) + " layers x " +
                    telemetry::grouped(transformer.hidden_size) + ", " +
                    telemetry::short_count(weights.parameter_count()) + " parameters, " +
                    human_bytes(static_cast<double>(weights.total_bytes())) + " on disk"},
      {"dtype", dtype_text(choice)},
      {"device", device_text(choice)},
      {"method", method_text(config, transformer)}};
  if (!config.sweep.empty()) {
    facts.emplace_back("sweep", std::to_string(configs::members(config).size()) +
                                    " members: " + configs::task_names(config));
  }
  for (const data::LoadedTask& read : tasks) {
    const bool alone = tasks.size() == 1;
    facts.emplace_back(alone ? "task" : "task " + read.name, task_text(*read.task));
  }
  if (config.method.trains()) {
    const data::Splits several;  // the mixture line reports epochs
    if (tasks.size() > 1) facts.emplace_back("mixture", mixture_text(config, tasks));
    facts.emplace_back(
        config.sweep.empty() ? "training" : "training of each",
        training_text(config.train, tasks.size() > 1 ? several : tasks.front().splits));
  }
  telemetry::print_facts(out, style, facts);
}

void print_splits(std::ostream& out, const telemetry::Style& style, const data::Task& task,
                  const data::Splits& splits) {
  telemetry::Table table({"split", "file", "examples", "mean tokens", "longest", "cut", "labels"});
  const auto add = [&](const char* name, const data::Dataset& split) {
    if (split.empty()) return;
    const auto lengths = split.lengths();
    const auto total = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
    table.add({name, std::filesystem::path(split.file()).filename().string(),
               telemetry::grouped(split.size()),
               telemetry::fixed(static_cast<double>(total) / static_cast<double>(split.size()), 1),
               telemetry::grouped(*std::max_element(lengths.begin(), lengths.end())),
               telemetry::grouped(split.truncated()), label_text(task, split)});
  };
  add("train", splits.train);
  add("validation", splits.validation);
  add("test", splits.test);
  table.print(out, style);
}

}  // namespace incipit::launcher
