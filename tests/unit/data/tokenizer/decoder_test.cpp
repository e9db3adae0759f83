#include "data/tokenizer/decoder.h"

#include <gmock/gmock.h>

#include "data/tokenizer/utf8.h"
#include "tests/unit/data/tokenizer/tokenizer_files.h"

namespace incipit::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::json;

// Returns the output after each token, and at the end.
std::vector<std::string> stream(const Decoder& decoder, const std::vector<std::string>& tokens) {
  DecodeChain chain = decoder.start();
  std::vector<std::string> parts;
  for (const std::string& token : tokens) {
    chain.put(token);
    parts.push_back(chain.take());
    EXPECT_TRUE(is_valid_utf8(parts.back()));
  }
  chain.finish();
  parts.push_back(chain.take());
  return parts;
}

std::string whole(const json& description, const std::vector<std::string>& tokens) {
  std::string text;
  for (const auto& part : stream(Decoder(JsonNode(description, "")), tokens)) text += part;
  return text;
}

json sequence(const json& decoders) { return {{"type", "Sequence"}, {"decoders", decoders}}; }
json strip(int start, int stop) {
  return {{"type", "Strip"}, {"content", " "}, {"start", start}, {"stop", stop}};
}
const json kVisible = {{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}};
const json kBytes = {{"type", "ByteFallback"}};
const json kFuse = {{"type", "Fuse"}};

TEST(Decoder, JoinsTokensBySpacesWhenTheFileHasNone) {
  EXPECT_THAT(stream(Decoder(), {"a", "b"}), ElementsAre("a", " b", ""));
}

TEST(Decoder, WaitsForTheLastByteOfACharacter) {
  const Decoder decoder{JsonNode(json{{"type", "ByteLevel"}}, "")};
  EXPECT_THAT(stream(decoder, {"Ġa", "Ã", "©b", "â"}), ElementsAre(" a", "", "éb", "", "\uFFFD"));
  EXPECT_THAT(stream(decoder, {"Ã", "a", "<語>"}), ElementsAre("", "\uFFFDa", "<語>", ""));
}

TEST(Decoder, TurnsRunsOfByteTokensIntoTextOrReplacements) {
  EXPECT_THAT(stream(Decoder(JsonNode(kBytes, "")), {"a", "<0xC3>", "<0xA9>", "b"}),
              ElementsAre("a", "", "", "éb", ""));
  EXPECT_EQ(whole(kBytes, {"<0x41>", "<0xFF>", "b", "<0xC3>"}), "\uFFFD\uFFFDb\uFFFD");
}

TEST(Decoder, StreamsLlamasChain) {
  const Decoder decoder{JsonNode(sequence({kVisible, kBytes, kFuse, strip(1, 0)}), "")};
  EXPECT_THAT(stream(decoder, {"▁", "▁a", "▁b"}), ElementsAre("", " a", " b", ""));
  EXPECT_THAT(stream(decoder, {"▁a", "<0xE2>", "<0x82>", "<0xAC>", "▁"}),
              ElementsAre("a", "", "", "", "€ ", ""));
}

TEST(Decoder, StripsEachTokenOrTheFusedText) {
  EXPECT_EQ(whole(strip(1, 1), {"  a  ", " b", " "}), " a b");
  EXPECT_EQ(whole(sequence({kFuse, strip(1, 2)}), {" ", " a", " ", " ", " "}), " a ");
}

TEST(Decoder, DropsTheVisibleSpaceInFrontOnlyWhereItWasPut) {
  const auto metaspace = [](const char* scheme) {
    return json{{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}};
  };
  EXPECT_EQ(whole(metaspace("always"), {"▁a", "▁b▁"}), "a b ");
  EXPECT_EQ(whole(metaspace("never"), {"▁a", "▁b"}), " a b");
}

TEST(Decoder, RefusesUnknownTypesByName) {
  const auto message = [](const json& description) {
    try {
      static_cast<void>(Decoder(JsonNode(description, "test.json")));
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(message({{"type", "WordPiece"}}),
              HasSubstr("test.json: type: the decoder 'WordPiece'"));
  EXPECT_THAT(message(strip(-1, 0)), HasSubstr("start: expected 0 or more"));
}

}  // namespace
}  // namespace incipit::data
