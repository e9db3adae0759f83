#include "data/entities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "core/error.h"
#include "data/conll.h"
#include "data/records.h"
#include "data/task.h"
#include "tests/support/errors.h"
#include "tests/support/tiny_model.h"

namespace incipit::data {
namespace {

using testing::byte_ids;
using ::testing::HasSubstr;
using testing::message_of;

std::string joined_words(std::string_view text) {
  std::string all;
  for (const Word& word : split_words(text)) {
    all += "[" +
           std::string(text.substr(static_cast<std::size_t>(word.bytes.begin),
                                   static_cast<std::size_t>(word.bytes.size()))) +
           "]";
  }
  return all;
}

TEST(Words, AreRunsOfLettersAndDigitsAndEveryOtherCharacter) {
  EXPECT_EQ(joined_words(" At 5pm, Örnsköld's-bridge!!\n"),
            "[At][5pm][,][Örnsköld]['][s][-][bridge][!][!]");
  EXPECT_TRUE(split_words(" \t").empty());
  const std::vector<Word> words = split_words("éé b");
  EXPECT_EQ(words[1].bytes, (Range{5, 6}));
  EXPECT_EQ(words[1].characters, (Range{3, 4}));
}

// Tags O B-a I-a B-b I-b are 0 1 2 3 4. The entities are those of seqeval 1.2.2.
TEST(Tags, HaveTheEntitiesOfSeqeval) {
  const auto of = [](std::vector<int> tags) {
    std::string all;
    for (const auto& [words, label] : entities_of_tags(tags)) {
      all += "ab"[label] + std::to_string(words.begin) + std::to_string(words.end) + " ";
    }
    return all;
  };
  EXPECT_EQ(of({2, 4, 0, 1, 1, 2, 4, 3, 4}), "a01 b12 a34 a46 b67 b79 ");
  EXPECT_EQ(of({0, 0}), "");
  EXPECT_EQ(of({1, 2, 2, 0, 2}), "a03 a45 ");
}

TEST(Tags, AreThoseOfTheirEntities) {
  const std::vector<int> tags{1, 2, 0, 3, 3, 4};
  EXPECT_EQ(tags_of_entities(entities_of_tags(tags), 6), tags);
  EXPECT_EQ(bio_tags(std::vector<std::string>{"a", "b"}),
            (std::vector<std::string>{"O", "B-a", "I-a", "B-b", "I-b"}));
}

TEST(EntityF1, CountsEqualSpansWithEqualLabels) {
  const std::string right =
      R"([{"start":0,"end":4,"label":"place"},{"start":9,"end":12,"label":"date"}])";
  const std::string answer =
      R"([{"start":0,"end":4,"label":"place"},{"start":9,"end":12,"label":"place"},
                                 {"start":9,"end":11,"label":"date"}])";
  EXPECT_EQ(entity_counts(answer, right), (std::vector<double>{1, 3, 2}));
  EXPECT_DOUBLE_EQ(entity_f1(std::vector<double>{1, 3, 2}), 0.4);
  EXPECT_EQ(entity_f1(std::vector<double>{0, 0, 0}), 0);
}

TEST(Conll, SentencesAreRecords) {
  std::istringstream text(
      "-DOCSTART-\tO\n\nThe\tO\r\nold\tO\nmill\tB-place\n\n\nIn NN O\nMay NN B-date\n\nno\ntags\n");
  ConllReader reader(LineReader(text, "f.conll"));
  const auto first = reader.next();
  EXPECT_EQ(first->as_json(), R"({"tags":["O","O","B-place"],"tokens":["The","old","mill"]})");
  EXPECT_EQ(first->line(), 3);
  EXPECT_EQ(reader.next()->as_json(), R"({"tags":["O","B-date"],"tokens":["In","May"]})");
  EXPECT_EQ(reader.next()->as_json(), R"({"tokens":["no","tags"]})");
  EXPECT_FALSE(reader.next().has_value());
}

TEST(Conll, ALineWithoutATagIsRefusedAndTheNextSentenceIsRead) {
  std::istringstream text("a\tO\nb\n\nc\tO\n");
  ConllReader reader(LineReader(text, "f.conll"));
  EXPECT_THAT(message_of<DataError>([&] { (void)reader.next(); }),
              HasSubstr("f.conll:2: has no tag"));
  EXPECT_EQ(reader.next()->as_json(), R"({"tags":["O"],"tokens":["c"]})");
}

class TokenTask : public ::testing::Test {
 protected:
  TokenTask() {
    options_.kind = TaskKind::kTokenClassification;
    options_.source_template = "<{text}>";
    options_.labels = {"place", "date"};
  }
  [[nodiscard]] Example example(const std::string& json) const {
    return Task(options_, model_.task_model()).example(Record(json, "f.jsonl", 1), true);
  }
  testing::TinyModel model_;
  TaskOptions options_;
};

TEST_F(TokenTask, TagsTheLastTokenOfEveryWord) {
  const Example read =
      example(R"({"text": "at Öl bay", "entities": [{"start": 3, "end": 9, "label": "place"}]})");
  EXPECT_EQ(read.source, byte_ids("<at Öl bay>"));
  EXPECT_EQ(read.scored->rows, (std::vector<std::int64_t>{2, 6, 10}));
  EXPECT_EQ(read.target, (std::vector<TokenId>{0, 1, 2}));
  EXPECT_EQ(read.references.at(0), R"([{"start":3,"end":9,"label":"place","text":"Öl bay"}])");
}

TEST_F(TokenTask, TagsTheLastUseOfTheText) {
  options_.source_template = "{text}|{text}";
  const Example read = example(R"({"text": "ab c", "entities": []})");
  EXPECT_EQ(read.source, byte_ids("ab c|ab c"));
  EXPECT_EQ(read.scored->rows, (std::vector<std::int64_t>{6, 8}));
}

TEST_F(TokenTask, ReadsWordsWithTags) {
  const Example read = example(R"({"tokens": ["U.S.", "mill"], "tags": ["I-place", "B-place"]})");
  EXPECT_EQ(read.source, byte_ids("<U.S. mill>"));
  EXPECT_EQ(read.target, (std::vector<TokenId>{2, 1}));
  EXPECT_EQ(read.references.at(0), R"([{"start":0,"end":4,"label":"place","text":"U.S."},)"
                                   R"({"start":5,"end":9,"label":"place","text":"mill"}])");
}

TEST_F(TokenTask, CutsWordsThatDoNotFit) {
  options_.max_source_tokens = 7;
  const std::string json =
      R"({"text": "ab cd ef", "entities": [{"start": 3, "end": 8, "label": "date"}]})";
  EXPECT_THAT(message_of<DataError>([&] { (void)example(json); }), HasSubstr("task.truncate"));
  options_.truncate.kind = TruncateOptions::Kind::kSourceHead;
  const Example read = example(json);
  EXPECT_TRUE(read.truncated);
  EXPECT_EQ(read.source, byte_ids("<ab cd>"));
  EXPECT_EQ(read.target, (std::vector<TokenId>{0, 3}));
  EXPECT_EQ(read.references.at(0), R"([{"start":3,"end":8,"label":"date","text":"cd ef"}])");
}

TEST_F(TokenTask, RefusesEntitiesThatAreNotWords) {
  const auto problem = [&](const std::string& entities) {
    return message_of<DataError>(
        [&] { (void)example(R"({"text": "ab cd", "entities": [)" + entities + "]}"); });
  };
  EXPECT_THAT(problem(R"({"start": 0, "end": 1, "label": "date"})"),
              HasSubstr("f.jsonl:1: entities.0 is from character 0 to 1"));
  EXPECT_THAT(problem(R"({"start": 0, "end": 2, "label": "dat"})"), HasSubstr("place, date"));
  EXPECT_THAT(problem(R"({"start": 0, "end": 2, "label": "date"},
                         {"start": 0, "end": 5, "label": "date"})"),
              HasSubstr("entities.1 overlaps"));
  EXPECT_THAT(problem(R"({"start": "x", "end": 2, "label": "date"})"),
              HasSubstr("expected a whole number"));
  EXPECT_THAT(message_of<DataError>([&] { (void)example(R"({"tokens": ["a"], "tags": []})"); }),
              HasSubstr("has 0 tags for 1 words"));
}

TEST_F(TokenTask, ChecksTheOptions) {
  options_.source_template = "{text|lower_first} {other}";
  options_.labels = {};
  options_.metrics = {"accuracy"};
  std::string all;
  for (const OptionProblem& problem : validate(options_)) all += problem.key + ";";
  EXPECT_EQ(all, "labels;template;metrics;");
}

class SpanTask : public ::testing::Test {
 protected:
  SpanTask() {
    options_.kind = TaskKind::kExtractiveQuestion;
    options_.source_template = "{question} {context}";
    options_.id_fields = {"id"};
  }
  [[nodiscard]] Example example(const std::string& json) const {
    return Task(options_, model_.task_model()).example(Record(json, "f.jsonl", 1), true);
  }
  testing::TinyModel model_;
  TaskOptions options_;
};

TEST_F(SpanTask, ReadsAnswersInAllForms) {
  for (const char* answers :
       {R"("answers": ["öl bay", "bay"], "answer_start": [3, 6])",
        R"("answers": [{"text": "öl bay", "answer_start": 3}, {"text": "bay", "answer_start": 6}])",
        R"("answers": {"text": ["öl bay", "bay"], "answer_start": [3, 6]})"}) {
    const Example read =
        example(R"({"context": "at öl bay.", "question": "Where?", )" + std::string(answers) + "}");
    EXPECT_EQ(read.source, byte_ids("Where? at öl bay."));
    EXPECT_EQ(read.scored->rows, (std::vector<std::int64_t>{8, 12, 16, 17}));
    EXPECT_EQ(read.target, (std::vector<TokenId>{1, 2}));
    EXPECT_EQ(read.references, (std::vector<std::string>{"öl bay", "bay"}));
  }
}

TEST_F(SpanTask, TakesTheWordsThatAnAnswerTouches) {
  const Example read = example(
      R"({"context": "in 1990s a", "question": "?", "answers": ["1990"], "answer_start": [3]})");
  EXPECT_EQ(read.target, (std::vector<TokenId>{1, 1}));
}

TEST_F(SpanTask, RefusesAnswersThatAreNotThere) {
  const auto problem = [&](const std::string& answers) {
    return message_of<DataError>([&] {
      (void)example(R"({"context": "a b c", "question": "?", "answers": )" + answers + "}");
    });
  };
  EXPECT_THAT(problem(R"(["b"], "answer_start": [1])"), HasSubstr("'b' is not at character 1"));
  EXPECT_THAT(problem(R"(["b"], "answer_start": [99])"), HasSubstr("is not at character 99"));
  EXPECT_THAT(problem(R"([], "answer_start": [])"), HasSubstr("answers is empty"));
  options_.max_source_tokens = 4;
  options_.truncate.kind = TruncateOptions::Kind::kSourceHead;
  EXPECT_THAT(problem(R"(["c"], "answer_start": [4])"), HasSubstr("was cut"));
}

TEST(Squad, ItsQuestionsAreRecords) {
  const testing::TemporaryFolder folder;
  folder.write("dev.json", R"({"data": [{"title": "T", "paragraphs": [{"context": "a b", "qas": [
      {"id": "1", "question": "x?", "answers": [{"text": "b", "answer_start": 2}]},
      {"id": "2", "question": "y?", "answers": []}]}]}], "version": "1.1"})");
  folder.write("bad.json", R"({"data": [{"paragraphs": [{"qas": [{"id": "1"}]}]}]})");
  folder.write("list.json", R"([{"text": "a"}])");
  const auto reader = open_records(folder / "dev.json");
  EXPECT_EQ(reader->next()->as_json(),
            R"({"answers":[{"answer_start":2,"text":"b"}],"context":"a b","id":"1",)"
            R"("question":"x?","title":"T"})");
  EXPECT_EQ(reader->next()->text("question"), "y?");
  EXPECT_FALSE(reader->next().has_value());
  EXPECT_EQ(reader->at_line(1).text("id"), "1");
  EXPECT_THAT(message_of<FileError>([&] { (void)open_records(folder / "bad.json"); }),
              HasSubstr("bad.json: is not the JSON of SQuAD"));
  EXPECT_EQ(open_records(folder / "list.json")->next()->text("text"), "a");
}

}  // namespace
}  // namespace incipit::data
