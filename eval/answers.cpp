#include "eval/answers.h"

#include <nlohmann/json.hpp>

#include "data/batch.h"
#include "eval/batches.h"
#include "eval/generation.h"

namespace incipit::eval {

std::vector<std::string> generate_answers(const model::Backbone& backbone, const data::Task& task,
                                          const data::Dataset& dataset,
                                          const std::optional<at::Tensor>& prompt,
                                          const EvalOptions& options, std::int64_t max_tokens,
                                          comm::Communicator& ranks) {
  Generator generator(backbone, prompt, [&](data::PromptRows rows) {
    return data::source_sequence(task, data::Example{}, rows);
  });
  std::vector<std::int64_t> rows;
  for (const data::Example& example : dataset) {
    rows.push_back(static_cast<std::int64_t>(example.source.size()) + max_tokens);
  }
  const Batches plan = plan_batches(dataset, rows, options.batch_tokens, ranks.size());
  auto mine = nlohmann::json::array();  // of [example, answer]
  for (int b = ranks.rank(); b < plan.count(); b += ranks.size()) {
    std::vector<Sequence> sequences;
    for (std::int64_t i = plan.begins[b]; i < plan.begins[b + 1]; ++i) {
      sequences.push_back(
          data::source_sequence(task, dataset[plan.order[i]], generator.prompt_rows()));
    }
    const auto answers = generator.run(
        std::move(sequences), {.max_tokens = max_tokens, .stops = task.model().special.stops});
    for (std::size_t i = 0; i < answers.size(); ++i) {
      mine.push_back({plan.order[plan.begins[b] + static_cast<std::int64_t>(i)],
                      task.tokenizer().decode(answers[i].tokens)});
    }
  }
  std::vector<std::string> all(dataset.size());
  for (const std::string& part : ranks.all_gather(mine.dump(), "answers")) {
    for (const auto& entry : nlohmann::json::parse(part)) {
      all[entry[0].get<std::size_t>()] = entry[1].get<std::string>();
    }
  }
  return all;
}

}  // namespace incipit::eval
