#include <algorithm>

#include "configs/bindings.h"

namespace incipit::configs {
namespace {

using data::TruncateOptions;

std::string as_text(const YamlValue& value) {
  return "expected source_head, none or {field: FIELD}, found " + value.describe();
}

void read_truncate(const YamlValue& value, const std::string& path, Problems& problems,
                   TruncateOptions& target) {
  using Kind = TruncateOptions::Kind;
  if (value.kind == YamlValue::Kind::kScalar && value.scalar == "source_head") {
    target = {.kind = Kind::kSourceHead, .field = ""};
  } else if (value.kind == YamlValue::Kind::kScalar && value.scalar == "none") {
    target = {.kind = Kind::kNone, .field = ""};
  } else if (value.kind != YamlValue::Kind::kMap || value.pairs.size() != 1 ||
             value.pairs[0].key != "field") {
    problems.add(value.where, path + ": " + as_text(value));
  } else {
    std::string field;
    const std::string problem = read_scalar(value.pairs[0].value, field);
    if (problem.empty()) {
      target = {.kind = Kind::kField, .field = field};
    } else {
      problems.add(value.pairs[0].value.where, path + ".field: " + problem);
    }
  }
}

YamlValue write_truncate(const TruncateOptions& o) {
  if (o.kind == TruncateOptions::Kind::kNone) return YamlValue::plain("none");
  if (o.kind == TruncateOptions::Kind::kSourceHead) return YamlValue::plain("source_head");
  YamlValue map{.kind = YamlValue::Kind::kMap};
  map.add("field", YamlValue::text(o.field));
  return map;
}

Field truncate_field(TruncateOptions& o) {
  return {.key = "truncate",
          .type = "none, source_head or {field: FIELD}",
          .meaning =
              "what is cut from longer sources: nothing (an error), all after the first "
              "tokens, or the end of one field",
          .read = [&o](const YamlValue& value, const std::string& path,
                       Problems& problems) { read_truncate(value, path, problems, o); },
          .write = [&o] { return write_truncate(o); }};
}

void read_validation(const YamlValue& value, const std::string& path, Problems& problems,
                     data::ValidationOptions& target) {
  if (value.kind == YamlValue::Kind::kScalar && !value.quoted && looks_like_number(value.scalar)) {
    double share = 0;
    const std::string problem = read_scalar(value, share, {.min = 0, .max = 1, .open_max = true});
    if (problem.empty()) {
      target = {.file = "", .share = share};
    } else {
      problems.add(value.where, path + ": a share of train: " + problem);
    }
    return;
  }
  std::string file;
  const std::string problem = read_scalar(value, file);
  if (problem.empty()) {
    target = {.file = file, .share = 0};
  } else {
    problems.add(value.where, path + ": expected a file or a share of train such as 0.1, found " +
                                  value.describe());
  }
}

Field validation_field(data::ValidationOptions& o) {
  return {.key = "validation",
          .type = "file or number >= 0 and < 1",
          .meaning = "for early stop and choices: a file, or a seeded share of train; 0: none",
          .read = [&o](const YamlValue& value, const std::string& path,
                       Problems& problems) { read_validation(value, path, problems, o); },
          .write =
              [&o] {
                return o.file.empty() ? YamlValue::plain(number_text(o.share))
                                      : YamlValue::text(o.file);
              }};
}

void read_verbalizer(const YamlValue& value, const std::string& path, Problems& problems,
                     std::vector<data::VerbalizerEntry>& target) {
  if (value.kind != YamlValue::Kind::kMap) {
    problems.add(value.where, path + ": expected {LABEL: TEXT, ...}, found " + value.describe());
    return;
  }
  std::vector<data::VerbalizerEntry> entries;
  if (value.partial) entries = target;
  bool ok = true;
  for (const YamlPair& pair : value.pairs) {
    data::VerbalizerEntry entry{.label = pair.key, .text = ""};
    if (const std::string problem = read_scalar(pair.value, entry.text); !problem.empty()) {
      problems.add(pair.value.where, path + "." + pair.key + ": " + problem);
      ok = false;
    }
    const auto known = std::find_if(entries.begin(), entries.end(),
                                    [&](const auto& each) { return each.label == pair.key; });
    if (known == entries.end()) {
      entries.push_back(std::move(entry));
    } else {
      *known = std::move(entry);
    }
  }
  if (ok) target = std::move(entries);
}

Field verbalizer_field(std::vector<data::VerbalizerEntry>& o) {
  return {
      .key = "verbalizer",
      .type = "{LABEL: TEXT, ...}",
      .meaning =
          "what the model is to say for each label, mostly with a leading space; may have {fields}",
      .read = [&o](const YamlValue& value, const std::string& path,
                   Problems& problems) { read_verbalizer(value, path, problems, o); },
      .write =
          [&o] {
            YamlValue map{.kind = YamlValue::Kind::kMap};
            for (const auto& entry : o) {
              map.add(entry.label, YamlValue::text(entry.text));
            }
            return map;
          }};
}

void read_each(const YamlValue& value, const std::string& path, Problems& problems,
               std::vector<data::ForeachOptions>& target) {
  if (value.kind != YamlValue::Kind::kMap) {
    problems.add(value.where,
                 path + ": expected {NAME: PATH OF A LIST, ...}, found " + value.describe());
    return;
  }
  std::vector<data::ForeachOptions> entries;
  bool ok = true;
  for (const YamlPair& pair : value.pairs) {
    data::ForeachOptions& entry =
        entries.emplace_back(data::ForeachOptions{.name = pair.key, .path = ""});
    if (const std::string problem = read_scalar(pair.value, entry.path); !problem.empty()) {
      problems.add(pair.value.where, path + "." + pair.key + ": " + problem);
      ok = false;
    }
  }
  if (ok) target = std::move(entries);
}

Field foreach_field(const char* key, std::vector<data::ForeachOptions>& o, const char* meaning) {
  return {.key = key,
          .type = "{NAME: PATH, ...}",
          .meaning = meaning,
          .read = [&o](const YamlValue& value, const std::string& path,
                       Problems& problems) { read_each(value, path, problems, o); },
          .write =
              [&o] {
                YamlValue map{.kind = YamlValue::Kind::kMap};
                for (const auto& each : o) map.add(each.name, YamlValue::text(each.path));
                return map;
              }};
}

void read_id_field(const YamlValue& value, const std::string& path, Problems& problems,
                   std::vector<std::string>& target) {
  std::vector<std::string> fields;
  const bool list = value.kind == YamlValue::Kind::kSequence;
  for (const YamlValue& each : list ? value.items : std::vector<YamlValue>{value}) {
    const std::string problem = read_scalar(each, fields.emplace_back());
    if (problem.empty()) continue;
    problems.add(each.where, path + ": expected a field or a list of fields: " + problem);
    return;
  }
  if (!fields.empty()) target = std::move(fields);
}

Field id_field(std::vector<std::string>& o) {
  return {.key = "id_field",
          .type = "field, or list of fields",
          .meaning = "the identity of an example, for predictions",
          .read = [&o](const YamlValue& value, const std::string& path,
                       Problems& problems) { read_id_field(value, path, problems, o); },
          .write =
              [&o] {
                if (o.size() == 1) return YamlValue::text(o.front());
                YamlValue list{.kind = YamlValue::Kind::kSequence};
                for (const auto& field : o) list.items.push_back(YamlValue::text(field));
                return list;
              }};
}

}  // namespace

void bind_prompt_template(data::TaskOptions& o, Block& block) {
  using data::Format;
  block.choice("format", o.format, {{"raw", Format::kRaw}, {"chat", Format::kChat}},
               "the template's text as it is, or as a user's turn of the model's chat format");
  block.field("source_prefix", o.source_prefix, "before the template's text, as it is");
  block.field("template", o.source_template,
              "the source, with {fields} of a record, {field|filter}");
  block.custom(verbalizer_field(o.verbalizer));
  Block& candidates = block.block(
      "candidates", "Candidates that every record brings along, in place of a verbalizer.");
  candidates.field("foreach", o.candidates.foreach,
                   "path of a list; {candidate} is one of its elements");
  candidates.field("text", o.candidates.text, "template of what the model is to say");
  candidates.field("label", o.candidates.label, "template of how the answer is called");
  block.field("target", o.target, "template of the target, where there is neither");
  block.field("separator", o.separator, "between source and answer, tokenised with the answer");
  block.field("system", o.system, "system text of the chat format; empty: the model's default");
}

namespace {

void bind_texts(data::TaskOptions& o, Block& block) {
  using data::BosPolicy;
  using data::EosPolicy;
  bind_prompt_template(o, block);
  block.field("labels", o.labels, "labels that the verbalizer must name, all of them");
  block.field("label_field", o.label_field, "field of the label");
  block.custom(id_field(o.id_fields));
  block.field("group_field", o.group_field, "records that agree in it stay together when shuffled");
  block.field("metric_group", o.metric_group,
              "examples that agree in it are right together (metric group_exact_match)");
  block.field("references", o.references, "path of the list of right answers (text metrics)");
  block.field("max_source_tokens", o.max_source_tokens,
              "of the source alone; 0: what the model's positions allow", {.min = 0});
  block.custom(truncate_field(o.truncate));
  block.choice("bos", o.bos,
               {{"auto", BosPolicy::kAuto},
                {"none", BosPolicy::kNone},
                {"before_prompt", BosPolicy::kBeforePrompt},
                {"after_prompt", BosPolicy::kAfterPrompt}},
               "beginning-of-text token; auto: after the soft prompt where the tokenizer adds one");
  block.choice(
      "eos", o.eos,
      {{"auto", EosPolicy::kAuto}, {"none", EosPolicy::kNone}, {"always", EosPolicy::kAlways}},
      "end-of-text token; auto: after generated answers only");
}

void bind_records(data::TaskOptions& o, Block& block) {
  using data::Preprocess;
  block.choice(
      "preprocess", o.preprocess,
      {{"none", Preprocess::kNone}, {"record", Preprocess::kRecord}, {"wsc", Preprocess::kWsc}},
      "what is done to a record first: fields that ReCoRD or WSC need");
  block.custom(
      foreach_field("foreach", o.foreach,
                    "lists of a record, nested in this order: an example for each element, "
                    "whose fields are {NAME.field}"));
  block.custom(foreach_field("train_foreach", o.train_foreach,
                             "the same, after `foreach`, for training alone"));
  block.field("train_where", o.train_where, "{FIELD: VALUE} that records to train on have");
}

void bind_scoring(data::TaskOptions& o, Block& block) {
  using data::Answer;
  using data::AnswerRule;
  using data::Score;
  using data::SubmissionOptions;
  block.choice(
      "answer", o.answer,
      {{"auto", Answer::kAuto}, {"score", Answer::kScore}, {"generate", Answer::kGenerate}},
      "the best candidate, or what the model generates; auto: score where there are any");
  block.choice("score", o.score,
               {{"sum", Score::kSum},
                {"token_mean", Score::kTokenMean},
                {"byte_mean", Score::kByteMean},
                {"pmi", Score::kPmi}},
               "what a candidate's log-likelihood counts: all of it, per token, per byte, or less "
               "that after an empty input");
  block.choice("answer_rule", o.answer_rule,
               {{"exact", AnswerRule::kExact}, {"referent", AnswerRule::kReferent}},
               "what a generated text counts as: the label of just this text, or WSC's rule");
  block.field("max_answer_tokens", o.max_answer_tokens, "of a generated answer", {.min = 1});
  block.field("metrics", o.metrics, "metrics of the task; the first one decides");
  Block& submission = block.block("submission", "The file for the server of a benchmark.");
  submission.field("file", o.submission.file, "its name; empty: none");
  submission.choice("form", o.submission.form,
                    {{"text", SubmissionOptions::Form::kText},
                     {"integer", SubmissionOptions::Form::kInteger},
                     {"capitalised", SubmissionOptions::Form::kCapitalised},
                     {"nested", SubmissionOptions::Form::kNested}},
                    "how a label is written; nested: MultiRC's, of three ids");
}

}  // namespace

void bind_task(data::TaskOptions& o, Block& block) {
  using data::OnBadRecord;
  using data::OnOverlap;
  block.field("name", o.name,
              "a built-in task or the path of a task file, whose keys stand under these");
  block.field("data_dir", o.data_dir, "folder of the files, from the current directory");
  block.field("train", o.train, "file, from data_dir");
  block.custom(validation_field(o.validation));
  block.field("test", o.test, "file, from data_dir; scored once, at the end");
  bind_records(o, block);
  bind_texts(o, block);
  block.field("shots", o.shots, "demonstrations drawn from train", {.min = 0});
  block.field("shot_separator", o.shot_separator, "after each demonstration (raw format)");
  bind_scoring(o, block);
  block.choice("on_bad_record", o.on_bad_record,
               {{"fail", OnBadRecord::kFail}, {"skip", OnBadRecord::kSkip}},
               "end the run, or leave out and count");
  block.field("max_bad_records", o.max_bad_records, "of a file, when skipping", {.min = 0});
  block.choice("on_overlap", o.on_overlap, {{"fail", OnOverlap::kFail}, {"warn", OnOverlap::kWarn}},
               "when a text occurs in two splits: end the run, or say how many do");
}

}  // namespace incipit::configs
