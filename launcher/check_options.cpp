#include "launcher/check_options.h"

#include "core/error.h"

namespace incipit::launcher {
namespace {

void report_all(const configs::Report& report, const std::string& block,
                const std::vector<OptionProblem>& problems) {
  for (const OptionProblem& problem : problems) {
    report(block + "." + problem.key, problem.message);
  }
}

}  // namespace

void check_options(const configs::RunConfig& config, const configs::Report& report) {
  report_all(report, "parallel", comm::validate(config.parallel));
  report_all(report, "method", prompt::validate(config.method));
  report_all(report, "task", data::validate(config.task));
  report_all(report, "train", trainer::validate(config.train));
  report_all(report, "eval", eval::validate(config.eval));
}

void check_training_options(const configs::RunConfig& config, const configs::Report& report) {
  check_options(config, report);
  if (config.method.kind == prompt::MethodKind::kNone) {
    report("method.kind", "none has nothing to train; incipit eval scores the model as it is");
  }
  if (config.task.train.empty()) report("task.train", "missing; expected a file");
  const bool no_select = config.task.select.file.empty() && config.task.select.share == 0;
  if (config.train.eval_every > 0 && no_select) {
    report("train.eval_every", "needs a select split: set task.select, or train.eval_every: 0");
  }
  if (!config.task.verbalizer.empty()) return;
  if (config.train.loss == trainer::Loss::kCandidates && config.task.candidates.each.empty()) {
    report("train.loss", "candidates needs task.verbalizer or task.candidates");
  }
  if (config.method.init.kind == prompt::InitKind::kClassLabels) {
    report("method.init.kind", "class_labels needs task.verbalizer");
  }
}

}  // namespace incipit::launcher
