// Incipit's side of the benchmark: requests and answers as README.md beside this says.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <malloc.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/forest.h"
#include "core/memory.h"
#include "families/registry.h"
#include "methods/prompted_model.h"
#include "methods/registry.h"
#include "model/backbone.h"
#include "model/forest_pass.h"
#include "trainer/objective.h"
#include "trainer/optimizer.h"
#include "trainer/step.h"
#include "trainer/train_options.h"

namespace incipit {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<TokenId>;

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// [prompt] source continuation, every token of the continuation predicted.
Sequence make_sequence(const PromptRows& prompt, const Ids& source, const Ids& continuation) {
  Sequence sequence;
  sequence.append_prompt(prompt);
  sequence.append_tokens(source);
  for (const TokenId id : continuation) {
    const auto last = static_cast<std::int64_t>(sequence.inputs.size()) - 1;
    sequence.predictions.push_back({.index = last, .id = id});
    sequence.inputs.push_back(Symbol::token(id));
  }
  sequence.inputs.pop_back();  // the last token is only predicted
  return sequence;
}

class Worker {
 public:
  Json load(const Json& request) {
    at::set_num_threads(request.at("threads"));
    options_.lr = request.at("learning_rate");
    const std::string dtype = request.at("dtype");
    const auto folder = request.at("model").get<std::string>();
    backbone_.emplace(model::Backbone::load(families::read_model(folder),
                                            model::WeightFiles(folder),
                                            {.dtype = dtype == "bfloat16"  ? at::kBFloat16
                                                      : dtype == "float16" ? at::kHalf
                                                                           : at::kFloat}));
    if (!request.at("prompt").is_null()) {
      prompt_path_ = request.at("prompt").get<std::string>();
    }
    (void)backbone_->weight_hash();  // reads every weight, so that all pages are in memory
    reset(request);
    malloc_trim(0);
    return Json::object();
  }

  Json reset(const Json& /*request*/) {
    if (!prompt_path_.empty()) {
      const auto prompt = methods::load_prompt(prompt_path_).prompt;
      model_.emplace(*backbone_, std::vector<std::shared_ptr<methods::Trainable>>{prompt});
      optimizer_ = trainer::make_optimizer(options_, {prompt->parameters()});
    }
    return Json::object();
  }

  Json train(const Json& request) {
    const Stopwatch watch;
    std::vector<double> losses;
    for (const Json& batch : request.at("batches")) losses.push_back(train_step(batch));
    return {{"seconds", watch.seconds()}, {"losses", losses}};
  }

  Json score(const Json& request) {
    const Stopwatch watch;
    Json scores = Json::array();
    for (const Json& batch : request.at("batches")) scores.push_back(score_batch(batch));
    return {{"seconds", watch.seconds()}, {"scores", scores}};
  }

 private:
  double train_step(const Json& batch) {
    std::vector<Sequence> sequences;
    for (const Json& row : batch) {
      sequences.push_back(
          make_sequence(model_->rows(0), row.at("source").get<Ids>(), row.at("target").get<Ids>()));
    }
    const PackedForest packed = pack(sequences);
    const auto objective = trainer::target_token_objective(packed.forest, backbone_->device());
    model_->start_gradients();
    const trainer::TrainOptions defaults;
    const auto sums = trainer::forward_backward(*model_, packed.forest, *objective,
                                                {.max_rows = defaults.micro_batch_tokens});
    model_->collect_gradients();
    model_->finish_gradients(sums.count);
    optimizer_->step(options_.lr);
    return sums.loss.item<double>() / sums.count;
  }

  Json score_batch(const Json& batch) const {
    std::vector<Sequence> sequences;
    for (const Json& row : batch) {
      const auto source = row.at("source").get<Ids>();
      for (const Json& candidate : row.at("candidates")) {
        sequences.push_back(make_sequence({}, source, candidate.get<Ids>()));
      }
    }
    const PackedForest packed = pack(sequences);
    const model::ForestPass pass(*backbone_, packed.forest, {}, {});
    const float* likelihoods = pass.log_likelihoods().const_data_ptr<float>();
    Json scores = Json::array();
    std::size_t sequence = 0;
    for (const Json& row : batch) {
      Json& of_row = scores.emplace_back(Json::array());
      for (std::size_t c = 0; c < row.at("candidates").size(); ++c, ++sequence) {
        double sum = 0;
        for (const std::int32_t target : packed.targets[sequence]) sum += likelihoods[target];
        of_row.push_back(sum);
      }
    }
    return scores;
  }

  trainer::OptimizerOptions options_;  // AdamW (0.9, 0.999, 1e-8), no decay
  std::optional<model::Backbone> backbone_;
  std::string prompt_path_;
  std::optional<methods::PromptedModel> model_;
  std::unique_ptr<trainer::Optimizer> optimizer_;
};

Json answer(Worker& worker, const Json& request) {
  const std::string command = request.at("command");
  if (command == "load") return worker.load(request);
  if (command == "reset") return worker.reset(request);
  if (command == "train") return worker.train(request);
  if (command == "score") return worker.score(request);
  return {{"error", "unknown command " + command}};
}

}  // namespace
}  // namespace incipit

int main() {
  incipit::keep_freed_memory();
  incipit::Worker worker;
  for (std::string line; std::getline(std::cin, line);) {
    nlohmann::json reply;
    try {
      reply = incipit::answer(worker, nlohmann::json::parse(line));
    } catch (const std::exception& error) {
      reply = {{"error", error.what()}};
    }
    std::cout << reply.dump() << std::endl;
  }
  return 0;
}
