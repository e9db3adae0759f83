#include "data/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace incipit::data {
namespace {

using incipit::testing::message_of;
using incipit::testing::TemporaryFolder;
using ::testing::HasSubstr;

Record pet(const std::string& json) { return {json, "pets.jsonl", 7}; }

std::string field_error(const std::string& line) {
  return message_of<DataError>([&] { (void)pet(line); });
}

TEST(Record, FieldsAreTextAsJsonWritesThem) {
  const Record r = pet(R"({"name": "Ümit \"x\"", "legs": 4, "tame": true, "kg": 1.5})");
  EXPECT_EQ(r.text("name"), "Ümit \"x\"");
  EXPECT_EQ(r.text("legs"), "4");
  EXPECT_EQ(r.text("tame"), "true");
  EXPECT_EQ(r.text("kg"), "1.5");
  EXPECT_EQ(r.json_text("name"), "\"Ümit \\\"x\\\"\"");
  EXPECT_EQ(r.json_text("legs"), "4");
}

TEST(Record, NestedFieldsAreReachedThroughDots) {
  const Record r = pet(R"({"a": {"b": {"c": "deep"}, "list": ["x", {"y": "z"}]}, "a.b": "flat"})");
  EXPECT_EQ(r.text("a.b.c"), "deep");
  EXPECT_EQ(r.text("a.list.0"), "x");
  EXPECT_EQ(r.text("a.list.1.y"), "z");
  EXPECT_EQ(r.text("a.b"), "flat");
  EXPECT_FALSE(r.has("a.list.2"));
  EXPECT_FALSE(r.has("a.b.c.d"));
  EXPECT_FALSE(r.has("a.list.99999999999999999999"));
}

TEST(Record, ANestedRecordNamesAPartOfTheRecord) {
  const Record r = pet(R"({"title": "t", "list": [{"x": "a"}, {"x": "b", "deep": ["c"]}]})");
  EXPECT_EQ(r.list_size("list"), 2);
  const Record second = r.bind("item", "list.1");
  EXPECT_EQ(second.text("item.x"), "b");
  EXPECT_EQ(second.text("title"), "t");
  EXPECT_EQ(second.list_size("item.deep"), 1);
  EXPECT_EQ(second.bind("one", "item.deep.0").text("one"), "c");
  EXPECT_EQ(second.bind("item", "list.0").text("item.x"), "a");
  EXPECT_EQ(second.as_json(), r.as_json());
  EXPECT_FALSE(r.has("item.x")) << "a separate nested record";
}

TEST(Record, ANestedRecordsNameHidesAField) {
  const Record r = pet(R"({"item": "field", "item.x": "flat", "list": [{"x": "a"}]})");
  const Record nested = r.bind("item", "list.0");
  EXPECT_EQ(nested.text("item.x"), "a");
  EXPECT_EQ(r.text("item.x"), "flat");
}

TEST(Record, MistakesInANestedRecordNameThePathFromTheRoot) {
  const Record nested = pet(R"({"list": [{"x": "a"}]})").bind("item", "list.0");
  EXPECT_EQ(message_of<DataError>([&] { (void)nested.text("item.xx"); }),
            "pets.jsonl:7: the record has no field 'list.0.xx', there only x; did you mean 'x'?");
  EXPECT_EQ(message_of<DataError>([&] { (void)nested.list_size("item.x"); }),
            "pets.jsonl:7: list.0.x is no list, but of type string");
  EXPECT_EQ(message_of<DataError>([&] { (void)nested.text("item"); }),
            "pets.jsonl:7: the field 'list.0' is of type object; expected text or a number");
}

TEST(Record, MissingFieldNamesFileLineAndTheNearestField) {
  const Record r = pet(R"({"premise": "p", "idx": 1, "gone": null})");
  EXPECT_EQ(
      message_of<DataError>([&] { (void)r.text("premiss"); }),
      "pets.jsonl:7: the record has no field 'premiss', only gone, idx, premise; did you mean "
      "'premise'?");
  EXPECT_FALSE(r.has("gone"));
  EXPECT_TRUE(r.has("idx"));
}

TEST(Record, FieldsThatAreNoTextAreRefused) {
  const Record r = pet(R"({"a": [1], "b": {}, "c": null})");
  EXPECT_EQ(message_of<DataError>([&] { (void)r.text("a"); }),
            "pets.jsonl:7: the field 'a' is of type array; expected text or a number");
  EXPECT_THAT(message_of<DataError>([&] { (void)r.text("b"); }), HasSubstr("of type object"));
  EXPECT_THAT(message_of<DataError>([&] { (void)r.text("c"); }), HasSubstr("of type null"));
}

TEST(Record, CutOffLineIsCalledCutOff) {
  EXPECT_EQ(field_error(R"({"a": "b", "c)"),
            "pets.jsonl:7: the line ends within its JSON; is the file cut off?");
  EXPECT_EQ(field_error(R"({"a": 1)"),
            "pets.jsonl:7: the line ends within its JSON; is the file cut off?");
}

TEST(Record, InvalidJsonNamesTheByte) {
  EXPECT_EQ(field_error(R"({"a": nope})"),
            "pets.jsonl:7: invalid JSON at byte 8 of the line, at 'ope}'; expected one JSON object "
            "a line");
  EXPECT_THAT(field_error(R"({"a": 1} {"b": 2})"), HasSubstr("invalid JSON at byte 10"));
  EXPECT_THAT(field_error(R"({"a": "\ud800"})"), HasSubstr("invalid JSON"));
  EXPECT_THAT(field_error(R"({"a": 1e999})"), HasSubstr("JSON that cannot be read"));
}

TEST(Record, OtherJsonThanAnObjectIsRefused) {
  EXPECT_EQ(field_error("[1, 2]"),
            "pets.jsonl:7: expected a JSON object with the record's fields, found array");
}

TEST(Record, InvalidUtf8NamesTheByte) {
  EXPECT_EQ(field_error("{\"a\": \"caf\xE9\"}"),
            "pets.jsonl:7: byte 11 of the line is not UTF-8; convert the file to UTF-8");
  EXPECT_THAT(field_error("{\"a\": \"\xC3\xA9\xED\xA0\x80\"}"), HasSubstr("byte 10 of the line"));
  EXPECT_THAT(field_error("{\"a\": \"\xF0\x9F\x98"), HasSubstr("byte 8 of the line"));
}

TEST(Record, CanBeMadeOfNamedTexts) {
  const std::vector<std::string> names = {"text", "a.b", "n"};
  const std::vector<std::string> values = {"x", "\"y\"", "07"};
  const Record r(names, values, "pets.csv", 3);
  EXPECT_EQ(r.text("a.b"), "\"y\"");
  EXPECT_EQ(r.json_text("n"), "\"07\"");
  EXPECT_EQ(r.names(), (std::vector<std::string>{"a.b", "n", "text"}));
  EXPECT_EQ(message_of<DataError>([&] { (void)r.text("txt"); }),
            "pets.csv:3: the record has no field 'txt', only a.b, n, text; did you mean 'text'?");
}

TEST(BadRecords, FirstOneEndsTheRunByDefault) {
  BadRecords bad{TaskOptions{}};
  EXPECT_EQ(message_of<DataError>([&] { bad.add(DataError("f:3: bad")); }), "f:3: bad");
}

TEST(BadRecords, AreCountedUpToTheCapWhenSkipped) {
  TaskOptions options;
  options.on_bad_record = OnBadRecord::kSkip;
  options.max_bad_records = 2;
  BadRecords bad(options);
  bad.add(DataError("f:3: bad"));
  bad.add(DataError("f:4: bad"));
  EXPECT_EQ(bad.count(), 2);
  EXPECT_EQ(message_of<DataError>([&] { bad.add(DataError("f:9: worse")); }),
            "f:9: worse (and 2 bad records before it, as many as task.max_bad_records allows)");
}

TEST(BadRecords, ABadFileIsNotSkipped) {
  TaskOptions options;
  options.on_bad_record = OnBadRecord::kSkip;
  BadRecords bad(options);
  EXPECT_EQ(message_of<DataError>([&] { bad.add(FileError("f:3: all is lost")); }),
            "f:3: all is lost");
}

}  // namespace
}  // namespace incipit::data
