#include "init/labelled_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace incipit::init {
namespace {

using incipit::testing::message_of;
using incipit::testing::TemporaryFolder;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class LabelledTableTest : public ::testing::Test {
 protected:
  LabelledTable read(const std::string& csv, std::vector<std::string> text = {"text"}) const {
    return read_labelled_table(folder_.write("t.csv", csv), text, "label");
  }
  template <typename Error>
  std::string refusal(const std::string& csv, std::vector<std::string> text = {"text"}) const {
    return message_of<Error>([&] { (void)read(csv, text); });
  }
  // Rows of two labels in turns; `row(i)` is the text.
  template <typename Row>
  static std::string rows(int count, const Row& row) {
    std::string csv = "text,label\n";
    for (int i = 0; i < count; ++i) csv += row(i) + (i % 2 == 0 ? ",red\n" : ",blue\n");
    return csv;
  }

  TemporaryFolder folder_;
};

TEST_F(LabelledTableTest, ReadsTextsAndLabels) {
  const auto table =
      read("id,text,label,more\n1,\"a, b\nc\", red ,x\n2,\"say \"\"hi\"\"\",blue,y\n");
  EXPECT_THAT(table.labels, ElementsAre("blue", "red"));
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0].texts, std::vector<std::string>{"a, b\nc"});
  EXPECT_EQ(table.rows[0].label, 1);
  EXPECT_EQ(table.rows[1].line, 4);
  EXPECT_EQ(table.rows[1].number, 1);
  EXPECT_THAT(table.label_counts(), ElementsAre(1, 1));
}

TEST_F(LabelledTableTest, ReadsJsonLinesAndSeveralTexts) {
  const auto file = folder_.write("t.jsonl",
                                  "{\"a\": \"x\", \"label\": true}\n"
                                  "{\"a\": null, \"b\": 7, \"label\": false}\n");
  const auto table = read_labelled_table(file, {"a", "b"}, "label");
  EXPECT_THAT(table.labels, ElementsAre("false", "true"));
  EXPECT_THAT(table.rows[0].texts, ElementsAre("x", ""));
  EXPECT_THAT(table.rows[1].texts, ElementsAre("", "7"));
}

TEST_F(LabelledTableTest, LeavesOutRecordsWithoutTextOrLabel) {
  const auto table = read("text,label\na,red\n ,red\nb,\nc,blue\n");
  EXPECT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.without_text, 1);
  EXPECT_EQ(table.without_label, 1);
  EXPECT_THAT(table_warnings(table, duplicate_groups(table)),
              Contains(HasSubstr("1 record without a text was left out")));
}

TEST_F(LabelledTableTest, RefusesColumnsThatAreNotThere) {
  EXPECT_THAT(refusal<ConfigError>("texts,label\na,b\n"),
              HasSubstr("there is no column 'text', only texts, label; did you mean 'texts'?"));
  const auto file = folder_.write("t.jsonl", "{\"body\": \"x\", \"label\": \"a\"}\n");
  EXPECT_THAT(message_of<ConfigError>([&] { (void)read_labelled_table(file, {"bdy"}, "label"); }),
              HasSubstr("there is no column 'bdy', only body, label"));
}

TEST_F(LabelledTableTest, RefusesAQuantity) {
  std::string csv = "text,label\n";
  for (int i = 0; i < 30; ++i) csv += "a" + std::to_string(i) + "," + std::to_string(i) + ".5\n";
  EXPECT_THAT(refusal<ConfigError>(csv), HasSubstr("that is a quantity, not a class label"));
}

TEST_F(LabelledTableTest, TakesAFewNumbersForClasses) {
  EXPECT_THAT(read("text,label\na,0\nb,1\n").labels, ElementsAre("0", "1"));
}

TEST_F(LabelledTableTest, RefusesFreeText) {
  std::string csv = "text,label\n";
  for (int i = 0; i < 201; ++i) csv += "a,b" + std::to_string(i) + "\n";
  EXPECT_THAT(refusal<ConfigError>(csv), HasSubstr("201 different values in 201 records"));
  EXPECT_THAT(refusal<ConfigError>("text,label\na,b\nc," + std::string(101, 'x') + "\n"),
              HasSubstr("free text"));
}

TEST_F(LabelledTableTest, RefusesOneLabelAndNone) {
  EXPECT_THAT(refusal<DataError>("text,label\na,b\nc,b\n"), HasSubstr("has one label, 'b'"));
  EXPECT_THAT(refusal<DataError>("text,label\na,\n"), HasSubstr("no record has both"));
}

TEST_F(LabelledTableTest, GroupsDuplicatesWhateverTheirSpacesAndCase) {
  const auto table = read("text,label\nA  b,x\nc,y\n a b ,x\nab,y\n");
  EXPECT_THAT(duplicate_groups(table), ElementsAre(0, 1, 0, 2));
}

TEST_F(LabelledTableTest, DoesNotTakeTextsOfDifferentColumnsForDuplicates) {
  const auto table = read("text,more,label\na,b,x\nab,,y\n", {"text", "more"});
  EXPECT_THAT(duplicate_groups(table), ElementsAre(0, 1));
}

TEST_F(LabelledTableTest, WarnsOfTextsWithSeveralLabels) {
  const auto table = read("text,label\na,x\nb,y\na,y\n");
  EXPECT_THAT(table_warnings(table, duplicate_groups(table)),
              Contains("1 record has the text of an earlier one and another label: lines 2 ('x') "
                       "and 4 ('y')"));
}

TEST_F(LabelledTableTest, WarnsOfLabelsThatStandInTheirTexts) {
  const auto leak = read(rows(
      60, [](int i) { return (i % 2 == 0 ? "[RED] case " : "[BLUE] case ") + std::to_string(i); }));
  EXPECT_THAT(table_warnings(leak, duplicate_groups(leak)),
              ElementsAre(HasSubstr("60 of 60 texts contain their own label")));
}

TEST_F(LabelledTableTest, WarnsOfRareLabelsSmallTablesAndCase) {
  const auto small = read("text,label\na,Red\nb,red\n");
  const auto warnings = table_warnings(small, duplicate_groups(small));
  EXPECT_THAT(warnings, Contains(HasSubstr("fewer than 5 examples")));
  EXPECT_THAT(warnings, Contains(HasSubstr("'Red' 1, 'red' 1")));
  EXPECT_THAT(warnings, Contains(HasSubstr("2 examples are few")));
  EXPECT_THAT(warnings, Contains(HasSubstr("'Red' and 'red' differ only in case")));
}

TEST_F(LabelledTableTest, SaysNothingWhereAllIsWell) {
  const auto table = read(rows(60, [](int i) { return "case " + std::to_string(i); }));
  EXPECT_THAT(table_warnings(table, duplicate_groups(table)), ::testing::IsEmpty());
}

}  // namespace
}  // namespace incipit::init
