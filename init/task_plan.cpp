#include "init/task_plan.h"

#include <algorithm>

#include "core/error.h"
#include "init/words.h"

namespace incipit::init {
namespace {

constexpr std::size_t kMostOptions = 12;  // listed in the template
constexpr std::int64_t kLengthStep = 32;  // max_source_tokens is a multiple of this
constexpr std::int64_t kSeldomCut = 256;  // sources up to this length are never truncated
constexpr std::int64_t kLeastField = 8;   // minimum tokens for the truncated field
constexpr std::int64_t kPasses = 8;       // over the training split

// "customer_team" -> "customer team"
std::string spoken(std::string_view column) {
  std::string text;
  for (const std::string& word : words_of(column)) text += (text.empty() ? "" : " ") + word;
  return text.empty() ? "text" : text;
}

std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) result.append(c == '{' || c == '}' ? 2 : 1, c);
  return result;
}

// ": roads, waste (Rubbish) or water."
std::string list_of(const Answers& answers) {
  const std::size_t count = answers.verbalizer.size();
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += i == 0 ? ": " : (i + 1 == count ? " or " : ", ");
    text += answers.word(i);
    if (answers.is_stand_in(i)) text += " (" + answers.verbalizer[i].label + ")";
  }
  return text + ".";
}

std::string legend_of(const Answers& answers) {
  std::string text = ".";
  for (std::size_t i = 0; i < answers.verbalizer.size(); ++i) {
    text.append("\n").append(answers.word(i)).append(" = ").append(answers.verbalizer[i].label);
  }
  return text;
}

std::string options_text(const Answers& answers) {
  if (answers.kind == AnswerKind::kLetters) return legend_of(answers);
  const bool few = answers.verbalizer.size() <= kMostOptions;
  return few && answers.kind != AnswerKind::kBeginnings ? list_of(answers) : ".";
}

std::int64_t token_count(const data::Tokenizer& tokenizer, const std::string& text) {
  return static_cast<std::int64_t>(tokenizer.encode(text).size());
}

std::int64_t longest_answer(const Answers& answers) {
  std::size_t longest = 0;
  for (const auto& tokens : answers.tokens) longest = std::max(longest, tokens.size());
  return static_cast<std::int64_t>(longest);
}

// Returns the text column with the most bytes: the one that is truncated.
std::size_t longest_column(const LabelledTable& table) {
  std::vector<std::size_t> bytes(table.text_columns.size());
  for (const LabelledText& row : table.rows) {
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] += row.texts[i].size();
  }
  return static_cast<std::size_t>(std::max_element(bytes.begin(), bytes.end()) - bytes.begin());
}

struct Measured {
  Lengths lengths;
  std::int64_t fixed = 0;       // longest source in tokens, without the truncated field
  std::int64_t fixed_line = 0;  // line of that source
};

Measured measure(const LabelledTable& table, const data::Tokenizer& tokenizer,
                 const data::TaskOptions& options, const std::vector<std::string>& fields) {
  const data::Template source(options.source_template);
  Measured result;
  std::vector<std::int64_t> lengths;
  for (const LabelledText& row : table.rows) {
    const data::Record record = record_of(table, row, fields);
    lengths.push_back(token_count(tokenizer, source.render(record)));
    const auto fixed = token_count(tokenizer, source.render(record, options.truncate.field, ""));
    if (fixed > result.fixed) {
      result.fixed = fixed;
      result.fixed_line = row.line;
    }
  }
  std::sort(lengths.begin(), lengths.end());
  result.lengths = {.median = lengths[lengths.size() / 2],
                    .most = lengths[(lengths.size() * 95) / 100],
                    .longest = lengths.back()};
  return result;
}

std::int64_t rounded_up(std::int64_t value) {
  return (value + kLengthStep - 1) / kLengthStep * kLengthStep;
}

}  // namespace

void require_field_name(const std::string& column, const std::string& file) {
  if (column.find_first_of("{}|") == std::string::npos) return;
  throw ConfigError(
      file + ": the column '" + column +
      "' cannot be named in a template, where '{', '}' and '|' have a meaning; rename "
      "the column");
}

std::string free_name(std::string name, const std::vector<std::string>& taken) {
  while (std::find(taken.begin(), taken.end(), name) != taken.end()) name += "_";
  return name;
}

std::string make_template(const LabelledTable& table, const std::vector<std::string>& fields,
                          const Answers& answers, bool with_options) {
  const std::string label = spoken(table.label_column);
  std::string text = "Choose the " + lower(label) + (with_options ? options_text(answers) : ".");
  text = escaped(text);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    text.append("\n").append(capitalised(spoken(table.text_columns[i])));
    text.append(": {").append(fields[i]).append("}");
  }
  return text + "\n" + capitalised(label) + (answers.on_new_line ? ":\n" : ":");
}

data::Record record_of(const LabelledTable& table, const LabelledText& row,
                       const std::vector<std::string>& fields) {
  return {fields, row.texts, table.file, row.line};
}

TaskPlan plan_task(const LabelledTable& table, const data::Tokenizer& tokenizer,
                   const TokenBudget& budget) {
  TaskPlan plan;
  for (const std::string& column : table.text_columns) require_field_name(column, table.file);
  plan.fields = table.text_columns;
  std::vector<std::string> taken = plan.fields;
  plan.options.label_field = free_name(plan.options.label_field, taken);
  taken.push_back(plan.options.label_field);
  plan.options.id_fields = {free_name(plan.options.id_fields.front(), taken)};
  plan.answers = choose_answers(
      table.labels, [&](std::string_view text) { return tokenizer.encode_after("\n", text); });
  data::TaskOptions& options = plan.options;
  options.verbalizer = plan.answers.verbalizer;
  for (auto& entry : options.verbalizer) entry.text = escaped(entry.text);
  options.metrics = {"accuracy", "macro_f1"};
  options.truncate = {.kind = data::TruncateOptions::Kind::kField,
                      .field = plan.fields[longest_column(table)]};

  // One position is for BOS.
  const std::int64_t limit =
      budget.positions - budget.prompt_rows - 1 - longest_answer(plan.answers);
  Measured measured;
  for (const bool with_options : {true, false}) {
    options.source_template = make_template(table, plan.fields, plan.answers, with_options);
    measured = measure(table, tokenizer, options, plan.fields);
    if (measured.fixed + kLeastField <= limit) break;
  }
  if (measured.fixed + kLeastField > limit) {
    throw DataError(table.file + ":" + std::to_string(measured.fixed_line) + ": without column '" +
                    options.truncate.field + "', which may be cut, the record has " +
                    std::to_string(measured.fixed) + " tokens, but the model allows " +
                    std::to_string(limit) + "; name fewer columns with --text");
  }
  plan.lengths = measured.lengths;
  const auto& [median, most, longest] = plan.lengths;
  const std::int64_t wanted = longest <= kSeldomCut ? longest : std::max(kSeldomCut, most);
  options.max_source_tokens =
      std::min(limit, rounded_up(std::max(wanted, measured.fixed + kLeastField)));
  return plan;
}

trainer::TrainOptions plan_training(std::int64_t train_examples) {
  trainer::TrainOptions train;
  train.batch_size = std::min<std::int64_t>(train_examples, train_examples < 2000 ? 16 : 32);
  const std::int64_t pass = (train_examples + train.batch_size - 1) / train.batch_size;
  train.steps = std::clamp<std::int64_t>((kPasses * pass + 49) / 50 * 50, 100, 600);
  train.eval_every = train.steps / (train.steps < 200 ? 4 : 6) / 5 * 5;
  train.checkpoint_every = train.eval_every;
  train.optimizer.lr = 0.01;
  train.schedule.kind = trainer::ScheduleKind::kLinear;
  return train;
}

}  // namespace incipit::init
