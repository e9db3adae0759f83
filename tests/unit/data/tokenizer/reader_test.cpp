#include <gmock/gmock.h>

#include "tests/unit/data/tokenizer/tokenizer_files.h"

namespace incipit::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::json;
using testing::load;
using testing::load_error;
using testing::small_tokenizer;
using testing::TemporaryFolder;

std::string error_of(const std::filesystem::path& path) {
  try {
    static_cast<void>(Tokenizer::load(path));
  } catch (const DataError& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kData);
    return error.what();
  }
  return "";
}

TEST(TokenizerFile, IsReadFromItsFolderOrByName) {
  const TemporaryFolder folder;
  const auto file = folder.write("tokenizer.json", small_tokenizer().dump());
  const Tokenizer by_name = Tokenizer::load(file);
  const Tokenizer by_folder = Tokenizer::load(folder.path());
  EXPECT_THAT(by_name.encode("abc ab"), ElementsAre(5, 3, 4));
  EXPECT_EQ(by_name.fingerprint(), by_folder.fingerprint());
  EXPECT_EQ(by_name.fingerprint().size(), 64U);
  EXPECT_EQ(by_name.vocab_size(), 7);
}

TEST(TokenizerFile, HasAFingerprintOfItsOwn) {
  json other = small_tokenizer();
  other["model"]["vocab"]["d"] = 7;
  EXPECT_NE(load(other).fingerprint(), load(small_tokenizer()).fingerprint());
}

TEST(TokenizerFile, HasMergesAsPairsOrAsText) {
  json tokenizer = small_tokenizer();
  tokenizer["model"]["merges"] = json::array({json::array({"a", "b"}), json::array({"ab", "c"})});
  EXPECT_THAT(load(tokenizer).encode("abc"), ElementsAre(5));
  tokenizer["model"].erase("type");  // old files
  EXPECT_THAT(load(tokenizer).encode("abc"), ElementsAre(5));
}

TEST(TokenizerFile, ThatIsMissingIsNamed) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of(folder.path() / "none"), HasSubstr("none: no such file or folder"));
  EXPECT_THAT(error_of(folder.path()), HasSubstr("no tokenizer.json in this folder"));
}

TEST(TokenizerFile, OfSentencePieceIsRefusedWithTheCommandThatConvertsIt) {
  const TemporaryFolder folder;
  const auto model = folder.write("tokenizer.model", "\x0A\x0E");
  for (const auto& path : {model, folder.path()}) {
    EXPECT_THAT(error_of(path),
                AllOf(HasSubstr("tokenizer.model: only tokenizer.json is read"),
                      HasSubstr("python -c \"from transformers"), HasSubstr("save_pretrained(")));
  }
}

TEST(TokenizerFile, ThatIsTruncatedIsNamedWithTheByte) {
  const TemporaryFolder folder;
  std::string text = small_tokenizer().dump();
  text.resize(text.size() / 2);
  EXPECT_THAT(error_of(folder.write("tokenizer.json", text)),
              AllOf(HasSubstr("tokenizer.json: invalid JSON at byte"), HasSubstr("truncated")));
  EXPECT_THAT(error_of(folder.write("tokenizer.json", "")), HasSubstr("invalid JSON"));
  EXPECT_THAT(error_of(folder.write("tokenizer.json", "[1]")), HasSubstr("expected an object"));
}

TEST(TokenizerFile, WithUnsupportedPartsIsRefusedByTheirNames) {
  const auto with = [](const char* key, const json& value) {
    json tokenizer = small_tokenizer();
    tokenizer[json::json_pointer(key)] = value;
    return load_error(tokenizer);
  };
  EXPECT_THAT(with("/model/type", "Unigram"), HasSubstr("model.type: the model 'Unigram'"));
  EXPECT_THAT(with("/model/dropout", 0.1), HasSubstr("model.dropout: dropout"));
  EXPECT_THAT(with("/model/end_of_word_suffix", "</w>"),
              HasSubstr("model.end_of_word_suffix: '</w>'"));
  EXPECT_THAT(with("/model/continuing_subword_prefix", "##"), HasSubstr("'##' is not supported"));
  EXPECT_THAT(with("/normalizer", {{"type", "Precompiled"}}),
              HasSubstr("normalizer.type: the normalizer 'Precompiled'"));
  EXPECT_THAT(with("/pre_tokenizer", {{"type", "BertPreTokenizer"}}),
              HasSubstr("pre_tokenizer.type: the pre-tokenizer 'BertPreTokenizer'"));
  EXPECT_THAT(with("/decoder", {{"type", "CTC"}}), HasSubstr("decoder.type: the decoder 'CTC'"));
  EXPECT_THAT(with("/version", "2.0"), HasSubstr("version: expected \"1.0\""));
  EXPECT_EQ(with("/post_processor", {{"type", "TemplateProcessing"}}), "");  // not applied
}

TEST(TokenizerFile, WithADamagedModelIsRefusedByTheKey) {
  const auto with = [](const char* key, const json& value) {
    json tokenizer = small_tokenizer();
    tokenizer["model"][key] = value;
    return load_error(tokenizer);
  };
  EXPECT_THAT(with("merges", {"a x"}), AllOf(HasSubstr("model.merges: the merge 'a' + 'x'"),
                                             HasSubstr("not in the vocabulary")));
  EXPECT_THAT(with("merges", {"a b", "abc"}), HasSubstr("merge 1 is \"abc\""));
  EXPECT_THAT(with("vocab", {{"a", 0}, {"b", 0}}), HasSubstr("model.vocab: two tokens have"));
  EXPECT_THAT(with("vocab", {{"a", -1}}), HasSubstr("'a' has the id -1"));
  EXPECT_THAT(with("vocab", {{"a", 3000000000}}), HasSubstr("the id 3000000000"));
  EXPECT_THAT(with("vocab", {"a"}), HasSubstr("expected an object of tokens"));
  json without = small_tokenizer();
  without["model"].erase("vocab");
  EXPECT_THAT(load_error(without), HasSubstr("model: the key 'vocab' is missing"));
  without = small_tokenizer();
  without["added_tokens"] = {{{"id", 7}}};
  EXPECT_THAT(load_error(without), HasSubstr("added_tokens[0]: the key 'content' is missing"));
}

TEST(Tokenizer, RefusesTextThatIsNotUtf8) {
  EXPECT_THROW(static_cast<void>(load(small_tokenizer()).encode("a\xFF")), DataError);
}

TEST(Tokenizer, StreamsTheTextThatItDecodes) {
  const Tokenizer tokenizer = load(small_tokenizer());
  StreamDecoder decoder(tokenizer);
  std::string text;
  for (const TokenId id : {4, 3, 2, 99}) text += decoder.add(id);
  EXPECT_EQ(text + decoder.finish(), "ab c");
}

}  // namespace
}  // namespace incipit::data
