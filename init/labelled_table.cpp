#include "init/labelled_table.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <span>
#include <unordered_map>

#include "core/error.h"
#include "core/text.h"
#include "data/records.h"
#include "data/verbalizer.h"
#include "init/words.h"
#include "telemetry/output.h"

namespace incipit::init {
namespace {

constexpr std::size_t kMostLabels = 200;
constexpr std::size_t kMostNumericLabels = 20;
constexpr std::size_t kLongestLabel = 100;  // bytes
constexpr std::int64_t kFewExamples = 5;    // per label
constexpr std::size_t kSmallTable = 50;
constexpr double kLeaks = 0.95;  // share of texts that contain their label

// Returns the first names, and how many more there are.
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 20;
  if (names.size() <= kShown) return join(names);
  return join(std::span(names).first(kShown)) + " and " + std::to_string(names.size() - kShown) +
         " more";
}

using LabelIndex = std::map<std::string, int>;

// Returns the text of a field; "" if it is missing or null.
std::string text_or_empty(const data::Record& record, const std::string& column) {
  return record.has(column) ? record.text(column) : std::string();
}

std::string label_or_empty(const data::Record& record, const std::string& column) {
  return record.has(column) ? data::label_text(record, column) : std::string();
}

bool is_quantity(const LabelIndex& labels) {
  return labels.size() > kMostNumericLabels &&
         std::all_of(labels.begin(), labels.end(), [](const auto& entry) {
           char* end = nullptr;
           (void)std::strtod(entry.first.c_str(), &end);
           return end == entry.first.c_str() + entry.first.size();
         });
}

void check_labels(const LabelledTable& table, const LabelIndex& labels) {
  const std::string where = table.file + ": column '" + table.label_column + "'";
  const std::string found = " has " + telemetry::grouped(static_cast<std::int64_t>(labels.size())) +
                            " different values in " +
                            telemetry::grouped(static_cast<std::int64_t>(table.rows.size())) +
                            " records";
  if (labels.empty()) {
    throw DataError(where + ": no record has both a text and a label");
  }
  if (labels.size() == 1) {
    throw DataError(where + " has one label, '" + labels.begin()->first +
                    "', in all records; expected at least two");
  }
  if (is_quantity(labels)) {
    throw ConfigError(where + found +
                      ", all numbers: that is a quantity, not a class label; put "
                      "it into a few classes first (low, middle, high), or name another column");
  }
  const auto longest = std::max_element(
      labels.begin(), labels.end(),
      [](const auto& a, const auto& b) { return a.first.size() < b.first.size(); });
  if (labels.size() > kMostLabels || longest->first.size() > kLongestLabel) {
    throw ConfigError(where + found + ", up to " + std::to_string(longest->first.size()) +
                      " bytes long: that is free text or "
                      "an identity, not a class label (at most " +
                      std::to_string(kMostLabels) + " labels of " + std::to_string(kLongestLabel) +
                      " bytes); name another column, or merge classes");
  }
}

// Tracks which of the required columns occur in any record. A CSV's columns are known from its
// header.
class Columns {
 public:
  Columns(const LabelledTable& table, std::vector<std::string> header)
      : file_(table.file), names_(std::move(header)), wanted_(table.text_columns) {
    wanted_.push_back(table.label_column);
    if (!names_.empty()) require(names_);
  }

  void see(const data::Record& record) {
    if (names_.empty()) {
      names_ = record.names();
      find_list(record);
    }
    std::erase_if(wanted_, [&](const std::string& column) { return record.has(column); });
  }

  // Call at the end: a column that no record has does not exist.
  void finish() const { require(names_); }

 private:
  // Notes the list of records that the first object of a JSON file wraps ({"data": [{...}, ...]}).
  void find_list(const data::Record& record) {
    for (const std::string& name : names_) {
      for (const std::string& column : wanted_) {
        if (record.has(name + ".0." + column)) list_ = name;
      }
    }
  }

  void require(const std::vector<std::string>& names) const {
    for (const std::string& column : wanted_) {
      if (std::find(names.begin(), names.end(), column) != names.end()) continue;
      if (names.empty()) throw DataError(file_ + ": has no records");
      if (!list_.empty()) {
        throw DataError(
            file_ + ": there is no column '" + column + "'; the records are in the list '" + list_ +
            "': write them to a file, like jq -c '." + list_ + "[]' " + file_ + " > records.jsonl");
      }
      throw ConfigError(file_ + ": there is no column '" + column + "', only " + some_of(names) +
                        did_you_mean(column, names));
    }
  }

  std::string file_;
  std::vector<std::string> names_;
  std::string list_;
  std::vector<std::string> wanted_;  // required and not yet seen
};

// Numbers the labels by name, once all are known.
void number_labels(LabelledTable& table, const LabelIndex& first_seen) {
  std::vector<int> place(first_seen.size());
  for (const auto& [label, seen] : first_seen) {
    place[static_cast<std::size_t>(seen)] = static_cast<int>(table.labels.size());
    table.labels.push_back(label);
  }
  for (LabelledText& row : table.rows) row.label = place[static_cast<std::size_t>(row.label)];
}

}  // namespace

std::vector<std::int64_t> LabelledTable::label_counts() const {
  std::vector<std::int64_t> counts(labels.size());
  for (const LabelledText& row : rows) ++counts[static_cast<std::size_t>(row.label)];
  return counts;
}

LabelledTable read_labelled_table(const std::filesystem::path& file,
                                  const std::vector<std::string>& text_columns,
                                  const std::string& label_column) {
  LabelledTable table{.file = file.string(),
                      .text_columns = text_columns,
                      .label_column = label_column,
                      .labels = {},
                      .rows = {}};
  const auto reader = data::open_records(file);
  Columns columns(table, reader->columns());
  LabelIndex labels;
  for (std::int64_t number = 0;; ++number) {
    const auto record = reader->next();
    if (!record) break;
    columns.see(*record);
    LabelledText row{.number = number, .line = record->line(), .texts = {}, .label = 0};
    bool blank = true;
    for (const std::string& column : text_columns) {
      row.texts.push_back(text_or_empty(*record, column));
      blank = blank && trimmed(row.texts.back()).empty();
    }
    const std::string label = trimmed(label_or_empty(*record, label_column));
    table.without_label += label.empty() ? 1 : 0;
    table.without_text += blank && !label.empty() ? 1 : 0;
    if (label.empty() || blank) continue;
    row.label = labels.try_emplace(label, static_cast<int>(labels.size())).first->second;
    table.rows.push_back(std::move(row));
  }
  columns.finish();
  check_labels(table, labels);
  number_labels(table, labels);
  return table;
}

std::vector<std::int64_t> duplicate_groups(const LabelledTable& table) {
  std::unordered_map<std::string, std::int64_t> known;
  std::vector<std::int64_t> groups;
  for (const LabelledText& row : table.rows) {
    std::string key;
    for (const std::string& text : row.texts) {
      bool space = false;
      for (const char c : trimmed(text)) {
        const bool white = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (!white || !space) key += white ? ' ' : c;
        space = white;
      }
      key += '\0';
    }
    const auto next = static_cast<std::int64_t>(known.size());
    groups.push_back(known.try_emplace(lower(key), next).first->second);
  }
  return groups;
}

namespace {

void warn_of_few(const LabelledTable& table, std::vector<std::string>& warnings) {
  std::vector<std::string> few;
  const auto counts = table.label_counts();
  for (std::size_t label = 0; label < counts.size(); ++label) {
    if (counts[label] >= kFewExamples) continue;
    few.push_back("'" + table.labels[label] + "' " + std::to_string(counts[label]));
  }
  if (!few.empty()) {
    warnings.push_back(
        "labels with fewer than " + std::to_string(kFewExamples) +
        " examples can hardly be learned, and their scores say little: " + join(few));
  }
  if (table.rows.size() < kSmallTable) {
    warnings.push_back(std::to_string(table.rows.size()) +
                       " examples are few: scores on validation and test will be uncertain by ten "
                       "points and more; 200 are a good start");
  }
}

void warn_of_conflicts(const LabelledTable& table, const std::vector<std::int64_t>& groups,
                       std::vector<std::string>& warnings) {
  std::map<std::int64_t, std::size_t> first;  // first row per group
  std::int64_t conflicts = 0;
  std::string example;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const std::size_t earlier = first.try_emplace(groups[i], i).first->second;
    const LabelledText& a = table.rows[earlier];
    const LabelledText& b = table.rows[i];
    if (a.label == b.label) continue;
    if (conflicts++ == 0) {
      example = "lines " + std::to_string(a.line) + " ('" +
                table.labels[static_cast<std::size_t>(a.label)] + "') and " +
                std::to_string(b.line) + " ('" + table.labels[static_cast<std::size_t>(b.label)] +
                "')";
    }
  }
  if (conflicts == 0) return;
  warnings.push_back(telemetry::grouped(conflicts) +
                     (conflicts == 1 ? " record has" : " records have") +
                     " the text of an earlier one and another label: " + example +
                     (conflicts == 1 ? "" : ", for one"));
}

void warn_of_case(const LabelledTable& table, std::vector<std::string>& warnings) {
  std::map<std::string, std::string> seen;
  for (const std::string& label : table.labels) {
    const auto [earlier, is_new] = seen.try_emplace(lower(label), label);
    if (!is_new) {
      warnings.push_back("the labels '" + earlier->second + "' and '" + label +
                         "' differ only in case; merge them if they mean the same");
    }
  }
}

void warn_of_leaks(const LabelledTable& table, std::vector<std::string>& warnings) {
  std::int64_t holding = 0;
  for (const LabelledText& row : table.rows) {
    const std::string& label = table.labels[static_cast<std::size_t>(row.label)];
    const bool holds =
        label.size() >= 3 && std::any_of(row.texts.begin(), row.texts.end(), [&](const auto& text) {
          return lower(text).find(lower(label)) != std::string::npos;
        });
    holding += holds ? 1 : 0;
  }
  const auto all = static_cast<double>(table.rows.size());
  if (static_cast<double>(holding) < kLeaks * all) return;
  warnings.push_back(
      telemetry::grouped(holding) + " of " +
      telemetry::grouped(static_cast<std::int64_t>(table.rows.size())) +
      " texts contain their own label word for word; check that texts without a known "
      "label contain it, too");
}

}  // namespace

std::vector<std::string> table_warnings(const LabelledTable& table,
                                        const std::vector<std::int64_t>& groups) {
  std::vector<std::string> warnings;
  const auto warn_of_missing = [&](std::int64_t count, const char* what) {
    if (count == 0) return;
    warnings.push_back(telemetry::grouped(count) +
                       (count == 1 ? " record without a " : " records without a ") + what +
                       (count == 1 ? " was left out" : " were left out"));
  };
  warn_of_missing(table.without_label, "label");
  warn_of_missing(table.without_text, "text");
  warn_of_few(table, warnings);
  warn_of_conflicts(table, groups, warnings);
  warn_of_case(table, warnings);
  warn_of_leaks(table, warnings);
  return warnings;
}

}  // namespace incipit::init
