#include "eval/order_search.h"

#include <utility>

#include "data/batch.h"
#include "data/demonstrations.h"
#include "eval/probes.h"

namespace incipit::eval {
namespace {

data::Dataset joined(const std::string& file, const std::vector<const data::Dataset*>& parts) {
  std::vector<data::Example> examples;
  for (const data::Dataset* part : parts) {
    for (data::Example example : *part) examples.push_back(std::move(example));
  }
  return {file, std::move(examples), 0};
}

std::vector<data::Task> tasks_in_order(const data::Task& task, const data::Dataset& demonstrations,
                                       const std::vector<Order>& orders) {
  std::vector<data::Task> tasks;
  for (const Order& order : orders) {
    tasks.push_back(task);
    tasks.back().set_demonstrations(
        data::demonstration_records(task, demonstrations, {order.begin(), order.end()}));
  }
  return tasks;
}

std::vector<Sequence> beginnings_of(const std::vector<data::Task>& tasks, PromptRows prompt) {
  std::vector<Sequence> beginnings;
  for (const data::Task& task : tasks) {
    beginnings.push_back(data::source_sequence(task, data::Example{}, prompt));
  }
  return beginnings;
}

}  // namespace

OrderInputs::OrderInputs(const data::Task& task, data::Dataset queries, data::Dataset held_back,
                         data::Dataset probes, bool has_prompt)
    : queries_(std::move(queries)),
      held_back_(std::move(held_back)),
      probes_(std::move(probes)),
      questions_(joined(queries_.file(), {&queries_, &held_back_, &probes_})),
      content_free_(Score::kCalibrated, task, questions_, has_prompt),
      all_(joined(queries_.file(), {&questions_, &content_free_.dataset()})) {}

OrderInputs::Parts OrderInputs::split(const Likelihoods& likelihoods, bool calibrated) const {
  const auto cut = likelihoods.begin() + static_cast<std::ptrdiff_t>(questions_.size());
  Likelihoods questions(likelihoods.begin(), cut);
  if (calibrated) content_free_.apply(questions, questions_, {cut, likelihoods.end()});
  auto next = questions.begin();
  const auto take = [&](const data::Dataset& part) {
    const auto begin = next;
    next += static_cast<std::ptrdiff_t>(part.size());
    return Likelihoods(begin, next);
  };
  Parts parts;
  parts.queries = take(queries_);
  parts.held_back = take(held_back_);
  parts.probes = take(probes_);
  return parts;
}

OrderSearch::OrderSearch(const methods::Prompted& model, const data::Task& task,
                         const data::Dataset& demonstrations, const OrderOptions& options,
                         std::uint64_t seed)
    : options_(options),
      seed_(seed),
      orders_(choose_orders(static_cast<int>(demonstrations.size()), options.orders, seed)),
      tasks_(tasks_in_order(task, demonstrations, orders_)),
      beginnings_(model, beginnings_of(tasks_, model.rows())) {}

std::vector<std::string> OrderSearch::write_probes(std::size_t index) {
  return eval::write_probes(beginnings_, index, tasks_.at(index), options_, seed_);
}

Likelihoods OrderSearch::score(std::size_t index, const OrderInputs& inputs,
                               const EvalOptions& options, comm::Communicator& ranks,
                               const ScoringProgress& on_progress) {
  SharedBeginning beginning = beginnings_[index];
  return candidate_likelihoods(beginning, tasks_.at(index), inputs.all(), options, ranks,
                               on_progress);
}

}  // namespace incipit::eval
