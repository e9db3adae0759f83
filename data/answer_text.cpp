#include "data/answer_text.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "data/tokenizer/unicode.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

// The official scripts are in Python, whose white space is Unicode's plus four control characters.
bool is_space(char32_t code) { return is_white_space(code) || (code >= 0x1C && code <= 0x1F); }

bool is_ascii_punctuation(char32_t code) { return code < 0x80 && is_punctuation(code); }

// Letters and numbers without combining marks: \w of Python's `re`.
bool is_alphanumeric(char32_t code) {
  return (U_GET_GC_MASK(static_cast<UChar32>(code)) & (U_GC_L_MASK | U_GC_N_MASK)) != 0;
}

// Lower-cases the whole text at once, because a final sigma has its own lower case.
std::string lower_case(std::string_view text) {
  std::string lower;
  icu::UnicodeString::fromUTF8({text.data(), static_cast<std::int32_t>(text.size())})
      .toLower(icu::Locale::getRoot())
      .toUTF8String(lower);
  return lower;
}

std::string without_punctuation(std::string_view text) {
  std::string kept;
  std::copy_if(text.begin(), text.end(), std::back_inserter(kept),
               [](char byte) { return !is_ascii_punctuation(static_cast<unsigned char>(byte)); });
  return kept;
}

// Replaces every whole run of letters and numbers that is an article with a space.
std::string without_articles(std::string_view text) {
  std::string kept;
  std::size_t run = std::string::npos;  // start of the current run in `kept`
  const auto end_run = [&] {
    if (run == std::string::npos) return;
    const std::string_view word = std::string_view(kept).substr(run);
    if (word == "a" || word == "an" || word == "the") kept.replace(run, word.size(), " ");
    run = std::string::npos;
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (!is_alphanumeric(next_char(text, at))) {
      end_run();
    } else if (run == std::string::npos) {
      run = kept.size();
    }
    kept += text.substr(begin, at - begin);
  }
  end_run();
  return kept;
}

std::vector<std::string> normalized_words(std::string_view text) {
  return words_of(without_articles(without_punctuation(lower_case(text))));
}

double word_f1(const std::vector<std::string>& answer, const std::vector<std::string>& reference) {
  std::map<std::string_view, int> left;
  for (const std::string& word : reference) ++left[word];
  double common = 0;
  for (const std::string& word : answer) {
    const auto found = left.find(word);
    if (found == left.end() || found->second == 0) continue;
    --found->second;
    ++common;
  }
  if (common == 0) return 0;
  return 2 * common / static_cast<double>(answer.size() + reference.size());
}

std::vector<std::string> rouge_words(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char c : lower_case(text)) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (kept && !inside) words.emplace_back();
    if (kept) words.back() += c;
    inside = kept;
  }
  return words;
}

std::size_t common_subsequence(const std::vector<std::string>& a,
                               const std::vector<std::string>& b) {
  std::vector<std::size_t> lengths(b.size() + 1);  // of the prefix of `a` and each prefix of `b`
  for (const std::string& word : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = lengths[j + 1];
      lengths[j + 1] = word == b[j] ? diagonal + 1 : std::max(above, lengths[j]);
      diagonal = above;
    }
  }
  return lengths.back();
}

// Splits at single spaces, so that two in a row give an empty word between them, as in T5.
std::vector<std::string> without_determiners(std::string_view text) {
  static constexpr std::array kDeterminers = std::to_array<std::string_view>(
      {"a",    "an",   "each",  "every", "few",   "her",  "his",   "many",  "much",  "my",  "our",
       "some", "that", "their", "the",   "these", "this", "those", "which", "whose", "your"});
  const std::string lower = lower_case(stripped(text));
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin <= lower.size();) {
    const std::size_t end = std::min(lower.find(' ', begin), lower.size());
    std::string word = lower.substr(begin, end - begin);
    if (std::count(kDeterminers.begin(), kDeterminers.end(), word) == 0) {
      words.push_back(std::move(word));
    }
    begin = end + 1;
  }
  if (words.empty()) words.emplace_back();
  return words;
}

bool has_apostrophe(const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return word.find('\'') != std::string::npos; });
}

bool contains(const std::set<std::string>& whole, const std::set<std::string>& part) {
  return std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}

}  // namespace

std::string_view stripped(std::string_view text) {
  while (!text.empty()) {
    std::size_t end = 0;
    if (!is_space(next_char(text, end))) break;
    text.remove_prefix(end);
  }
  while (!text.empty()) {
    std::size_t begin = text.size();
    if (!is_space(previous_char(text, begin))) break;
    text = text.substr(0, begin);
  }
  return text;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (is_space(next_char(text, at))) {
      inside = false;
      continue;
    }
    if (!inside) words.emplace_back();
    inside = true;
    words.back() += text.substr(begin, at - begin);
  }
  return words;
}

std::string normalized_answer(std::string_view text) {
  std::string normalized;
  for (const std::string& word : normalized_words(text)) {
    if (!normalized.empty()) normalized += ' ';
    normalized += word;
  }
  return normalized;
}

double text_f1(std::string_view answer, std::span<const std::string> references) {
  const std::vector<std::string> words = normalized_words(answer);
  double best = 0;
  for (const std::string& reference : references) {
    best = std::max(best, word_f1(words, normalized_words(reference)));
  }
  return best;
}

bool text_exact_match(std::string_view answer, std::span<const std::string> references) {
  const std::string normalized = normalized_answer(answer);
  return std::any_of(references.begin(), references.end(), [&](const std::string& reference) {
    return normalized_answer(reference) == normalized;
  });
}

double rouge_l(std::string_view answer, std::span<const std::string> references) {
  const std::vector<std::string> words = rouge_words(answer);
  double best = 0;
  for (const std::string& reference : references) {
    const std::vector<std::string> theirs = rouge_words(reference);
    if (words.empty() || theirs.empty()) continue;
    const auto common = static_cast<double>(common_subsequence(words, theirs));
    best = std::max(best, 2 * common / static_cast<double>(words.size() + theirs.size()));
  }
  return best;
}

std::optional<bool> names_referent(std::string_view answer, std::string_view referent) {
  const std::vector<std::string> said = without_determiners(answer);
  if (said.size() == 1 && said.front().empty()) return std::nullopt;
  const std::vector<std::string> meant = without_determiners(referent);
  if (has_apostrophe(said) != has_apostrophe(meant)) return false;
  const std::set<std::string> a(said.begin(), said.end());
  const std::set<std::string> b(meant.begin(), meant.end());
  return contains(a, b) || contains(b, a);
}

}  // namespace incipit::data
