#include "core/schema.h"

#include <gmock/gmock.h>

#include "core/error.h"

namespace incipit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

enum class Style { kLines, kDots };

struct Named {
  std::string name;
  std::string text;
};

struct AxisOptions {
  bool logarithmic = false;
};

void declare(Schema& schema, AxisOptions& o) { schema.field("logarithmic", o.logarithmic, ""); }

struct PlotOptions {
  int width = 80;
  std::uint64_t seed = 1;
  double scale = 0.5;
  int copies = 0;
  std::string file = "x";
  std::string bound = "auto";
  std::string colour = "red";
  Style style = Style::kLines;
  Schema::Texts labels;
  std::vector<Named> names{{"a", "A"}, {"b", "B"}};
  std::vector<Named> ordered{{"a", "A"}, {"b", "B"}};
  AxisOptions axis;
};

class SchemaTest : public ::testing::Test {
 protected:
  SchemaTest() {
    schema_.field("width", options_.width, "", {.min = 1, .max = 100});
    schema_.field("seed", options_.seed, "");
    schema_.field("scale", options_.scale, "", {.min = 0, .max = 1, .open_max = true});
    schema_.integer_or("copies", options_.copies, {{"auto", 0}}, "", {.min = 1});
    schema_.field("file", options_.file, "");
    schema_.loose_text("bound", options_.bound, "auto or number", "");
    schema_.word("colour", options_.colour, {"red", "green", "blue"}, "");
    schema_.choice("style", options_.style, {{"lines", Style::kLines}, {"dots", Style::kDots}}, "");
    schema_.field("labels", options_.labels, "");
    schema_.mapping("names", options_.names, {.type = "{NAME: TEXT}", .expected = "{NAME: TEXT}"},
                    "");
    schema_.mapping("ordered", options_.ordered, {.keeps_others = false}, "");
    schema_.block("axis", options_.axis, "");
  }

  const Schema::Field& field(const std::string& key) {
    return std::get<Schema::Field>(*schema_.find(key));
  }

  // Gives the key a value. Returns the problems, or "".
  std::string give(const std::string& key, const ConfigValue& value) {
    Problems problems;
    field(key).read({value, "plot." + key, problems});
    try {
      problems.throw_if_any();
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }
  std::string give(const std::string& key, const std::string& plain) {
    return give(key, ConfigValue::plain(plain));
  }

  PlotOptions options_;
  Schema schema_;
};

TEST_F(SchemaTest, ListsItsKeysInTheOrderOfDeclaration) {
  EXPECT_THAT(schema_.keys(), ElementsAre("width", "seed", "scale", "copies", "file", "bound",
                                          "colour", "style", "labels", "names", "ordered", "axis"));
}

TEST_F(SchemaTest, AKeyIsDeclaredOnce) {
  EXPECT_EQ(schema_.find("height"), nullptr);
  EXPECT_THROW(schema_.field("width", options_.width, ""), LogicError);
  EXPECT_THROW((void)schema_.block("width", ""), LogicError);
}

TEST_F(SchemaTest, DescribesWhatAKeyTakes) {
  EXPECT_EQ(field("width").type, "integer >= 1 and <= 100");
  EXPECT_EQ(field("seed").type, "integer >= 0");
  EXPECT_EQ(field("scale").type, "number >= 0 and < 1");
  EXPECT_EQ(field("copies").type, "auto or integer >= 1");
  EXPECT_EQ(field("colour").type, "red, green or blue");
  EXPECT_EQ(field("style").type, "lines or dots");
  EXPECT_EQ(field("names").type, "{NAME: TEXT}");
}

TEST_F(SchemaTest, ReadsIntoTheMembers) {
  EXPECT_EQ(give("width", "7"), "");
  EXPECT_EQ(give("copies", "3"), "");
  EXPECT_EQ(give("bound", "0.5"), "");
  EXPECT_EQ(give("colour", "blue"), "");
  EXPECT_EQ(give("style", "dots"), "");
  EXPECT_EQ(give("labels", ConfigValue::list({"a", "b"})), "");
  EXPECT_EQ(options_.width, 7);
  EXPECT_EQ(options_.copies, 3);
  EXPECT_EQ(options_.bound, "0.5");
  EXPECT_EQ(options_.colour, "blue");
  EXPECT_EQ(options_.style, Style::kDots);
  EXPECT_THAT(options_.labels, ElementsAre("a", "b"));
  EXPECT_EQ(give("copies", "auto"), "");
  EXPECT_EQ(options_.copies, 0);
}

TEST_F(SchemaTest, WritesTheCurrentValues) {
  EXPECT_EQ(field("width").write().scalar, "80");
  EXPECT_EQ(field("copies").write().scalar, "auto");
  EXPECT_EQ(field("scale").write().scalar, "0.5");
  EXPECT_EQ(field("style").write().scalar, "lines");
  EXPECT_TRUE(field("file").write().quoted);
  options_.bound = "1e-3";
  EXPECT_TRUE(field("bound").write().is_number());
  EXPECT_EQ(field("names").write().find("b")->value.scalar, "B");
}

TEST_F(SchemaTest, AValueThatDoesNotFitIsAProblemAndChangesNothing) {
  EXPECT_THAT(
      give("width", "101"),
      HasSubstr("plot.width: expected a whole number >= 1 and <= 100, found the number 101"));
  EXPECT_THAT(give("width", "99999999999"), HasSubstr("plot.width: expected a whole number"));
  EXPECT_THAT(give("seed", "-1"), HasSubstr("expected a whole number >= 0"));
  EXPECT_THAT(give("scale", "1"), HasSubstr("expected a number >= 0 and < 1"));
  EXPECT_THAT(give("copies", "none"), HasSubstr("(or write auto)"));
  EXPECT_THAT(give("file", "5"), HasSubstr("needs quotes"));
  EXPECT_THAT(give("colour", "gren"), HasSubstr("did you mean 'green'?"));
  EXPECT_THAT(give("style", ConfigValue::list({"dots"})), HasSubstr("found a list"));
  EXPECT_THAT(give("labels", "a"), HasSubstr("expected a list, found the text 'a'"));
  EXPECT_THAT(give("names", "a"), HasSubstr("expected {NAME: TEXT}, found the text 'a'"));
  EXPECT_EQ(options_.width, 80);
  EXPECT_EQ(options_.copies, 0);
  EXPECT_EQ(options_.colour, "red");
  EXPECT_EQ(options_.style, Style::kLines);
  EXPECT_THAT(options_.labels, IsEmpty());
  EXPECT_EQ(options_.names.size(), 2u);
}

TEST_F(SchemaTest, AMappingIsReplacedAndADottedOverrideKeepsItsOtherEntries) {
  const auto entries = [](const std::vector<Named>& names) {
    Schema::Mapping mapping;
    for (const auto& [name, text] : names) mapping.emplace_back(name, text);
    return mapping;
  };
  ConfigValue value{.kind = ConfigValue::Kind::kMap, .pairs = {}, .partial = true};
  value.add("b", ConfigValue::text("2"));
  value.add("c", ConfigValue::text("3"));
  EXPECT_EQ(give("names", value), "");
  EXPECT_EQ(give("ordered", value), "");
  EXPECT_THAT(entries(options_.names), ElementsAre(Pair("a", "A"), Pair("b", "2"), Pair("c", "3")));
  EXPECT_THAT(entries(options_.ordered), ElementsAre(Pair("b", "2"), Pair("c", "3")));
  value.partial = false;
  EXPECT_EQ(give("names", value), "");
  EXPECT_THAT(entries(options_.names), ElementsAre(Pair("b", "2"), Pair("c", "3")));
}

TEST_F(SchemaTest, ABlockIsDeclaredByItsStruct) {
  const auto& block = std::get<Schema::Block>(schema_.entries().back());
  EXPECT_THAT(block.schema->keys(), ElementsAre("logarithmic"));
  Problems problems;
  const ConfigValue value = ConfigValue::plain("true");
  std::get<Schema::Field>(block.schema->entries().front()).read({value, "axis", problems});
  EXPECT_TRUE(options_.axis.logarithmic);
}

}  // namespace
}  // namespace incipit
