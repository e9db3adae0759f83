// The answers of a task: candidates shared by all records or listed by each, and the right one.
#include <algorithm>

#include "core/check.h"
#include "core/error.h"
#include "core/text.h"
#include "data/task.h"

namespace incipit::data {
namespace {

// A right answer is a string, or an object with a "text".
std::string reference_path(const Record& record, const std::string& list, std::int64_t index) {
  std::string path = list + "." + std::to_string(index);
  if (record.has(path + ".text")) path += ".text";
  return path;
}

int index_of(const Candidates& candidates, std::string_view label) {
  const auto found = std::find_if(candidates.begin(), candidates.end(),
                                  [&](const Candidate& each) { return each.label == label; });
  return found == candidates.end() ? -1 : static_cast<int>(found - candidates.begin());
}

}  // namespace

// --- texts ------------------------------------------------------------------------------

std::string Task::answer_text(const std::string& text) const {
  std::string answer = options_.separator + text;
  if (options_.format == Format::kChat) {
    answer.erase(0, std::min(answer.find_first_not_of(" \t\n\r"), answer.size()));
  }
  return answer;
}

std::string_view Task::before_answers() const {
  constexpr std::string_view kAnyText = "\n";
  return options_.format == Format::kChat ? std::string_view(model_.chat->generation_prompt)
                                          : kAnyText;
}

std::vector<TokenId> Task::answer_tokens(const std::string& text) const {
  auto tokens = tokenizer().encode_after(before_answers(), text);
  if (eos_) tokens.push_back(*eos_);
  return tokens;
}

std::string Task::target_text(const Record& record) const {
  return gold(record, *candidates_of(record)).text;
}

bool Task::has_target(const Record& record) const {
  if (scores_places(options_)) return has_right_outputs(record);
  const bool labelled = record.has(options_.label_field);
  if (target_ && labels_.empty()) {
    return std::all_of(target_->fields().begin(), target_->fields().end(),
                       [&](const std::string& field) { return record.has(field); });
  }
  if (!candidate_text_ || labelled || options_.references.empty()) return labelled;
  return record.has(options_.references) && record.list_size(options_.references) > 0;
}

// --- candidates -------------------------------------------------------------------------

void Task::build_candidates() {
  auto candidates = std::make_shared<Candidates>();
  if (has_head(options_) && !scores_places(options_)) {
    labels_ = options_.labels;
    for (const std::string& label : labels_) {
      candidates->push_back({label, " " + label, {static_cast<TokenId>(candidates->size())}});
    }
  }
  for (int i = 0; i < verbalizer_.size(); ++i) labels_.push_back(verbalizer_.label(i));
  if (options_.answer_rule == AnswerRule::kReferent) labels_ = options_.labels;
  for (int i = 0; verbalizer_.is_fixed() && i < verbalizer_.size(); ++i) {
    const std::string key = "task.verbalizer." + verbalizer_.label(i) + ": ";
    const std::string text = verbalizer_.text(i).blank();
    Candidate candidate{verbalizer_.label(i), answer_text(text), {}};
    if (tokenizer().encode(candidate.text).empty()) {
      throw ConfigError(key + "'" + text + "' has no tokens");
    }
    candidate.tokens = answer_tokens(candidate.text);
    if (const std::string why = objection(candidate.tokens); !why.empty()) {
      throw ConfigError(key + why);
    }
    for (const Candidate& other : *candidates) {
      if (other.tokens != candidate.tokens) continue;
      throw ConfigError(key + "has the same tokens as the text of " + other.label);
    }
    candidates->push_back(std::move(candidate));
  }
  candidates_ = std::move(candidates);
}

Candidate Task::own_candidate(const Record& record, std::string label, const Template& text) const {
  Candidate candidate{std::move(label), answer_text(text.render(record)), {}};
  if (tokenizer().encode(candidate.text).empty()) {
    record.fail("the text of the candidate '" + candidate.label + "' has no tokens");
  }
  candidate.tokens = answer_tokens(candidate.text);
  require_known(record, candidate.tokens);
  return candidate;
}

std::shared_ptr<const Candidates> Task::candidates_of(const Record& record) const {
  if (!candidate_text_ && verbalizer_.is_fixed()) return candidates_;
  auto candidates = std::make_shared<Candidates>();
  for (int i = 0; i < verbalizer_.size(); ++i) {
    candidates->push_back(own_candidate(record, verbalizer_.label(i), verbalizer_.text(i)));
  }
  if (!candidate_text_) return candidates;
  const std::string& list = options_.candidates.foreach;
  const std::int64_t size = record.list_size(list);
  for (std::int64_t i = 0; i < size; ++i) {
    const Record nested = record.bind("candidate", list + "." + std::to_string(i));
    std::string label = candidate_label_->render(nested);
    if (index_of(*candidates, label) >= 0) continue;
    candidates->push_back(own_candidate(nested, std::move(label), *candidate_text_));
  }
  if (candidates->empty()) record.fail(list + " is empty: there is no candidate to choose");
  return candidates;
}

// --- the right one ----------------------------------------------------------------------

std::vector<std::string> Task::references(const Record& record) const {
  std::vector<std::string> texts;
  const std::string& list = options_.references;
  const std::int64_t size = record.list_size(list);
  for (std::int64_t i = 0; i < size; ++i) {
    texts.push_back(record.text(reference_path(record, list, i)));
  }
  return texts;
}

int Task::listed_label(const Record& record) const {
  const std::string label = label_text(record, options_.label_field);
  const auto found = std::find(labels_.begin(), labels_.end(), label);
  if (found == labels_.end()) {
    record.fail("the label '" + label + "' is none of task.labels, " + join(labels_) +
                did_you_mean(label, labels_));
  }
  return static_cast<int>(found - labels_.begin());
}

Task::Gold Task::gold(const Record& record, const Candidates& candidates) const {
  if (candidate_text_) return gold_of_own(record, candidates);
  if (target_) {
    Gold right{.label = -1, .text = answer_text(target_->render(record))};
    if (!labels_.empty()) right.label = listed_label(record);
    return right;
  }
  const int label = has_head(options_) ? listed_label(record)
                                       : verbalizer_.label_of(record, options_.label_field);
  return {.label = label, .text = candidates[static_cast<std::size_t>(label)].text};
}

// The label names the right candidate. Without a label, it is the first candidate among the
// references. If no candidate is among them, the first reference may still be trained on.
Task::Gold Task::gold_of_own(const Record& record, const Candidates& candidates) const {
  const auto candidate_text = [&](int label) {
    return candidates[static_cast<std::size_t>(label)].text;
  };
  if (options_.references.empty() || record.has(options_.label_field)) {
    const std::string label = label_text(record, options_.label_field);
    const int index = index_of(candidates, label);
    if (index >= 0) return {.label = index, .text = candidate_text(index)};
    std::vector<std::string> labels;
    for (const Candidate& each : candidates) labels.push_back(each.label);
    record.fail("the answer '" + label + "' is none of the record's candidates, " + join(labels));
  }
  const auto right = references(record);
  if (right.empty()) record.fail(options_.references + " is empty: there is no right answer");
  for (int i = 0; i < static_cast<int>(candidates.size()); ++i) {
    const std::string& label = candidates[static_cast<std::size_t>(i)].label;
    if (std::find(right.begin(), right.end(), label) == right.end()) continue;
    return {.label = i, .text = candidate_text(i)};
  }
  const Record nested = record.bind("candidate", reference_path(record, options_.references, 0));
  return {.label = -1, .text = answer_text(candidate_text_->render(nested))};
}

}  // namespace incipit::data
