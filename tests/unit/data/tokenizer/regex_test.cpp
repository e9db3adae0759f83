#include "data/tokenizer/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace incipit::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Returns the matches, in brackets, and the text between them.
std::vector<std::string> cut(std::string_view pattern, std::string_view text) {
  const Regex regex(pattern);
  std::vector<Span> spans;
  regex.find_spans(text, spans);
  std::vector<std::string> parts;
  std::size_t covered = 0;
  for (const Span& span : spans) {
    EXPECT_EQ(span.begin, covered);
    covered = span.end;
    const std::string part(text.substr(span.begin, span.end - span.begin));
    parts.push_back(span.match ? "[" + part + "]" : part);
  }
  EXPECT_EQ(covered, text.size());
  return parts;
}

std::string refusal(std::string_view pattern) {
  try {
    static_cast<void>(Regex(pattern));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(Regex, CoversTheTextWithMatchesAndTheRest) {
  EXPECT_THAT(cut("b+", "abbcb"), ElementsAre("a", "[bb]", "c", "[b]"));
  EXPECT_THAT(cut("x", "abc"), ElementsAre("abc"));
  EXPECT_THAT(cut("x", ""), IsEmpty());
}

TEST(Regex, TakesAnEmptyMatchOnlyApartFromAnotherMatch) {
  EXPECT_THAT(cut("b*", "abc"), ElementsAre("[]", "a", "[b]", "c", "[]"));
  EXPECT_THAT(cut("é*", "aé"), ElementsAre("[]", "a", "[é]"));
}

TEST(Regex, GivesWhiteSpaceUnicodesMeaning) {
  EXPECT_THAT(cut(R"(\s)", "a\u180E\u3000b"), ElementsAre("a\u180E", "[\u3000]", "b"));
  EXPECT_THAT(cut(R"([^\s])", "\u3000\u180E"), ElementsAre("\u3000", "[\u180E]"));
  EXPECT_THAT(cut(R"([^\S\n]+)", "a \n\tb\u180E"),
              ElementsAre("a", "[ ]", "\n", "[\t]", "b\u180E"));
}

TEST(Regex, CountsMarksAsWordCharacters) {
  EXPECT_THAT(cut(R"(\w+)", "e\u0301-x\u00B2"), ElementsAre("[e\u0301]", "-", "[x\u00B2]"));
  EXPECT_THAT(cut(R"(e\b)", "e\u0301e"), ElementsAre("e\u0301", "[e]"));
  EXPECT_THAT(cut(R"(e\B)", "e\u0301e"), ElementsAre("[e]", "\u0301e"));
}

TEST(Regex, LooksAheadAndBehind) {
  EXPECT_THAT(cut(R"(\s+(?!\S)|\s+)", "a   b  "), ElementsAre("a", "[  ]", "[ ]", "b", "[  ]"));
  EXPECT_THAT(cut(R"((?<=a)b)", "abcb"), ElementsAre("a", "[b]", "cb"));
}

TEST(Regex, KeepsCaseFoldingWithinItsGroup) {
  EXPECT_THAT(cut("(?i:'s|'ll)|T", "'S'LL'\u017Ftt T"),
              ElementsAre("['S]", "['LL]", "['\u017F]", "tt ", "[T]"));
}

TEST(Regex, ReadsAPlusBehindAnIntervalAsRepetition) {
  EXPECT_THAT(cut("a{2}+", "aaaaa"), ElementsAre("[aaaa]", "a"));
  EXPECT_THAT(cut("(?:ab|c){1,2}+c", "ababcc"), ElementsAre("[ababcc]"));
  EXPECT_THAT(cut("a++b|a", "aab"), ElementsAre("[aab]"));  // possessive
  EXPECT_THAT(cut("a{,2}b", "aaab"), ElementsAre("a", "[aab]"));
  EXPECT_THAT(cut("a{x}", "a{x}"), ElementsAre("[a{x}]"));  // a literal brace
}

TEST(Regex, MatchesLinesAsOnigurumaDoes) {
  EXPECT_THAT(cut("^b$", "a\nb\nc"), ElementsAre("a\n", "[b]", "\nc"));
  EXPECT_THAT(cut("a.b", "a\nb"), ElementsAre("a\nb"));
  EXPECT_THAT(cut("(?m:a.b)", "a\nb"), ElementsAre("[a\nb]"));
  EXPECT_THAT(cut(R"(\h\v)", "f\v"), ElementsAre("[f\v]"));
}

TEST(Regex, NamesPropertiesInLongAndShort) {
  EXPECT_THAT(cut(R"(\p{Letter}\p{N}\p{^Lu}\P{L})", "a1b "), ElementsAre("[a1b ]"));
  EXPECT_THAT(cut(R"([\p{Han}\p{Hiragana}]+)", "かな語x"), ElementsAre("[かな語]", "x"));
  EXPECT_THAT(cut(R"([[:alpha:]\-]+)", "a-1"), ElementsAre("[a-]", "1"));
  EXPECT_THAT(cut(R"(\x41\x{1F600}\u3042)", "A\U0001F600あ"), ElementsAre("[A\U0001F600あ]"));
}

TEST(Regex, KnowsLettersNewerThanItsTables) {
  EXPECT_THAT(cut(R"(\p{L}+)", "a\U00031350\U00010D50!"),
              ElementsAre("[a\U00031350\U00010D50]", "!"));
  EXPECT_THAT(cut(R"(\p{Han})", "\U00031350\U00010D50"), ElementsAre("[\U00031350]", "\U00010D50"));
}

TEST(Regex, RefusesByNameWhatHasNoExactTranslation) {
  EXPECT_THAT(refusal(R"((a)\1)"), HasSubstr("\\1"));
  EXPECT_THAT(refusal("[a&&b]"), HasSubstr("&&"));
  EXPECT_THAT(refusal("[a[bc]]"), HasSubstr("within another"));
  EXPECT_THAT(refusal("(?<name>a)"), HasSubstr("(?<n"));
  EXPECT_THAT(refusal("(?~ab)"), HasSubstr("(?~"));
  EXPECT_THAT(refusal("(?i:groSse)"), HasSubstr("ss"));
  EXPECT_THAT(refusal(R"((?i:\p{Lu}))"), HasSubstr("cased"));
  EXPECT_THAT(refusal("[[:punct:]]"), HasSubstr("punct"));
  EXPECT_NE(refusal(R"(\p{NoSuchThing})"), "");
  EXPECT_NE(refusal("(a"), "");
  EXPECT_NE(refusal("a)"), "");
  EXPECT_NE(refusal("[a"), "");
}

TEST(Regex, RunsOverLongTexts) {
  const std::string text(200000, ' ');
  EXPECT_THAT(cut(R"((?:a|\s)+x|\s+(?!\S))", text), ElementsAre("[" + text + "]"));
}

}  // namespace
}  // namespace incipit::data
