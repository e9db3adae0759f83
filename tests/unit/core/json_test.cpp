#include "core/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace incipit {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

std::string error_of(const std::string& text) {
  try {
    (void)parse_json<json>(text);
  } catch (const JsonError& error) {
    EXPECT_TRUE(parse_json_or_discard<ordered_json>(text).is_discarded());
    return error.what();
  }
  return "none";
}

TEST(Json, KeepsEveryKindOfValueAndTheOrderOfKeys) {
  const std::string text = R"({"z":[1,-2,2.5,"é",true,null,{}],"a":{"b":[[]]}})";
  EXPECT_EQ(parse_json<json>(text), json::parse(text));
  EXPECT_EQ(dump_json(parse_json<ordered_json>(text)), text);
  EXPECT_EQ(parse_json<json>("17"), 17);
}

TEST(Json, SaysWhereATextIsWrong) {
  EXPECT_THAT(error_of(R"({"a": 1} {)"), HasSubstr("invalid JSON at byte 10"));
  EXPECT_THAT(error_of("{\"a\": \"\xff\"}"), HasSubstr("invalid JSON at byte"));
  EXPECT_THAT(error_of(R"({"a": )"), HasSubstr("is the file truncated?"));
  EXPECT_THAT(error_of(""), HasSubstr("is the file truncated?"));
  EXPECT_THAT([] { (void)parse_json_of<json>("a/b.json", "nul"); },
              ThrowsMessage<DataError>(HasSubstr("a/b.json: invalid JSON at byte ")));
}

TEST(Json, RefusesNumbersBeyondADouble) {
  EXPECT_THAT(error_of(R"({"a": 1e400})"), HasSubstr("number overflow parsing '1e400'"));
  EXPECT_THAT(error_of("[-1e999]"), HasSubstr("1e999"));
}

TEST(Json, RefusesRepeatedKeys) {
  EXPECT_THAT(error_of(R"({"a": 1, "b": {"a": 2, "a": 3}})"), HasSubstr("\"a\" stands twice"));
  EXPECT_EQ(error_of(R"([{"a": 1}, {"a": 2}])"), "none");
}

TEST(Json, RefusesDeepNesting) {
  const std::size_t most = kMaxJsonDepth;
  EXPECT_EQ(error_of(repeated("[", most) + repeated("]", most)), "none");
  EXPECT_THAT(error_of(repeated("[", most + 1) + repeated("]", most + 1)), HasSubstr("64 levels"));
  EXPECT_THAT(error_of(repeated("{\"a\":", 1'000'000)), HasSubstr("64 levels"));
}

TEST(Json, RefusesMoreValuesThanAnyFileNeeds) {
  EXPECT_THAT(error_of("[" + repeated("[],", kMaxJsonValues) + "1]"), HasSubstr("values"));
  ::malloc_trim(0);  // other tests measure the memory of the process
}

TEST(Json, RefusesTextsLargerThanAnyFile) {
  const std::string text = "\"" + std::string(std::size_t{256} << 20, 'a') + "\"";
  EXPECT_THAT(error_of(text), HasSubstr("256 MiB"));
  ::malloc_trim(0);
}

TEST(Json, TakesTimeInProportionToTheText) {
  const auto seconds = [](std::size_t members) {
    std::string text = "{";
    for (std::size_t i = 0; i < members; ++i) text += "\"k" + std::to_string(i) + "\":{\"a\":[1]},";
    text.back() = '}';
    const auto start = std::chrono::steady_clock::now();
    (void)parse_json<json>(text);
    (void)parse_json<ordered_json>(text);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  (void)seconds(4'000);
  EXPECT_LT(seconds(64'000), 16 * 10 * seconds(4'000));  // quadratic: 256 times
}

TEST(Json, LeavesOutOneTopLevelKey) {
  const std::string text =
      R"({"a": 1, "model": {"a": [1, {"model": 2}], "c": 3}, "b": {"model": 4}})";
  EXPECT_EQ(parse_json_without("f", text, "model"), json::parse(R"({"a": 1, "b": {"model": 4}})"));
  EXPECT_EQ(parse_json_without("f", R"({"model": 1, "a": 2})", "model"),
            json::parse(R"({"a": 2})"));
  EXPECT_THROW((void)parse_json_without("f", R"({"model": [1)", "model"), DataError);
}

}  // namespace
}  // namespace incipit
