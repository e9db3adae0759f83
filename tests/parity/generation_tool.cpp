// generation_tool MODEL_DIR: continues token ids, for the tests and benchmarks beside transformers.
//
// Standard input: one JSON object
//   {"sequences": [[id, ...], ...], "max_tokens": n, "stops": [id, ...], "prompt": "file.npy" or
//   null,
//    "threads": n, "repeat": n}
// Standard output: {"tokens": [[id, ...], ...], "seconds": [x, ...]}, a time for each repetition.
#include <ATen/Parallel.h>

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "eval/generation.h"
#include "families/registry.h"
#include "methods/registry.h"

namespace incipit {
namespace {

nlohmann::json run(const std::string& model_dir, const nlohmann::json& request) {
  at::set_num_threads(request["threads"].get<int>());
  const auto backbone = model::Backbone::load(families::read_model(model_dir),
                                              model::WeightFiles(model_dir), {.dtype = at::kFloat});
  std::vector<std::shared_ptr<methods::Trainable>> prompts;
  if (request["prompt"].is_string()) {
    prompts.push_back(methods::load_prompt(request["prompt"].get<std::string>()).prompt);
  }
  const methods::PromptedModel model(backbone, prompts);
  nlohmann::json answer = {{"tokens", nlohmann::json::array()},
                           {"seconds", nlohmann::json::array()}};
  for (int i = 0; i < request["repeat"].get<int>(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    const auto beginning = [](PromptRows rows) {
      Sequence sequence;
      sequence.append_prompt(rows);
      return sequence;
    };
    eval::Generator generator(model, beginning);
    std::vector<Sequence> sequences;
    for (const auto& ids : request["sequences"]) {
      sequences.push_back(beginning(generator.prompt_rows()));
      sequences.back().append_tokens(ids.get<std::vector<TokenId>>());
    }
    const auto generated = generator.run(
        std::move(sequences), {.max_tokens = request["max_tokens"], .stops = request["stops"]});
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    answer["seconds"].push_back(taken.count());
    answer["tokens"].clear();
    for (const auto& each : generated) answer["tokens"].push_back(each.tokens);
  }
  return answer;
}

}  // namespace
}  // namespace incipit

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: generation_tool MODEL_DIR < request.json\n";
    return 2;
  }
  std::cout << incipit::run(argv[1], nlohmann::json::parse(std::cin)) << '\n';
}
