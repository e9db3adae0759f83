#include "data/task_checks.h"

#include <algorithm>

#include "core/text.h"
#include "data/records.h"

namespace incipit::data {
namespace {

using Warnings = std::vector<std::string>;

std::string number(std::int64_t value) { return std::to_string(value); }

void check_candidates(const Candidates& candidates, bool sum_of_tokens, Warnings& warnings) {
  std::vector<std::string> lengths;
  bool differ = false;
  for (const Candidate& candidate : candidates) {
    lengths.push_back("'" + candidate.text + "' " +
                      number(static_cast<std::int64_t>(candidate.tokens.size())));
    differ = differ || candidate.tokens.size() != candidates.front().tokens.size();
  }
  if (differ && sum_of_tokens) {
    warnings.push_back("the verbalizers differ in their number of tokens (" + join(lengths) +
                       "): with eval.score: sum a longer answer is at a disadvantage whatever it "
                       "says; choose texts of one length, or another eval.score");
  }
  if (!sum_of_tokens) return;
  for (const Candidate& a : candidates) {
    for (const Candidate& b : candidates) {
      const bool begins = a.tokens.size() < b.tokens.size() &&
                          std::equal(a.tokens.begin(), a.tokens.end(), b.tokens.begin());
      if (!begins) continue;
      warnings.push_back(
          "the tokens of the verbalizer '" + a.text + "' begin those of '" + b.text +
          "', which can then never score higher; choose other texts, or eos: always");
    }
  }
}

bool differs_joined(const Task& task, const Record& record) {
  const std::string source = task.source_text(record);
  const std::string target = task.target_text(record);
  auto apart = task.tokenizer().encode(source);
  const auto answer = task.tokenizer().encode_after("\n", target);
  apart.insert(apart.end(), answer.begin(), answer.end());
  return apart != task.tokenizer().encode(source + target);
}

void check_joints(const Task& task, const std::string& file, bool training, std::int64_t records,
                  Warnings& warnings) {
  const auto reader = open_records(file);
  std::int64_t seen = 0;
  std::int64_t differ = 0;
  while (seen < records) {
    try {
      auto record = reader->next();
      if (!record) break;
      for (const Record& each : task.expand(std::move(*record), training)) {
        if (seen == records || !task.has_target(each)) continue;
        if (differs_joined(task, each)) ++differ;
        ++seen;
      }
    } catch (const DataError&) {
      continue;  // counted, or fatal, when the split is read
    }
  }
  if (differ > 0) {
    warnings.push_back(file + ": for " + number(differ) + " of the first " + number(seen) +
                       " records, source and answer tokenised together give other tokens than "
                       "tokenised apart, as they are here; a space usually belongs to the "
                       "beginning of the answer, not to the end of the template");
  }
}

void check_split(const std::string& name, const Dataset& split, Warnings& warnings) {
  if (const auto cut = split.truncated(); cut > 0) {
    warnings.push_back(name + ": " + number(cut) + " of " + number(split.size()) +
                       " sources are longer than task.max_source_tokens and were cut");
  }
  if (split.skipped() > 0) {
    warnings.push_back(name + ": " + number(split.skipped()) + " bad records of " + split.file() +
                       " were skipped");
  }
}

}  // namespace

std::vector<std::string> split_warnings(const Splits& splits) {
  Warnings warnings;
  check_split("train", splits.train, warnings);
  check_split("validation", splits.validation, warnings);
  check_split("test", splits.test, warnings);
  const auto overlap = [&](std::int64_t count, const std::string& later, const Dataset& split,
                           const std::string& earlier) {
    if (count == 0) return;
    warnings.push_back(number(count) + " of the " + number(split.size()) + " sources of " + later +
                       " also occur in " + earlier + ": scores on them say little");
  };
  overlap(splits.validation_in_train, "validation", splits.validation, "train");
  overlap(splits.test_in_train, "test", splits.test, "train");
  overlap(splits.test_in_validation, "test", splits.test, "validation");
  return warnings;
}

std::vector<std::string> task_warnings(const Task& task, const Splits& splits, bool sum_of_tokens,
                                       std::int64_t records) {
  Warnings warnings;
  const bool texts = !has_head(task.options());
  if (texts) check_candidates(task.candidates(), sum_of_tokens, warnings);
  const Dataset& split = splits.train.empty() ? splits.test : splits.train;
  if (texts && !split.empty()) {
    check_joints(task, split.file(), !splits.train.empty(), records, warnings);
  }
  for (auto& warning : split_warnings(splits)) warnings.push_back(std::move(warning));
  return warnings;
}

}  // namespace incipit::data
