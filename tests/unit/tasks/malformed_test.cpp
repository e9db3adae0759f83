// Every kind of line that cannot be read: what is said of it, the exit code, and what `skip` does.
#include <algorithm>

#include "tests/unit/tasks/built_in_task.h"

namespace incipit::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Bad {
  std::string name;
  std::string task;
  std::string line;
  std::string message;  // after FILE:LINE
  bool training = true;
};

void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.name; }

// A good line of each task.
std::string good(const std::string& task) {
  if (task == "multirc") {
    return R"({"idx": 0, "passage": {"text": "t", "questions": [{"idx": 0, "question": "q", "answers": [{"idx": 0, "text": "a", "label": 1}]}]}})";
  }
  if (task == "record") {
    return R"({"idx": 0, "passage": {"text": "Ed", "entities": [{"start": 0, "end": 1}]}, "qas": [{"idx": 0, "query": "@placeholder", "answers": [{"text": "Ed"}]}]})";
  }
  if (task == "wsc") {
    return R"({"idx": 0, "text": "Ed ran; he fell.", "target": {"span1_text": "Ed", "span1_index": 0, "span2_text": "he", "span2_index": 2}, "label": true})";
  }
  if (task == "copa") {
    return R"({"idx": 0, "premise": "p.", "choice1": "One.", "choice2": "Two.", "question": "cause", "label": 0})";
  }
  return R"({"idx": 0, "premise": "p", "hypothesis": "h", "label": "entailment"})";
}

std::string multirc(const std::string& questions) {
  return R"({"idx": 1, "passage": {"text": "t", "questions": )" + questions + "}}";
}
std::string record(const std::string& entities, const std::string& qas) {
  return R"({"idx": 1, "passage": {"text": "Ed \ud83e\udd8a", "entities": )" + entities +
         R"(}, "qas": )" + qas + "}";
}
constexpr const char* kEd = R"([{"start": 0, "end": 1}])";
constexpr const char* kQuery =
    R"([{"idx": 1, "query": "@placeholder", "answers": [{"text": "Ed"}]}])";
std::string wsc(const std::string& target, const std::string& text = "Ed ran; he fell.") {
  return R"({"idx": 1, "text": ")" + text + R"(", "target": )" + target + R"(, "label": true})";
}

std::vector<Bad> all_bad() {
  return {
      // The line itself.
      {"cut off", "rte", R"({"premise": "p", "hypo)", "the line ends within its JSON"},
      {"no JSON", "rte", "premise: p", "invalid JSON at byte 1"},
      {"two values", "rte", R"({"premise": "p"} {})", "invalid JSON at byte 18"},
      {"a list", "rte", "[1]", "expected a JSON object with the record's fields, found array"},
      {"no UTF-8", "rte", "{\"premise\": \"caf\xe9\"}", "UTF-8"},
      {"half a pair", "rte", R"({"premise": "\ud83e"})", "invalid JSON"},
      // Fields.
      {"empty", "rte", "{}", "the record has no field 'premise'"},
      {"misspelt", "rte", R"({"premiss": "p", "hypothesis": "h", "label": "entailment"})",
       "has no field 'premise', only hypothesis, label, premiss; did you mean 'premiss'?"},
      {"null", "rte", R"({"premise": null, "hypothesis": "h", "label": "entailment"})",
       "the field 'premise' is of type null"},
      {"list for text", "rte", R"({"premise": ["p"], "hypothesis": "h", "label": "entailment"})",
       "the field 'premise' is of type array; expected text"},
      // Labels.
      {"other label", "rte", R"({"premise": "p", "hypothesis": "h", "label": "entailmnt"})",
       "the label 'entailmnt' has no verbalizer; task.verbalizer has entailment, not_entailment; "
       "did "
       "you mean 'entailment'?"},
      {"no label", "rte", R"({"premise": "p", "hypothesis": "h"})", "has no field 'label'"},
      {"null label", "rte", R"({"premise": "p", "hypothesis": "h", "label": null})",
       "the field 'label' is of type null"},
      {"third choice", "copa",
       R"({"premise": "p", "choice1": "A", "choice2": "B", "question": "cause", "label": 2})",
       "the label '2' has no verbalizer"},
      {"suddenly unlabelled", "rte", R"({"premise": "p", "hypothesis": "h"})",
       "the record has no label, unlike those before it", false},
      // COPA.
      {"other question", "copa",
       R"({"premise": "p", "choice1": "A", "choice2": "B", "question": "causes", "label": 0})",
       "the field 'question' is 'causes'; the template's map has cause, effect; did you mean "
       "'cause'?"},
      {"one choice", "copa", R"({"premise": "p", "choice1": "A", "question": "cause", "label": 0})",
       "has no field 'choice2'"},
      // MultiRC.
      {"questions are no list", "multirc", multirc("{}"),
       "passage.questions is no list, but of type object"},
      {"no questions", "multirc", R"({"idx": 1, "passage": {"text": "t"}})",
       "the record has no field 'passage.questions', there only text"},
      {"no answers", "multirc", multirc(R"([{"idx": 0, "question": "q"}])"),
       "the record has no field 'passage.questions.0.answers', there only idx, question"},
      {"answers are text", "multirc", multirc(R"([{"idx": 0, "question": "q", "answers": "a"}])"),
       "passage.questions.0.answers is no list, but of type string"},
      {"an answer without text", "multirc",
       multirc(R"([{"idx": 0, "question": "q", "answers": [{"idx": 0, "label": 1}, {"idx": 1}]}])"),
       "the record has no field 'passage.questions.0.answers.0.text', there only idx, label"},
      {"an answer without label", "multirc",
       multirc(R"([{"idx": 0, "question": "q", "answers": [{"idx": 0, "text": "a"}]}])"),
       "the record has no field 'passage.questions.0.answers.0.label'"},
      {"an answer without idx", "multirc",
       multirc(R"([{"idx": 0, "question": "q", "answers": [{"text": "a", "label": 0}]}])"),
       "the record has no field 'passage.questions.0.answers.0.idx'"},
      {"one of two answers unlabelled", "multirc",
       multirc(
           R"([{"idx": 0, "question": "q", "answers": [{"idx": 0, "text": "a", "label": 0}, {"idx": 1, "text": "b"}]}])"),
       "the record has no label, unlike those before it", false},
      // ReCoRD.
      {"entity after the end", "record", record(R"([{"start": 0, "end": 4}])", kQuery),
       "passage.entities.0 runs from 0 to 4, and the passage has 4 characters"},
      {"entity backwards", "record", record(R"([{"start": 1, "end": 0}])", kQuery),
       "passage.entities.0 runs from 1 to 0"},
      {"entity before the text", "record", record(R"([{"start": -1, "end": 0}])", kQuery),
       "passage.entities.0.start is -1; expected a whole number from 0"},
      {"entity without end", "record", record(R"([{"start": 0}])", kQuery),
       "the record has no field 'passage.entities.0.end', there only start"},
      {"no entities", "record", record("[]", kQuery), "passage.entities is empty"},
      {"entities are no list", "record", record("3", kQuery), "passage.entities is no list"},
      {"no queries", "record", record(kEd, "null"), "qas is no list, but of type null"},
      {"no placeholder", "record", record(kEd, R"([{"idx": 1, "query": "Who?", "answers": []}])"),
       "qas.0.query has no @placeholder"},
      {"answer without text", "record",
       record(kEd, R"([{"idx": 1, "query": "@placeholder", "answers": [{"start": 0}]}])"),
       "the record has no field 'qas.0.answers.0.text'"},
      {"answer that is no candidate", "record",
       record(kEd, R"([{"idx": 1, "query": "@placeholder", "answers": [{"text": "Al"}]}])"),
       "the answer 'Al' is none of the record's candidates, Ed"},
      // WSC.
      {"no target", "wsc", R"({"idx": 1, "text": "Ed ran.", "label": true})",
       "'target.span2_text'"},
      {"no pronoun", "wsc", wsc(R"({"span1_text": "Ed", "span1_index": 0, "span2_index": 2})"),
       "the record has no field 'target.span2_text', there only span1_index, span1_text, "
       "span2_index"},
      {"other pronoun", "wsc",
       wsc(R"({"span1_text": "Ed", "span1_index": 0, "span2_text": "she", "span2_index": 2})"),
       "the text does not contain target.span2_text, 'she', near word 2 (target.span2_index)"},
      {"pronoun elsewhere", "wsc",
       wsc(R"({"span1_text": "Ed", "span1_index": 0, "span2_text": "he", "span2_index": 12})"),
       "near word 12"},
      {"index is text", "wsc",
       wsc(R"({"span1_text": "Ed", "span1_index": 0, "span2_text": "he", "span2_index": "two"})"),
       "target.span2_index is two; expected a word's index"},
      {"empty referent", "wsc",
       wsc(R"({"span1_text": "", "span1_index": 0, "span2_text": "he", "span2_index": 2})"),
       "target.span1_text is empty"},
  };
}

class Malformed : public ::testing::TestWithParam<Bad> {
 protected:
  static data::Dataset read(const TemporaryFolder& folder, int bad_lines, const Texts& overrides) {
    const Bad& bad = GetParam();
    std::string lines = good(bad.task) + "\n";
    for (int i = 0; i < bad_lines; ++i) lines += bad.line + "\n";
    const auto path = folder.write("made.jsonl", lines + good(bad.task));
    const BuiltInTask task(bad.task, overrides);
    return data::read_dataset(task.task(), path, bad.training, bad.training);
  }
};

TEST_P(Malformed, EndsTheRunWithFileAndLine) {
  const TemporaryFolder folder;
  const std::string message = message_of<DataError>([&] { (void)read(folder, 1, {}); });
  EXPECT_THAT(message, AllOf(HasSubstr("made.jsonl:2: "), HasSubstr(GetParam().message)));
  EXPECT_EQ(DataError("").exit_code(), ExitCode::kData);
  EXPECT_EQ(static_cast<int>(ExitCode::kData), 3);
}

TEST_P(Malformed, IsSkippedAndCountedWhereAskedFor) {
  const TemporaryFolder folder;
  const data::Dataset split = read(folder, 2, {"on_bad_record=skip"});
  EXPECT_EQ(split.skipped(), 2);
  EXPECT_EQ(split.size(), 2) << "the lines around it are read";
}

TEST_P(Malformed, IsSkippedAtMostAsOftenAsAllowed) {
  const TemporaryFolder folder;
  const Texts two{"on_bad_record=skip", "max_bad_records=2"};
  EXPECT_EQ(read(folder, 2, two).skipped(), 2);
  EXPECT_THAT(message_of<DataError>([&] { (void)read(folder, 3, two); }),
              AllOf(HasSubstr("made.jsonl:4: "), HasSubstr("(and 2 bad records before it")));
}

INSTANTIATE_TEST_SUITE_P(
    EveryKind, Malformed, ::testing::ValuesIn(all_bad()), [](const auto& info) {
      std::string name = info.param.task + "_" + info.param.name;
      std::replace_if(
          name.begin(), name.end(),
          [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
      return name;
    });

TEST(MalformedFile, WithoutAUsableRecordIsNamed) {
  const TemporaryFolder folder;
  const BuiltInTask task("multirc");
  const auto path =
      folder.write("empty.jsonl", R"({"idx": 1, "passage": {"text": "t", "questions": []}})");
  EXPECT_THAT(message_of<DataError>([&] { (void)data::read_dataset(task.task(), path, true); }),
              HasSubstr("empty.jsonl: has no usable records"));
}

}  // namespace
}  // namespace incipit::testing
