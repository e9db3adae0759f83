#include "launcher/order_outcome.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <string>

#include "core/files.h"
#include "data/demonstrations.h"
#include "eval/evaluation.h"
#include "report/order_page.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

// Returns the few-shot examples as the results show them.
std::vector<eval::ShownDemonstration> shown_examples(const Session& session) {
  const data::Task& task = *session.task;
  const data::Dataset& examples = session.splits().demonstrations;
  std::vector<std::int64_t> all(static_cast<std::size_t>(examples.size()));
  std::iota(all.begin(), all.end(), 0);
  const auto records = data::demonstration_records(task, examples, all);
  std::vector<eval::ShownDemonstration> shown;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const data::Example example = examples[static_cast<std::int64_t>(i)];
    const bool known = example.label >= 0 && !task.labels().empty();
    shown.push_back({data::place_text({example.line, example.part}),
                     known ? task.labels()[static_cast<std::size_t>(example.label)] : "",
                     task.source_text(records[i]) + task.target_text(records[i])});
  }
  return shown;
}

std::vector<std::string> first_probes(const data::Task& task, const data::Dataset& probes) {
  constexpr std::int64_t kMost = 5;
  std::vector<std::string> texts;
  for (std::int64_t i = 0; i < std::min(kMost, probes.size()); ++i) {
    texts.push_back(task.tokenizer().decode(probes[i].source));
  }
  return texts;
}

void choose_order(eval::OrderResults& results) {
  const eval::OrderFigures& figures = results.figures[results.chosen_by];
  if (figures.by_global) {
    results.chosen = figures.by_global->orders.front();
  } else if (figures.by_held_back) {
    results.chosen = figures.by_held_back->orders.front();
  }
}

}  // namespace

eval::OrderResults order_outcome(const Session& session, const eval::OrderSearch& search,
                                 const eval::OrderInputs& inputs,
                                 const std::vector<eval::Likelihoods>& by_order) {
  const data::Task& task = *session.task;
  const configs::RunConfig& c = session.config;
  eval::OrderResults results;
  results.task = fs::path(c.task.name).stem().string();
  if (results.task.empty()) results.task = c.run.name;
  results.metric = eval::metric_names(task).front();
  results.queries = inputs.queries().size();
  if (const auto constant = eval::constant_answer(task, inputs.queries())) {
    results.majority = constant->metrics.front().second;
  }
  results.held_back = inputs.held_back().size();
  results.probes = inputs.probes().size();
  results.shown_probes = first_probes(task, inputs.probes());
  results.orders = search.orders();
  results.best = std::min(c.order.best, static_cast<std::int64_t>(results.orders.size()));
  results.possible = eval::order_count(static_cast<int>(session.splits().demonstrations.size()));
  results.rows = search.rows();
  results.rows_without_sharing = search.rows_without_sharing();
  results.demonstrations = shown_examples(session);
  const eval::Score score = c.eval.score.value_or(c.task.score);
  for (const bool calibrated : {false, true}) {
    results.figures.push_back(
        eval::measure_orders(task, inputs, by_order, score, calibrated, c.order, c.run.seed));
  }
  results.chosen_by = score == eval::Score::kCalibrated ? 1 : 0;
  choose_order(results);
  return results;
}

void write_order_results(configs::RunConfig config, const eval::OrderResults& results) {
  const fs::path dir(config.run.output_dir);
  write_atomically(dir / "order.json", eval::orders_json(results));
  write_atomically(dir / "report.html", report::order_page(results));
  if (!results.chosen) return;
  std::string lines;
  config.task.shot_lines = {};
  for (const int index : results.orders[*results.chosen]) {
    const std::string& place = results.demonstrations[static_cast<std::size_t>(index)].place;
    config.task.shot_lines.places.push_back(*data::read_place(place));
    lines += place + "\n";
  }
  write_atomically(dir / "shot_lines.txt", lines);
  write_atomically(dir / "config.yaml", configs::resolved_yaml(config));
}

}  // namespace incipit::launcher
