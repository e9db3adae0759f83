// evaluation_tool CONFIG [--set KEY=VALUE]...: scores the candidates of a configuration's test
// split, for tests and benchmarks beside transformers.
//
// Standard input: {"examples": n, "threads": n, "repeat": n}; the first n examples, 0: all. With
// "soft_prompt": [id, ...], one more batch has every example twice: of the task, and of the same
// task without few-shot examples after a soft prompt, the embeddings of these tokens.
// Standard output:
//   {"seconds": [x, ...],          a time for each repetition: packing, forward passes, sums
//    "file": "...", "prefix_ids": [...],   few-shot examples
//    "together": {"task": [[x, ...], ...], "soft_prompt": [[x, ...], ...]},  by example
//    "examples": [{"line": n,      examples of one line have a passage or a question in common
//                  "source": "...",  whole, as the template makes it
//                  "source_ids": [...], "truncated": bool,
//                  "candidates": [{"label": "...", "text": "...", "ids": [...]}, ...],
//                  "scores": [x, ...]}, ...]}
#include <ATen/Parallel.h>

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "comm/single.h"
#include "configs/run_config.h"
#include "core/log.h"
#include "core/memory.h"
#include "data/batch.h"
#include "data/dataset.h"
#include "data/records.h"
#include "eval/scorer.h"
#include "families/registry.h"
#include "model/backbone.h"
#include "tests/support/prompts.h"

namespace incipit {
namespace {

using Json = nlohmann::json;

std::string source_text(const data::Task& task, data::RecordReader& records,
                        const data::Example& example) {
  auto parts = task.expand(records.at_line(example.line), false);
  return task.source_text(parts.at(static_cast<std::size_t>(example.part)));
}

Json describe(const data::Task& task, data::RecordReader& records, const data::Example& example,
              const std::vector<double>& scores) {
  Json candidates = Json::array();
  for (const data::Candidate& candidate : *example.candidates) {
    candidates.push_back(
        {{"label", candidate.label}, {"text", candidate.text}, {"ids", candidate.tokens}});
  }
  return {{"line", example.line},         {"source", source_text(task, records, example)},
          {"source_ids", example.source}, {"truncated", example.truncated},
          {"candidates", candidates},     {"scores", scores}};
}

// Scores every example in one batch, after the task's few-shot examples and after a soft prompt.
Json score_together(const model::Backbone& backbone, const data::Task& task,
                    const data::Dataset& split, const std::vector<TokenId>& prompt_tokens) {
  data::TaskOptions options = task.options();
  options.shots = 0;
  const data::Task zero_shot(options, task.model());
  const methods::PromptedModel model = testing_support::with_prompt(
      backbone, backbone.embedding()->rows(prompt_tokens).to(at::kFloat));
  const std::vector<data::Example> examples(split.begin(), split.end());
  std::vector<data::BatchItem> items;
  for (const data::Example& example : examples) items.push_back({&task, &example, {}});
  for (const data::Example& example : examples) {
    items.push_back({&zero_shot, &example, model.rows(0)});
  }
  const data::ScoringBatch batch = data::scoring_batch(items);
  const at::Tensor likelihoods = model.forward(batch.packed.forest).log_likelihoods();
  Json by_item = Json::array();
  for (std::size_t i = 0; i < items.size(); ++i) {
    Json& scores = by_item.emplace_back(Json::array());
    for (std::int32_t s = batch.first[i]; s < batch.first[i + 1]; ++s) {
      double sum = 0;
      for (const std::int32_t t : batch.packed.targets[s]) {
        sum += likelihoods[t].item<double>();
      }
      scores.push_back(sum);
    }
  }
  const auto half = by_item.begin() + static_cast<std::ptrdiff_t>(examples.size());
  return {{"task", Json(std::vector<Json>(by_item.begin(), half))},
          {"soft_prompt", Json(std::vector<Json>(half, by_item.end()))}};
}

Json run(const std::string& config_path, const std::vector<std::string>& overrides,
         const Json& request) {
  log::configure("warn");  // standard output is the answer's
  at::set_num_threads(request["threads"].get<int>());
  const configs::RunConfig config = configs::load_run_config(config_path, overrides);
  data::Task task(config.task, data::load_task_model(config.model.path, config.task));
  data::Dataset split =
      data::load_splits(task, config.run.seed, 0, {.train = false, .validation = false}).test;
  const auto limit = request["examples"].get<std::int64_t>();
  if (limit > 0 && limit < split.size()) {
    std::vector<std::int64_t> first(static_cast<std::size_t>(limit));
    std::iota(first.begin(), first.end(), 0);
    split = split.subset(first);
  }
  const auto backbone = model::Backbone::load(
      families::read_model(config.model.path), model::WeightFiles(config.model.path),
      {.dtype = config.model.dtype == model::Dtype::kBFloat16 ? at::kBFloat16 : at::kFloat});
  const auto alone = comm::make_single();
  eval::Scores scores;
  Json answer{{"seconds", Json::array()},
              {"file", split.file()},
              {"prefix_ids", task.prefix()},
              {"examples", Json::array()}};
  for (int i = 0; i < request["repeat"].get<int>(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    scores =
        eval::score_candidates(methods::PromptedModel(backbone), task, split, config.eval, *alone);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    answer["seconds"].push_back(taken.count());
  }
  const auto records = data::open_records(split.file());
  for (std::int64_t i = 0; i < split.size(); ++i) {
    answer["examples"].push_back(describe(task, *records, split[i], scores.scores[i]));
  }
  if (request.contains("soft_prompt")) {
    answer["together"] =
        score_together(backbone, task, split, request["soft_prompt"].get<std::vector<TokenId>>());
  }
  return answer;
}

}  // namespace
}  // namespace incipit

int main(int argc, char** argv) {
  incipit::keep_freed_memory();
  std::vector<std::string> overrides;
  for (int i = 2; i + 1 < argc; i += 2) overrides.emplace_back(argv[i + 1]);
  if (argc < 2 || argc % 2 != 0) {
    std::cerr << "usage: evaluation_tool CONFIG [--set KEY=VALUE]... < request.json\n";
    return 2;
  }
  std::cout << incipit::run(argv[1], overrides, nlohmann::json::parse(std::cin)) << '\n';
}
