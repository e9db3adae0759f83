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
              "what is cut from longer sources: nothing (an error), all behind the first "
              "tokens, or the end of one field",
          .read = [&o](const YamlValue& value, const std::string& path,
                       Problems& problems) { read_truncate(value, path, problems, o); },
          .write = [&o] { return write_truncate(o); }};
}

void read_select(const YamlValue& value, const std::string& path, Problems& problems,
                 data::SelectOptions& target) {
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

Field select_field(data::SelectOptions& o) {
  return {.key = "select",
          .type = "file or number >= 0 and < 1",
          .meaning = "for early stop and choices: a file, or a seeded share of train; 0: none",
          .read = [&o](const YamlValue& value, const std::string& path,
                       Problems& problems) { read_select(value, path, problems, o); },
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
  return {.key = "verbalizer",
          .type = "{LABEL: TEXT, ...}",
          .meaning = "what the model is to say for each label, mostly with a leading space",
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

}  // namespace

void bind_wording(data::TaskOptions& o, Block& block) {
  using data::Format;
  block.choice("format", o.format, {{"raw", Format::kRaw}, {"chat", Format::kChat}},
               "the template's text as it is, or as a user's turn of the model's chat format");
  block.field("template", o.source_template, "the source, with {fields} of a record");
  block.custom(verbalizer_field(o.verbalizer));
  block.field("target", o.target, "template of the target, where there is no verbalizer");
  block.field("system", o.system, "system text of the chat format; empty: the model's default");
}

namespace {

void bind_texts(data::TaskOptions& o, Block& block) {
  using data::BosPolicy;
  using data::EosPolicy;
  bind_wording(o, block);
  block.field("labels", o.labels, "labels that the verbalizer must name, all of them");
  block.field("label_field", o.label_field, "field of the label");
  block.field("id_field", o.id_field, "field of the identity, for predictions");
  block.field("group_field", o.group_field, "records that agree in it stay together when shuffled");
  block.field("max_source_tokens", o.max_source_tokens,
              "of the source alone; 0: what the model's positions allow", {.min = 0});
  block.custom(truncate_field(o.truncate));
  block.choice(
      "bos", o.bos,
      {{"auto", BosPolicy::kAuto},
       {"none", BosPolicy::kNone},
       {"before_prompt", BosPolicy::kBeforePrompt},
       {"after_prompt", BosPolicy::kAfterPrompt}},
      "beginning-of-text token; auto: behind the soft prompt where the tokenizer adds one");
  block.choice(
      "eos", o.eos,
      {{"auto", EosPolicy::kAuto}, {"none", EosPolicy::kNone}, {"always", EosPolicy::kAlways}},
      "end-of-text token; auto: behind generated targets only");
}

}  // namespace

void bind_task(data::TaskOptions& o, Block& block) {
  using data::OnBadRecord;
  block.field("name", o.name,
              "a built-in task or the path of a task file, whose keys stand under these");
  block.field("data_dir", o.data_dir, "folder of the files, from the current directory");
  block.field("train", o.train, "file, from data_dir");
  block.custom(select_field(o.select));
  block.field("test", o.test, "file, from data_dir; scored once, at the end");
  bind_texts(o, block);
  block.field("shots", o.shots, "demonstrations drawn from train", {.min = 0});
  block.field("shot_separator", o.shot_separator, "behind each demonstration (raw format)");
  block.field("metrics", o.metrics, "metrics of the task; the first one decides");
  block.choice("on_bad_record", o.on_bad_record,
               {{"fail", OnBadRecord::kFail}, {"skip", OnBadRecord::kSkip}},
               "end the run, or leave out and count");
  block.field("max_bad_records", o.max_bad_records, "of a file, when skipping", {.min = 0});
}

}  // namespace incipit::configs
