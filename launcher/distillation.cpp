#include "launcher/distillation.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <utility>

#include "comm/agreement.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/log.h"
#include "core/sha256.h"
#include "data/answer_text.h"
#include "eval/answers.h"
#include "launcher/prompt_source.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;
using DistillJson = nlohmann::ordered_json;

data::TaskOptions with_long_prompt(data::TaskOptions task, const eval::DistillOptions& distill) {
  task.prompt_file = distill.prompt;
  return task;
}

// The splits of a task and their names, as answers.jsonl has them.
std::vector<std::pair<std::string, data::Dataset*>> splits_of(data::Splits& splits) {
  return {{"train", &splits.train}, {"validation", &splits.validation}, {"test", &splits.test}};
}

std::string inputs_line(const std::string& identity) {
  return dump_json(DistillJson{{"inputs", identity}}) + "\n";
}

// Returns the tokens to predict: the answer, which is not empty, and the EOS that ended it.
std::vector<TokenId> target_tokens(const eval::GeneratedAnswer& answer, const data::Task& task,
                                   const data::Example& example, const std::string& file) {
  std::vector<TokenId> tokens = answer.tokens;
  if (answer.ended && task.model().special.eos) tokens.push_back(*task.model().special.eos);
  if (!tokens.empty()) return tokens;
  throw DataError(file + ":" + std::to_string(example.line) +
                  ": the model's answer under distill.prompt is empty; take the question out of "
                  "the file");
}

// Returns the mean per token over the examples with their bootstrap interval, and the differences.
std::vector<Divergence> with_intervals(
    const std::vector<std::pair<std::string, std::vector<double>>>& sums,
    const data::Dataset& split) {
  std::vector<eval::ResampledMethod> methods;
  for (const auto& [name, values] : sums) {
    eval::ResampledMethod& method = methods.emplace_back();
    method.width = 2;
    for (std::int64_t i = 0; i < split.size(); ++i) {
      method.statistics.push_back(values[static_cast<std::size_t>(i)]);
      method.statistics.push_back(static_cast<double>(split[i].target.size()));
    }
    method.score = [](std::span<const double> of, std::int64_t) { return of[0] / of[1]; };
  }
  const eval::PairedBootstrap bootstrap(methods);
  const std::size_t learned = methods.size() - 1;
  std::vector<Divergence> divergences;
  for (std::size_t m = 0; m < methods.size(); ++m) {
    divergences.push_back({sums[m].first, bootstrap.mean(m), bootstrap.gain(m, learned)});
  }
  return divergences;
}

DistillJson interval_json(const eval::MeanInterval& interval) {
  return {interval.low, interval.high};
}

std::string interval_text(const eval::MeanInterval& interval) {
  return telemetry::fixed(interval.mean, 4) + " [" + telemetry::fixed(interval.low, 4) + ", " +
         telemetry::fixed(interval.high, 4) + "]";
}

// Returns the name of a divergence for the terminal.
std::string shown_name(const std::string& name, std::int64_t prompt_rows) {
  if (name == "first_tokens") return "first " + telemetry::grouped(prompt_rows) + " tokens";
  return name == "learned" ? "learned prompt" : "no prompt";
}

}  // namespace

bool distils(const configs::RunConfig& config) {
  return config.train.loss == trainer::Loss::kDistillation;
}

Distillation::Distillation(Session& session, bool resumes)
    : session_(session),
      task_(with_long_prompt(session.task->options(), session.config.distill),
            session.task->model()),
      teacher_(std::make_unique<eval::Teacher>(*session.backbone, task_)),
      progress_(session.is_rank_zero()) {
  comm::require_same(session.world(), "prompt of distill",
                     "prompt of distill: " + task_.prefix_fingerprint());
  const fs::path file = fs::path(session.config.run.output_dir) / "answers.jsonl";
  std::string answers;
  if (session_.is_rank_zero()) answers = answers_of_file(file, resumes);
  answers = session_.world().broadcast(std::move(answers), 0, "answers of the teacher");
  if (answers.empty()) {
    answers = write_answers();
    if (session_.is_rank_zero()) write_atomically(file, inputs_line(identity()) + answers);
  } else {
    log::info("{}: the teacher's answers are there already", file.string());
  }
  set_answers(answers);
}

// Returns a hash of all that the answers depend on. For rank 0, which knows the weights.
std::string Distillation::identity() const {
  const eval::DistillOptions& distill = session_.config.distill;
  std::string text =
      session_.backbone_info.weights_fingerprint + ":" + task_.tokenizer().fingerprint() + ":" +
      task_.options().answer_stop + ":" + std::to_string(distill.answer_tokens) + ":" +
      std::to_string(distill.temperature) + ":" + std::to_string(session_.config.run.seed);
  for (const auto& [name, split] : splits_of(session_.tasks.front().splits)) {
    text += ":" + std::to_string(split->fingerprint());
  }
  text += ":" + task_.prefix_fingerprint();
  return sha256_hex(std::as_bytes(std::span(text)));
}

// Returns the lines of the file, or "" if it has to be made.
std::string Distillation::answers_of_file(const fs::path& file, bool resumes) const {
  const std::string text = fs::exists(file) ? read_text(file) : "";
  const std::string first = inputs_line(identity());
  if (text.starts_with(first)) return text.substr(first.size());
  if (resumes) {
    throw ConfigError(file.string() +
                      ": the interrupted run had other answers, or another prompt of distill; "
                      "restore them to resume it, or give --fresh to start over");
  }
  return "";
}

// Generates the answers to all splits. Returns a line for each.
std::string Distillation::write_answers() {
  const eval::DistillOptions& distill = session_.config.distill;
  std::string lines;
  for (const auto& [name, split] : splits_of(session_.tasks.front().splits)) {
    if (split->empty()) continue;
    const auto answers = eval::generate_tokens(
        teacher_->model(), task_, eval::for_teacher(task_, *split), session_.config.eval,
        {.max_tokens = distill.answer_tokens,
         .temperature = distill.temperature,
         .seed = session_.config.run.seed},
        session_.mesh->batch(), progress_.titled("answers of " + name));
    for (std::int64_t i = 0; i < split->size(); ++i) {
      const data::Example example = (*split)[i];
      const auto tokens =
          target_tokens(answers[static_cast<std::size_t>(i)], task_, example, split->file());
      lines += dump_json(DistillJson{{"split", name},
                                     {"line", example.line},
                                     {"tokens", tokens},
                                     {"text", task_.tokenizer().decode(tokens)}},
                         -1, BadUtf8::kReplace) +
               "\n";
    }
  }
  progress_.end();
  return lines;
}

void Distillation::set_answers(const std::string& answers) {
  std::istringstream lines(answers);
  for (const auto& [name, split] : splits_of(session_.tasks.front().splits)) {
    std::vector<data::Example> examples;
    for (data::Example example : *split) {
      std::string line;
      std::getline(lines, line);
      const auto answer = parse_json<DistillJson>(line);
      answer.at("tokens").get_to(example.target);
      example.references = {std::string(data::stripped(answer.at("text").get<std::string>()))};
      task_.check_rows(eval::for_teacher(task_, example), split->file(), 0);
      session_.task->check_rows(example, split->file(), session_.tasks.front().prompt_rows);
      examples.push_back(std::move(example));
    }
    *split = {split->file(), std::move(examples), split->skipped()};
  }
}

void Distillation::measure() {
  const data::Dataset& split = session_.splits().test;
  if (split.empty()) return;
  session_.world().barrier("learned prompt");
  const std::optional<methods::LoadedPrompt> trained = trained_prompt(session_.config, {});
  const methods::PromptedModel learned = prompted_model(session_, trained, {});
  prompt_rows_ = rows_of(trained);
  data::Task first_tokens = task_;
  first_tokens.shorten_prefix(prompt_rows_);
  std::vector<std::pair<std::string, std::vector<double>>> sums;
  const auto add = [&](const std::string& name, const methods::Prompted& model,
                       const data::Task& task, const data::Dataset& dataset) {
    sums.emplace_back(
        name, eval::divergences(model, task, *teacher_, dataset, session_.config.eval,
                                session_.mesh->batch(), progress_.titled("divergence, " + name)));
  };
  add("no_prompt", teacher_->model(), *session_.task, split);
  if (prompt_rows_ > 0) {
    add("first_tokens", teacher_->model(), first_tokens, eval::for_teacher(task_, split));
  }
  add("learned", learned, *session_.task, split);
  progress_.end();
  for (std::int64_t i = 0; i < split.size(); ++i) tokens_ += std::ssize(split[i].target);
  divergences_ = with_intervals(sums, split);
  if (session_.is_rank_zero()) write_results();
}

void Distillation::write_results() const {
  const std::int64_t prompt_tokens = std::ssize(task_.prefix());
  DistillJson json{{"split", "test"},
                   {"examples", session_.splits().test.size()},
                   {"tokens", tokens_},
                   {"prompt_tokens", prompt_tokens},
                   {"learned_rows", prompt_rows_},
                   {"saved_per_request", prompt_tokens - prompt_rows_}};
  for (const Divergence& each : divergences_) {
    DistillJson& own = json["divergence"][each.name];
    own = {{"mean", each.mean.mean}, {"mean_95", interval_json(each.mean)}};
    if (each.name == "learned") continue;
    own["over_learned"] = each.over_learned.mean;
    own["over_learned_95"] = interval_json(each.over_learned);
  }
  write_atomically(fs::path(session_.config.run.output_dir) / "distillation.json",
                   dump_json(json, 2) + "\n");
}

void Distillation::add_facts(telemetry::Facts& facts) const {
  if (divergences_.empty()) return;
  std::string text;
  for (const Divergence& each : divergences_) {
    text += (text.empty() ? "" : "\n") + shown_name(each.name, prompt_rows_) + " " +
            interval_text(each.mean);
  }
  facts.emplace_back("test KL per token", text);
  facts.emplace_back("saved", telemetry::grouped(std::ssize(task_.prefix()) - prompt_rows_) +
                                  " tokens per request");
}

}  // namespace incipit::launcher
