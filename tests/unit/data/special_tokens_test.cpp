#include "data/special_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/errors.h"
#include "tests/support/tiny_model.h"

namespace incipit::data {
namespace {

using incipit::testing::message_of;
using incipit::testing::TinyModel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

SpecialTokens read(const TinyModel& model) {
  return read_special_tokens(model.folder().path(), *model.tokenizer());
}

TEST(SpecialTokens, AreNamedByTheTokenizersConfig) {
  const SpecialTokens special = read(TinyModel{});
  EXPECT_EQ(special.bos, TinyModel::kBos);
  EXPECT_EQ(special.eos, TinyModel::kEos);
  EXPECT_FALSE(special.adds_bos);
  EXPECT_THAT(special.stops, ElementsAre(TinyModel::kEos));
}

TEST(SpecialTokens, PostProcessorSaysThatABosIsAdded) {
  EXPECT_TRUE(read(TinyModel({.adds_bos = true, .merges = {}})).adds_bos);
}

// As in transformers 5, which ignores the key where there is a tokenizer.json.
TEST(SpecialTokens, AddBosTokenDoesNotChangeThePostProcessor) {
  const TinyModel adds({.adds_bos = true, .merges = {}});
  adds.folder().write("tokenizer_config.json", R"({"bos_token": "<s>", "add_bos_token": false})");
  EXPECT_TRUE(read(adds).adds_bos);
  const TinyModel plain;
  plain.folder().write("tokenizer_config.json", R"({"bos_token": "<s>", "add_bos_token": true})");
  EXPECT_FALSE(read(plain).adds_bos);
  EXPECT_EQ(read(plain).bos, TinyModel::kBos);
}

TEST(SpecialTokens, TheMapOfSpecialTokensTakesPrecedence) {
  const TinyModel model;
  model.folder().write("special_tokens_map.json", R"({"eos_token": {"content": "<|im_end|>"}})");
  EXPECT_EQ(read(model).eos, TinyModel::kTurnEnd);
  model.folder().write("tokenizer_config.json",
                       R"({"eos_token": "</s>", "added_tokens_decoder": {}})");
  EXPECT_EQ(read(model).eos, TinyModel::kEos) << "the map is read only for older files";
}

TEST(SpecialTokens, ATokenMayBeAnObject) {
  const TinyModel model;
  model.folder().write("tokenizer_config.json",
                       R"({"bos_token": {"content": "<|im_start|>", "lstrip": false}})");
  EXPECT_EQ(read(model).bos, TinyModel::kTurn);
  EXPECT_EQ(read(model).eos, std::nullopt);
}

TEST(SpecialTokens, GenerationConfigSaysWhatElseStops) {
  const TinyModel model;
  model.folder().write("generation_config.json", R"({"eos_token_id": [259, 258]})");
  EXPECT_THAT(read(model).stops, ElementsAre(257, 259, 258));
  model.folder().write("tokenizer_config.json", "{}");
  EXPECT_EQ(read(model).eos, 259);
  EXPECT_THAT(read(model).stops, ElementsAre(259, 258));
}

TEST(SpecialTokens, ModelConfigIsAskedLast) {
  const TinyModel model;
  model.folder().write("tokenizer_config.json", "{}");
  model.folder().write("config.json", R"({"bos_token_id": 256, "eos_token_id": 257})");
  EXPECT_EQ(read(model).bos, 256);
  EXPECT_EQ(read(model).eos, 257);
}

TEST(SpecialTokens, DamagedFilesAreNamed) {
  const TinyModel model;
  model.folder().write("generation_config.json", R"({"eos_token_id": "two"})");
  EXPECT_THAT(message_of<DataError>([&] { (void)read(model); }),
              HasSubstr("generation_config.json: eos_token_id: expected an integer"));
  model.folder().write("generation_config.json", "{");
  EXPECT_THAT(message_of<DataError>([&] { (void)read(model); }),
              HasSubstr("generation_config.json: invalid JSON"));
}

}  // namespace
}  // namespace incipit::data
