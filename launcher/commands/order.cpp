#include "launcher/commands/order.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/log.h"
#include "core/sha256.h"
#include "core/stop_request.h"
#include "data/demonstrations.h"
#include "eval/evaluation.h"
#include "eval/order_results.h"
#include "eval/order_search.h"
#include "eval/probes.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/command_line.h"
#include "launcher/json_output.h"
#include "launcher/order_journal.h"
#include "launcher/order_table.h"
#include "launcher/prompt_source.h"
#include "launcher/search_dir.h"
#include "launcher/session.h"
#include "report/order_page.h"
#include "telemetry/output.h"
#include "telemetry/progress.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

struct OrderArguments {
  ConfigArguments config;
  std::string adapter;
  std::string output;
  bool json = false;
};

// Checks what an order search requires.
void check_order_options(const configs::RunConfig& config, const configs::Report& report) {
  check_shared_text_options(config, report);
  const data::TaskOptions& task = config.task;
  if (task.shots < 2) {
    report("task.shots",
           "is " + std::to_string(task.shots) + "; orders need at least 2 few-shot examples");
  }
  if (data::generates_answers(task) || task.answer == data::Answer::kGenerate) {
    report("task.answer", "orders are compared by scored answers; expected a verbalizer");
  } else if (config.order.probes_per_order > 0 && task.verbalizer.empty()) {
    report("order.probes_per_order",
           "the entropies are over labels that all inputs share, and this task has none; expected "
           "0, to measure the sensitivity only");
  }
  if (task.test.empty() && task.validation.file.empty() && task.validation.share == 0) {
    report("task.test", "missing, and so is task.validation; orders are scored on one of them");
  }
}

configs::RunConfig load_order(const OrderArguments& arguments) {
  configs::RunConfig config = load_one_task(arguments.config, check_order_options);
  config.method = methods::MethodOptions();
  config.method.kind = methods::kNoMethod;
  config.run.output_dir =
      arguments.output.empty() ? config.run.output_dir + "-order" : arguments.output;
  return config;
}

// One search, on all ranks.
class OrderCommand {
 public:
  OrderCommand(const OrderArguments& arguments, configs::RunConfig config)
      : arguments_(arguments),
        trained_(arguments.adapter.empty() ? std::nullopt
                                           : trained_prompt(config, arguments.adapter)),
        session_(open_session(config, rows_of(trained_),
                              {.train = false, .validation = true, .test = true})),
        model_(prompted_model(session_, trained_, arguments.adapter)),
        dir_(config.run.output_dir) {
    const data::Splits& splits = session_.splits();
    const bool tests = !splits.test.empty();
    const configs::RunConfig& c = session_.config;
    results_.split = tests ? "test" : "validation";
    queries_ =
        data::draw_queries(tests ? splits.test : splits.validation, c.order.queries, c.run.seed);
    if (!queries_.labelled()) {
      throw DataError(
          queries_.file() +
          ": an example has no label; measuring orders needs the label of every example");
    }
    if (tests && !splits.validation.empty()) {
      held_back_ = data::draw_queries(splits.validation, c.order.queries, c.run.seed);
    }
  }

  void run();

 private:
  [[nodiscard]] std::string identity() const;
  void open_journal();
  void show_progress(std::int64_t done, std::int64_t total, const std::string& title);
  [[nodiscard]] data::Dataset generate(eval::OrderSearch& search);
  [[nodiscard]] std::vector<eval::Likelihoods> score(eval::OrderSearch& search,
                                                     const eval::OrderInputs& inputs);
  void fill_results(const eval::OrderSearch& search, const eval::OrderInputs& inputs,
                    const std::vector<eval::Likelihoods>& by_order);
  void choose();
  void write();

  const OrderArguments& arguments_;
  std::optional<methods::LoadedPrompt> trained_;
  Session session_;
  methods::PromptedModel model_;
  fs::path dir_;
  data::Dataset queries_;
  data::Dataset held_back_;
  std::optional<OrderJournal> journal_;
  std::unique_ptr<telemetry::Progress> progress_;
  std::string progress_title_;
  eval::OrderResults results_;
};

// Returns a hash of all that the entries of the journal depend on.
std::string OrderCommand::identity() const {
  configs::RunConfig config = session_.config;
  const configs::RunConfig standard;
  config.run.name = config.run.output_dir = "";
  config.parallel = standard.parallel;
  config.metrics = standard.metrics;
  config.log = standard.log;
  config.train = standard.train;
  config.eval = standard.eval;
  config.order.best = standard.order.best;
  std::string text = configs::resolved_yaml(config) + session_.headers_sha256 + arguments_.adapter;
  for (const data::Dataset* each : {&session_.splits().demonstrations, &queries_, &held_back_}) {
    text += ":" + std::to_string(each->fingerprint());
  }
  return sha256_hex(std::as_bytes(std::span(text)));
}

// Continues the search in the run directory, or starts one there.
void OrderCommand::open_journal() {
  const fs::path file = dir_ / "order.jsonl";
  const std::string own = identity();
  open_search_dir(session_, dir_, "order.jsonl", own, "order");
  journal_.emplace(file, own, session_.world());
  on_stop_signal(OnSignal::kStop);
  if (journal_->resumed() > 0) {
    log::info("{}: {} steps of the search are there already", file.string(), journal_->resumed());
  }
}

void OrderCommand::show_progress(std::int64_t done, std::int64_t total, const std::string& title) {
  if (!session_.is_rank_zero()) return;
  if (progress_title_ != title) {
    if (progress_) progress_->finish();
    progress_ = std::make_unique<telemetry::Progress>(title, total);
    progress_title_ = title;
  }
  progress_->update(done);
}

// Generates the probes. In each round every rank takes an order.
data::Dataset OrderCommand::generate(eval::OrderSearch& search) {
  comm::Communicator& ranks = session_.mesh->batch();
  std::vector<std::size_t> missing;
  for (std::size_t o = 0; o < search.orders().size(); ++o) {
    if (journal_->probes(o) == nullptr) missing.push_back(o);
  }
  const auto world = static_cast<std::size_t>(ranks.size());
  for (std::size_t first = 0; first < missing.size(); first += world) {
    leave_if_stopped(session_);
    show_progress(static_cast<std::int64_t>(first), std::ssize(missing), "probes");
    const std::size_t mine = first + static_cast<std::size_t>(ranks.rank());
    nlohmann::json written = nlohmann::json::array();
    if (mine < missing.size()) written = search.write_probes(missing[mine]);
    const auto all = ranks.all_gather(dump_json(written), "probes");
    for (std::size_t r = 0; r < world && first + r < missing.size(); ++r) {
      journal_->add_probes(missing[first + r],
                           parse_json<nlohmann::json>(all[r]).get<std::vector<std::string>>());
    }
  }
  std::vector<std::vector<std::string>> by_order;
  for (std::size_t o = 0; o < search.orders().size(); ++o) {
    by_order.push_back(*journal_->probes(o));
    results_.probes_generated += std::ssize(by_order.back());
  }
  return eval::pool_probes(*session_.task, by_order, session_.config.order, model_.rows(0).rows);
}

std::vector<eval::Likelihoods> OrderCommand::score(eval::OrderSearch& search,
                                                   const eval::OrderInputs& inputs) {
  const auto count = std::ssize(search.orders());
  const std::int64_t each = inputs.all().size();
  std::vector<eval::Likelihoods> by_order;
  for (std::size_t o = 0; o < search.orders().size(); ++o) {
    if (journal_->likelihoods(o) == nullptr) {
      leave_if_stopped(session_);
      const auto tell = [&](std::int64_t done, std::int64_t) {
        show_progress(static_cast<std::int64_t>(o) * each + done, count * each, "orders");
      };
      journal_->add_likelihoods(
          o, search.score(o, inputs, session_.config.eval, session_.mesh->batch(), tell));
    }
    by_order.push_back(*journal_->likelihoods(o));
  }
  if (progress_) progress_->finish();
  return by_order;
}

void OrderCommand::fill_results(const eval::OrderSearch& search, const eval::OrderInputs& inputs,
                                const std::vector<eval::Likelihoods>& by_order) {
  const data::Task& task = *session_.task;
  const configs::RunConfig& c = session_.config;
  const data::Dataset& examples = session_.splits().demonstrations;
  results_.task = fs::path(c.task.name).stem().string();
  if (results_.task.empty()) results_.task = c.run.name;
  results_.metric = eval::metric_names(task).front();
  results_.queries = inputs.queries().size();
  results_.held_back = inputs.held_back().size();
  results_.probes = inputs.probes().size();
  results_.orders = search.orders();
  results_.best = std::min(c.order.best, static_cast<std::int64_t>(results_.orders.size()));
  results_.possible = eval::order_count(static_cast<int>(examples.size()));
  results_.rows = search.rows();
  results_.rows_without_sharing = search.rows_without_sharing();
  std::vector<std::int64_t> all(static_cast<std::size_t>(examples.size()));
  std::iota(all.begin(), all.end(), 0);
  const auto records = data::demonstration_records(task, examples, all);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const data::Example example = examples[static_cast<std::int64_t>(i)];
    const bool known = example.label >= 0 && !task.labels().empty();
    results_.demonstrations.push_back(
        {data::place_text({example.line, example.part}),
         known ? task.labels()[static_cast<std::size_t>(example.label)] : "",
         task.source_text(records[i]) + task.target_text(records[i])});
  }
  const eval::Score score = c.eval.score.value_or(c.task.score);
  for (const bool calibrated : {false, true}) {
    results_.figures.push_back(
        eval::measure_orders(task, inputs, by_order, score, calibrated, c.order, c.run.seed));
  }
  results_.chosen_by = score == eval::Score::kCalibrated ? 1 : 0;
  choose();
}

void OrderCommand::choose() {
  const eval::OrderFigures& figures = results_.figures[results_.chosen_by];
  if (figures.by_global) {
    results_.chosen = figures.by_global->orders.front();
  } else if (figures.by_held_back) {
    results_.chosen = figures.by_held_back->orders.front();
  }
}

// Writes the results. The configuration becomes that of the chosen order.
void OrderCommand::write() {
  write_atomically(dir_ / "order.json", eval::orders_json(results_));
  write_atomically(dir_ / "report.html", report::order_page(results_));
  if (!results_.chosen) return;
  configs::RunConfig config = session_.config;
  std::string lines;
  config.task.shot_lines = {};
  for (const int index : results_.orders[*results_.chosen]) {
    const std::string& place = results_.demonstrations[static_cast<std::size_t>(index)].place;
    config.task.shot_lines.places.push_back(*data::read_place(place));
    lines += place + "\n";
  }
  write_atomically(dir_ / "shot_lines.txt", lines);
  write_atomically(dir_ / "config.yaml", configs::resolved_yaml(config));
}

void OrderCommand::run() {
  const configs::RunConfig& c = session_.config;
  open_journal();
  eval::OrderSearch search(model_, *session_.task, session_.splits().demonstrations, c.order,
                           c.run.seed);
  data::Dataset probes;
  if (c.order.probes_per_order > 0) probes = generate(search);
  const eval::OrderInputs inputs(*session_.task, queries_, held_back_, std::move(probes),
                                 model_.rows(0).rows > 0);
  const std::vector<eval::Likelihoods> by_order = score(search, inputs);
  if (!session_.is_rank_zero()) return;
  fill_results(search, inputs, by_order);
  write();
  on_stop_signal(OnSignal::kDone);
  if (arguments_.json) {
    nlohmann::ordered_json json{{"run", dir_.string()}};
    json.update(parse_json<nlohmann::ordered_json>(eval::orders_json(results_)));
    return print_json(json);
  }
  const telemetry::Style style = telemetry::Style::of_stdout();
  print_orders(std::cout, style, results_);
  telemetry::Facts facts = order_facts(results_);
  facts.emplace_back("page", (dir_ / "report.html").string());
  facts.emplace_back("run", dir_.string());
  telemetry::print_facts(std::cout, style, facts);
}

}  // namespace

void add_order_command(Command& program) {
  const auto arguments = std::make_shared<OrderArguments>();
  Command* command = program.add_subcommand(
      "order", "Measure how the order of few-shot examples matters, and search for a good one");
  add_config_arguments(*command, arguments->config);
  add_task_argument(*command, arguments->config);
  command
      ->add_option("--adapter", arguments->adapter,
                   "PEFT folder or .npy: a soft prompt before the few-shot examples")
      ->type_name("PATH");
  command
      ->add_option("--output", arguments->output,
                   "run directory (default: run.output_dir with -order)")
      ->type_name("DIR");
  add_json_flag(*command, arguments->json);
  command->example(
      "mpirun -n 2 incipit order configs/recipes/town_hall.yaml --set task.shots=4 --set "
      "order.probes_per_order=0");
  command->callback([arguments] { OrderCommand(*arguments, load_order(*arguments)).run(); });
}

}  // namespace incipit::launcher
