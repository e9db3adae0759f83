#include "data/tokenizer/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <stdexcept>

#include "core/error.h"
#include "core/random.h"
#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/byte_token.h"

namespace incipit::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Tokens get their place in the list as id.
BpeConfig config_of(const std::vector<std::string>& tokens,
                    const std::vector<std::pair<std::string, std::string>>& merges) {
  BpeConfig config;
  for (const std::string& token : tokens) {
    config.vocab.emplace_back(token, static_cast<TokenId>(config.vocab.size()));
  }
  config.merges = merges;
  return config;
}

std::vector<std::string> tokens_of(const Bpe& bpe, std::string_view word) {
  Bpe::Scratch scratch;
  std::vector<TokenId> ids;
  bpe.encode(word, scratch, ids);
  std::vector<std::string> tokens;
  for (const TokenId id : ids) tokens.push_back(*bpe.id_to_token(id));
  return tokens;
}

TEST(Bpe, AppliesTheLowestRankFirstAndTheLeftmostAmongEquals) {
  const Bpe bpe(config_of({"a", "b", "c", "bc", "ab", "aa"}, {{"b", "c"}, {"a", "b"}, {"a", "a"}}),
                Bpe::Input::kText);
  EXPECT_THAT(tokens_of(bpe, "abc"), ElementsAre("a", "bc"));
  EXPECT_THAT(tokens_of(bpe, "aab"), ElementsAre("a", "ab"));
  EXPECT_THAT(tokens_of(bpe, "aaa"), ElementsAre("aa", "a"));
  EXPECT_THAT(tokens_of(bpe, ""), IsEmpty());
}

TEST(Bpe, MakesOneTokenByAnyOfItsMerges) {
  const Bpe bpe(config_of({"a", "b", "c", "ab", "bc", "abc"},
                          {{"a", "b"}, {"b", "c"}, {"a", "bc"}, {"ab", "c"}}),
                Bpe::Input::kText);
  EXPECT_THAT(tokens_of(bpe, "abc"), ElementsAre("abc"));
  EXPECT_THAT(tokens_of(bpe, "bcabc"), ElementsAre("bc", "abc"));
}

TEST(Bpe, TakesAWholeWordThatNoMergesReachOnlyWhenMergesAreIgnored) {
  BpeConfig config = config_of({"a", "b", "ab", "aba"}, {{"a", "b"}});
  EXPECT_THAT(tokens_of(Bpe(config, Bpe::Input::kText), "aba"), ElementsAre("ab", "a"));
  config.ignore_merges = true;
  const Bpe whole(config, Bpe::Input::kText);
  EXPECT_THAT(tokens_of(whole, "aba"), ElementsAre("aba"));
  EXPECT_THAT(tokens_of(whole, "abab"), ElementsAre("ab", "ab"));
}

TEST(Bpe, TreatsUnknownCharactersAsAsked) {
  BpeConfig config = config_of({"a", "?"}, {});
  EXPECT_THAT(tokens_of(Bpe(config, Bpe::Input::kText), "aéza"), ElementsAre("a", "a"));
  config.unk_token = "?";
  EXPECT_THAT(tokens_of(Bpe(config, Bpe::Input::kText), "aéza"), ElementsAre("a", "?", "?", "a"));
  config.fuse_unk = true;
  EXPECT_THAT(tokens_of(Bpe(config, Bpe::Input::kText), "aéza"), ElementsAre("a", "?", "a"));
  config.unk_token = "<unk>";
  const Bpe without(config, Bpe::Input::kText);
  EXPECT_THROW(tokens_of(without, "z"), DataError);
  EXPECT_THAT(tokens_of(without, "a"), ElementsAre("a"));
}

TEST(Bpe, FallsBackToBytesWhenAllOfThemAreTokens) {
  BpeConfig config = config_of({"a", "<unk>"}, {});
  for (const unsigned char byte : {0xC3, 0xA9, 0xE2}) {
    config.vocab.emplace_back(byte_token(byte), static_cast<TokenId>(config.vocab.size()));
  }
  config.byte_fallback = true;
  config.unk_token = "<unk>";
  const Bpe bpe(config, Bpe::Input::kText);
  EXPECT_THAT(tokens_of(bpe, "aé"), ElementsAre("a", "<0xC3>", "<0xA9>"));
  EXPECT_THAT(tokens_of(bpe, "€a"), ElementsAre("<unk>", "a"));
  // As in the library, bytes do not wait for an unknown token before them.
  EXPECT_THAT(tokens_of(bpe, "€éa"), ElementsAre("<0xC3>", "<0xA9>", "<unk>", "a"));
}

TEST(Bpe, TakesBytesForTheirCharactersOfTheAlphabet) {
  BpeConfig config = config_of({"Ġ", "a", "Ã", "©", "Ã©", "Ġa"}, {{"Ã", "©"}, {"Ġ", "a"}});
  const Bpe bpe(config, Bpe::Input::kBytes);
  EXPECT_THAT(tokens_of(bpe, " aé"), ElementsAre("Ġa", "Ã©"));
  config.unk_token = "©";
  EXPECT_THAT(tokens_of(Bpe(config, Bpe::Input::kBytes), " z"), ElementsAre("Ġ", "©"));
}

// The definition, word for word.
std::vector<TokenId> merged_by_definition(std::vector<TokenId> ids, const auto& ranks) {
  for (;;) {
    auto best = ranks.end();
    std::size_t place = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto merge = ranks.find({ids[i], ids[i + 1]});
      if (merge != ranks.end() &&
          (best == ranks.end() || merge->second.first < best->second.first)) {
        best = merge;
        place = i;
      }
    }
    if (best == ranks.end()) return ids;
    ids[place] = best->second.second;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

// Random vocabularies, some of which cut words apart; words short, long and of the length
// where the method changes.
TEST(Bpe, AgreesWithItsDefinitionOnRandomVocabularies) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    std::vector<std::string> tokens = {"a", "b", "c", "d", "▁"};
    BpeConfig config = config_of(tokens, {});
    std::map<std::pair<TokenId, TokenId>, std::pair<int, TokenId>> ranks;
    std::map<std::string, TokenId> ids;
    for (const auto& [token, id] : config.vocab) ids[token] = id;
    while (config.merges.size() < 60) {
      const std::string left = tokens[random.below(tokens.size())];
      const std::string right = tokens[random.below(tokens.size())];
      // With even seeds the visible space occurs only before a token.
      if (seed % 2 == 0 && right.starts_with("▁")) continue;
      if (left.size() + right.size() > 12 || ranks.contains({ids[left], ids[right]})) continue;
      if (!ids.contains(left + right)) {
        ids[left + right] = static_cast<TokenId>(tokens.size());
        config.vocab.emplace_back(left + right, ids[left + right]);
        tokens.push_back(left + right);
      }
      ranks[{ids[left], ids[right]}] = {static_cast<int>(config.merges.size()), ids[left + right]};
      config.merges.emplace_back(left, right);
    }
    const Bpe bpe(config, Bpe::Input::kText);
    Bpe::Scratch scratch;
    for (const std::size_t length : {1, 2, 5, 31, 32, 33, 34, 100, 400}) {
      std::string word;
      std::vector<TokenId> symbols;
      for (std::size_t i = 0; i < length; ++i) {
        symbols.push_back(static_cast<TokenId>(random.below(5)));
        word += tokens[symbols.back()];
      }
      std::vector<TokenId> found;
      bpe.encode(word, scratch, found);
      EXPECT_EQ(found, merged_by_definition(symbols, ranks)) << seed << " " << word;
    }
  }
}

TEST(Bpe, NamesTheMergeWhoseTokenIsUnknown) {
  const auto message = [](const BpeConfig& config) {
    try {
      static_cast<void>(Bpe(config, Bpe::Input::kText));
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(message(config_of({"a", "b"}, {{"a", "x"}})), HasSubstr("'x', which is not"));
  EXPECT_THAT(message(config_of({"a", "b"}, {{"a", "b"}})), HasSubstr("'ab', which is not"));
}

TEST(Bpe, LooksUpTokensAndIdsWithHoles) {
  BpeConfig config;
  config.vocab = {{"a", 3}, {"", 5}};
  const Bpe bpe(config, Bpe::Input::kText);
  EXPECT_EQ(bpe.token_to_id("a"), 3);
  EXPECT_EQ(bpe.token_to_id("b"), std::nullopt);
  EXPECT_EQ(bpe.id_to_token(4), nullptr);
  EXPECT_EQ(bpe.id_to_token(-1), nullptr);
  EXPECT_EQ(bpe.id_to_token(6), nullptr);
  EXPECT_EQ(*bpe.id_to_token(5), "");
  EXPECT_EQ(bpe.size(), 2);
  EXPECT_EQ(bpe.max_id(), 5);
}

}  // namespace
}  // namespace incipit::data
