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

#include "comm/mesh.h"
#include "comm/single.h"
#include "core/error.h"
#include "core/forest.h"
#include "core/memory.h"
#include "families/registry.h"
#include "methods/prompted_model.h"
#include "methods/registry.h"
#include "model/backbone.h"
#include "model/device_memory.h"
#include "model/forest_pass.h"
#include "model/gpus.h"
#include "model/pass_graphs.h"
#include "nn/device_graphs.h"
#include "nn/host_copy.h"
#include "trainer/objective.h"
#include "trainer/optimizer.h"
#include "trainer/train_options.h"
#include "trainer/train_step.h"

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
    const at::Device device =
        request.value("device", "cpu") == "cuda" ? at::Device(at::kCUDA, 0) : at::kCPU;
    if (device.is_cuda()) (void)model::load_gpus();
    options_.lr = request.at("learning_rate");
    const std::string dtype = request.at("dtype");
    const auto folder = request.at("model").get<std::string>();
    backbone_.emplace(model::Backbone::load(families::read_model(folder),
                                            model::WeightFiles(folder),
                                            {.dtype = dtype == "bfloat16"  ? at::kBFloat16
                                                      : dtype == "float16" ? at::kHalf
                                                                           : at::kFloat,
                                             .device = device}));
    if (!request.at("prompt").is_null()) {
      prompt_path_ = request.at("prompt").get<std::string>();
    }
    if (device.is_cpu()) (void)backbone_->weight_hash();  // so that all pages are in memory
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

  // As the trainer does, the host reads the numbers of a step when it has started the next one.
  Json train(const Json& request) {
    const Stopwatch watch;
    std::vector<nn::HostCopy> numbers;
    std::vector<double> losses;
    const auto read = [&](std::size_t leave) {
      while (losses.size() + leave < numbers.size()) {
        const at::Tensor& host = numbers[losses.size()].wait(mesh_.world(), "numbers of the step");
        losses.push_back(trainer::StepNumbers(host).loss);
      }
    };
    for (const Json& batch : request.at("batches")) {
      numbers.emplace_back(train_step(batch));
      read(1);
    }
    read(0);
    return {{"seconds", watch.seconds()}, {"losses", losses}};
  }

  Json score(const Json& request) {
    const Stopwatch watch;
    Json scores = Json::array();
    for (const Json& batch : request.at("batches")) scores.push_back(score_batch(batch));
    return {{"seconds", watch.seconds()}, {"scores", scores}};
  }

  // Begins or ends the use of CUDA graphs. Returns how many passes there were, and how many of them
  // graphs repeated, since the first use.
  Json graphs(const Json& request) {
    const bool use = request.at("use");
    if (use && !graphs_) {
      nn::LoadedGraphs loaded = nn::load_graphs(backbone_->device());
      if (!loaded.backend) throw ConfigError(loaded.problem);
      graphs_ = std::make_shared<model::PassGraphs>(std::move(loaded.backend));
    }
    backbone_->set_graphs(use ? graphs_ : nullptr);
    if (!graphs_) return Json::object();
    const model::GraphCounts& counts = graphs_->counts();
    return {{"passes", counts.passes()}, {"replayed", counts.replayed}};
  }

  // Returns the memory on the device, and its peak since the last request.
  Json memory(const Json& /*request*/) {
    const MemoryUse use = model::device_memory(backbone_->device());
    model::reset_peak_memory(backbone_->device());
    return {{"bytes", use.bytes},
            {"peak_bytes", use.peak_bytes},
            {"allocations", model::driver_allocations(backbone_->device())}};
  }

 private:
  // Returns the numbers of the step, on the device.
  at::Tensor train_step(const Json& batch) {
    std::vector<Sequence> sequences;
    for (const Json& row : batch) {
      sequences.push_back(
          make_sequence(model_->rows(0), row.at("source").get<Ids>(), row.at("target").get<Ids>()));
    }
    const PackedForest packed = pack(sequences);
    return trainer::run_step(
        *model_, *optimizer_, mesh_,
        {.forest = packed.forest,
         .examples = std::ssize(sequences),
         .objective = trainer::target_token_objective(packed.forest, backbone_->device())},
        {.micro_batches = trainer::micro_batches({}, /*stages=*/1), .learning_rate = options_.lr});
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
    const at::Tensor host = pass.log_likelihoods().cpu();
    const float* likelihoods = host.const_data_ptr<float>();
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

  const comm::Mesh mesh_{comm::make_single(), {}};
  trainer::OptimizerOptions options_;  // AdamW (0.9, 0.999, 1e-8), no decay
  std::optional<model::Backbone> backbone_;
  std::shared_ptr<model::PassGraphs> graphs_;
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
  if (command == "memory") return worker.memory(request);
  if (command == "graphs") return worker.graphs(request);
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
