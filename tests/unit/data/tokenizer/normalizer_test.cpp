#include "data/tokenizer/normalizer.h"

#include "tests/unit/data/tokenizer/tokenizer_files.h"

namespace incipit::data {
namespace {

using testing::json;

NormalizedText normalized(const json& description, const std::string& text, std::size_t front = 1) {
  const Normalizers steps = read_normalizers(JsonNode(description, "test.json"));
  NormalizedText result{text, front};
  for (const auto& step : steps) step->apply(result);
  return result;
}

json replace(const char* kind, const char* pattern, const char* content) {
  return {{"type", "Replace"}, {"pattern", {{kind, pattern}}}, {"content", content}};
}

TEST(Normalizer, AppliesASequenceInOrder) {
  const json steps = {{"type", "Sequence"},
                      {"normalizers",
                       {{{"type", "NFD"}},
                        replace("Regex", R"(\p{Mn})", ""),
                        {{"type", "Lowercase"}},
                        {{"type", "Prepend"}, {"prepend", "▁"}},
                        replace("String", " ", "▁")}}};
  EXPECT_EQ(normalized(steps, "Été Là").text, "▁ete▁la");
  EXPECT_EQ(normalized(steps, "").text, "");
}

TEST(Normalizer, StripsTheSidesAskedFor) {
  const auto strip = [](bool left, bool right) {
    return json{{"type", "Strip"}, {"strip_left", left}, {"strip_right", right}};
  };
  EXPECT_EQ(normalized(strip(true, true), "\u3000 a b\n").text, "a b");
  EXPECT_EQ(normalized(strip(true, false), " a ").text, "a ");
  EXPECT_EQ(normalized(strip(false, true), " a ").text, " a");
  EXPECT_EQ(normalized(strip(true, true), " \t").text, "");
}

TEST(Normalizer, TracksWhatStemsFromTheFirstCharacter) {
  EXPECT_EQ(normalized({{"type", "Prepend"}, {"prepend", "▁"}}, "ab").front, 4U);
  EXPECT_EQ(normalized({{"type", "Strip"}}, " ab").front, 0U);  // the first character went
  EXPECT_EQ(normalized({{"type", "NFD"}}, "\u00E9b", 2).front, 3U);
  EXPECT_EQ(normalized({{"type", "Lowercase"}}, "\u0130b", 2).front, 3U);
  EXPECT_EQ(normalized(replace("String", "a", "xyz"), "ab").front, 3U);
  EXPECT_EQ(normalized(replace("String", "ab", "x"), "abc").front, 0U);  // x counts as b
  EXPECT_EQ(normalized(replace("String", "b", "x"), "ab").front, 1U);
}

TEST(Normalizer, RefusesUnknownTypesAndDamagedPatternsByName) {
  const auto message = [](const json& description) {
    try {
      static_cast<void>(read_normalizers(JsonNode(description, "test.json")));
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(message({{"type", "BertNormalizer"}}).find("'BertNormalizer'"), std::string::npos);
  EXPECT_NE(message({{"type", "Sequence"}, {"normalizers", {{{"type", "Nmt"}}}}})
                .find("normalizers[0].type: the normalizer 'Nmt'"),
            std::string::npos);
  EXPECT_NE(message(replace("Regex", "(a", "")).find("test.json: pattern.Regex: "),
            std::string::npos);
  EXPECT_NE(message(replace("String", "", "x")).find("empty"), std::string::npos);
  EXPECT_NE(message(replace("Glob", "*", "x")).find("\"Regex\""), std::string::npos);
}

TEST(Normalizer, RefusesRulesThatMakeATextGrowWithoutBound) {
  json steps = json::array();
  for (int i = 0; i < 30; ++i) steps.push_back(replace("String", "a", "aa"));
  const auto read = [](const json& list) {
    return read_normalizers(
        JsonNode(json{{"type", "Sequence"}, {"normalizers", list}}, "test.json"));
  };
  const json twice = {steps[0], steps[1]};
  NormalizedText text;
  text.text = "a";
  const Normalizers doubled = read(twice);
  apply_all(doubled, text);
  EXPECT_EQ(text.text, "aaaa");
  const Normalizers many = read(steps);
  EXPECT_THROW(apply_all(many, text), DataError);
  for (int i = 0; i < 10; ++i) steps.push_back(steps[0]);
  EXPECT_THROW((void)read(steps), DataError);
}

}  // namespace
}  // namespace incipit::data
