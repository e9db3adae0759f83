#include "report/task_texts.h"

#include <algorithm>

#include "core/error.h"
#include "data/batch.h"
#include "data/records.h"
#include "data/template.h"
#include "families/registry.h"
#include "methods/registry.h"
#include "model/weight_files.h"
#include "trainer/train_options.h"

namespace incipit::report {
namespace {

// Assigns text to tokens as it becomes final. A character that spans several tokens goes to the
// last one.
void append_text(const data::Tokenizer& tokenizer, std::span<const TokenId> ids,
                 std::vector<SeenPiece>& pieces) {
  data::StreamDecoder decoder(tokenizer, /*skip_special=*/false);
  for (const TokenId id : ids) {
    std::string text = decoder.add(id);
    if (text.empty()) continue;
    pieces.push_back(
        {.kind = tokenizer.is_special(id) ? SeenPiece::Kind::kSpecial : SeenPiece::Kind::kText,
         .text = std::move(text)});
  }
  if (std::string rest = decoder.finish(); !rest.empty())
    pieces.push_back({.text = std::move(rest)});
}

}  // namespace

TaskTexts::TaskTexts(const RunData& run) {
  const configs::RunConfig& config = *run.config;
  prompt_rows_ = methods::prompt_rows(config.method).rows;
  const std::filesystem::path model_dir = model::resolve_model_dir(config.model.path);
  const model::ModelSpec spec = families::read_model(model_dir);
  task_.emplace(config.task, data::load_task_model(model_dir, config.task,
                                                   {.max_positions = spec.max_positions,
                                                    .vocab_size = spec.vocab_size}));
  splits_ = data::load_splits(*task_, config.run.seed, prompt_rows_,
                              {.train_examples = config.train.examples,
                               .labelled = config.train.loss != trainer::Loss::kDistillation});
  const auto recorded = run.manifest.splits.find("test");
  if (recorded != run.manifest.splits.end() && !recorded->second.fingerprint.empty() &&
      recorded->second.fingerprint != std::to_string(splits_.test.fingerprint())) {
    throw DataError(splits_.test.file() + ": has changed since the run read it");
  }
  for (std::int64_t i = 0; i < splits_.test.size(); ++i) test_index_[splits_.test[i].id] = i;
}

std::map<std::string, FieldValues> TaskTexts::field_values(const std::set<std::string>& ids) const {
  std::map<std::int64_t, std::vector<data::Example>> by_line;
  for (const std::string& id : ids) {
    const auto found = test_index_.find(id);
    if (found == test_index_.end()) continue;
    const data::Example example = splits_.test[found->second];
    by_line[example.line].push_back(example);
  }
  const data::Template text(task_->options().source_template);
  std::map<std::string, FieldValues> values;
  const auto reader = data::open_records(splits_.test.file());
  while (!by_line.empty()) {
    auto record = reader->next();
    if (!record) break;
    const auto wanted = by_line.extract(record->line());
    if (wanted.empty()) continue;
    const auto parts = task_->expand(*std::move(record), /*training=*/false);
    for (const data::Example& example : wanted.mapped()) {
      const data::Record& part = parts.at(static_cast<std::size_t>(example.part));
      for (const std::string& field : text.fields()) {
        const std::string value =
            text.has_one_form(field) ? text.value(part, field) : part.text(field);
        values[example.id].emplace_back(field, value);
      }
    }
  }
  return values;
}

std::vector<SeenPiece> TaskTexts::pieces(const data::Example& example) const {
  const Sequence sequence =
      data::source_sequence(*task_, example, {.prompt = 0, .rows = static_cast<int>(prompt_rows_)});
  std::vector<SeenPiece> pieces;
  std::vector<TokenId> ids;
  const auto flush = [&] {
    append_text(task_->tokenizer(), ids, pieces);
    ids.clear();
  };
  for (const Symbol symbol : sequence.inputs) {
    if (symbol.is_token()) {
      ids.push_back(symbol.token_id());
    } else if (symbol.row() == 0) {
      flush();
      pieces.push_back({.kind = SeenPiece::Kind::kSoftPrompt, .text = {}, .rows = prompt_rows_});
    }
  }
  flush();
  return pieces;
}

SeenExample TaskTexts::first_example() const {
  const data::Dataset& split = splits_.test.empty() ? splits_.train : splits_.test;
  const data::Example& example = split[0];
  SeenExample seen{.place = split.file() + ":" + std::to_string(example.line),
                   .truncated = example.truncated,
                   .pieces = pieces(example),
                   .answers = {}};
  for (std::size_t c = 0; c < example.candidates->size(); ++c) {
    const data::Candidate& candidate = (*example.candidates)[c];
    seen.answers.push_back({.label = candidate.label,
                            .text = candidate.text,
                            .tokens = static_cast<std::int64_t>(candidate.tokens.size()),
                            .right = static_cast<int>(c) == example.label});
  }
  if (task_->generates() && !example.target.empty()) {
    seen.answers.push_back(
        {.label = {},
         .text = task_->tokenizer().decode(example.target, /*skip_special=*/false),
         .tokens = static_cast<std::int64_t>(example.target.size()),
         .right = true});
  }
  return seen;
}

std::string TaskTexts::majority_label() const {
  const std::vector<std::string>& labels = task_->labels();
  if (labels.empty()) return "";
  std::vector<std::int64_t> counts(labels.size());
  const auto count = [&](const data::Dataset& split) {
    for (const data::Example& example : split) {
      if (example.label >= 0) ++counts[static_cast<std::size_t>(example.label)];
    }
  };
  count(splits_.train);
  if (task_->options().validation.file.empty())
    count(splits_.validation);  // part of the training file
  const auto most = std::max_element(counts.begin(), counts.end());
  if (most == counts.end() || *most == 0) return "";
  return labels[static_cast<std::size_t>(most - counts.begin())];
}

}  // namespace incipit::report
