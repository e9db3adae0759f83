#include "init/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace incipit::init {
namespace {

using ::testing::ElementsAre;

// A vocabulary of whole pieces and, for the rest, of bytes; the longest piece goes first.
class Vocabulary {
 public:
  explicit Vocabulary(std::vector<std::string> pieces) {
    for (std::string& piece : pieces) {
      ids_.emplace(std::move(piece), static_cast<TokenId>(1000 + ids_.size()));
    }
  }
  std::vector<TokenId> operator()(std::string_view text) const {
    std::vector<TokenId> tokens;
    while (!text.empty()) {
      std::size_t size = text.size();
      while (size > 1 && !ids_.contains(std::string(text.substr(0, size)))) --size;
      const auto id = ids_.find(std::string(text.substr(0, size)));
      tokens.push_back(id == ids_.end() ? static_cast<unsigned char>(text[0]) : id->second);
      text.remove_prefix(size);
    }
    return tokens;
  }

 private:
  std::map<std::string, TokenId> ids_;
};

std::vector<std::string> texts(const Answers& answers) {
  std::vector<std::string> result;
  for (const auto& entry : answers.verbalizer) result.push_back(entry.text);
  return result;
}

std::vector<std::string> letters(const std::string& before) {
  std::vector<std::string> result;
  for (char letter = 'A'; letter <= 'Z'; ++letter) result.push_back(before + letter);
  return result;
}

TEST(ChooseAnswers, TakesTheLabelsThemselves) {
  const Vocabulary vocabulary({" roads", " waste"});
  const Answers answers = choose_answers({"roads", "waste"}, vocabulary);
  EXPECT_EQ(answers.kind, AnswerKind::kWords);
  EXPECT_FALSE(answers.on_new_line);
  EXPECT_THAT(texts(answers), ElementsAre(" roads", " waste"));
  EXPECT_THAT(answers.tokens, ElementsAre(ElementsAre(1000), ElementsAre(1001)));
  EXPECT_EQ(answers.verbalizer[0].label, "roads");
  EXPECT_FALSE(answers.is_stand_in(0));
  EXPECT_EQ(answers.word(1), "waste");
}

TEST(ChooseAnswers, TakesAWordThatNoOtherLabelHas) {
  const Vocabulary vocabulary({" card", " lost", " stolen", " the", " of"});
  const Answers answers = choose_answers({"card_lost", "Card: stolen", "card"}, vocabulary);
  EXPECT_EQ(answers.kind, AnswerKind::kWords);
  EXPECT_THAT(texts(answers), ElementsAre(" lost", " stolen", " card"));
  EXPECT_TRUE(answers.is_stand_in(0));
  EXPECT_FALSE(answers.is_stand_in(2));
}

TEST(ChooseAnswers, NoStandInTakesTheTokenOfALabel) {
  const Vocabulary vocabulary({" parks", " housing"});
  EXPECT_THAT(texts(choose_answers({"housing or parks", "parks"}, vocabulary)),
              ElementsAre(" housing", " parks"));
}

TEST(ChooseAnswers, SpellsALabelInLowerCaseWhereThatIsAToken) {
  const Vocabulary vocabulary({" roads", " Waste"});
  const Answers answers = choose_answers({"Roads", "Waste"}, vocabulary);
  EXPECT_THAT(texts(answers), ElementsAre(" roads", " Waste"));
  EXPECT_FALSE(answers.is_stand_in(0));
}

TEST(ChooseAnswers, TellsLabelsApartThatBeginWithTheSameToken) {
  const Vocabulary vocabulary({" not", " ok", "ok", " fine"});
  EXPECT_THAT(texts(choose_answers({"not ok", "not fine"}, vocabulary)),
              ElementsAre(" ok", " fine"));
}

TEST(ChooseAnswers, GoesToANewLineWhereASpaceIsATokenOfItsOwn) {
  const Vocabulary vocabulary({});
  const Answers answers = choose_answers({"0", "1"}, vocabulary);
  EXPECT_EQ(answers.kind, AnswerKind::kWords);
  EXPECT_TRUE(answers.on_new_line);
  EXPECT_THAT(texts(answers), ElementsAre("0", "1"));
}

TEST(ChooseAnswers, GivesAllLabelsALetterWhenOneHasNoToken) {
  auto pieces = letters(" ");
  pieces.emplace_back(" roads");
  const Answers answers = choose_answers({"roads", "Xqz"}, Vocabulary(pieces));
  EXPECT_EQ(answers.kind, AnswerKind::kLetters);
  EXPECT_THAT(texts(answers), ElementsAre(" A", " B"));
  EXPECT_TRUE(answers.is_stand_in(0));
}

TEST(ChooseAnswers, GivesBytesLettersOnANewLine) {
  const Answers answers = choose_answers({"roads", "waste"}, Vocabulary({}));
  EXPECT_EQ(answers.kind, AnswerKind::kLetters);
  EXPECT_TRUE(answers.on_new_line);
  EXPECT_THAT(texts(answers), ElementsAre("A", "B"));
}

TEST(ChooseAnswers, TakesBeginningsWhenThereAreMoreLabelsThanLetters) {
  std::vector<std::string> labels;
  std::vector<std::string> pieces;
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    for (const char* end : {"xyz", "uvw"}) {
      labels.push_back(std::string(1, letter) + end);
      pieces.push_back(" " + std::string(1, letter) + end[0]);
    }
  }
  const Answers answers = choose_answers(labels, Vocabulary(pieces));
  EXPECT_EQ(answers.kind, AnswerKind::kBeginnings);
  EXPECT_EQ(answers.verbalizer[0].text, " ax");
  std::set<TokenId> ids;
  for (const auto& tokens : answers.tokens) {
    ASSERT_EQ(tokens.size(), 1u);
    ids.insert(tokens[0]);
  }
  EXPECT_EQ(ids.size(), labels.size());
}

TEST(ChooseAnswers, EndsWithTheLabelsAsTheyAre) {
  std::vector<std::string> labels;
  for (int i = 0; i < 30; ++i) labels.push_back("label" + std::to_string(i));
  const Answers answers = choose_answers(labels, Vocabulary({}));
  EXPECT_EQ(answers.kind, AnswerKind::kWholeLabels);
  EXPECT_EQ(answers.verbalizer[7].text, " label7");
}

}  // namespace
}  // namespace incipit::init
