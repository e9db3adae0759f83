// The training loop.
//
//   next batch -> prompted forward -> loss sum -> backward -> reduce -> optimizer -> record
//
// with periodic evaluations and checkpoints. Rank 0 writes to the run directory:
//   checkpoints/step-N   to resume from: every train.checkpoint_every steps, after the last
//                     step, and when a signal asks to stop
//   adapter/last      the soft prompt after the latest checkpoint, at the end after the last
//                     step (PEFT layout)
//   adapter/best      the soft prompt with the best score on the validation split (`validation`);
//                     without evaluations, the last one
//   predictions/test.jsonl, scores.json   results of adapter/best on the test split
//
// A run trains one task or several on one backbone, in one batch (data/mixture.h). It has one soft
// prompt per task (adapter/last/TASK and adapter/best/TASK) or one for all, in which tasks may have
// rows of their own (Trainable::tasks). Each prompt's best step is chosen separately: the one with
// the highest mean score over the prompt's tasks. In a sweep the tasks are members, which are the
// same task under several names, with a prompt each.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/mesh.h"
#include "core/files.h"
#include "data/loaded_task.h"
#include "data/mixture_options.h"
#include "eval/ensemble.h"
#include "eval/eval_options.h"
#include "eval/evaluation.h"
#include "eval/teacher.h"
#include "methods/prompted_model.h"
#include "model/backbone.h"
#include "nn/host_copy.h"
#include "telemetry/step_record.h"
#include "trainer/batch_stream.h"
#include "trainer/checkpoint.h"
#include "trainer/early_stop.h"
#include "trainer/observer.h"
#include "trainer/optimizer.h"
#include "trainer/train_options.h"
#include "trainer/train_state.h"
#include "trainer/train_step.h"

namespace incipit::trainer {

// A member of a sweep: its prompt is trained as in a separate run, with these settings in the
// place of the run's, in one batch with the other members.
struct SweepMember {
  std::string setting;     // that it shares with the members that differ in the seed only
  double lr = 0;           // in the place of train.optimizer.lr
  std::uint64_t seed = 0;  // of the order of its examples
};

// The inputs of a run. All of them must outlive the trainer.
struct TrainSetup {
  const model::Backbone& backbone;
  // At least one. The validation split may be empty when train.eval_every is 0. An empty test split
  // is not scored.
  std::vector<data::LoadedTask> tasks;
  const comm::Mesh& mesh;
  TrainObserver& observer;
  TrainOptions train;
  eval::EvalOptions eval;
  data::MixtureOptions mixture{};
  // A sweep: one per task, all of which have the same examples; train.batch_size counts for each.
  std::vector<SweepMember> members{};
  std::uint64_t seed = 0;
  std::filesystem::path run_dir;
  methods::BackboneInfo backbone_info;  // for the adapter files
  RunFacts facts{};                     // for the checkpoints' manifests
  eval::Teacher* teacher = nullptr;     // needed by Loss::kDistillation, for the only task
  // Called on all ranks after the test splits were scored, with adapter/best written, unless empty.
  // May throw Stopped on all ranks, which stops the run with a checkpoint.
  std::function<void()> after_test{};
  // How many steps the host may have started beyond the last one whose numbers it has read, except
  // before evaluations and checkpoints. By default 0 where operations return with their results, as
  // on the CPU, else 1.
  std::optional<int> steps_ahead{};
};

struct TaskResult {
  std::int64_t best_step = 0;        // its soft prompt is adapter/best
  std::string metric;                // the task's metric by which adapter/best is chosen
  std::optional<double> best_score;  // its value on the validation split; nullopt: not evaluated
  eval::Metrics test;                // scores of adapter/best; empty when not scored
  eval::Intervals test_intervals{};
};

struct TrainResult {
  std::int64_t steps = 0;      // steps done
  bool stopped_early = false;  // the mean score over the tasks no longer rose
  bool stopped = false;        // by a signal; a checkpoint was written, and `tasks` is empty
  double last_loss = 0;
  std::vector<TaskResult> tasks{};
  std::vector<eval::Ensemble> ensembles{};  // of a sweep's settings with several members
};

class Trainer {
 public:
  // `prompts`: one per task, or one for all of them; trained in place. Throws ConfigError when
  // options and data are incompatible.
  Trainer(const TrainSetup& setup, std::vector<std::shared_ptr<methods::Trainable>> prompts);

  // Resumes from `state`, which only rank 0 reads. Call before run(). Throws DataError when the
  // state belongs to a different run. Collective over the mesh.
  void restore(const TrainState& state);

  // Trains. When a stop is requested on any rank (core/stop_request.h), finishes the step, writes a
  // checkpoint and returns with `stopped` set. Throws NumericsError, on every rank, when more than
  // train.max_nonfinite_steps steps in a row had a loss or gradient that is not finite. Throws
  // DataError, on rank 0, when train.max_checkpoint_failures saves in a row failed. Collective over
  // the mesh.
  TrainResult run();

  // Returns the current state. Only rank 0 has the tensors. Collective over the mesh.
  [[nodiscard]] TrainState state() const;

  // What is trained, as it is now.
  [[nodiscard]] const methods::Trainable& trained(std::size_t number = 0) const {
    return *prompts_[number];
  }

 private:
  void train_step();
  // Returns the parameters of all prompts.
  [[nodiscard]] std::vector<ParameterGroup> parameters() const;
  [[nodiscard]] StepBatch step_batch(const TrainBatch& batch) const;
  // Reads the numbers of all steps that were started, except for the last `leave`.
  void read_steps(std::size_t leave);
  void learn(const StepNumbers& numbers, telemetry::StepRecord record);
  void count_nonfinite_step(const telemetry::StepRecord& record);
  void evaluate();
  [[nodiscard]] TrainResult finish();
  [[nodiscard]] TrainResult stopped();
  void checkpoint();
  bool try_to_save(const std::function<void()>& action);
  void test(TrainResult& result);
  void call_after_test();

  // The learning rate's factor at this step.
  [[nodiscard]] double schedule() const;
  [[nodiscard]] bool sweeps() const { return !setup_.members.empty(); }
  [[nodiscard]] std::vector<double> rate_factors() const;
  // Returns the number of examples of a step, of all members together.
  [[nodiscard]] std::int64_t batch_size() const;
  [[nodiscard]] comm::Activity& activity() const;
  [[nodiscard]] eval::SplitResult score(const ScoredSplit& which) const;
  // Returns the results of all tasks; of a task without such a split, an empty one.
  [[nodiscard]] std::vector<eval::SplitResult> score_all(const std::string& split) const;
  [[nodiscard]] double selection_score(std::size_t task, const eval::Metrics& metrics) const;
  [[nodiscard]] bool several_prompts() const { return prompts_.size() > 1; }
  [[nodiscard]] std::size_t prompt_of(std::size_t task) const {
    return several_prompts() ? task : 0;
  }
  // Returns the number of a task among those of its prompt.
  [[nodiscard]] std::size_t task_in_prompt(std::size_t task) const {
    return several_prompts() ? 0 : task;
  }
  // Returns the tasks that use a prompt.
  [[nodiscard]] std::vector<std::size_t> tasks_of(std::size_t prompt) const;
  // The values of a prompt's parameters.
  using Snapshot = std::vector<at::Tensor>;
  // Returns the best prompt so far, or without evaluations the current one.
  [[nodiscard]] Snapshot best_prompt(std::size_t number) const {
    return best_[number].empty() ? methods::current_parameters(*prompts_[number]) : best_[number];
  }
  // Exchanges the prompts' parameters with the best ones.
  void swap_with_best();
  void keep_best(const std::vector<double>& scores);
  void save(const char* which, std::size_t prompt, const Snapshot& parameters) const;
  // Saves a prompt now as well as at the end. A failure is a warning.
  void save_during_run(const char* which, std::size_t prompt, const Snapshot& parameters);
  void save_last() const;
  void check_replicas() const;
  [[nodiscard]] std::unique_ptr<BatchStream> make_batches() const;
  // A tensor for each parameter of a prompt, as checkpoints have them: `name`, with several prompts
  // followed by the task, and then by the names of Trainable::whole().
  struct StateTensors {
    std::string name;
    std::size_t prompt = 0;
    std::vector<at::Tensor> tensors;
  };
  [[nodiscard]] std::vector<StateTensors> state_tensors() const;
  [[nodiscard]] bool due(std::int64_t every) const { return every > 0 && step_ % every == 0; }
  [[nodiscard]] bool evaluation_due() const {
    return step_ > 0 && due(setup_.train.eval_every) && evaluated_at_ != step_;
  }
  [[nodiscard]] bool goes_on() const {
    return !stopping_ && step_ < setup_.train.steps && !early_stop_.exhausted();
  }

  TrainSetup setup_;
  std::vector<std::shared_ptr<methods::Trainable>> prompts_;  // one per task, or one for all
  methods::PromptedModel model_;                              // with these prompts
  std::vector<Snapshot> best_;                      // per prompt; empty before its first evaluation
  std::vector<BestEvaluation> best_at_;             // per prompt
  std::vector<std::optional<double>> task_scores_;  // per task: score in best_at_ of its prompt
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<BatchStream> batches_;
  std::optional<KnownFolder> run_folder_;       // on rank 0, if it was there at the start
  EarlyStop early_stop_;                        // on the mean over the tasks
  std::vector<std::string> selection_metrics_;  // per task
  // A step that was started, of whose numbers the host knows nothing yet.
  struct Unread {
    telemetry::StepRecord record;
    nn::HostCopy numbers;
  };
  std::deque<Unread> unread_;
  std::size_t steps_ahead_ = 0;
  std::int64_t step_ = 0;           // steps done; inside one, its number from 1
  std::int64_t evaluated_at_ = -1;  // step
  std::int64_t saved_at_ = -1;      // step
  bool stopping_ = false;           // some rank received a signal
  int nonfinite_in_a_row_ = 0;
  int save_failures_ = 0;  // consecutive; on rank 0
  std::string save_problem_;
  std::int64_t tokens_ = 0;
  double last_loss_ = 0;
};

}  // namespace incipit::trainer
