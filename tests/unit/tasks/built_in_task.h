// A built-in task on a tokenizer of bytes, so that what it makes of a record can be read as text.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "configs/run_config.h"
#include "core/error.h"
#include "data/batch.h"
#include "data/dataset.h"
#include "tests/support/errors.h"
#include "tests/support/tiny_model.h"

namespace incipit::testing {

using Texts = std::vector<std::string>;

class BuiltInTask {
 public:
  // `overrides` of the task's keys: "source_prefix=".
  explicit BuiltInTask(const std::string& name, const Texts& overrides = {})
      : task_(options(name, overrides), model_.task_model()) {}

  [[nodiscard]] const data::Task& task() const { return task_; }

  // The examples of a line: to train on, or to evaluate.
  [[nodiscard]] std::vector<data::Example> train(const std::string& line) const {
    return examples(line, true, true);
  }
  [[nodiscard]] std::vector<data::Example> eval(const std::string& line) const {
    return examples(line, false, false);
  }
  [[nodiscard]] data::Example one(const std::string& line) const {
    auto all = train(line);
    EXPECT_EQ(all.size(), 1u);
    return all.at(0);
  }

  [[nodiscard]] static std::string text(const std::vector<TokenId>& tokens) {
    std::string text;
    for (const TokenId id : tokens) {
      if (id == TinyModel::kEos) {
        text += "</s>";
      } else {
        text += static_cast<char>(id);
      }
    }
    return text;
  }
  [[nodiscard]] static Texts sources(const std::vector<data::Example>& examples) {
    Texts texts;
    for (const auto& example : examples) texts.push_back(text(example.source));
    return texts;
  }
  [[nodiscard]] static Texts candidates(const data::Example& example) {
    Texts texts;
    for (const auto& candidate : *example.candidates) {
      texts.push_back(candidate.label + " =" + text(candidate.tokens));
    }
    return texts;
  }

  // The rows that a batch of the examples computes: "DEPTH|TEXT" of each segment, in order. The
  // last token of an answer is predicted, but no row.
  [[nodiscard]] Texts segments(const std::vector<data::Example>& examples) const {
    std::vector<const data::Example*> pointers;
    for (const auto& example : examples) pointers.push_back(&example);
    const Forest forest = data::scoring_batch(task_, pointers, {0, 0}).packed.forest;
    Texts texts;
    for (int s = 0; s < forest.segment_count(); ++s) {
      int depth = 0;
      for (int p = forest.parent[s]; p >= 0; p = forest.parent[p]) ++depth;
      const Range rows = forest.rows(s);
      const std::vector<TokenId> tokens(forest.tokens.begin() + rows.begin,
                                        forest.tokens.begin() + rows.end);
      texts.push_back(std::to_string(depth) + "|" + text(tokens));
    }
    return texts;
  }

 private:
  static data::TaskOptions options(const std::string& name, Texts overrides) {
    for (auto& each : overrides) each.insert(0, "task.");
    const auto config = configs::parse_run_config(
        "model: {path: none}\ntask: {name: " + name + "}\n", "test", overrides,
        [](const configs::RunConfig& read, const configs::Report& report) {
          for (const auto& each : data::validate(read.task)) report(each.key, each.message);
        });
    return config.task;
  }

  [[nodiscard]] std::vector<data::Example> examples(const std::string& line, bool labelled,
                                                    bool training) const {
    std::vector<data::Example> made;
    for (const auto& each : task_.expand(data::Record(line, "made.jsonl", 1), training)) {
      made.push_back(task_.example(each, labelled));
    }
    return made;
  }

  TinyModel model_;
  data::Task task_;
};

}  // namespace incipit::testing
