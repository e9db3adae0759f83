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
