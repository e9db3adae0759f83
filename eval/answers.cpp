#include "eval/answers.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "core/stop_request.h"
#include "data/answer_text.h"
#include "data/batch.h"
#include "eval/batches.h"
#include "eval/generation.h"
#include "eval/place_answers.h"

namespace incipit::eval {
namespace {

// Merges the answers of all ranks, each a list of [example, tokens, ended], into dataset order.
std::vector<GeneratedAnswer> gather_answers(const nlohmann::json& mine, bool left,
                                            const data::Dataset& dataset,
                                            comm::Communicator& ranks) {
  std::vector<GeneratedAnswer> all(static_cast<std::size_t>(dataset.size()));
  bool stopped = false;
  const std::string told = dump_json(nlohmann::json{mine, left});
  for (const std::string& part : ranks.all_gather(told, "answers")) {
    const nlohmann::json theirs = parse_json<nlohmann::json>(part);
    stopped = stopped || theirs[1].get<bool>();
    for (const nlohmann::json& entry : theirs[0]) {
      all[entry[0].get<std::size_t>()] = {entry[1].get<std::vector<TokenId>>(),
                                          entry[2].get<bool>()};
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

// Generates answers until the task's `answer_stop`.
class AnswerWriter {
 public:
  AnswerWriter(Generator& generator, const data::Task& task) : generator_(generator), task_(task) {}

  [[nodiscard]] std::vector<GeneratedAnswer> write(std::vector<Sequence> sequences,
                                                   const GenerationOptions& options) {
    const std::string& stop = task_.options().answer_stop;
    std::vector<std::vector<TokenId>> so_far(sequences.size());
    const auto continues = [&](std::size_t sequence, TokenId token) {
      so_far[sequence].push_back(token);
      return text_of(so_far[sequence]).find(stop) == std::string::npos;
    };
    const auto generated =
        generator_.run(std::move(sequences), options, stop.empty() ? TokenSink() : continues);
    std::vector<GeneratedAnswer> answers;
    for (const Generation& each : generated) {
      answers.push_back({each.tokens, each.ending == Ending::kStop});
      if (each.ending == Ending::kCaller) cut(answers.back().tokens);
    }
    return answers;
  }

 private:
  [[nodiscard]] std::string text_of(const std::vector<TokenId>& tokens) const {
    return task_.tokenizer().decode(tokens);
  }

  // Removes the tokens with which the stop begins, and those after them.
  void cut(std::vector<TokenId>& tokens) const {
    const std::size_t end = text_of(tokens).find(task_.options().answer_stop);
    while (!tokens.empty() && text_of(tokens).size() > end) tokens.pop_back();
  }

  Generator& generator_;
  const data::Task& task_;
};

}  // namespace

std::vector<std::string> generate_answers(const methods::Prompted& model, const data::Task& task,
                                          const data::Dataset& dataset, const EvalOptions& options,
                                          GenerationOptions generation, comm::Communicator& ranks,
                                          const ScoringProgress& on_progress) {
  generation.repetition_penalty = task.model().special.repetition_penalty;
  const auto answers =
      generate_tokens(model, task, dataset, options, generation, ranks, on_progress);
  std::vector<std::string> texts;
  for (const GeneratedAnswer& each : answers) texts.push_back(task.tokenizer().decode(each.tokens));
  return texts;
}

std::vector<GeneratedAnswer> generate_tokens(const methods::Prompted& model, const data::Task& task,
                                             const data::Dataset& dataset,
                                             const EvalOptions& options,
                                             GenerationOptions generation,
                                             comm::Communicator& ranks,
                                             const ScoringProgress& on_progress) {
  generation.stops = task.model().special.stops;
  Generator generator(
      model, [&](PromptRows rows) { return data::source_sequence(task, data::Example{}, rows); });
  AnswerWriter writer(generator, task);
  std::vector<std::int64_t> rows;
  for (const data::Example& example : dataset) {
    rows.push_back(static_cast<std::int64_t>(example.source.size()) + generation.max_tokens);
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
    GenerationOptions of_batch = generation;
    of_batch.streams.clear();
    for (std::int64_t i = plan.begins[b]; i < plan.begins[b + 1]; ++i) {
      const std::int64_t example = plan.order[i];
      sequences.push_back(data::source_sequence(task, dataset[example], generator.prompt_rows()));
      of_batch.streams.push_back(stream_of(generation, static_cast<std::size_t>(example)));
    }
    const auto answers = writer.write(std::move(sequences), of_batch);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      mine.push_back({plan.order[plan.begins[b] + static_cast<std::int64_t>(i)], answers[i].tokens,
                      answers[i].ended});
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
                       const std::optional<GenerationOptions>& generation) {
  if (data::scores_places(task.options())) {
    Scores result;
    const auto find =
        task.options().kind == data::TaskKind::kTokenClassification ? find_entities : find_spans;
    result.texts = find(model, task, dataset, options, ranks, on_progress);
    result.predictions.assign(result.texts.size(), -1);
    result.on_format = 1;
    return result;
  }
  if (!answers_by_generation(task)) {
    return score_candidates(model, task, dataset, options, ranks, on_progress);
  }
  Scores result;
  const GenerationOptions greedy{.max_tokens = task.options().max_answer_tokens};
  result.texts = generate_answers(model, task, dataset, options, generation.value_or(greedy), ranks,
                                  on_progress);
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
