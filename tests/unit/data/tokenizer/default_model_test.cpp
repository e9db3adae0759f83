// The tokenizer of the default model: byte-level, from scripts/setup.sh.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "data/tokenizer/tokenizer.h"

namespace incipit::data {
namespace {

const std::filesystem::path kModel = INCIPIT_MODEL_DIR;

class DefaultModelTokenizer : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kModel / "tokenizer.json")) {
      GTEST_SKIP() << kModel << " is not there: run scripts/setup.sh";
    }
  }
};

const std::string kText =
    "Marla's 3 cats (née Félin) slept,\n\n\tpurring 🐈\u200D⬛ at 12:45… 東京で <|im_start|>user";

TEST_F(DefaultModelTokenizer, BringsEveryTextBack) {
  const Tokenizer tokenizer = Tokenizer::load(kModel);
  const auto ids = tokenizer.encode(kText);
  EXPECT_EQ(tokenizer.decode(ids, /*skip_special=*/false), kText);
  EXPECT_LT(ids.size(), kText.size());
  EXPECT_THAT(ids, ::testing::Contains(tokenizer.token_to_id("<|im_start|>").value()));
}

TEST_F(DefaultModelTokenizer, StreamsWholeCharactersThatJoinToTheText) {
  const Tokenizer tokenizer = Tokenizer::load(kModel);
  StreamDecoder stream(tokenizer, /*skip_special=*/false);
  std::string text;
  for (const TokenId id : tokenizer.encode(kText)) {
    const std::string part = stream.add(id);
    EXPECT_EQ(part.find("\uFFFD"), std::string::npos);
    text += part;
  }
  EXPECT_EQ(text + stream.finish(), kText);
}

TEST_F(DefaultModelTokenizer, EncodesOnSeveralThreadsAtOnce) {
  const Tokenizer tokenizer = Tokenizer::load(kModel);
  const auto expected = tokenizer.encode(kText);
  std::vector<int> wrong(4, 0);
  {
    std::vector<std::jthread> threads;
    for (int& count : wrong) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) count += tokenizer.encode(kText) == expected ? 0 : 1;
      });
    }
  }
  EXPECT_THAT(wrong, ::testing::Each(0));
}

}  // namespace
}  // namespace incipit::data
