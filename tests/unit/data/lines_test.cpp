#include "data/lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "core/error.h"
#include "tests/support/temporary_folder.h"

namespace incipit::data {
namespace {

using incipit::testing::TemporaryFolder;
using ::testing::ElementsAre;

std::vector<std::string> all(LineReader& lines) {
  std::vector<std::string> all;
  while (const auto line = lines.next()) all.emplace_back(*line);
  return all;
}

TEST(LineReader, FilesAndStreamsGiveTheSameLines) {
  const std::string text = "\xEF\xBB\xBFone\n\ntwo\r\nthree";
  const TemporaryFolder folder;
  LineReader file(folder.write("a.txt", text));
  EXPECT_THAT(all(file), ElementsAre("one", "", "two\r", "three"));
  std::istringstream stream(text);
  LineReader streamed(stream, "standard input");
  EXPECT_THAT(all(streamed), ElementsAre("one", "", "two\r", "three"));
  EXPECT_EQ(streamed.number(), 4);
  EXPECT_EQ(streamed.name(), "standard input");
}

TEST(LineReader, ALastNewlineEndsNoFurtherLine) {
  std::istringstream stream("a\n");
  LineReader lines(stream, "s");
  EXPECT_THAT(all(lines), ElementsAre("a"));
}

TEST(LineReader, ALineCanBePutBackAndTheReaderMoved) {
  std::istringstream stream("a\nb\n");
  LineReader first(stream, "s");
  EXPECT_EQ(first.next(), "a");
  first.put_back();
  EXPECT_EQ(first.number(), 0);
  LineReader second = std::move(first);
  EXPECT_EQ(second.next(), "a");
  EXPECT_EQ(second.number(), 1);
  EXPECT_EQ(second.next(), "b");
}

TEST(LineReader, BlankLinesCanBePassedOver) {
  std::istringstream stream("\n \t\r\n x \n\n");
  LineReader lines(stream, "s");
  EXPECT_EQ(lines.next_filled(), " x ");
  EXPECT_EQ(lines.number(), 3);
  EXPECT_FALSE(lines.next_filled().has_value());
}

TEST(LineReader, AFileCanBeReadAgain) {
  const TemporaryFolder folder;
  LineReader lines(folder.write("a.txt", "\xEF\xBB\xBFone\ntwo\n"));
  EXPECT_THAT(all(lines), ElementsAre("one", "two"));
  lines.rewind();
  EXPECT_EQ(lines.number(), 0);
  EXPECT_THAT(all(lines), ElementsAre("one", "two"));
}

TEST(LineReader, RefusesALineThatIsLongerThanAnyRecord) {
  const std::string longest(kMaxRecordBytes, 'a');
  const TemporaryFolder folder;
  const auto read = [](LineReader lines) {
    std::size_t bytes = 0;
    while (const auto line = lines.next()) bytes += line->size();
    return bytes;
  };
  const auto expect_refused = [&](LineReader lines) {
    EXPECT_THAT([&] { (void)read(std::move(lines)); },
                ::testing::ThrowsMessage<DataError>(::testing::HasSubstr(":2: the record has more "
                                                                         "than 16 MiB")));
  };
  const std::string fits = "b\n" + longest + "\nc";
  EXPECT_EQ(read(LineReader(folder.write("a", fits))), longest.size() + 2);
  std::istringstream good(fits);
  EXPECT_EQ(read(LineReader(good, "s")), longest.size() + 2);
  const std::string too_long = "b\n" + longest + "a\nc";
  expect_refused(LineReader(folder.write("a", too_long)));
  std::istringstream bad(too_long);
  expect_refused(LineReader(bad, "s"));
}

}  // namespace
}  // namespace incipit::data
