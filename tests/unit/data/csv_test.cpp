#include "data/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <sstream>

#include "data/records.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace incipit::data {
namespace {

using incipit::testing::message_of;
using incipit::testing::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Rows = std::vector<std::vector<std::string>>;

// Header and rows of a table, the fields in the order of the columns.
Rows rows(const std::string& text, std::optional<char> delimiter = {}) {
  std::istringstream stream(text);
  CsvReader reader(LineReader(stream, "t.csv"), delimiter);
  Rows rows = {reader.columns()};
  while (const auto record = reader.next()) {
    auto& row = rows.emplace_back();
    for (const std::string& column : reader.columns()) row.push_back(record->text(column));
  }
  return rows;
}

std::string error_of(const std::string& text, std::optional<char> delimiter = {}) {
  return message_of<DataError>([&] { (void)rows(text, delimiter); });
}

TEST(Csv, FirstRowNamesTheColumns) {
  EXPECT_EQ(rows("id,message\n1,hello\n2,bye"),
            (Rows{{"id", "message"}, {"1", "hello"}, {"2", "bye"}}));
  EXPECT_EQ(rows("id,message\n"), (Rows{{"id", "message"}}));
}

TEST(Csv, FieldsAreKeptAsTheyStand) {
  EXPECT_EQ(rows("a,b\n 1 ,\n,\n"), (Rows{{"a", "b"}, {" 1 ", ""}, {"", ""}}));
}

TEST(Csv, QuotedFieldsHoldDelimitersQuotesAndLineEnds) {
  EXPECT_EQ(rows("\"a,b\",c\n\"x\"\"y\"\"\",\"1\n2\r\n\n3\"\n\"\",\"\"\"\"\n"),
            (Rows{{"a,b", "c"}, {"x\"y\"", "1\n2\r\n\n3"}, {"", "\""}}));
}

TEST(Csv, AQuoteWithinAnUnquotedFieldIsText) {
  EXPECT_EQ(rows("a,b\n5\" pipe,it is 3\"\n"), (Rows{{"a", "b"}, {"5\" pipe", "it is 3\""}}));
}

TEST(Csv, LineEndsAndByteOrderMarkOfOtherSystems) {
  EXPECT_EQ(rows("\xEF\xBB\xBF\"a\",b\r\n1,\"2\"\r\n\r\n3,4\r\n"),
            (Rows{{"a", "b"}, {"1", "2"}, {"3", "4"}}));
}

TEST(Csv, DelimiterIsTheOneThatTheHeaderHasMostOf) {
  EXPECT_EQ(rows("a;b;c\n1;2,5;3\n"), (Rows{{"a", "b", "c"}, {"1", "2,5", "3"}}));
  EXPECT_EQ(rows("a\tb\n1,2\t;\n"), (Rows{{"a", "b"}, {"1,2", ";"}}));
  EXPECT_EQ(rows("\"a,b,c\";d\n1;2\n"), (Rows{{"a,b,c", "d"}, {"1", "2"}}));
  EXPECT_EQ(rows("message\nhello; you\n"), (Rows{{"message"}, {"hello; you"}}));
  EXPECT_THAT(error_of("a,b;c\n"),
              HasSubstr("t.csv:1: the delimiter may be ',' or ';'; put column names"));
  EXPECT_EQ(rows("a,b;c\n1,2\n", ','), (Rows{{"a", "b;c"}, {"1", "2"}}));
}

TEST(Csv, BlankLinesAreNoRows) {
  EXPECT_EQ(rows("\n\na\n\n1\n\r\n2\n\n"), (Rows{{"a"}, {"1"}, {"2"}}));
  EXPECT_EQ(rows("a\tb\n\t\n", '\t'), (Rows{{"a", "b"}, {"", ""}}));
}

TEST(Csv, RecordsKnowTheLineOnWhichTheyBegin) {
  std::istringstream stream("a,b\n1,\"x\ny\"\n\n2,z\n");
  CsvReader reader(LineReader(stream, "t.csv"));
  EXPECT_EQ(reader.next()->line(), 2);
  EXPECT_EQ(reader.next()->line(), 5);
}

TEST(Csv, RaggedRowsNameBothCounts) {
  EXPECT_EQ(error_of("a,b\n1,2\n1,2,3\n"),
            "t.csv:3: the row has 3 fields, the header has 2 (a, b); the delimiter is ','; "
            "put a field that contains it in double quotes");
  EXPECT_THAT(error_of("a\tb\n1\n"), HasSubstr("t.csv:2: the row has 1 fields"));
}

TEST(Csv, ABadRowCanBePassed) {
  std::istringstream stream("a,b\n1\n\"2\"x,3\n4\r5,6\n\xFF,7\n8,9\n");
  CsvReader reader(LineReader(stream, "t.csv"));
  const auto error = [&] { return message_of<DataError>([&] { (void)reader.next(); }); };
  EXPECT_THAT(error(), HasSubstr("t.csv:2: the row has 1 fields"));
  EXPECT_THAT(error(), HasSubstr("t.csv:3: text follows the closing double quote"));
  EXPECT_THAT(error(), HasSubstr("t.csv:4: carriage return within a line"));
  EXPECT_EQ(error(), "t.csv:5: byte 1 of the line is not UTF-8; convert the file to UTF-8");
  EXPECT_EQ(reader.next()->text("a"), "8");
}

TEST(Csv, BytesWithinQuotesAreCheckedToo) {
  EXPECT_THAT(error_of("a\n\"x\ny\xC3\"\n"), HasSubstr("t.csv:3: byte 2 of the line"));
}

TEST(Csv, AQuoteThatIsNeverClosedEndsTheFile) {
  std::istringstream stream("a,b\n1,2\n3,\"4\n5,6\n7,8\n");
  CsvReader reader(LineReader(stream, "t.csv"));
  EXPECT_TRUE(reader.next().has_value());
  EXPECT_THAT(message_of<FileError>([&] { (void)reader.next(); }),
              HasSubstr("t.csv:3: a double quote opens a field and is never closed"));
}

// As pandas reads them.
TEST(Csv, ColumnsWithoutANameGetOne) {
  std::istringstream stream(",text,\n0,a,\n1,b,\n");
  CsvReader reader(LineReader(stream, "t.csv"));
  EXPECT_THAT(reader.columns(), ElementsAre("Unnamed: 0", "text", "Unnamed: 2"));
  EXPECT_EQ(reader.next()->text("Unnamed: 0"), "0");
  EXPECT_EQ(reader.next()->text("text"), "b");
}

TEST(Csv, RowNamesOfRAreAColumn) {
  std::istringstream stream("text\tlabel\n\"1\"\ta\tx\n\"2\"\tb\ty\n");
  CsvReader reader(LineReader(stream, "t.tsv"), '\t');
  EXPECT_EQ(reader.next()->text("text"), "a");
  EXPECT_EQ(reader.next()->text("label"), "y");
  std::istringstream more("a,b\nx,1,2\n");
  CsvReader other(LineReader(more, "t.csv"));
  EXPECT_THAT(message_of<DataError>([&] { (void)other.next(); }), HasSubstr("has 3 fields"));
}

TEST(Csv, SeparatorsAtTheEndOfRowsAreDropped) {
  std::istringstream stream("a;b\n1;2;;\n3;4\n5;6;;7\n\x1A");
  CsvReader reader(LineReader(stream, "t.csv"));
  EXPECT_EQ(reader.next()->text("b"), "2");
  EXPECT_EQ(reader.next()->text("b"), "4");
  EXPECT_THAT(message_of<DataError>([&] { (void)reader.next(); }), HasSubstr("has 4 fields"));
  EXPECT_FALSE(reader.next().has_value());
}

TEST(Csv, ASepLineGivesTheDelimiter) {
  const TemporaryFolder folder;
  const auto reader = open_records(folder.write("a.csv", "sep=;\r\na,x;b\r\n1;2\r\n3;4\r\n"));
  EXPECT_THAT(reader->columns(), ElementsAre("a,x", "b"));
  EXPECT_EQ(reader->at_line(4).text("b"), "4");
  EXPECT_EQ(reader->at_line(3).text("a,x"), "1");
}

TEST(Csv, HeadersThatNameNoOrEqualColumnsAreRefused) {
  EXPECT_EQ(error_of(""), "t.csv: is empty; expected a first row with column names");
  EXPECT_EQ(error_of("\na,b,a\n"), "t.csv:2: two columns are named 'a'; rename one of them");
  EXPECT_THAT(message_of<FileError>([] { (void)rows("a\rb\r1\r2"); }),
              HasSubstr("t.csv:1: carriage return within a line"));
}

TEST(Csv, FindsRowsForwardsAndBackwardsPastBadOnes) {
  const TemporaryFolder folder;
  const auto reader = open_records(folder.write("a.csv", "x,y\n1,\"a\nb\"\nbad\n5,c\n"));
  EXPECT_EQ(reader->at_line(5).text("x"), "5");
  EXPECT_EQ(reader->at_line(2).text("y"), "a\nb");
  EXPECT_THAT(message_of<DataError>([&] { (void)reader->at_line(4); }),
              HasSubstr("a.csv:4: the row"));
  EXPECT_THAT(message_of<DataError>([&] { (void)reader->at_line(3); }),
              HasSubstr("there is no record on line 3"));
}

TEST(Csv, ReadingTakesTimeInProportionToSize) {
  // One field of many lines and quotes: a reader that begins again at every line needs minutes.
  std::string text = "a\n\"";
  for (int i = 0; i < 400000; ++i) text += "x\n\"\"";
  text += "\"\n";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(rows(text)[1][0].size(), 400000 * 3U);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(Csv, WrittenRowsAreReadBack) {
  const Rows table = {{"a,b", "c\td", "e"}, {"\"", "x\ny", "\r\n"}, {"", " ", "caf\xC3\xA9;"}};
  for (const char delimiter : {',', ';', '\t'}) {
    std::string text;
    for (const auto& row : table) append_csv_row(text, row, delimiter);
    EXPECT_EQ(rows(text, delimiter), table) << text;
  }
  std::string column;
  for (const auto& row : Rows{{"h"}, {""}, {" "}, {"x"}}) append_csv_row(column, row);
  EXPECT_EQ(column, "h\n\"\"\n\" \"\nx\n");
  EXPECT_EQ(rows(column), (Rows{{"h"}, {""}, {" "}, {"x"}}));
}

TEST(Records, FormatIsThatOfTheEnding) {
  EXPECT_EQ(record_format("a/b.csv"), RecordFormat::kCsv);
  EXPECT_EQ(record_format("b.TSV"), RecordFormat::kTsv);
  EXPECT_EQ(record_format("b.jsonl"), RecordFormat::kJsonl);
  EXPECT_EQ(record_format("train"), RecordFormat::kJsonl);
  const TemporaryFolder folder;
  EXPECT_EQ(open_records(folder.write("a.tsv", "a,b;c\td\n1\t2\n"))->next()->text("a,b;c"), "1");
}

TEST(Csv, ARecordLongerThanAnyIsRefusedThoughItsLinesAreShort) {
  std::string text = "a\n\"";
  while (text.size() < kMaxRecordBytes + 100) text += std::string(1 << 20, 'x') + "\n";
  std::istringstream stream(text + "\"\n");
  CsvReader reader(LineReader(stream, "s.csv"));
  EXPECT_THAT([&] { (void)reader.next(); },
              ::testing::ThrowsMessage<FileError>(::testing::HasSubstr("s.csv:2: the record has")));
}

}  // namespace
}  // namespace incipit::data
