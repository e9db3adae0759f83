#include "launcher/distillation.h"

#include <filesystem>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "comm/agreement.h"
#include "core/files.h"
#include "launcher/prompt_source.h"
#include "launcher/teacher_answers.h"
#include "report/distillation_texts.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

data::TaskOptions with_long_prompt(data::TaskOptions task, const eval::DistillOptions& distill) {
  task.prompt_file = distill.prompt;
  return task;
}

}  // namespace

bool distils(const configs::RunConfig& config) {
  return config.train.loss == trainer::Loss::kDistillation;
}

Distillation::Distillation(Session& session, bool resumes)
    : session_(session),
      task_(with_long_prompt(session.task->options(), session.config.distill),
            session.task->model()),
      teacher_(std::make_unique<eval::Teacher>(*session.backbone, task_)),
      progress_(session.is_rank_zero()) {
  comm::require_same(session.world(), "prompt of distill",
                     "prompt of distill: " + task_.prefix_fingerprint());
  set_answers(session, *teacher_, resumes);
}

void Distillation::measure() {
  const data::Dataset& split = session_.splits().test;
  if (split.empty()) return;
  session_.world().barrier("learned prompt");
  const std::optional<methods::LoadedPrompt> trained = trained_prompt(session_.config, {});
  const methods::PromptedModel learned = prompted_model(session_, trained, {});
  const std::int64_t prompt_rows = rows_of(trained);
  data::Task first_tokens = task_;
  first_tokens.shorten_prefix(prompt_rows);
  std::vector<eval::StudentSums> sums;
  const auto add = [&](const std::string& student, const methods::Prompted& model,
                       const data::Task& task, const data::Dataset& dataset) {
    sums.push_back({student, eval::divergences(model, task, *teacher_, dataset,
                                               session_.config.eval, session_.mesh->batch(),
                                               progress_.titled("divergence, " + student))});
  };
  add("no_prompt", teacher_->model(), *session_.task, split);
  if (prompt_rows > 0) {
    add("first_tokens", teacher_->model(), first_tokens, eval::for_teacher(task_, split));
  }
  add("learned", learned, *session_.task, split);
  progress_.end();
  std::vector<std::int64_t> tokens;
  for (const data::Example& example : split) tokens.push_back(std::ssize(example.target));
  results_ = {.split = "test",
              .examples = split.size(),
              .tokens = std::accumulate(tokens.begin(), tokens.end(), std::int64_t{0}),
              .prompt_tokens = std::ssize(task_.prefix()),
              .learned_rows = prompt_rows,
              .divergences = eval::mean_divergences(sums, tokens)};
  if (!session_.is_rank_zero()) return;
  write_atomically(fs::path(session_.config.run.output_dir) / "distillation.json",
                   eval::distillation_json(*results_));
}

void Distillation::add_facts(telemetry::Facts& facts) const {
  if (!results_) return;
  std::string text;
  for (const auto& row : report::divergence_rows(*results_)) {
    text += (text.empty() ? "" : "\n") + row[0] + " " + row[1];
  }
  facts.emplace_back("test KL per token", text);
  facts.emplace_back("saved", report::saved_tokens(*results_));
}

}  // namespace incipit::launcher
