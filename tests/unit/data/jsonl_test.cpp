#include "data/jsonl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace incipit::data {
namespace {

using incipit::testing::message_of;
using incipit::testing::TemporaryFolder;
using ::testing::HasSubstr;

TEST(JsonlReader, LinesAreCountedFrom1AndBlankOnesPassedOver) {
  const TemporaryFolder folder;
  JsonlReader reader{
      LineReader(folder.write("a.jsonl", "\xEF\xBB\xBF{\"x\": 1}\r\n\n  \n{\"x\": 2}"))};
  auto first = reader.next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->line(), 1);
  EXPECT_EQ(first->text("x"), "1");
  auto second = reader.next();
  ASSERT_TRUE(second.has_value()) << "a last line without a newline counts";
  EXPECT_EQ(second->line(), 4);
  EXPECT_EQ(second->text("x"), "2");
  EXPECT_FALSE(reader.next().has_value());
  EXPECT_FALSE(reader.next().has_value());
}

TEST(JsonlReader, ABadLineCanBePassed) {
  const TemporaryFolder folder;
  const auto path = folder.write("a.jsonl", "{\"x\": 1}\n{\"x\"\n{\"x\": 3}\n");
  JsonlReader reader{LineReader(path)};
  EXPECT_EQ(reader.next()->text("x"), "1");
  EXPECT_EQ(message_of<DataError>([&] { (void)reader.next(); }),
            path.string() + ":2: the line ends within its JSON; is the file cut off?");
  EXPECT_EQ(reader.next()->text("x"), "3");
}

std::vector<std::string> all_x(const std::string& text) {
  const TemporaryFolder folder;
  JsonlReader reader{LineReader(folder.write("a.json", text))};
  std::vector<std::string> found;
  while (const auto record = reader.next()) {
    found.push_back(record->text("x") + "@" + std::to_string(record->line()));
  }
  return found;
}

TEST(JsonlReader, ArraysAndIndentedObjectsAreRead) {
  const std::vector<std::string> same_line{"1@1", "2@1"};
  EXPECT_EQ(all_x(R"([{"x": 1}, {"x": 2}])"), same_line);
  const std::vector<std::string> indented{"}]@2", "[\"{@5"};
  EXPECT_EQ(all_x("[\n {\n  \"x\": \"}]\"\n },\n {\n  \"x\": \"[\\\"{\"\n }\n]\n"), indented);
  const std::vector<std::string> objects{"1@1", "2@4"};
  EXPECT_EQ(all_x("{\n \"x\": 1\n}\n{\n \"x\": 2\n}\n"), objects);
}

TEST(JsonlReader, FindsRecordsOfAnArrayByTheirLine) {
  const TemporaryFolder folder;
  JsonlReader reader{LineReader(folder.write("a.json", "[\n{\"x\": 1},\n{\"x\": 2}\n]"))};
  EXPECT_EQ(reader.at_line(3).text("x"), "2");
  EXPECT_EQ(reader.at_line(2).text("x"), "1");
}

TEST(JsonlReader, AnArrayThatIsCutOffIsRefused) {
  EXPECT_THAT(message_of<FileError>([] { (void)all_x("[\n{\"x\": 1},\n{\"x\""); }),
              HasSubstr("a.json:3: the file ends within its JSON"));
  EXPECT_THAT(message_of<FileError>([] { (void)all_x("[1, 2]"); }),
              HasSubstr("a.json:1: found '1' where an object"));
}

TEST(JsonlReader, EmptyFileHasNoRecords) {
  const TemporaryFolder folder;
  EXPECT_FALSE(JsonlReader(LineReader(folder.write("a.jsonl", ""))).next().has_value());
}

TEST(JsonlReader, MissingFileIsNamed) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<DataError>([&] { LineReader lines(folder / "none.jsonl"); }),
              HasSubstr("none.jsonl"));
}

TEST(JsonlReader, FindsLinesForwardsAndBackwards) {
  const TemporaryFolder folder;
  JsonlReader reader{LineReader(folder.write("a.jsonl", "{\"x\": 1}\n{\"x\": 2}\n\n{\"x\": 4}\n"))};
  EXPECT_EQ(reader.at_line(4).text("x"), "4");
  EXPECT_EQ(reader.at_line(1).text("x"), "1");
  EXPECT_EQ(reader.at_line(2).text("x"), "2");
  EXPECT_THAT(message_of<DataError>([&] { (void)reader.at_line(3); }),
              HasSubstr("there is no record on line 3"));
}

}  // namespace
}  // namespace incipit::data
