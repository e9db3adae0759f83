#include "configs/yaml_reader.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "tests/support/temporary_folder.h"

namespace incipit::configs {
namespace {

using ::testing::HasSubstr;

enum class Colour { kRed, kGreen };

struct Sample {
  int count = 3;
  std::int64_t large = 0;
  std::uint64_t seed = 1;
  double rate = 0.5;
  bool on = false;
  std::string text = "x";
  std::optional<std::string> maybe;
  int copies = 0;
  Colour colour = Colour::kRed;
  std::vector<std::string> list;
  Schema::Mapping mapping;
};

// The sample's keys, under `sample`.
class Reading {
 public:
  Reading() : reader_(root_) {
    Schema& block = root_.block("sample", "a sample");
    block.field("count", value.count, "", {.min = 1, .max = 100});
    block.field("large", value.large, "");
    block.field("seed", value.seed, "");
    block.field("rate", value.rate, "", {.min = 0, .max = 1, .open_max = true});
    block.field("on", value.on, "");
    block.field("text", value.text, "");
    block.field("maybe", value.maybe, "");
    block.integer_or("copies", value.copies, {{"auto", 0}}, "", {.min = 1});
    block.choice("colour", value.colour, {{"red", Colour::kRed}, {"green", Colour::kGreen}}, "");
    block.field("list", value.list, "");
    block.field("mapping", value.mapping, "");
  }

  // What is wrong with a document; "" when nothing is.
  std::string read(const std::string& text, const std::vector<std::string>& overrides = {}) {
    try {
      reader_.apply(reader_.parse_text(text, "run.yaml"));
      for (const auto& each : overrides) reader_.apply(reader_.parse_override(each));
      reader_.finish();
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }

  Sample value;
  Schema root_;
  YamlReader reader_;
};

std::string read_key(const std::string& line) {
  return Reading().read("sample:\n  " + line + "\n");
}

TEST(YamlReader, FillsEveryType) {
  Reading reading;
  EXPECT_EQ(reading.read(R"(sample:
  count: 7
  large: -9000000000
  seed: 18446744073709551615
  rate: 2.5e-1
  on: true
  text: two words
  maybe: "5"
  copies: 4
  colour: green
  list: [a, "1"]
  mapping: {z: " Yes", a: No way}
)"),
            "");
  EXPECT_EQ(reading.value.count, 7);
  EXPECT_EQ(reading.value.large, -9'000'000'000);
  EXPECT_EQ(reading.value.seed, 18446744073709551615ULL);
  EXPECT_EQ(reading.value.rate, 0.25);
  EXPECT_TRUE(reading.value.on);
  EXPECT_EQ(reading.value.text, "two words");
  EXPECT_EQ(reading.value.maybe, "5");
  EXPECT_EQ(reading.value.copies, 4);
  EXPECT_EQ(reading.value.colour, Colour::kGreen);
  EXPECT_THAT(reading.value.list, ::testing::ElementsAre("a", "1"));
  EXPECT_THAT(reading.value.mapping,
              ::testing::ElementsAre(::testing::Pair("z", " Yes"), ::testing::Pair("a", "No way")));
}

TEST(YamlReader, LeavesWhatIsNotGivenAlone) {
  Reading reading;
  EXPECT_EQ(reading.read("sample: {copies: auto}\n"), "");
  EXPECT_EQ(reading.value.count, 3);
  EXPECT_EQ(reading.value.copies, 0);
}

TEST(YamlReader, OnlyTrueAndFalseAreBooleans) {
  for (const char* word : {"yes", "True", "on", "1", "\"true\"", "~", ""}) {
    EXPECT_THAT(read_key(std::string("on: ") + word),
                HasSubstr("sample.on: expected true or false, found "))
        << word;
  }
}

TEST(YamlReader, IntegersArePlainDecimal) {
  EXPECT_EQ(read_key("count: 010"),
            "run.yaml:2:10: sample.count: expected a whole number >= 1 and <= 100, found the text "
            "'010' (write it in decimal, without a leading zero)");
  for (const char* word : {"0x10", "1.0", "1e2", "+5", "1_0", "\"5\"", "many", "[5]", "~"}) {
    EXPECT_THAT(read_key(std::string("count: ") + word), HasSubstr("expected a whole number"))
        << word;
  }
  EXPECT_THAT(read_key("large: 9223372036854775808"), HasSubstr("out of range"));
  EXPECT_THAT(read_key("seed: -1"), HasSubstr("expected a whole number >= 0, found the number -1"));
}

TEST(YamlReader, NumbersAreFiniteAndInRange) {
  EXPECT_EQ(read_key("rate: 0"), "");
  for (const char* word : {"1", "-0.1", ".inf", ".nan", "fast", "1e999"}) {
    EXPECT_THAT(read_key(std::string("rate: ") + word),
                HasSubstr("expected a number >= 0 and < 1, found"))
        << word;
  }
}

TEST(YamlReader, TextThatOtherReadersWouldTakeForSomethingElseNeedsQuotes) {
  for (const char* word : {"5", "1.5", "true", "no", "Yes", "{premise}", "[a]", "~", "null"}) {
    EXPECT_THAT(read_key(std::string("text: ") + word), HasSubstr("sample.text: expected text"))
        << word;
  }
  EXPECT_EQ(read_key("text: \"no\""), "");
  EXPECT_EQ(read_key("text: now"), "");
}

TEST(YamlReader, NamesTheNearestKey) {
  EXPECT_EQ(read_key("cuont: 5"),
            "run.yaml:2:3: unknown key 'sample.cuont'; did you mean 'count'?");
  EXPECT_THAT(Reading().read("colour: red\n"),
              HasSubstr("run.yaml:1:1: unknown key 'colour'; did you mean 'sample.colour'?"));
  EXPECT_THAT(read_key("zzzzzzzzzz: 5"), HasSubstr("known here: count, large, seed"));
}

TEST(YamlReader, NamesTheNearestWord) {
  EXPECT_THAT(read_key("colour: gren"),
              HasSubstr("expected red or green, found the text 'gren'; did you mean 'green'?"));
}

TEST(YamlReader, ReportsAllMistakesAtOnceInTheOrderOfLines) {
  EXPECT_EQ(Reading().read("sample:\n  on: yes\n  count: 5\n  rte: 1\n  count: 6\n"
                           "other: 1\n",
                           {"sample.rate=7"}),
            "the configuration has 5 mistakes\n"
            "  run.yaml:2:7: sample.on: expected true or false, found the text 'yes'\n"
            "  run.yaml:4:3: unknown key 'sample.rte'; did you mean 'rate'?\n"
            "  run.yaml:5:3: duplicate key 'count', first on line 3\n"
            "  run.yaml:6:1: unknown key 'other'; known here: sample\n"
            "  --set sample.rate=7: sample.rate: expected a number >= 0 and < 1, found the number "
            "7");
}

TEST(YamlReader, PlacesMistakesInsideListsAndMappings) {
  EXPECT_THAT(read_key("list: [a, 5]"), HasSubstr("run.yaml:2:13: sample.list[1]: expected text"));
  EXPECT_THAT(read_key("mapping: {a: yes}"),
              HasSubstr("run.yaml:2:16: sample.mapping.a: expected text, found yes"));
  EXPECT_THAT(read_key("mapping: [a]"), HasSubstr("expected a block of keys, found a list"));
}

TEST(YamlReader, ABlockNeedsKeys) {
  EXPECT_THAT(Reading().read("sample: 5\n"), HasSubstr("sample: expected a block of keys"));
  EXPECT_THAT(Reading().read("sample:\n"), HasSubstr("found nothing"));
  EXPECT_THAT(Reading().read("- 1\n"), HasSubstr("expected keys with values, found a list"));
}

TEST(Overrides, ReplaceTheFileAndEachOther) {
  Reading reading;
  EXPECT_EQ(
      reading.read("sample: {count: 5}\n", {"sample.count=6", "sample.count=7",
                                            "sample.mapping={a: \" b\"}", "sample.text= spaced "}),
      "");
  EXPECT_EQ(reading.value.count, 7);
  EXPECT_EQ(reading.value.mapping[0].second, " b");
  EXPECT_EQ(reading.value.text, "spaced");
}

TEST(Overrides, CanReplaceOneEntryOfAMapping) {
  Reading reading;
  EXPECT_EQ(reading.read("sample: {mapping: {a: one, b: two}}\n",
                         {"sample.mapping.b=second", "sample.mapping.c=third"}),
            "");
  EXPECT_THAT(reading.value.mapping,
              ::testing::ElementsAre(::testing::Pair("a", "one"), ::testing::Pair("b", "second"),
                                     ::testing::Pair("c", "third")));
  EXPECT_THAT(reading.read("sample: {mapping: {d: four}}\n"), "");
  EXPECT_EQ(reading.value.mapping.size(), 1u);
}

TEST(Overrides, AreAsStrictAsTheFile) {
  const std::string file = "sample: {count: 5}\n";
  EXPECT_THAT(Reading().read(file, {"sample.on=yes"}),
              HasSubstr("--set sample.on=yes: sample.on: expected true or false"));
  EXPECT_THAT(Reading().read(file, {"sample.cuont=1"}),
              HasSubstr("--set sample.cuont=1: unknown key 'sample.cuont'; did you mean 'count'?"));
  EXPECT_THAT(Reading().read(file, {"sample"}), HasSubstr("expected KEY=VALUE"));
  EXPECT_THAT(Reading().read(file, {"sample.count="}), HasSubstr("found nothing"));
  EXPECT_THAT(Reading().read(file, {"sample.count.x=1"}), HasSubstr("found a block of keys"));
  EXPECT_THAT(Reading().read(file, {"sample.list=[a"}), HasSubstr("not valid YAML"));
  EXPECT_THAT(Reading().read(file, {".=1"}), HasSubstr("unknown key"));
}

TEST(YamlReader, ReportsMissingRequiredKeysAtTheirBlock) {
  std::string path;
  Schema root;
  root.block("model", "").field("path", path, "").required = true;
  YamlReader reader(root);
  reader.apply(reader.parse_text("\nmodel: {}\n", "run.yaml"));
  try {
    reader.finish();
    FAIL() << "a required key may be left out";
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "run.yaml:2:1: model.path: missing; expected text");
  }
}

TEST(YamlReader, SaysNothingOfAKeyThatMayBeMisspelt) {
  struct Case {
    const char* text;
    std::string message;
  };
  for (const auto& [text, message] : {
           Case{"model: {pth: m}\n", "run.yaml:1:9: unknown key 'model.pth'; did you mean 'path'?"},
           Case{"modle: {path: m}\n", "run.yaml:1:1: unknown key 'modle'; did you mean 'model'?"},
           Case{"path: m\n", "run.yaml:1:1: unknown key 'path'; did you mean 'model.path'?"},
           Case{"model: {pth: m, path: \"\"}\n",
                "the configuration has 2 mistakes\n"
                "  run.yaml:1:9: unknown key 'model.pth'; did you mean 'path'?\n"
                "  run.yaml:1:17: model.path: no such folder"},
       }) {
    std::string path;
    Schema root;
    root.block("model", "").field("path", path, "").required = true;
    YamlReader reader(root);
    reader.apply(reader.parse_text(text, "run.yaml"));
    if (path.empty()) reader.report("model.path", "no such folder");
    try {
      reader.finish();
      FAIL() << text;
    } catch (const ConfigError& error) {
      EXPECT_EQ(error.what(), message);
    }
  }
}

TEST(YamlReader, AFileThatIsMissingIsAMistakeOfUsage) {
  const Schema root;
  YamlReader reader(root);
  try {
    (void)reader.parse_file("no/such/file.yaml");
    FAIL() << "a missing file was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("no/such/file.yaml"));
  }
}

TEST(YamlReader, AFolderIsRefusedWithTheFileToGive) {
  const incipit::testing::TemporaryFolder folder;
  const Schema root;
  YamlReader reader(root);
  const auto message = [&] {
    try {
      (void)reader.parse_file(folder.path());
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string("a folder was read");
  };
  const std::string refused = folder.path().string() + ": this is a folder; expected a YAML file";
  EXPECT_EQ(message(), refused);
  const auto config = folder.write("config.yaml", "run: {}\n");
  EXPECT_EQ(message(), refused + ", like " + config.string());
}

}  // namespace
}  // namespace incipit::configs
