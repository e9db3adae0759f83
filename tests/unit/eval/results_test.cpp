#include "eval/results.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/files.h"

namespace incipit::eval {
namespace {

class ResultsTest : public ::testing::Test {
 protected:
  ~ResultsTest() override { std::filesystem::remove_all(dir_); }

  [[nodiscard]] static data::Dataset dataset() {
    const auto candidates = std::make_shared<const data::Candidates>(
        data::Candidates{{"entailed", " Yes", {1}}, {"not", " No", {2}}});
    data::Example first;
    first.id = "7";
    first.label = 1;
    first.candidates = candidates;
    data::Example second = first;
    second.id = "\"q-2\"";
    second.label = -1;
    return {"made-up.jsonl", {first, second}, 0};
  }

  std::filesystem::path dir_ =
      std::filesystem::temp_directory_path() / ("incipit-results-test-" + std::to_string(getpid()));
};

TEST_F(ResultsTest, WritesALinePerExampleAndTheScores) {
  const data::Dataset data = dataset();
  const SplitResult result{
      .scores = {.scores = {{-1.5, -0.25}, {-0.5, -2.0}}, .predictions = {1, 0}},
      .metrics = {{"accuracy", 0.5}, {"macro_f1", 0.25}},
      .intervals = {{"accuracy", data::wilson_interval(1, 2)}}};
  const NamedResult named{"test", &data, &result};
  write_results(dir_, {&named, 1});
  EXPECT_EQ(read_text(dir_ / "predictions" / "test.jsonl"),
            "{\"idx\":7,\"prediction\":\"not\",\"label\":\"not\","
            "\"scores\":{\"entailed\":-1.5,\"not\":-0.25}}\n"
            "{\"idx\":\"q-2\",\"prediction\":\"entailed\",\"label\":null,"
            "\"scores\":{\"entailed\":-0.5,\"not\":-2.0}}\n");
  const auto scores = nlohmann::json::parse(read_text(dir_ / "scores.json"));
  EXPECT_EQ(scores["test"]["examples"], 2);
  EXPECT_EQ(scores["test"]["accuracy"], 0.5);
  EXPECT_EQ(scores["test"]["macro_f1"], 0.25);
  EXPECT_NEAR(scores["test"]["accuracy_95"][0].get<double>(), 0.0945, 1e-3);
  EXPECT_NEAR(scores["test"]["accuracy_95"][1].get<double>(), 0.9055, 1e-3);
}

TEST_F(ResultsTest, AGeneratedAnswerStandsBesideItsLabel) {
  const data::Dataset data = dataset();
  const SplitResult result{.scores = {.scores = {}, .predictions = {0, -1}, .texts = {" Yes", "?"}},
                           .metrics = {}};
  const NamedResult named{"test", &data, &result};
  write_results(dir_, {&named, 1});
  EXPECT_EQ(read_text(dir_ / "predictions" / "test.jsonl"),
            "{\"idx\":7,\"prediction\":\"entailed\",\"label\":\"not\",\"generated\":\" Yes\"}\n"
            "{\"idx\":\"q-2\",\"prediction\":\"?\",\"label\":null,\"generated\":\"?\"}\n");
}

TEST_F(ResultsTest, LabelsWithoutCandidatesAreTheTasks) {
  data::Example example;
  example.id = "[1,2]";
  example.label = 1;
  example.references = {"the gate"};
  example.candidates = std::make_shared<const data::Candidates>();
  const data::Dataset data("made-up.jsonl", {example}, 0);
  SplitResult result{.scores = {.scores = {}, .predictions = {1}, .texts = {"gate"}},
                     .metrics = {}};
  const NamedResult named{"test", &data, &result};
  result.labels = {"false", "true"};
  write_results(dir_, {&named, 1});
  EXPECT_EQ(read_text(dir_ / "predictions" / "test.jsonl"),
            "{\"idx\":[1,2],\"prediction\":\"true\",\"label\":\"true\",\"generated\":\"gate\"}\n");
}

TEST_F(ResultsTest, SplitsStandSideBySide) {
  const data::Dataset data = dataset();
  const SplitResult result{.scores = {.scores = {{-1, -2}, {-1, -2}}, .predictions = {0, 0}},
                           .metrics = {}};
  const NamedResult named[] = {{"validation", &data, &result}, {"test", &data, &result}};
  write_results(dir_, named);
  const auto scores = nlohmann::json::parse(read_text(dir_ / "scores.json"));
  EXPECT_EQ(scores.size(), 2u);
  EXPECT_FALSE(scores["validation"].contains("accuracy"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "predictions" / "validation.jsonl"));
}

TEST_F(ResultsTest, TemplatesSayWhatWasChosenFromWhat) {
  const TemplateScore scores[] = {{"plain", {{"accuracy", 0.5}}, {}},
                                  {"asked", {{"accuracy", 1.0}}, {}}};
  write_templates(dir_, dataset(), "validation", scores, 1);
  const auto file = nlohmann::json::parse(read_text(dir_ / "templates.json"));
  EXPECT_EQ(file["split"], "validation");
  EXPECT_EQ(file["best"], "asked");
  EXPECT_EQ(file["templates"][0]["name"], "plain");
  EXPECT_EQ(file["templates"][0]["examples"], 2);
  EXPECT_EQ(file["templates"][1]["accuracy"], 1.0);
}

TEST(Ranking, TheBestFirstAndTiesInTheirOrder) {
  const std::vector<Metrics> accuracies{
      {{"accuracy", 0.25}}, {{"accuracy", 0.75}}, {{"accuracy", 0.75}}, {{"accuracy", 0.5}}};
  EXPECT_EQ(ranking(accuracies, "accuracy"), (std::vector<std::size_t>{1, 2, 3, 0}));
  const std::vector<Metrics> losses{{{"loss", 2.0}}, {{"loss", 1.0}}};
  EXPECT_EQ(ranking(losses, "loss"), (std::vector<std::size_t>{1, 0}));
}

TEST_F(ResultsTest, TasksHaveFoldersAndObjectsOfTheirOwn) {
  const data::Dataset data = dataset();
  const SplitResult result{.scores = {.scores = {{-1, -2}, {-1, -2}}, .predictions = {0, 0}},
                           .metrics = {{"accuracy", 0.5}}};
  const TaskResults tasks[] = {
      {"first", {{"test", &data, &result}}},
      {"second", {{"test", &data, &result}, {"validation", &data, &result}}}};
  write_results(dir_, tasks);
  for (const char* file : {"first/test.jsonl", "second/test.jsonl", "second/validation.jsonl"}) {
    EXPECT_TRUE(std::filesystem::exists(dir_ / "predictions" / file)) << file;
  }
  const auto scores = nlohmann::json::parse(read_text(dir_ / "scores.json"));
  EXPECT_EQ(scores.size(), 2u);
  EXPECT_EQ(scores["first"]["test"]["accuracy"], 0.5);
  EXPECT_EQ(scores["second"]["validation"]["examples"], 2);
}

}  // namespace
}  // namespace incipit::eval
