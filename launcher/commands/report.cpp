#include "launcher/commands/report.h"

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "core/files.h"
#include "core/log.h"
#include "launcher/arguments.h"
#include "launcher/command_line.h"
#include "report/comparison_output.h"
#include "report/order_page.h"
#include "report/page.h"
#include "report/page_parts.h"
#include "report/search_page.h"
#include "report/sweep.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

struct ReportArguments {
  std::vector<fs::path> runs;
  fs::path output;
  fs::path json;
  std::string task;
};

fs::path page_path(const ReportArguments& arguments) {
  if (!arguments.output.empty()) return arguments.output;
  return arguments.runs.size() == 1 ? arguments.runs[0] / "report.html" : fs::path("report.html");
}

// Writes the page of a search, which has its figures in `results`.
void report_search(const ReportArguments& arguments, const fs::path& results,
                   const std::string& page) {
  const fs::path path = page_path(arguments);
  write_atomically(path, page);
  telemetry::Facts facts{{"page", path.string()}, {"figures", results.string()}};
  telemetry::print_facts(std::cout, telemetry::Style::of_stdout(), facts);
}

// Returns whether the run is a search, whose page it then writes.
bool report_one_search(const ReportArguments& arguments) {
  if (arguments.runs.size() != 1) return false;
  const fs::path orders = arguments.runs.front() / "order.json";
  const fs::path words = arguments.runs.front() / "search.json";
  if (fs::exists(orders)) {
    report_search(arguments, orders,
                  report::order_page(eval::read_orders(read_text(orders), orders.string())));
    return true;
  }
  if (!fs::exists(words)) return false;
  report_search(arguments, words,
                report::search_page(eval::read_search(read_text(words), words.string())));
  return true;
}

void report_sweep(const ReportArguments& arguments) {
  const report::Sweep sweep = report::read_sweep(arguments.runs.front());
  const fs::path path = page_path(arguments);
  write_atomically(path, report::sweep_page(sweep));
  if (!arguments.json.empty()) write_atomically(arguments.json, report::sweep_json(sweep));
  const telemetry::Style style = telemetry::Style::of_stdout();
  report::print_sweep(std::cout, style, sweep);
  telemetry::print_facts(std::cout, style, {{"page", path.string()}});
}

void run_report(const ReportArguments& arguments) {
  log::configure("error");  // the runs already logged the warnings of data/
  if (report_one_search(arguments)) return;
  const bool one = arguments.runs.size() == 1 && arguments.task.empty();
  if (one && report::is_sweep(arguments.runs.front())) return report_sweep(arguments);
  const report::Report report = report::gather(arguments.runs, arguments.task);
  const fs::path path = page_path(arguments);
  write_atomically(path, report::render(report));
  if (!arguments.json.empty()) write_atomically(arguments.json, report::report_json(report));
  const telemetry::Style style = telemetry::Style::of_stdout();
  if (report.comparison) report::print_comparison(std::cout, style, *report.comparison);
  report::print_distilled(std::cout, style, report);
  report::print_score_curves(std::cout, style, report);
  const std::string result = report::result_sentence(report);
  if (!result.empty()) telemetry::print_paragraph(std::cout, telemetry::visible(result));
  telemetry::Facts facts{{"page", path.string()}};
  if (!arguments.json.empty()) facts.emplace_back("figures", arguments.json.string());
  telemetry::print_facts(std::cout, style, facts);
}

}  // namespace

void add_report_command(Command& program) {
  const auto arguments = std::make_shared<ReportArguments>();
  Command* command = program.add_subcommand("report", "Write an HTML report on one or more runs");
  command
      ->add_option("runs", arguments->runs,
                   "run directories; several are compared on their test examples")
      ->type_name("RUN")
      ->required();
  command
      ->add_option("--output", arguments->output,
                   "HTML file (default: report.html; for one run, in its directory)")
      ->type_name("FILE");
  command->add_option("--json", arguments->json, "write the figures as JSON, too")
      ->type_name("FILE");
  command
      ->add_option("--task", arguments->task,
                   "task to report on, for runs of several tasks, or member of a sweep")
      ->type_name("NAME");
  command->example("incipit report runs/rte");
  command->callback([arguments] { run_report(*arguments); });
}

}  // namespace incipit::launcher
