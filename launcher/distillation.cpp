#include "launcher/distillation.h"

#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>
#include <utility>
#include <vector>

#include "comm/agreement.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/log.h"
#include "core/sha256.h"
#include "data/answer_text.h"
#include "eval/answers.h"
#include "launcher/prompt_source.h"
#include "report/distillation_texts.h"

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
  const std::int64_t prompt_rows = rows_of(trained);
  data::Task first_tokens = task_;
  first_tokens.shorten_prefix(prompt_rows);
  std::vector<eval::StudentSums> sums;
  const auto add = [&](const std::string& student, const methods::Prompted& model,
                       const data::Task& task, const data::Dataset& dataset) {
    sums.push_back({student, eval::divergences(model, task, *teacher_, dataset,
                                               session_.config.eval, session_.mesh->batch(),
                                               progress_.titled("divergence, " + student))});
  };
  add("no_prompt", teacher_->model(), *session_.task, split);
  if (prompt_rows > 0) {
    add("first_tokens", teacher_->model(), first_tokens, eval::for_teacher(task_, split));
  }
  add("learned", learned, *session_.task, split);
  progress_.end();
  std::vector<std::int64_t> tokens;
  for (const data::Example& example : split) tokens.push_back(std::ssize(example.target));
  results_ = {.split = "test",
              .examples = split.size(),
              .tokens = std::accumulate(tokens.begin(), tokens.end(), std::int64_t{0}),
              .prompt_tokens = std::ssize(task_.prefix()),
              .learned_rows = prompt_rows,
              .divergences = eval::mean_divergences(sums, tokens)};
  if (!session_.is_rank_zero()) return;
  write_atomically(fs::path(session_.config.run.output_dir) / "distillation.json",
                   eval::distillation_json(*results_));
}

void Distillation::add_facts(telemetry::Facts& facts) const {
  if (!results_) return;
  std::string text;
  for (const auto& row : report::divergence_rows(*results_)) {
    text += (text.empty() ? "" : "\n") + row[0] + " " + row[1];
  }
  facts.emplace_back("test KL per token", text);
  facts.emplace_back("saved", report::saved_tokens(*results_));
}

}  // namespace incipit::launcher
