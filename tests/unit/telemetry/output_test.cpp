#include "telemetry/output.h"

#include <gtest/gtest.h>

#include <sstream>

namespace incipit::telemetry {
namespace {

TEST(Table, NumbersStandAtTheRightAndTextAtTheLeft) {
  Table table({"split", "examples", "file"});
  table.add({"train", "2,241", "train.jsonl"});
  table.add({"test", "27", "val.jsonl"});
  std::ostringstream out;
  table.print(out, Style(false));
  EXPECT_EQ(out.str(),
            "  split  examples  file\n"
            "  train     2,241  train.jsonl\n"
            "  test         27  val.jsonl\n");
}

TEST(Table, WidthIsCountedInLettersNotBytes) {
  Table table({"label", "n"});
  table.add({"schön", "1"});
  table.add({"plain", "2"});
  std::ostringstream out;
  table.print(out, Style(false));
  EXPECT_EQ(out.str(), "  label  n\n  schön  1\n  plain  2\n");
}

TEST(PrintFacts, FurtherLinesStandBelowTheFirst) {
  std::ostringstream out;
  print_facts(out, Style(false), {{"task", "rte\nyes -> 1"}, {"m", "x"}});
  EXPECT_EQ(out.str(), "  task  rte\n        yes -> 1\n  m     x\n");
}

TEST(PrintParagraph, BreaksBetweenWordsAndNeverInsideOne) {
  std::ostringstream out;
  print_paragraph(out, "one two schöne longest-of-all x", 11);
  EXPECT_EQ(out.str(), "  one two\n  schöne\n  longest-of-all\n  x\n");
  std::ostringstream exact;
  print_paragraph(exact, "one two six", 9);
  EXPECT_EQ(exact.str(), "  one two\n  six\n");
}

TEST(Style, WritesNoCodesWithoutColour) {
  EXPECT_EQ(Style(false).bold("x"), "x");
  EXPECT_EQ(Style(true).bold("x"), "\x1b[1mx\x1b[0m");
}

TEST(Numbers, AreWrittenForPeople) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(-1234567), "-1,234,567");
  EXPECT_EQ(short_count(23776), "23,776");
  EXPECT_EQ(short_count(134515008), "134.5 M");
  EXPECT_EQ(short_count(7'000'000'000), "7.0 B");
  EXPECT_EQ(fixed(0.12345, 3), "0.123");
}

TEST(Visible, WritesControlCharactersOut) {
  EXPECT_EQ(visible("a\nb\tc\x01\x7f é"), "a\\nb\\tc\\x01\\x7f é");
}

}  // namespace
}  // namespace incipit::telemetry
