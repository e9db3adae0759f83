#include "data/task.h"

#include <algorithm>
#include <span>

#include "core/check.h"
#include "core/error.h"
#include "core/sha256.h"
#include "data/answer_text.h"
#include "data/content_hash.h"
#include "data/dataset.h"
#include "data/number_text.h"
#include "data/preprocess.h"

namespace incipit::data {
namespace {

TaskOptions checked(TaskOptions options) {
  const auto problems = validate(options);
  if (!problems.empty()) {
    throw ConfigError("task." + problems.front().key + ": " + problems.front().message);
  }
  return options;
}

// Replaces each record with one record per element of the lists.
void unroll(const std::vector<ForeachOptions>& lists, std::vector<Record>& records) {
  for (const auto& [name, path] : lists) {
    std::vector<Record> unrolled;
    for (const Record& record : records) {
      const std::int64_t size = record.list_size(path);
      for (std::int64_t i = 0; i < size; ++i) {
        unrolled.push_back(record.bind(name, path + "." + std::to_string(i)));
      }
    }
    records = std::move(unrolled);
  }
}

std::string id_of(const Record& record, const std::vector<std::string>& fields) {
  const bool any = std::any_of(fields.begin(), fields.end(),
                               [&](const std::string& field) { return record.has(field); });
  if (!any) return "";
  if (fields.size() == 1) return record.json_text(fields.front());
  std::string list;
  for (const auto& field : fields) {
    list.append(list.empty() ? "[" : ",").append(record.json_text(field));
  }
  return list + "]";
}

// The token with which the chat format ends an assistant's turn ends every answer, even if the
// model's files do not list it.
void end_turns(const ChatFormat& chat, const Tokenizer& tokenizer, SpecialTokens& special) {
  const std::vector<TokenId> after = tokenizer.encode(chat.assistant.after);
  if (after.empty() || !tokenizer.is_special(after.front())) return;
  special.eos = after.front();
  if (std::find(special.stops.begin(), special.stops.end(), after.front()) == special.stops.end()) {
    special.stops.push_back(after.front());
  }
}

}  // namespace

TaskModel load_task_model(const std::filesystem::path& model_dir, const TaskOptions& options,
                          const ModelLimits& limits) {
  TaskModel model;
  model.max_positions = limits.max_positions;
  model.vocab_size = limits.vocab_size;
  model.tokenizer = std::make_shared<const Tokenizer>(Tokenizer::load(model_dir));
  model.special = read_special_tokens(model_dir, *model.tokenizer);
  if (options.format == Format::kChat) {
    model.chat = load_chat_format(model_dir, *model.tokenizer);
    end_turns(*model.chat, *model.tokenizer, model.special);
  }
  return model;
}

Task::Task(TaskOptions options, TaskModel model)
    : options_(checked(std::move(options))),
      model_(std::move(model)),
      template_(options_.source_template),
      verbalizer_(options_.verbalizer) {
  INCIPIT_CHECK(model_.tokenizer != nullptr);
  INCIPIT_CHECK(options_.format == Format::kRaw || model_.chat.has_value());
  if (!options_.target.empty()) target_.emplace(options_.target);
  if (!options_.candidates.foreach.empty()) {
    candidate_text_.emplace(options_.candidates.text);
    candidate_label_.emplace(options_.candidates.label);
  }
  if (options_.shots > 1 && options_.format == Format::kChat && !model_.chat->multi_turn) {
    throw ConfigError(
        "task.shots: the model's chat format is known for one exchange only; "
        "set shots to 0, or format to raw");
  }
  resolve_bos();
  const bool generates = target_.has_value() || options_.answer == Answer::kGenerate;
  const bool ends =
      options_.eos == EosPolicy::kAlways || (options_.eos == EosPolicy::kAuto && generates);
  if (ends && !model_.special.eos) {
    throw ConfigError("task.eos: the model names no EOS token; set eos to none");
  }
  if (ends) eos_ = model_.special.eos;
  if (eos_) {
    if (const std::string why = objection({&*eos_, 1}); !why.empty()) {
      throw ConfigError("task.eos: " + why);
    }
  }
  build_candidates();
  if (!options_.prompt_file.empty()) {
    hard_prompt_ = read_hard_prompt(data_path(options_, options_.prompt_file));
  }
  set_demonstrations({});
}

// A chat format may begin with the BOS itself. That BOS is then placed like any other.
void Task::resolve_bos() {
  const auto bos = model_.special.bos;
  const bool chat = options_.format == Format::kChat;
  bool automatic = model_.special.adds_bos && !chat;
  if (chat && bos && !model_.chat->begin.empty() &&
      tokenizer().encode(model_.chat->begin) == std::vector<TokenId>{*bos}) {
    model_.chat->begin.clear();
    automatic = true;
  }
  switch (options_.bos) {
    case BosPolicy::kAuto:
      bos_place_ = automatic ? BosPlace::kAfterPrompt : BosPlace::kNone;
      break;
    case BosPolicy::kNone:
      bos_place_ = BosPlace::kNone;
      break;
    case BosPolicy::kBeforePrompt:
      bos_place_ = BosPlace::kBeforePrompt;
      break;
    case BosPolicy::kAfterPrompt:
      bos_place_ = BosPlace::kAfterPrompt;
      break;
  }
  if (bos_place_ == BosPlace::kNone) return;
  if (!bos) throw ConfigError("task.bos: the model names no BOS token; set bos to none");
  if (const std::string why = objection({&*bos, 1}); !why.empty()) {
    throw ConfigError("task.bos: " + why);
  }
}

// --- texts ------------------------------------------------------------------------------

std::string Task::wrap(std::string text) const {
  if (options_.format == Format::kRaw) return text;
  const ChatFormat& chat = *model_.chat;
  // The chat's opening is part of the prefix, if there is one.
  if (has_prefix(options_)) return chat.question(text, false);
  return chat.opening(options_.system) +
         chat.question(text, chat.opens_with_system(options_.system));
}

std::string Task::content(const Record& record) const {
  if (!scores_places(options_)) return options_.source_prefix + template_.render(record);
  return options_.source_prefix +
         template_.render(record, text_field(options_), scored_text(record).text);
}

// In chat format, special tokens separate the texts, and each begins anew.
std::vector<TokenId> Task::text_after_text(const std::string& text) const {
  return options_.format == Format::kRaw ? tokenizer().encode_after("\n", text)
                                         : tokenizer().encode(text);
}

std::vector<TokenId> Task::source_tokens(const std::string& text) const {
  return has_prefix(options_) ? text_after_text(text) : tokenizer().encode(text);
}

std::string Task::source_text(const Record& record) const { return wrap(content(record)); }

std::vector<TokenId> Task::content_free_source(std::string_view text) const {
  return source_tokens(wrap(options_.source_prefix + template_.filled(text)));
}

std::vector<TokenId> Task::source_opening(std::string_view text) const {
  constexpr char kEnd = '\x01';  // a chat format may have text after it
  std::string whole = wrap(std::string(text) + kEnd);
  whole.resize(whole.rfind(kEnd));
  return source_tokens(whole);
}

// --- vocabulary -------------------------------------------------------------------------

std::string Task::objection(std::span<const TokenId> tokens) const {
  if (model_.vocab_size == 0) return "";
  const auto unknown = std::find_if(tokens.begin(), tokens.end(),
                                    [&](TokenId id) { return id >= model_.vocab_size; });
  if (unknown == tokens.end()) return "";
  return "the tokenizer reads '" + tokenizer().id_to_token(*unknown) + "' as token " +
         std::to_string(*unknown) + ", but the model has only the tokens below " +
         std::to_string(model_.vocab_size) +
         "; resize its embeddings to the tokenizer, or remove the token from the text";
}

void Task::require_known(const Record& record, std::span<const TokenId> tokens) const {
  if (const std::string why = objection(tokens); !why.empty()) record.fail(why);
}

// --- records of a record ------------------------------------------------------------------

std::vector<Record> Task::expand(Record record, bool training) const {
  preprocess(options_.preprocess, record);
  std::vector<Record> records;
  records.push_back(std::move(record));
  unroll(options_.foreach, records);
  if (!training) return records;
  unroll(options_.train_foreach, records);
  std::erase_if(records, [&](const Record& each) {
    return std::any_of(options_.train_where.begin(), options_.train_where.end(),
                       [&](const auto& where) { return each.text(where.first) != where.second; });
  });
  return records;
}

// --- examples ---------------------------------------------------------------------------

Example Task::question(const Record& record) const {
  Example example;
  example.candidates = candidates_of(record);
  example.line = record.line();
  example.id = id_of(record, options_.id_fields);
  if (options_.answer_rule == AnswerRule::kReferent) {
    example.references.push_back(target_->render(record));
  }

  const std::string text = content(record);
  example.content = content_hash(text);
  if (scores_places(options_)) {
    read_places(record, example);
    return example;
  }
  if (example.candidates != candidates_) {
    for (const Candidate& candidate : *example.candidates) {
      example.content = content_hash(std::as_bytes(std::span(candidate.text)), example.content);
    }
  }
  example.source = source_tokens(wrap(text));
  const std::int64_t limit = options_.max_source_tokens;
  if (limit > 0 && static_cast<std::int64_t>(example.source.size()) > limit) {
    cut_source(record, text, example.source);
    example.truncated = true;
  }
  require_known(record, example.source);
  return example;
}

Example Task::example(const Record& record, bool labelled) const {
  Example example = question(record);
  if (!options_.group_field.empty()) example.group = record.text(options_.group_field);
  if (!options_.metric_group.empty()) example.metric_group = record.text(options_.metric_group);
  if (!options_.references.empty() && !scores_places(options_) &&
      (labelled || record.has(options_.references))) {
    example.references = references(record);
  }
  if (!labelled && !has_target(record)) {
    require_numbers(record, example.references);
    return example;
  }
  if (scores_places(options_)) {
    label_places(record, example);
    return example;
  }
  if (options_.references.empty() && answers_freely(options_)) {
    example.references.emplace_back(stripped(target_->render(record)));
  }
  require_numbers(record, example.references);
  const Gold right = gold(record, *example.candidates);
  example.label = right.label;
  if (has_head(options_)) {
    example.target = example.candidates->at(static_cast<std::size_t>(right.label)).tokens;
    return example;
  }
  example.target = answer_tokens(right.text);
  if (example.target.empty()) record.fail("the target has no tokens");
  require_known(record, example.target);
  return example;
}

void Task::require_numbers(const Record& record, const std::vector<std::string>& texts) const {
  const auto& metrics = options_.metrics;
  if (std::find(metrics.begin(), metrics.end(), "numeric_match") == metrics.end()) return;
  for (const std::string& text : texts) {
    if (last_number(text)) continue;
    record.fail("metric numeric_match compares numbers, and there is none in the right answer '" +
                text + "'");
  }
}

void Task::fail_too_long(const Record& record, std::size_t tokens) const {
  record.fail(
      "the source has " + std::to_string(tokens) + " tokens, task.max_source_tokens allows " +
      std::to_string(options_.max_source_tokens) + "; choose what is cut with task.truncate");
}

void Task::cut_source(const Record& record, const std::string& text,
                      std::vector<TokenId>& source) const {
  const std::int64_t limit = options_.max_source_tokens;
  const auto kind = options_.truncate.kind;
  if (kind == TruncateOptions::Kind::kNone) fail_too_long(record, source.size());
  if (kind == TruncateOptions::Kind::kSourceHead && options_.format == Format::kRaw) {
    source.resize(static_cast<std::size_t>(limit));
    return;
  }
  // In chat format the beginning of the user's content is kept, so that the turn stays complete.
  const std::string& field = options_.truncate.field;
  const bool by_field = kind == TruncateOptions::Kind::kField;
  const std::string value = by_field ? template_.value(record, field) : text;
  const auto encode_with = [&](std::size_t size) {
    const std::string_view kept = std::string_view(value).substr(0, size);
    return source_tokens(wrap(by_field
                                  ? options_.source_prefix + template_.render(record, field, kept)
                                  : std::string(kept)));
  };
  const auto size = longest_fitting_prefix(value, limit, [&](std::size_t bytes) {
    return static_cast<std::int64_t>(encode_with(bytes).size());
  });
  if (!size) {
    record.fail("the source has " + std::to_string(encode_with(0).size()) +
                " tokens even without " +
                (by_field ? "the field '" + field + "'" : "the template's text") +
                ", task.max_source_tokens allows " + std::to_string(limit));
  }
  source = encode_with(*size);
}

// --- few-shot examples and rows -----------------------------------------------------------

std::vector<TokenId> Task::few_shot_tokens(const std::vector<Record>& records) const {
  std::vector<TokenId> tokens = has_prefix(options_) ? opening() : std::vector<TokenId>();
  const auto append = [&](const std::string& text) {
    const auto ids = tokens.empty() ? tokenizer().encode(text) : text_after_text(text);
    tokens.insert(tokens.end(), ids.begin(), ids.end());
  };
  const bool chat = options_.format == Format::kChat;
  bool after_system = chat && model_.chat->opens_with_system(options_.system);
  if (hard_prompt_) {
    append(chat ? chat_text(*hard_prompt_, *model_.chat, after_system) : raw_text(*hard_prompt_));
    after_system = false;
  }
  for (const Record& record : records) {
    const std::string text = content(record);
    if (chat) {
      append(model_.chat->exchange(text, target_text(record), after_system));
      after_system = false;
    } else {
      append(text);
      append(target_text(record));
      append(options_.shot_separator);
    }
  }
  return tokens;
}

void Task::set_demonstrations(const std::vector<Record>& records) {
  prefix_ = few_shot_tokens(records);
  if (const std::string why = objection(prefix_); !why.empty()) {
    throw ConfigError((hard_prompt_ ? "task.prompt_file: " : "task.shots: ") + why);
  }
}

std::vector<TokenId> Task::opening() const {
  if (options_.format == Format::kRaw) return {};
  return tokenizer().encode(model_.chat->opening(options_.system));
}

std::string Task::prefix_fingerprint() const {
  return sha256_hex(std::as_bytes(std::span(prefix_)));
}

void Task::shorten_prefix(std::int64_t tokens) {
  prefix_.resize(std::min(prefix_.size(), static_cast<std::size_t>(tokens)));
}

std::int64_t Task::rows(const Example& example, std::int64_t prompt_rows) const {
  std::size_t answer = example.scored ? 0 : example.target.size();
  for (const Candidate& candidate : *example.candidates) {
    answer = std::max(answer, candidate.tokens.size());
  }
  const std::size_t text = prefix_.size() + example.source.size() + answer - (answer > 0 ? 1 : 0);
  return prompt_rows + (bos_place_ == BosPlace::kNone ? 0 : 1) + static_cast<std::int64_t>(text);
}

void Task::check_rows(const Example& example, const std::string& file,
                      std::int64_t prompt_rows) const {
  const std::string where = file + ":" + std::to_string(example.line) + ": ";
  const std::int64_t needed = rows(example, prompt_rows);
  if (model_.max_positions > 0 && needed > model_.max_positions) {
    const std::string prefix = prefix_.empty() ? ""
                                               : ", " + std::to_string(prefix_.size()) +
                                                     " of prompt and examples before it";
    throw DataError(where + "needs " + std::to_string(needed) + " positions (" +
                    std::to_string(example.source.size()) + " tokens of source" + prefix + ", " +
                    std::to_string(prompt_rows) + " rows of soft prompt), the model has " +
                    std::to_string(model_.max_positions) +
                    "; set task.max_source_tokens and task.truncate");
  }
  if (prompt_rows == 0 && bos_place_ == BosPlace::kNone && prefix_.empty() &&
      example.source.empty()) {
    throw DataError(where +
                    "the source is empty, and nothing comes before it from which the "
                    "answer could be predicted; set task.bos, or write more into "
                    "task.template");
  }
}

}  // namespace incipit::data
