// Checks of a task's options across keys.
#include <algorithm>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "data/task_metrics.h"
#include "data/task_options.h"
#include "data/template.h"

namespace incipit::data {
namespace {

using Problems = std::vector<OptionProblem>;

std::string quoted(const std::string& word) { return "'" + word + "'"; }

// Returns the fields that a template names; returns none and adds a problem when it cannot be
// parsed.
std::optional<Template> parse(const std::string& text, const std::string& key, Problems& problems) {
  try {
    return Template(text);
  } catch (const ConfigError& error) {
    problems.push_back({key, error.what()});
    return std::nullopt;
  }
}

void check_template(const TaskOptions& t, Problems& problems) {
  if (t.source_template.empty()) {
    problems.push_back({"template", "is missing: give the text that the model is to continue"});
    return;
  }
  const auto parsed = parse(t.source_template, "template", problems);
  if (!parsed || t.truncate.kind != TruncateOptions::Kind::kField) return;
  const std::string& field = t.truncate.field;
  if (!parsed->has_field(field)) {
    problems.push_back(
        {"truncate.field", quoted(field) + " is no field of the template, which has " +
                               join(parsed->fields()) + did_you_mean(field, parsed->fields())});
  } else if (!parsed->has_one_form(field)) {
    problems.push_back({"truncate.field", "the template has " + quoted(field) +
                                              " with different filters; cut another field, or "
                                              "give it the same filters everywhere"});
  }
}

bool names_candidate(const Template& text) {
  return std::any_of(text.fields().begin(), text.fields().end(), [](const std::string& field) {
    return field == "candidate" || field.starts_with("candidate.");
  });
}

void check_candidates(const TaskOptions& t, Problems& problems) {
  const CandidateOptions& c = t.candidates;
  if (c.foreach.empty() != c.text.empty()) {
    const std::string missing = c.foreach.empty() ? "candidates.foreach" : "candidates.text";
    problems.push_back({missing,
                        "is missing: candidates need the path of their list, `foreach`, and "
                        "what the model is to say, `text`"});
    return;
  }
  if (c.foreach.empty()) return;
  for (const auto& [key, text] :
       {std::pair{"candidates.text", c.text}, {"candidates.label", c.label}}) {
    const auto parsed = parse(text, key, problems);
    if (parsed && !names_candidate(*parsed)) {
      problems.push_back({key, "has no field {candidate}: all candidates would be the same"});
    }
  }
}

// The text of which a head scores places.
void check_text_field(const TaskOptions& t, Problems& problems) {
  const auto parsed = parse(t.source_template, "template", problems);
  if (!parsed) return;
  const std::string field = text_field(t);
  if (!parsed->has_field(field)) {
    problems.push_back({"text_field", quoted(field) + " is no field of the template, which has " +
                                          join(parsed->fields()) +
                                          did_you_mean(field, parsed->fields())});
  } else if (parsed->has_filter(field)) {
    problems.push_back({"template", "{" + field +
                                        "} has a filter, but the head scores places of the text "
                                        "itself; expected no filter"});
  }
  if (t.truncate.kind == TruncateOptions::Kind::kField && t.truncate.field != field) {
    problems.push_back({"truncate.field", "is " + quoted(t.truncate.field) +
                                              "; of a task with a head only the end of " +
                                              quoted(field) + " can be cut"});
  }
}

void check_head_labels(const TaskOptions& t, Problems& problems) {
  for (auto label = t.labels.begin(); label != t.labels.end(); ++label) {
    if (std::count(t.labels.begin(), label, *label) == 0) continue;
    problems.push_back({"labels", quoted(*label) + " occurs twice"});
  }
  if (t.kind == TaskKind::kSequenceClassification && t.labels.size() < 2) {
    problems.push_back({"labels", "needs at least two classes of the head"});
  } else if (t.kind == TaskKind::kTokenClassification && t.labels.empty()) {
    problems.push_back({"labels", "needs at least one kind of entity"});
  } else if (t.kind == TaskKind::kExtractiveQuestion && !t.labels.empty()) {
    problems.push_back({"labels", "an answer is a span of the text; expected none"});
  }
  if (t.kind == TaskKind::kExtractiveQuestion || t.references.empty()) return;
  problems.push_back({"references", "the right answers are labels or entities; expected none"});
}

// A head's answers are its outputs.
void check_head(const TaskOptions& t, Problems& problems) {
  const auto refuse = [&](bool given, const char* key, const char* why) {
    if (given) problems.push_back({key, why});
  };
  const char* const no_text = "a head has no texts of answers; expected none";
  refuse(!t.verbalizer.empty(), "verbalizer", no_text);
  refuse(!t.target.empty(), "target", no_text);
  refuse(!t.candidates.foreach.empty() || !t.candidates.text.empty(), "candidates", no_text);
  refuse(t.shots > 0, "shots", "a head is trained, without few-shot examples; expected 0");
  refuse(t.answer == Answer::kGenerate, "answer", "a head generates no text; expected auto");
  refuse(t.score != Score::kSum, "score", "a head's classes are not tokens; expected sum");
  refuse(t.eos == EosPolicy::kAlways, "eos", "no text follows the source; expected auto");
  check_head_labels(t, problems);
  if (scores_places(t)) check_text_field(t, problems);
}

// One of verbalizer, candidates and target defines the answers.
void check_answers(const TaskOptions& t, Problems& problems) {
  if (has_head(t)) return check_head(t, problems);
  const bool candidates = !t.candidates.foreach.empty() || !t.candidates.text.empty();
  if (t.verbalizer.empty() && t.target.empty() && !candidates) {
    problems.push_back({"verbalizer",
                        "is missing: give the text of every label, as in {yes: \" Yes\", no: "
                        "\" No\"}, `candidates` that every record brings along, or `target` for "
                        "a task that generates its answers"});
  }
  if (!t.target.empty() && !t.verbalizer.empty()) {
    problems.push_back({"target", "cannot be combined with a verbalizer: give one of the two"});
  }
  if (!t.target.empty() && candidates) {
    problems.push_back({"target", "cannot be combined with candidates: give one of the two"});
  }
  if (!t.verbalizer.empty() && candidates) {
    problems.push_back({"candidates", "cannot be combined with a verbalizer: give one of the two"});
  }
  if (!t.target.empty()) (void)parse(t.target, "target", problems);
  check_candidates(t, problems);
  if (t.target.empty()) {
    if (t.answer_rule == AnswerRule::kReferent) {
      problems.push_back({"answer_rule", "referent needs `target`, the text that is named"});
    }
    if (candidates && !t.labels.empty()) {
      problems.push_back({"labels", "needs a verbalizer: candidates are each record's own"});
    }
    return;
  }
  if (t.answer == Answer::kScore) {
    problems.push_back({"answer", "score needs a verbalizer or candidates to choose from"});
  }
  if (t.score != Score::kSum) {
    problems.push_back({"score", "needs a verbalizer or candidates to choose from"});
  }
  if (t.answer_rule == AnswerRule::kReferent && t.labels.size() != 2) {
    problems.push_back({"labels",
                        "answer_rule: referent needs two, the one for another referent "
                        "first, as in [false, true]"});
  }
  if (t.answer_rule == AnswerRule::kExact && !t.labels.empty()) {
    problems.push_back({"labels", "needs a verbalizer, or `target` with answer_rule: referent"});
  }
}

void check_verbalizer(const TaskOptions& t, Problems& problems) {
  if (t.verbalizer.empty()) return;
  std::vector<std::string> labels;
  for (const auto& [label, text] : t.verbalizer) {
    const std::string key = "verbalizer." + label;
    if (text.empty()) problems.push_back({key, "is empty: a label needs a text"});
    (void)parse(text, key, problems);
    if (std::count(labels.begin(), labels.end(), label) > 0) {
      problems.push_back({key, "occurs twice"});
    }
    labels.push_back(label);
    if (!t.labels.empty() && std::count(t.labels.begin(), t.labels.end(), label) == 0) {
      problems.push_back({key, "is no label of this task, which has " + join(t.labels) +
                                   did_you_mean(label, t.labels)});
    }
  }
  for (const auto& label : t.labels) {
    if (std::count(labels.begin(), labels.end(), label) > 0) continue;
    problems.push_back({"verbalizer", "has no text for the label " + quoted(label)});
  }
  if (labels.size() < 2) {
    problems.push_back({"verbalizer", "has one label, and needs at least two to choose from"});
  }
}

// Returns what a task must have for the metric to apply; empty: it has it.
std::string missing_for(const std::string& metric, const TaskOptions& t) {
  const std::size_t labels = t.verbalizer.empty() ? t.labels.size() : t.verbalizer.size();
  const bool free = answers_freely(t);
  if (metric == kLoss) {
    return free ? "" : "a target without labels: it is the loss of generated answers";
  }
  if ((metric == kEntityF1) != (t.kind == TaskKind::kTokenClassification)) {
    return metric == kEntityF1 ? "kind: token_classification"
                               : "another kind of task; that of entities is entity_f1";
  }
  if (compares_texts(metric)) {
    return free || !t.references.empty()
               ? ""
               : "references, the list of right answers, or a target without labels";
  }
  if (free) return "labels or candidates, and this task's answers are free text";
  if (metric == "accuracy") return "";
  if (metric == "group_exact_match") {
    return t.metric_group.empty() ? "metric_group, what is right together" : "";
  }
  if (metric == "f1") return labels == 2 ? "" : "two labels; it is that of the second";
  return labels > 0 ? "" : "labels that all records share";
}

void check_metrics(const TaskOptions& t, Problems& problems) {
  const auto& known = metric_names();
  for (std::size_t i = 0; i < t.metrics.size(); ++i) {
    const std::string& name = t.metrics[i];
    if (std::count(known.begin(), known.end(), name) == 0) {
      problems.push_back({"metrics", quoted(name) + " is no metric; there are " + join(known) +
                                         did_you_mean(name, known)});
      continue;
    }
    const std::string missing = missing_for(name, t);
    if (!missing.empty()) problems.push_back({"metrics", name + " needs " + missing});
    if (std::count(t.metrics.begin(), t.metrics.begin() + static_cast<std::ptrdiff_t>(i), name)) {
      problems.push_back({"metrics", name + " is given twice"});
    }
  }
}

void check_names(const TaskOptions& t, Problems& problems) {
  std::vector<std::string> names{"candidate"};
  for (const auto& [key, lists] :
       {std::pair{"foreach.", &t.foreach}, std::pair{"train_foreach.", &t.train_foreach}}) {
    for (const auto& [name, path] : *lists) {
      const std::string where = key + name;
      if (name.empty() || name.find_first_of(".|{}") != std::string::npos) {
        problems.push_back({where, "cannot be a name: it must be one word without . | { }"});
      } else if (std::count(names.begin(), names.end(), name) > 0) {
        problems.push_back({where, name == "candidate" ? "is the name of `candidates`: take another"
                                                       : "names two lists"});
      }
      if (path.empty()) problems.push_back({where, "is empty: give the path of a list"});
      names.push_back(name);
    }
  }
  for (const auto& [field, value] : t.train_where) {
    if (field.empty()) problems.push_back({"train_where", "names an empty field"});
  }
  const bool nested = t.submission.form == SubmissionOptions::Form::kNested;
  if (std::count(t.id_fields.begin(), t.id_fields.end(), "") > 0 || t.id_fields.empty()) {
    problems.push_back({"id_field", "is empty: name the field that identifies an example"});
  } else if (nested && t.id_fields.size() != 3) {
    problems.push_back({"submission.form",
                        "nested needs three fields in id_field: of passage, "
                        "question and answer"});
  }
}

void check_numbers(const TaskOptions& t, Problems& problems) {
  const auto at_least_0 = [&](std::int64_t value, const std::string& key) {
    if (value < 0) problems.push_back({key, "must be at least 0, is " + std::to_string(value)});
  };
  at_least_0(t.max_source_tokens, "max_source_tokens");
  at_least_0(t.shots, "shots");
  at_least_0(t.max_bad_records, "max_bad_records");
  if (t.max_answer_tokens < 1) {
    problems.push_back(
        {"max_answer_tokens", "must be at least 1, is " + std::to_string(t.max_answer_tokens)});
  }
  if (t.validation.file.empty() && !(t.validation.share >= 0 && t.validation.share < 1)) {
    problems.push_back({"validation", "must be the name of a file or a share of train in [0, 1)"});
  }
}

}  // namespace

std::vector<OptionProblem> validate(const TaskOptions& options) {
  Problems problems;
  check_template(options, problems);
  check_answers(options, problems);
  check_verbalizer(options, problems);
  check_metrics(options, problems);
  check_names(options, problems);
  check_numbers(options, problems);
  if (options.shots > 0 && options.train.empty()) {
    problems.push_back({"shots", "needs `train`, from which few-shot examples are drawn"});
  }
  const auto given = static_cast<std::int64_t>(options.shot_lines.places.size());
  if (given > 0 && given < options.shots) {
    problems.push_back({"shot_lines", "lists " + std::to_string(given) +
                                          " examples, but task.shots is " +
                                          std::to_string(options.shots)});
  }
  if (!options.system.empty() && options.format != Format::kChat) {
    problems.push_back({"system", "needs `format: chat`"});
  }
  if (options.label_field.empty()) problems.push_back({"label_field", "is empty"});
  return problems;
}

}  // namespace incipit::data
