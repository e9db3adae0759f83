#include "data/task_options.h"

#include <charconv>

#include "core/error.h"
#include "core/schema.h"
#include "data/entities.h"

namespace incipit::data {
namespace {

using Field = Schema::Field;

void read_truncate(const GivenValue& given, TruncateOptions& target) {
  using Kind = TruncateOptions::Kind;
  const ConfigValue& value = given.value();
  const ConfigPair* field = value.pairs.size() == 1 ? value.find("field") : nullptr;
  if (value.is_word("none")) {
    target = {.kind = Kind::kNone, .field = ""};
  } else if (value.is_word("source_head")) {
    target = {.kind = Kind::kSourceHead, .field = ""};
  } else if (field == nullptr) {
    given.expect("source_head, none or {field: FIELD}");
  } else if (std::string name; given.part(field->value, ".field").read(name)) {
    target = {.kind = Kind::kField, .field = name};
  }
}

ConfigValue write_truncate(const TruncateOptions& o) {
  if (o.kind == TruncateOptions::Kind::kNone) return ConfigValue::plain("none");
  if (o.kind == TruncateOptions::Kind::kSourceHead) return ConfigValue::plain("source_head");
  ConfigValue map{.kind = ConfigValue::Kind::kMap, .pairs = {}};
  map.add("field", ConfigValue::text(o.field));
  return map;
}

Field truncate_field(TruncateOptions& o) {
  return {.key = "truncate",
          .type = "none, source_head or {field: FIELD}",
          .meaning =
              "what is cut from longer sources: nothing (an error), all after the first "
              "tokens, or the end of one field",
          .read = [&o](const GivenValue& given) { read_truncate(given, o); },
          .write = [&o] { return write_truncate(o); }};
}

void read_validation(const GivenValue& given, ValidationOptions& target) {
  if (given.value().is_number()) {
    double share = 0;
    const std::string problem =
        read_scalar(given.value(), share, {.min = 0, .max = 1, .open_max = true});
    if (!problem.empty()) return given.refuse("a share of train: " + problem);
    target = {.file = "", .share = share};
    return;
  }
  std::string file;
  if (!read_scalar(given.value(), file).empty()) {
    return given.expect("a file or a share of train such as 0.1");
  }
  target = {.file = file, .share = 0};
}

Field validation_field(ValidationOptions& o) {
  return {.key = "validation",
          .type = "file or number >= 0 and < 1",
          .meaning = "for early stop and choices: a file, or a seeded share of train; 0: none",
          .read = [&o](const GivenValue& given) { read_validation(given, o); },
          .write =
              [&o] {
                return o.file.empty() ? ConfigValue::plain(number_text(o.share))
                                      : ConfigValue::text(o.file);
              }};
}

void read_id_fields(const GivenValue& given, std::vector<std::string>& target) {
  const ConfigValue& value = given.value();
  const bool list = value.kind == ConfigValue::Kind::kSequence;
  std::vector<std::string> fields;
  for (const ConfigValue& each : list ? value.items : std::vector<ConfigValue>{value}) {
    const std::string problem = read_scalar(each, fields.emplace_back());
    if (problem.empty()) continue;
    return given.part(each, "").refuse("expected a field or a list of fields: " + problem);
  }
  if (!fields.empty()) target = std::move(fields);
}

Field id_field(std::vector<std::string>& o) {
  return {.key = "id_field",
          .type = "field, or list of fields",
          .meaning = "the identity of an example, for predictions",
          .read = [&o](const GivenValue& given) { read_id_fields(given, o); },
          .write =
              [&o] { return o.size() == 1 ? ConfigValue::text(o.front()) : ConfigValue::list(o); }};
}

void read_shot_lines(const GivenValue& given, ShotLines& target) {
  const ConfigValue& value = given.value();
  if (value.kind != ConfigValue::Kind::kSequence) {
    std::string file;
    if (!read_scalar(value, file).empty()) return given.expect("a list of lines, or a file");
    target = {.file = file, .places = {}};
    return;
  }
  ShotLines lines;
  for (const ConfigValue& item : value.items) {
    const auto place = read_place(item.scalar);
    if (!place || item.kind != ConfigValue::Kind::kScalar) {
      return given.part(item, "").expect("a line of train from 1, or LINE:PART");
    }
    lines.places.push_back(*place);
  }
  target = std::move(lines);
}

ConfigValue write_shot_lines(const ShotLines& o) {
  if (!o.file.empty()) return ConfigValue::text(o.file);
  ConfigValue list{.kind = ConfigValue::Kind::kSequence, .pairs = {}};
  for (const ExamplePlace& place : o.places) {
    list.items.push_back(ConfigValue::plain(place_text(place)));
  }
  return list;
}

Field shot_lines_field(ShotLines& o) {
  return {.key = "shot_lines",
          .type = "list of lines, or file",
          .meaning =
              "few-shot examples given by their lines in train, from 1 (LINE:PART where a line has "
              "several): the first task.shots are shown, in this order; a file has one a line; "
              "empty: they are drawn",
          .read = [&o](const GivenValue& given) { read_shot_lines(given, o); },
          .write = [&o] { return write_shot_lines(o); }};
}

const Schema::MappingForm kForeach{
    .type = "{NAME: PATH, ...}", .expected = "{NAME: PATH OF A LIST, ...}", .keeps_others = false};
const Schema::MappingForm kVerbalizer{.type = "{LABEL: TEXT, ...}",
                                      .expected = "{LABEL: TEXT, ...}"};

}  // namespace

std::optional<ExamplePlace> read_place(std::string_view text) {
  ExamplePlace place;
  const char* const end = text.data() + text.size();
  std::from_chars_result read = std::from_chars(text.data(), end, place.line);
  if (read.ec == std::errc() && read.ptr != end && *read.ptr == ':') {
    read = std::from_chars(read.ptr + 1, end, place.part);
  }
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  if (place.line < 1 || place.part < 0) return std::nullopt;
  return place;
}

std::string place_text(const ExamplePlace& place) {
  return std::to_string(place.line) + (place.part > 0 ? ":" + std::to_string(place.part) : "");
}

bool shows_nearest(const TaskOptions& o) {
  return o.shots > 0 && o.shot_choice == ShotChoice::kNearest && !o.shot_lines.given();
}

std::string text_field(const TaskOptions& options) {
  if (!options.text_field.empty()) return options.text_field;
  return options.kind == TaskKind::kExtractiveQuestion ? "context" : "text";
}

std::string references_path(const TaskOptions& options) {
  if (!options.references.empty()) return options.references;
  return options.kind == TaskKind::kExtractiveQuestion ? "answers" : "";
}

std::vector<std::string> head_outputs(const TaskOptions& options) {
  switch (options.kind) {
    case TaskKind::kText:
      return {};
    case TaskKind::kSequenceClassification:
      return options.labels;
    case TaskKind::kTokenClassification:
      return bio_tags(options.labels);
    case TaskKind::kExtractiveQuestion:
      return {"start", "end"};
  }
  throw LogicError("unknown kind of task");
}

bool answers_freely(const TaskOptions& o) {
  if (has_head(o)) return scores_places(o);
  return !o.target.empty() && o.labels.empty() && o.verbalizer.empty() &&
         o.candidates.foreach.empty();
}

void declare(Schema& schema, CandidateOptions& o) {
  schema.field("foreach", o.foreach, "path of a list; {candidate} is one of its elements");
  schema.field("text", o.text, "template of what the model is to say");
  schema.field("label", o.label, "template of how the answer is called");
}

void declare(Schema& schema, SubmissionOptions& o) {
  using Form = SubmissionOptions::Form;
  schema.field("file", o.file, "its name; empty: none");
  schema.choice("form", o.form,
                {{"text", Form::kText},
                 {"integer", Form::kInteger},
                 {"capitalised", Form::kCapitalised},
                 {"nested", Form::kNested}},
                "how a label is written; nested: MultiRC's, of three ids");
}

void declare_prompt_template(Schema& schema, TaskOptions& o) {
  schema.choice("format", o.format, {{"raw", Format::kRaw}, {"chat", Format::kChat}},
                "the template's text as it is, or as a user's turn of the model's chat format");
  schema.field("source_prefix", o.source_prefix, "before the template's text, as it is");
  schema.field("template", o.source_template,
               "the source, with {fields} of a record, {field|filter}");
  schema.mapping("verbalizer", o.verbalizer, kVerbalizer,
                 "what the model is to say for each label, mostly with a leading space; may have "
                 "{fields}");
  schema.block("candidates", o.candidates,
               "Candidates that every record brings along, in place of a verbalizer.");
  schema.field("target", o.target, "template of the target, where there is neither");
  schema.field("separator", o.separator, "between source and answer, tokenised with the answer");
  schema.field("system", o.system, "system text of the chat format; empty: the model's default");
}

namespace {

void declare_texts(Schema& schema, TaskOptions& o) {
  schema.choice("kind", o.kind,
                {{"text", TaskKind::kText},
                 {"sequence_classification", TaskKind::kSequenceClassification},
                 {"token_classification", TaskKind::kTokenClassification},
                 {"extractive_question", TaskKind::kExtractiveQuestion}},
                "what computes the answers: the model's own head, or a head that is trained with "
                "the prompt (docs/heads.md)");
  declare_prompt_template(schema, o);
  schema.field("labels", o.labels,
               "classes of a head; else labels that the verbalizer must name, all of them");
  schema.field("label_field", o.label_field, "field of the label");
  schema.field("text_field", o.text_field,
               "of a head: field of the text whose words are tagged or that has the answer, where "
               "the template uses it last; empty: text, for extractive_question context");
  schema.custom(id_field(o.id_fields));
  schema.field("group_field", o.group_field,
               "records that agree in it stay together when shuffled");
  schema.field("metric_group", o.metric_group,
               "examples that agree in it are right together (metric group_exact_match)");
  schema.field("references", o.references, "path of the list of right answers (text metrics)");
  schema.field("max_source_tokens", o.max_source_tokens,
               "of the source alone; 0: what the model's positions allow", {.min = 0});
  schema.custom(truncate_field(o.truncate));
  schema.choice(
      "bos", o.bos,
      {{"auto", BosPolicy::kAuto},
       {"none", BosPolicy::kNone},
       {"before_prompt", BosPolicy::kBeforePrompt},
       {"after_prompt", BosPolicy::kAfterPrompt}},
      "beginning-of-text token; auto: after the soft prompt where the tokenizer adds one");
  schema.choice(
      "eos", o.eos,
      {{"auto", EosPolicy::kAuto}, {"none", EosPolicy::kNone}, {"always", EosPolicy::kAlways}},
      "end-of-text token; auto: after generated answers only");
}

void declare_records(Schema& schema, TaskOptions& o) {
  schema.choice(
      "preprocess", o.preprocess,
      {{"none", Preprocess::kNone},
       {"record", Preprocess::kRecord},
       {"wsc", Preprocess::kWsc},
       {"answers", Preprocess::kAnswers}},
      "what is done to a record first: fields that ReCoRD or WSC need, or the lists `answers` and "
      "`right` of a better and a worse answer, or of BIG-bench's target_scores");
  schema.mapping("foreach", o.foreach, kForeach,
                 "lists of a record, nested in this order: an example for each element, whose "
                 "fields are {NAME.field}");
  schema.mapping("train_foreach", o.train_foreach, kForeach,
                 "the same, after `foreach`, for training alone");
  schema.field("train_where", o.train_where, "{FIELD: VALUE} that records to train on have");
}

void declare_shots(Schema& schema, TaskOptions& o) {
  schema.field("prompt_file", o.prompt_file,
               "file, from data_dir: a hard prompt before every source, as text, or in a .jsonl "
               "file as conversations; empty: none");
  schema.field("shots", o.shots, "few-shot examples from train", {.min = 0});
  schema.choice(
      "shot_choice", o.shot_choice,
      {{"balanced", ShotChoice::kBalanced},
       {"random", ShotChoice::kRandom},
       {"nearest", ShotChoice::kNearest}},
      "drawn: labels equally often where possible, or whatever their labels; nearest: for every "
      "input those with the most similar hidden states of the model");
  schema.integer_or("shot_seed", o.shot_seed, {{"auto", -1}}, "of the draw; auto: run.seed",
                    {.min = 0});
  schema.custom(shot_lines_field(o.shot_lines));
  schema.field("shot_separator", o.shot_separator, "after each demonstration (raw format)");
}

void declare_scoring(Schema& schema, TaskOptions& o) {
  schema.choice(
      "answer", o.answer,
      {{"auto", Answer::kAuto}, {"score", Answer::kScore}, {"generate", Answer::kGenerate}},
      "the best candidate, or what the model generates; auto: score where there are any");
  schema.choice("score", o.score,
                {{"sum", Score::kSum},
                 {"token_mean", Score::kTokenMean},
                 {"byte_mean", Score::kByteMean},
                 {"pmi", Score::kPmi},
                 {"calibrated", Score::kCalibrated}},
                "what a candidate's log-likelihood counts: all of it, per token, per byte, less "
                "that after an empty input, or calibrated by inputs without content");
  schema.choice("answer_rule", o.answer_rule,
                {{"exact", AnswerRule::kExact}, {"referent", AnswerRule::kReferent}},
                "what a generated text counts as: the label of just this text, or WSC's rule");
  schema.field("max_answer_tokens", o.max_answer_tokens, "of a generated answer", {.min = 1});
  schema.field("answer_stop", o.answer_stop,
               "text that ends a generated answer and is left out of it; empty: only an EOS does");
  schema.field("metrics", o.metrics,
               "metrics; the first one decides. Empty: accuracy, for free answers text_f1 and "
               "text_exact_match, for entities entity_f1");
  schema.block("submission", o.submission, "The file for the server of a benchmark.");
}

}  // namespace

void declare(Schema& schema, TaskOptions& o) {
  schema.field("name", o.name,
               "a built-in task or the path of a task file, whose keys are the defaults of these");
  schema.field("data_dir", o.data_dir, "folder of the files, from the current directory");
  schema.field("train", o.train, "file, from data_dir");
  schema.custom(validation_field(o.validation));
  schema.field("test", o.test, "file, from data_dir; scored once, at the end");
  declare_records(schema, o);
  declare_texts(schema, o);
  declare_shots(schema, o);
  declare_scoring(schema, o);
  schema.choice("on_bad_record", o.on_bad_record,
                {{"fail", OnBadRecord::kFail}, {"skip", OnBadRecord::kSkip}},
                "end the run, or leave out and count");
  schema.field("max_bad_records", o.max_bad_records, "of a file, when skipping", {.min = 0});
  schema.choice("on_overlap", o.on_overlap,
                {{"fail", OnOverlap::kFail}, {"warn", OnOverlap::kWarn}},
                "when a text occurs in two splits: end the run, or say how many do");
}

}  // namespace incipit::data
