#include "launcher/teacher_answers.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "core/log.h"
#include "core/sha256.h"
#include "core/stop_request.h"
#include "data/answer_text.h"
#include "eval/answers.h"
#include "launcher/evaluation_progress.h"
#include "launcher/journal_file.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;
using AnswerJson = nlohmann::ordered_json;

// How many questions are answered before the answers are noted, for each rank that shares the
// questions: enough to fill several batches.
constexpr std::int64_t kPartExamples = 128;

// The splits of a task and their names, as answers.jsonl has them.
std::vector<std::pair<std::string, data::Dataset*>> splits_of(Session& session) {
  data::Splits& splits = session.tasks.front().splits;
  return {{"train", &splits.train}, {"validation", &splits.validation}, {"test", &splits.test}};
}

std::int64_t questions_of(Session& session) {
  std::int64_t questions = 0;
  for (const auto& [name, split] : splits_of(session)) questions += split->size();
  return questions;
}

// Returns a hash of all that the answers depend on. For rank 0, which knows the weights.
std::string identity(Session& session, const data::Task& task) {
  const eval::DistillOptions& distill = session.config.distill;
  std::string text =
      session.backbone_info.weights_fingerprint + ":" + task.tokenizer().fingerprint() + ":" +
      task.options().answer_stop + ":" + std::to_string(distill.answer_tokens) + ":" +
      std::to_string(distill.temperature) + ":" + std::to_string(session.config.run.seed);
  for (const auto& [name, split] : splits_of(session)) {
    text += ":" + std::to_string(split->fingerprint());
  }
  text += ":" + task.prefix_fingerprint();
  return sha256_hex(std::as_bytes(std::span(text)));
}

// Opens answers.jsonl. Collective.
JournalFile open_file(Session& session, const data::Task& task, bool resumes) {
  const fs::path file = fs::path(session.config.run.output_dir) / "answers.jsonl";
  const JournalFile::Of inputs{"inputs", session.is_rank_zero() ? identity(session, task) : ""};
  if (session.is_rank_zero() && resumes && !JournalFile::is_of(file, inputs)) {
    throw ConfigError(file.string() +
                      ": the interrupted run had other answers, or another prompt of distill; "
                      "restore them to resume it, or give --fresh to start over");
  }
  JournalFile journal(file, inputs, session.world());
  if (!journal.lines().empty()) {
    log::info("{}: {} of {} of the teacher's answers are there already", file.string(),
              journal.lines().size(), questions_of(session));
  }
  return journal;
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

// Generates the answers that the file lacks.
class AnswerWriter {
 public:
  AnswerWriter(Session& session, const eval::Teacher& teacher, JournalFile& journal)
      : session_(session),
        teacher_(teacher),
        journal_(journal),
        progress_(session.is_rank_zero()),
        lines_(journal.lines()) {}

  // Returns a line for each example.
  [[nodiscard]] std::vector<std::string> write() {
    std::int64_t before = 0;  // examples of earlier splits
    for (const auto& [name, split] : splits_of(session_)) {
      const auto told = progress_.titled("answers of " + name);
      while (std::ssize(lines_) < before + split->size()) {
        write_part(name, *split, std::ssize(lines_) - before, told);
      }
      before += split->size();
    }
    progress_.end();
    return std::move(lines_);
  }

 private:
  void write_part(const std::string& name, const data::Dataset& split, std::int64_t begin,
                  const eval::ScoringProgress& told) {
    const std::int64_t size =
        std::min(kPartExamples * session_.mesh->batch().size(), split.size() - begin);
    std::vector<std::int64_t> indices(static_cast<std::size_t>(size));
    std::iota(indices.begin(), indices.end(), begin);
    const data::Dataset part = split.subset(indices);
    const std::vector<eval::GeneratedAnswer> answers =
        generate(part, [&](std::int64_t done, std::int64_t) { told(begin + done, split.size()); });
    const data::Task& task = teacher_.task();
    for (std::int64_t i = 0; i < size; ++i) {
      const data::Example example = part[i];
      const auto tokens =
          target_tokens(answers[static_cast<std::size_t>(i)], task, example, split.file());
      lines_.push_back(dump_json(AnswerJson{{"split", name},
                                            {"line", example.line},
                                            {"tokens", tokens},
                                            {"text", task.tokenizer().decode(tokens)}},
                                 -1, BadUtf8::kReplace));
      journal_.append(lines_.back());
    }
  }

  [[nodiscard]] std::vector<eval::GeneratedAnswer> generate(const data::Dataset& part,
                                                            const eval::ScoringProgress& told) {
    const eval::DistillOptions& distill = session_.config.distill;
    const eval::GenerationOptions options{
        .max_tokens = distill.answer_tokens,
        .temperature = distill.temperature,
        .seed = session_.config.run.seed,
        .streams = eval::streams_from(lines_.size(), static_cast<std::size_t>(part.size()))};
    try {
      return eval::generate_tokens(teacher_.model(), teacher_.task(),
                                   eval::for_teacher(teacher_.task(), part), session_.config.eval,
                                   options, session_.mesh->batch(), told);
    } catch (const Stopped&) {
      throw Stopped("stopped while the teacher answered, with " + std::to_string(lines_.size()) +
                    " of " + std::to_string(questions_of(session_)) +
                    " answers; start the same command again to continue");
    }
  }

  Session& session_;
  const eval::Teacher& teacher_;
  JournalFile& journal_;
  EvaluationProgress progress_;
  std::vector<std::string> lines_;
};

}  // namespace

void set_answers(Session& session, const eval::Teacher& teacher, bool resumes) {
  const data::Task& task = teacher.task();
  JournalFile journal = open_file(session, task, resumes);
  const std::vector<std::string> lines = AnswerWriter(session, teacher, journal).write();
  auto line = lines.begin();
  for (const auto& [name, split] : splits_of(session)) {
    std::vector<data::Example> examples;
    for (data::Example example : *split) {
      const auto answer = parse_json<AnswerJson>(*line++);
      answer.at("tokens").get_to(example.target);
      example.references = {std::string(data::stripped(answer.at("text").get<std::string>()))};
      task.check_rows(eval::for_teacher(task, example), split->file(), 0);
      session.task->check_rows(example, split->file(), session.tasks.front().prompt_rows);
      examples.push_back(std::move(example));
    }
    *split = {split->file(), std::move(examples), split->skipped()};
  }
}

}  // namespace incipit::launcher
