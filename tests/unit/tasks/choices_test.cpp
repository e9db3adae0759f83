// COPA, MultiRC and ReCoRD: candidates with a part of the record in them, and records with
// several examples. The T5 forms are written by hand from Raffel et al. (2020), appendix D, and
// from what its released preprocessors do with ReCoRD's highlights and MultiRC's markup.
#include <nlohmann/json.hpp>

#include "tests/unit/tasks/built_in_task.h"

namespace incipit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// --- COPA -------------------------------------------------------------------------------

constexpr const char* kKite =
    R"({"premise": "The kite tore.", "choice1": "The wind was strong.", "choice2": "The wind fell.", "question": "cause", "label": 1, "idx": 20})";

TEST(Copa, TheChoicesGoOnFromThePremise) {
  const BuiltInTask task("copa");
  const auto e = task.one(kKite);
  EXPECT_EQ(task.text(e.source), "The kite tore because");
  EXPECT_THAT(task.candidates(e), ElementsAre("0 = the wind was strong.", "1 = the wind fell."));
  EXPECT_EQ(task.text(e.target), " the wind fell.");
  EXPECT_EQ(e.label, 1) << "a JSON number";
  EXPECT_THAT(task.task().labels(), ElementsAre("0", "1"));
  EXPECT_THAT(task.task().candidates(), IsEmpty()) << "every record has its own";
}

TEST(Copa, AnEffectIsATherefore) {
  const BuiltInTask task("copa");
  const auto e = task.eval(
      R"({"premise": "It rained...", "choice1": "\u00c9mile swam.", "choice2": "I slept.", "question": "effect", "idx": 1})");
  EXPECT_EQ(task.text(e.at(0).source), "It rained.. therefore");
  EXPECT_THAT(task.candidates(e[0]), ElementsAre("0 = \u00e9mile swam.", "1 = i slept."));
  EXPECT_EQ(e[0].label, -1);
}

TEST(Copa, ChoicesThatBeginAlikeShareTheirRows) {
  const BuiltInTask task("copa");
  EXPECT_THAT(task.segments({task.one(kKite)}),
              ElementsAre("0|The kite tore because the wind ", "1|was strong", "1|fell"));
}

TEST(Copa, PremisesOfDifferentChoicesAreDifferentTexts) {
  const BuiltInTask task("copa");
  const auto other = task.one(
      R"({"premise": "The kite tore.", "choice1": "A tree was near.", "choice2": "It flew.", "question": "cause", "label": 0})");
  EXPECT_EQ(other.source, task.one(kKite).source);
  EXPECT_NE(other.content, task.one(kKite).content) << "no overlap of splits";
}

TEST(Copa, T5Form) {
  const BuiltInTask task("copa_t5");
  const auto e = task.one(kKite);
  EXPECT_EQ(task.text(e.source),
            "copa choice1: The wind was strong. choice2: The wind fell. premise: The kite tore. "
            "question: cause");
  EXPECT_EQ(task.text(e.target), " choice2</s>");
}

// --- MultiRC ----------------------------------------------------------------------------

constexpr const char* kRain = R"({"idx": 3, "version": 1.1, "passage": {
  "text": "<b>Sent 1: </b>Rain fell.<br><b>Sent 2: </b>Tom &lt;ran<br/>.",
  "questions": [
    {"idx": 5, "question": "Who <b>ran</b>?", "answers": [
      {"idx": 9, "text": "Tom", "label": 1}, {"idx": 10, "text": "Rain", "label": 0}]},
    {"idx": 6, "question": "Why?", "answers": [{"idx": 11, "text": "It<br>rained", "label": 1}]}]}})";

TEST(MultiRc, EveryAnswerIsAnExample) {
  const BuiltInTask task("multirc");
  const auto all = task.train(kRain);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(task.text(all[0].source),
            "Sent 1: Rain fell. Sent 2: Tom &lt;ran<br/>.\nQuestion: Who ran?\nAnswer: Tom\n"
            "Is this answer right? Yes or No?");
  EXPECT_THAT(task.candidates(all[0]), ElementsAre("0 = No", "1 = Yes"));
  EXPECT_EQ(all[0].id, "[3,5,9]");
  EXPECT_EQ(all[1].id, "[3,5,10]");
  EXPECT_EQ(all[2].id, "[3,6,11]");
  for (const auto& each : all) EXPECT_EQ(each.group, "3") << "a passage stays together";
  EXPECT_EQ(all[0].metric_group, "5");
  EXPECT_EQ(all[1].metric_group, "5");
  EXPECT_EQ(all[2].metric_group, "6");
  EXPECT_EQ(all[0].label, 1);
  EXPECT_EQ(all[1].label, 0);
  EXPECT_EQ(all[2].label, 1);
}

TEST(MultiRc, PassageAndQuestionAreComputedOnce) {
  const BuiltInTask task("multirc");
  const std::string ask = "\nIs this answer right? Yes or No? ";
  EXPECT_THAT(task.segments(task.train(kRain)),
              ElementsAre("0|Sent 1: Rain fell. Sent 2: Tom &lt;ran<br/>.\nQuestion: Wh",
                          "1|o ran?\nAnswer: ",           //
                          "2|Tom" + ask, "3|N", "3|Ye",   //
                          "2|Rain" + ask, "3|N", "3|Ye",  //
                          "1|y?\nAnswer: It rained" + ask, "2|N", "2|Ye"));
}

TEST(MultiRc, T5Form) {
  const BuiltInTask task("multirc_t5");
  const auto all = task.train(kRain);
  EXPECT_EQ(task.text(all[2].source),
            "multirc question: Why? answer: It rained paragraph: Sent 1: Rain fell. Sent 2: Tom "
            "&lt;ran<br/>.");
  EXPECT_EQ(task.text(all[1].target), " False</s>");
  EXPECT_EQ(task.text(all[2].target), " True</s>");
}

TEST(MultiRc, ADatasetKeepsRecordsAndParts) {
  const BuiltInTask task("multirc");
  const TemporaryFolder folder;
  std::string lines = nlohmann::json::parse(kRain).dump();
  lines += "\n" + lines;
  const auto path = folder.write("val.jsonl", lines);
  const data::Dataset split = data::read_dataset(task.task(), path, false);
  ASSERT_EQ(split.size(), 6);
  EXPECT_EQ(split[4].line, 2);
  EXPECT_EQ(split[4].part, 1);
  EXPECT_TRUE(split.labelled());
}

// --- ReCoRD -----------------------------------------------------------------------------

// Offsets are code points, and the last one belongs to the entity: the fox is one of them, and two
// UTF-16 units.
nlohmann::json foxes() {
  const auto entity = [](int start, int end) {
    return nlohmann::json{{"start", start}, {"end", end}};
  };
  return {
      {"source", "Fable"},
      {"idx", 70},
      {"passage",
       {{"text",
         "\U0001F98A Vixen ran.\n@highlight\nAn old fox, Reynard, waited\n@highlight\nVixen won"},
        {"entities", {entity(2, 6), entity(36, 42), entity(63, 67)}}}},
      {"qas",
       {{{"idx", 31},
         {"query", "In the end @placeholder's den was empty"},
         {"answers", {{{"start", 36}, {"end", 42}, {"text", "Reynard"}}}}},
        {{"idx", 32},
         {"query", "@placeholder was faster (so they say)"},
         {"answers",
          {{{"start", 63}, {"end", 67}, {"text", "Vixen"}},
           {{"start", 2}, {"end", 6}, {"text", "Vixen"}}}}}}}};
}

const std::string kClean = "\U0001F98A Vixen ran. An old fox, Reynard, waited. Vixen won";

TEST(Record, TheNameAndTheRestOfTheQueryAreScored) {
  const BuiltInTask task("record");
  const auto queries = task.eval(foxes().dump());
  ASSERT_EQ(queries.size(), 2u);
  EXPECT_EQ(task.text(queries[0].source), kClean + "\nIn the end");
  EXPECT_THAT(task.candidates(queries[0]),
              ElementsAre("Reynard = Reynard's den was empty", "Vixen = Vixen's den was empty"));
  EXPECT_EQ(queries[0].id, "31") << "the query's, not the passage's";
  EXPECT_EQ(queries[0].group, "70");
  EXPECT_EQ(queries[0].label, 0);
  EXPECT_EQ(task.text(queries[1].source), kClean + "\n");
  EXPECT_THAT(task.candidates(queries[1]), ElementsAre("Reynard =Reynard was faster (so they say)",
                                                       "Vixen =Vixen was faster (so they say)"));
  EXPECT_EQ(queries[1].label, 1);
  EXPECT_THAT(queries[1].references, ElementsAre("Vixen")) << "once, though it occurs twice";
  EXPECT_THAT(task.task().labels(), IsEmpty());
}

TEST(Record, PassageQueriesAndNamesShareTheirRows) {
  const BuiltInTask task("record");
  EXPECT_THAT(task.segments(task.eval(foxes().dump())),
              ElementsAre("0|" + kClean + "\n",  //
                          "1|In the end ", "2|Reynard's den was empt", "2|Vixen's den was empt",
                          "1|Reynard was faster (so they say", "1|Vixen was faster (so they say"));
}

TEST(Record, NamesThatBeginAlikeShareTheirBeginning) {
  nlohmann::json record = foxes();
  record["passage"] = {{"text", "Ann and Ann Lee"},
                       {"entities", {{{"start", 0}, {"end", 2}}, {{"start", 8}, {"end", 14}}}}};
  record["qas"] = {
      {{"idx", 1}, {"query", "Is @placeholder left?"}, {"answers", {{{"text", "Ann"}}}}}};
  const BuiltInTask task("record");
  EXPECT_THAT(task.segments(task.eval(record.dump())),
              ElementsAre("0|Ann and Ann Lee\nIs Ann ", "1|left", "1|Lee left"));
}

TEST(Record, OneExampleToTrainOnForEachDistinctAnswer) {
  nlohmann::json record = foxes();
  record["qas"][0]["answers"] = {{{"text", "Vixen"}}, {{"text", "Reynard"}}, {{"text", "Vixen"}}};
  const BuiltInTask task("record");
  const auto examples = task.train(record.dump());
  ASSERT_EQ(examples.size(), 3u);
  EXPECT_EQ(task.text(examples[0].target), " Reynard's den was empty");
  EXPECT_EQ(task.text(examples[1].target), " Vixen's den was empty");
  EXPECT_EQ(task.text(examples[2].target), "Vixen was faster (so they say)");
  EXPECT_EQ(examples[1].label, 1);
  EXPECT_EQ(task.eval(record.dump()).size(), 2u) << "evaluated once a query";
}

TEST(Record, AnAnswerThatIsNoCandidateIsWrongWhateverIsChosen) {
  nlohmann::json record = foxes();
  record["qas"][0]["answers"] = {{{"text", "Isegrim"}}};
  const BuiltInTask task("record");
  const auto e = task.eval(record.dump()).at(0);
  EXPECT_EQ(e.label, -1);
  EXPECT_EQ(task.text(e.target), " Isegrim's den was empty");
  EXPECT_THAT(e.references, ElementsAre("Isegrim"));
}

TEST(Record, QueriesWithoutAnswersAreUnlabelled) {
  nlohmann::json record = foxes();
  for (auto& qa : record["qas"]) qa.erase("answers");
  const BuiltInTask task("record");
  const auto queries = task.eval(record.dump());
  EXPECT_EQ(queries.at(0).label, -1);
  EXPECT_THAT(queries.at(0).target, IsEmpty());
  EXPECT_EQ(task.candidates(queries[0]).size(), 2u);
}

TEST(Record, T5Form) {
  const BuiltInTask task("record_t5");
  const auto queries = task.train(foxes().dump());
  EXPECT_EQ(task.text(queries.at(0).source),
            "record query: In the end @placeholder's den was empty entities: Reynard, Vixen "
            "passage: " +
                kClean);
  EXPECT_EQ(task.text(queries[0].target), " Reynard</s>");
  EXPECT_THAT(task.candidates(queries[0]),
              ElementsAre("Reynard = Reynard</s>", "Vixen = Vixen</s>"));
}

TEST(Record, HighlightsBecomeSentences) {
  nlohmann::json record = foxes();
  const BuiltInTask task("record_t5");
  const auto passage = [&](const std::string& text) {
    record["passage"] = {{"text", text}, {"entities", {{{"start", 0}, {"end", 0}}}}};
    record["qas"] = {{{"idx", 1}, {"query", "@placeholder"}}};
    return task.text(task.eval(record.dump()).at(0).source);
  };
  EXPECT_THAT(passage("A said \"no\"\n@highlight\nB\n@highlight\nC? D?\n@highlight\nE"),
              HasSubstr("passage: A said \"no\" B. C? D? E"));
  EXPECT_THAT(passage("A\n@highlight B\nC"), HasSubstr("passage: A\n@highlight B\nC"));
}

}  // namespace
}  // namespace incipit::testing
