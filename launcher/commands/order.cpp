#include "launcher/commands/order.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "eval/order_figures.h"
#include "eval/probes.h"
#include "launcher/check_options.h"
#include "launcher/command_line.h"
#include "launcher/order_run.h"
#include "launcher/order_table.h"
#include "launcher/search_command.h"

namespace incipit::launcher {
namespace {

struct OrderArguments {
  SearchArguments search;
  std::string adapter;
};

// Refuses a search whose probes cannot be enough.
void check_probes(const configs::RunConfig& config, const configs::Report& report) {
  const std::int64_t orders =
      std::min(config.order.orders, eval::order_count(static_cast<int>(config.task.shots)));
  const std::int64_t most = orders * config.order.probes_per_order;
  if (most >= eval::kFewestProbes) return;
  report("order.probes_per_order",
         std::to_string(config.order.probes_per_order) + " after each of " +
             std::to_string(orders) + " orders are at most " + std::to_string(most) +
             " probes, and the search needs " + std::to_string(eval::kFewestProbes) +
             "; set a higher number, or 0 to measure the sensitivity only");
}

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
  } else if (task.shots >= 2 && config.order.probes_per_order > 0) {
    check_probes(config, report);
  }
  if (task.test.empty() && task.validation.file.empty() && task.validation.share == 0) {
    report("task.test", "missing, and so is task.validation; orders are scored on one of them");
  }
}

void run_order(const OrderArguments& arguments) {
  const configs::RunConfig config = load_search(arguments.search, "order", check_order_options);
  const auto results = OrderRun(config, arguments.adapter).run();
  if (!results) return;
  print_search_results(arguments.search, config.run.output_dir, eval::orders_json(*results),
                       [&](std::ostream& out, const telemetry::Style& style) {
                         print_orders(out, style, *results);
                         return order_facts(*results);
                       });
}

}  // namespace

void add_order_command(Command& program) {
  const auto arguments = std::make_shared<OrderArguments>();
  Command* command = program.add_subcommand(
      "order", "Measure how the order of few-shot examples matters, and search for a good one");
  add_search_arguments(*command, arguments->search, "order");
  command
      ->add_option("--adapter", arguments->adapter,
                   "PEFT folder or .npy: a soft prompt before the few-shot examples")
      ->type_name("PATH");
  command->example(
      "mpirun -n 2 incipit order configs/recipes/town_hall.yaml --set task.shots=4 --set "
      "order.probes_per_order=0");
  command->callback([arguments] { run_order(*arguments); });
}

}  // namespace incipit::launcher
