#include "eval/answers.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json.h"
#include "core/stop_request.h"
#include "data/answer_text.h"
#include "data/batch.h"
#include "eval/batches.h"
#include "eval/generation.h"

namespace incipit::eval {
namespace {

// Merges the answers of all ranks, each a list of [example, text], into dataset order.
std::vector<std::string> gather_answers(const nlohmann::json& mine, bool left,
                                        const data::Dataset& dataset, comm::Communicator& ranks) {
  std::vector<std::string> all(static_cast<std::size_t>(dataset.size()));
  bool stopped = false;
  const std::string told = dump_json(nlohmann::json{mine, left});
  for (const std::string& part : ranks.all_gather(told, "answers")) {
    const nlohmann::json theirs = parse_json<nlohmann::json>(part);
    stopped = stopped || theirs[1].get<bool>();
    for (const nlohmann::json& entry : theirs[0]) {
      all[entry[0].get<std::size_t>()] = entry[1].get<std::string>();
    }
  }
  if (stopped) throw Stopped(dataset.file() + ": a signal ended its evaluation");
  return all;
}

// Label 1, the second of two, means that the answer names the referent.
int referent_label(const data::Example& example, std::string_view text) {
  const auto means = data::names_referent(text, example.references.at(0));
  return means ? static_cast<int>(*means) : -1;
}

}  // namespace

std::vector<std::string> generate_answers(const methods::Prompted& model, const data::Task& task,
                                          const data::Dataset& dataset, const EvalOptions& options,
                                          std::int64_t max_tokens, comm::Communicator& ranks,
                                          const ScoringProgress& on_progress) {
  Generator generator(
      model, [&](PromptRows rows) { return data::source_sequence(task, data::Example{}, rows); });
  std::vector<std::int64_t> rows;
  for (const data::Example& example : dataset) {
    rows.push_back(static_cast<std::int64_t>(example.source.size()) + max_tokens);
  }
  const Batches plan = plan_batches(dataset, rows, options.batch_tokens, ranks.size());
  const auto tell = [&](int batches) {
    if (on_progress && ranks.rank() == 0) on_progress(plan.begins[batches], dataset.size());
  };
  tell(0);
  nlohmann::json mine = nlohmann::json::array();
  bool left = false;
  for (int b = ranks.rank(); b < plan.count(); b += ranks.size()) {
    left = stop_requested() && leaves_alone(model.backbone().placement());
    if (left) break;
    std::vector<Sequence> sequences;
    for (std::int64_t i = plan.begins[b]; i < plan.begins[b + 1]; ++i) {
      sequences.push_back(
          data::source_sequence(task, dataset[plan.order[i]], generator.prompt_rows()));
    }
    const auto answers = generator.run(
        std::move(sequences), {.max_tokens = max_tokens,
                               .repetition_penalty = task.model().special.repetition_penalty,
                               .stops = task.model().special.stops});
    for (std::size_t i = 0; i < answers.size(); ++i) {
      mine.push_back({plan.order[plan.begins[b] + static_cast<std::int64_t>(i)],
                      task.tokenizer().decode(answers[i].tokens)});
    }
    tell(std::min(b - ranks.rank() + ranks.size(), plan.count()));
  }
  return gather_answers(mine, left, dataset, ranks);
}

bool answers_by_generation(const data::Task& task) {
  switch (task.options().answer) {
    case data::Answer::kAuto:
      return task.generates();
    case data::Answer::kScore:
      return false;
    case data::Answer::kGenerate:
      return true;
  }
  throw LogicError("unknown way to answer");
}

int label_of_answer(const data::Task& task, const data::Example& example, std::string_view text) {
  if (task.options().answer_rule == data::AnswerRule::kReferent) {
    return referent_label(example, text);
  }
  const std::string_view said = data::stripped(text);
  const data::Candidates& candidates = *example.candidates;
  const auto found = std::find_if(
      candidates.begin(), candidates.end(),
      [&](const data::Candidate& candidate) { return data::stripped(candidate.text) == said; });
  return found == candidates.end() ? -1 : static_cast<int>(found - candidates.begin());
}

Scores answer_examples(const methods::Prompted& model, const data::Task& task,
                       const data::Dataset& dataset, const EvalOptions& options,
                       comm::Communicator& ranks, const ScoringProgress& on_progress,
                       std::optional<std::int64_t> max_tokens) {
  if (!answers_by_generation(task)) {
    return score_candidates(model, task, dataset, options, ranks, on_progress);
  }
  Scores result;
  result.texts =
      generate_answers(model, task, dataset, options,
                       max_tokens.value_or(task.options().max_answer_tokens), ranks, on_progress);
  const bool free = data::answers_freely(task.options());
  std::int64_t in_format = 0;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const std::string& text = result.texts[static_cast<std::size_t>(i)];
    result.predictions.push_back(label_of_answer(task, dataset[i], text));
    in_format += (free ? !data::stripped(text).empty() : result.predictions.back() >= 0) ? 1 : 0;
  }
  if (!dataset.empty()) {
    result.on_format = static_cast<double>(in_format) / static_cast<double>(dataset.size());
  }
  return result;
}

}  // namespace incipit::eval
