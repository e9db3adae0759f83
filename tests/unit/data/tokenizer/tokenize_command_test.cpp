#include "launcher/commands/tokenize.h"

#include <gmock/gmock.h>

#include <sstream>

#include "tests/unit/data/tokenizer/tokenizer_files.h"

namespace incipit::launcher {
namespace {

using data::testing::added_token;
using data::testing::TemporaryFolder;
using ::testing::HasSubstr;

class TokenizeCommand : public ::testing::Test {
 protected:
  TokenizeCommand() {
    auto tokenizer = data::testing::small_tokenizer();
    tokenizer["added_tokens"] =
        std::vector{added_token(7, "<s>", {{"special", true}}), added_token(8, "\n")};
    options_.tokenizer = folder_.write("tokenizer.json", tokenizer.dump());
  }

  std::string run(const std::string& input) const {
    std::istringstream in(input);
    std::ostringstream out;
    run_tokenize(options_, in, out);
    return out.str();
  }

  std::string error(const std::string& input) const {
    try {
      run(input);
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
  TokenizeOptions options_;
};

TEST_F(TokenizeCommand, WritesALineOfIdsForEveryLine) {
  EXPECT_EQ(run("abc a\n\n<s>b"), "5 3 0\n\n7 1\n");
  EXPECT_EQ(run(""), "");
}

TEST_F(TokenizeCommand, TakesIdsBackToText) {
  options_.decode = true;
  EXPECT_EQ(run("7 5 3 0\n\n 4  2 \r\n"), "abc a\n\nabc\n");
  options_.keep_special = true;
  EXPECT_EQ(run("7 5\n"), "<s>abc\n");
}

TEST_F(TokenizeCommand, PassesNewlinesAsJson) {
  options_.json = true;
  EXPECT_EQ(run("\"a\\nb\"\n"), "0 8 1\n");
  options_.decode = true;
  EXPECT_EQ(run("0 8 1\n"), "\"a\\nb\"\n");
}

TEST_F(TokenizeCommand, NamesTheLineThatItCannotRead) {
  EXPECT_THAT(error("a\nb\xFF\n"), HasSubstr("standard input:2: "));
  options_.json = true;
  EXPECT_THAT(error("\"a\"\n\"b\n"), HasSubstr("standard input:2: expected one JSON string"));
  options_.decode = true;
  for (const char* line : {"1 x", "-1", "1,2", "99999999999", "1.5"}) {
    EXPECT_THAT(error(line), HasSubstr("standard input:1: expected token ids")) << line;
  }
}

}  // namespace
}  // namespace incipit::launcher
