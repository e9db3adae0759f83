#include "data/preprocess_wsc.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/unicode.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

constexpr std::string_view kSpace = " \t\n\r";
constexpr std::int64_t kMostWordsOff = 3;  // the official files are off by one at most

struct Span {
  std::size_t begin = 0;  // bytes
  std::size_t end = 0;
};

bool is_space(char c) { return kSpace.find(c) != std::string_view::npos; }

bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Whether there is a letter on both sides of a position, that is, whether it is within a word.
bool within_word(std::string_view text, std::size_t at) {
  return at > 0 && at < text.size() && is_word_byte(text[at - 1]) && is_word_byte(text[at]);
}

// Returns, for each byte, the number of the word that contains it. Words are separated by white
// space.
std::vector<std::int64_t> word_numbers(std::string_view text) {
  std::vector<std::int64_t> numbers;
  std::int64_t words = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_space(text[i]) && (i == 0 || is_space(text[i - 1]))) ++words;
    numbers.push_back(std::max<std::int64_t>(words - 1, 0));
  }
  return numbers;
}

// Returns the occurrence of `span` as whole words that begins nearest to word `index`.
std::optional<Span> align(std::string_view text, std::string_view span, std::int64_t index) {
  const auto numbers = word_numbers(text);
  std::optional<Span> best;
  std::int64_t best_off = kMostWordsOff + 1;
  for (std::size_t at = text.find(span); at != std::string_view::npos && !span.empty();
       at = text.find(span, at + 1)) {
    const std::int64_t off = std::abs(numbers[at] - index);
    if (within_word(text, at) || within_word(text, at + span.size()) || off >= best_off) continue;
    best = Span{at, at + span.size()};
    best_off = off;
  }
  return best;
}

std::int64_t index_of(const Record& record, const std::string& path) {
  const std::string text = record.text(path);
  const bool digits = !text.empty() && text.size() < 10 &&
                      text.find_first_not_of("0123456789") == std::string::npos;
  if (!digits) record.fail(path + " is " + text + "; expected a word's index, from 0");
  return std::stoll(text);
}

// Returns `text` with its first letter in the case of the first letter of `like`.
std::string with_case_of(std::string_view text, std::string_view like) {
  std::size_t rest = 0;
  const char32_t first = next_char(text, rest);
  std::size_t ignored = 0;
  const char32_t model = next_char(like, ignored);
  std::string lower;
  append_lowercase(lower, model);
  const bool is_lower = lower == like.substr(0, ignored);
  std::string changed;
  if (is_lower) {
    append_lowercase(changed, first);
  } else if (first >= U'a' && first <= U'z') {
    changed = static_cast<char>(first - U'a' + U'A');
  } else {
    changed = text.substr(0, rest);
  }
  return changed.append(text.substr(rest));
}

// Returns the referent as it appears in the text, or as given if it does not appear in any form.
std::string referent(const Record& record, std::string_view text) {
  const std::string given = record.text("target.span1_text");
  if (given.empty()) record.fail("target.span1_text is empty");
  if (text.find(given) != std::string_view::npos) return given;
  const std::int64_t index = index_of(record, "target.span1_index");
  const auto numbers = word_numbers(text);
  std::size_t word = 0;
  while (word < text.size() && (numbers[word] != index || is_space(text[word]))) ++word;
  std::string fixed = given;
  if (word < text.size()) fixed = with_case_of(given, text.substr(word));
  fixed.resize(fixed.find_last_not_of('.') + 1);
  std::replace(fixed.begin(), fixed.end(), '\n', ' ');
  return text.find(fixed) != std::string_view::npos ? fixed : given;
}

std::string marked(std::string_view text, Span pronoun) {
  const auto word = text.substr(pronoun.begin, pronoun.end - pronoun.begin);
  std::string_view after = text.substr(pronoun.end);
  std::string result(text.substr(0, pronoun.begin));
  result.append("*").append(word).append("*");
  if (after.empty() || is_space(after.front())) return result.append(after);
  after = after.substr(0, after.find_last_not_of(kSpace) + 1);
  return result.append(" ").append(after);
}

}  // namespace

void preprocess_wsc(Record& record) {
  const std::string text = record.text("text");
  const std::string pronoun = record.text("target.span2_text");
  const std::int64_t index = index_of(record, "target.span2_index");
  const auto span = align(text, pronoun, index);
  if (!span) {
    record.fail("the text does not contain target.span2_text, '" + pronoun + "', near word " +
                std::to_string(index) + " (target.span2_index)");
  }
  const std::string before = text.substr(0, span->begin);
  const std::string after = text.substr(span->end);
  const std::string noun = referent(record, text);
  nlohmann::json fields{{"before", before}, {"pronoun", pronoun},
                        {"after", after},   {"marked", marked(text, *span)},
                        {"referent", noun}, {"replaced", before + noun + after}};
  record.own_json()["wsc"] = std::move(fields);
}

}  // namespace incipit::data
