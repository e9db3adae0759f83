#include "eval/token_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "eval/search_results.h"
#include "tests/support/tiny_task.h"

namespace incipit::eval {
namespace {

using ::testing::ElementsAre;

std::vector<data::Record> texts(const std::vector<std::string>& values) {
  std::vector<data::Record> records;
  for (const std::string& each : values) {
    records.push_back(data::Record(R"({"text": ")" + each + R"("})", "t.jsonl", 1));
  }
  return records;
}

TEST(TokenSpace, HasTheTokensOfPrintableText) {
  const data::Task task = testing_support::tiny_task();
  const auto records = texts({"a"});
  const TokenSpace space(task, records);
  // Every byte is a token: those of ASCII that are no control characters.
  ASSERT_EQ(space.tokens().size(), 95U);
  EXPECT_EQ(space.tokens().front(), ' ');
  EXPECT_EQ(space.tokens().back(), '~');
  EXPECT_EQ(space.offset(), 0);
}

TEST(TokenSpace, PutsTheWordsBeforeTheText) {
  const data::Task task = testing_support::tiny_task();
  const auto records = texts({"a", "bc"});
  const TokenSpace space(task, records);
  const Words words{'h', 'i', ' '};
  EXPECT_TRUE(space.survives(words));
  EXPECT_EQ(space.text(words), "hi ");
  const data::Task worded(space.options(words), task.model());
  EXPECT_EQ(worded.source_text(records[1]), "hi bc ->");
}

TEST(TokenSpace, DropsBytesThatAreNoTextOfTheirOwn) {
  const data::Task task = testing_support::tiny_task();
  const auto records = texts({"a"});
  const TokenSpace space(task, records);
  EXPECT_FALSE(space.survives({'h', 0xC3})) << "half a character";
  EXPECT_FALSE(space.survives({'h', '\n'}));
  EXPECT_TRUE(space.survives({'h', 0xC3, 0xA9})) << "a whole one";
}

TEST(TokenSpace, ListsRankedTokensInPagesWithoutThePresentOne) {
  const data::Task task = testing_support::tiny_task();
  const auto records = texts({"a"});
  const TokenSpace space(task, records);
  const std::vector<TokenId> ranked{'a', 'b', 0xC3, 'c', 'd', 'e'};
  const Words words{'x', 'b'};
  EXPECT_THAT(space.fitting(words, 1, ranked, 0, 2), ElementsAre('a', 'c'));
  EXPECT_THAT(space.fitting(words, 1, ranked, 2, 2), ElementsAre('d', 'e'));
  EXPECT_THAT(space.fitting(words, 1, ranked, 4, 2), ElementsAre());
}

TEST(TokenSpace, DrawsTokensBySeed) {
  const data::Task task = testing_support::tiny_task();
  const auto records = texts({"a"});
  const TokenSpace space(task, records);
  Random one(1), again(1), other(2);
  const Words words = space.draw(6, one);
  EXPECT_EQ(words.size(), 6U);
  EXPECT_TRUE(space.survives(words));
  EXPECT_EQ(space.draw(6, again), words);
  EXPECT_NE(space.draw(6, other), words);
}

TEST(RankedTokens, PutsTheLowestFirstAndTiesById) {
  EXPECT_THAT(ranked_tokens({0, 1, 2, 3}, {0.5F, -1.0F, 0.5F, -2.0F}), ElementsAre(3, 1, 0, 2));
}

TEST(WordGains, AreHigherWhereTheSearchIsBetter) {
  const auto gains = word_gains("test", {{1, 1, 1, 1}, {1, 1, 1, 0}}, {{2, 2, 2, 2}, {1, 0, 0, 0}});
  ASSERT_EQ(gains.size(), 2U);
  EXPECT_EQ(gains[0].measure, "loss");
  EXPECT_DOUBLE_EQ(gains[0].gain.mean, 1);
  EXPECT_TRUE(gains[0].gain.excludes_zero());
  EXPECT_EQ(gains[1].measure, "accuracy");
  EXPECT_DOUBLE_EQ(gains[1].gain.mean, 0.5);
  EXPECT_EQ(word_gains("test", {{1}, {}}, {{2}, {}}).size(), 1U) << "free answers";
}

TEST(SearchJson, ReadsBackWhatItWrites) {
  SearchResults results;
  results.task = "colours";
  results.metric = "accuracy";
  results.slots = {"opening"};
  results.budget = 7;
  results.outcomes = {{.name = "start",
                       .words = {{"a \"quoted\" phrase"}, 1.5, 2.5, 3},
                       .scored = 1,
                       .passes = 3,
                       .steps = {{{"x"}, 1, 2, 3}},
                       .splits = {{"test", 4, 0.25, {{"accuracy", 0.5}}}}}};
  results.gains = {{"test", "loss", {0.5, -0.25, 1}}};
  const std::string json = search_json(results);
  EXPECT_EQ(search_json(read_search(json, "search.json")), json);
  EXPECT_NE(json.find(R"("accuracy": 0.5)"), std::string::npos) << json;
  EXPECT_THROW((void)read_search("{}", "search.json"), DataError);
}

}  // namespace
}  // namespace incipit::eval
