#include "data/preprocess_record.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/text.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

using nlohmann::json;

constexpr std::string_view kHighlight = "\n@highlight\n";
constexpr std::string_view kPlaceholder = "@placeholder";

// Appends a highlight after the punctuation mark that ends the text before it, or after an added
// full stop.
std::string clean_passage(std::string_view text) {
  std::string clean;
  while (true) {
    const std::size_t at = text.find(kHighlight);
    clean += text.substr(0, at);
    if (at == std::string_view::npos) return clean;
    const bool ended =
        at > 0 && std::string_view(".?!\"'").find(text[at - 1]) != std::string_view::npos;
    clean += ended ? " " : ". ";
    text.remove_prefix(at + kHighlight.size());
  }
}

// Returns the start of each code point of a text, followed by the end of the text.
std::vector<std::size_t> code_points(std::string_view text) {
  std::vector<std::size_t> begins;
  for (std::size_t at = 0; at < text.size(); at += utf8_length(text[at])) begins.push_back(at);
  begins.push_back(text.size());
  return begins;
}

std::int64_t whole_number(const Record& record, const std::string& path) {
  const std::string text = record.text(path);
  const bool digits = !text.empty() && text.size() < 10 &&
                      text.find_first_not_of("0123456789") == std::string::npos;
  if (!digits) record.fail(path + " is " + text + "; expected a whole number from 0");
  return std::stoll(text);
}

std::set<std::string> entities(const Record& record) {
  const std::string text = record.text("passage.text");
  const auto begins = code_points(text);
  const auto size = static_cast<std::int64_t>(begins.size()) - 1;
  std::set<std::string> names;
  const std::int64_t count = record.list_size("passage.entities");
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string path = "passage.entities." + std::to_string(i);
    const std::int64_t start = whole_number(record, path + ".start");
    const std::int64_t end = whole_number(record, path + ".end");
    if (start > end || end >= size) {
      record.fail(path + " runs from " + std::to_string(start) + " to " + std::to_string(end) +
                  ", and the passage has " + std::to_string(size) + " characters");
    }
    names.insert(text.substr(begins[start], begins[end + 1] - begins[start]));
  }
  if (names.empty()) record.fail("passage.entities is empty: there is no candidate to choose");
  return names;
}

// Adds the fields of a query.
void split_query(const Record& record, const std::string& path, json& query) {
  std::string before = record.text(path + ".query");
  const std::size_t at = before.find(kPlaceholder);
  if (at == std::string::npos) record.fail(path + ".query has no " + std::string(kPlaceholder));
  query["after"] = before.substr(at + kPlaceholder.size());
  before.resize(at);
  const bool gap = before.ends_with(' ');
  if (gap) before.pop_back();
  query["gap"] = gap ? " " : "";
  query["before"] = before;
}

void collect_answers(const Record& record, const std::string& path, json& query) {
  const std::string list = path + ".answers";
  if (!record.has(list)) return;
  std::set<std::string> texts;
  const std::int64_t count = record.list_size(list);
  for (std::int64_t i = 0; i < count; ++i) {
    texts.insert(record.text(list + "." + std::to_string(i) + ".text"));
  }
  query["answers"] = texts;
}

}  // namespace

void preprocess_record(Record& record) {
  const std::set<std::string> names = entities(record);
  const std::string clean = clean_passage(record.text("passage.text"));
  const std::int64_t queries = record.list_size("qas");
  for (std::int64_t i = 0; i < queries; ++i) {
    const std::string path = "qas." + std::to_string(i);
    (void)record.text(path + ".query");  // checks that it is an object
    json& query = record.own_json()["qas"][static_cast<std::size_t>(i)];
    split_query(record, path, query);
    collect_answers(record, path, query);
  }
  json& passage = record.own_json()["passage"];
  passage["clean"] = clean;
  passage["names"] = names;
  passage["list"] = join(std::vector<std::string>(names.begin(), names.end()));
}

}  // namespace incipit::data
