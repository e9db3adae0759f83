#include "methods/multitask/multitask.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "core/text.h"
#include "methods/multitask/multitask_start.h"
#include "methods/prompt_tuning/adapter_files.h"
#include "methods/prompt_tuning/prompt_tuning.h"
#include "methods/values.h"

namespace incipit::multitask {
namespace {

// Indices into parameters().
enum { kShared, kCols, kRows };

std::vector<std::string> tasks_of(const methods::MethodOptions& options, const std::string& name) {
  return options.tasks.empty() ? std::vector{name} : options.tasks;
}

std::shared_ptr<methods::Trainable> start(const methods::MethodOptions& options,
                                          const methods::StartInputs& inputs,
                                          const std::string& name) {
  const std::vector<std::string> tasks = tasks_of(options, name);
  return std::make_shared<MultitaskPrompt>(name, tasks, start_factors(options, inputs, tasks));
}

methods::LoadedPrompt load(const std::filesystem::path& folder) {
  const LoadedFactors loaded = load_multitask_adapter(folder);
  return {
      std::make_shared<MultitaskPrompt>(loaded.origin.name, loaded.origin.tasks, loaded.factors),
      loaded.origin.backbone};
}

std::int64_t numbers(const methods::MethodOptions& options, const model::ModelSpec& spec) {
  const std::int64_t tokens = options.num_virtual_tokens;
  const std::int64_t of_a_task = options.num_ranks * (tokens + spec.hidden_size);
  const auto tasks = std::max<std::int64_t>(1, std::ssize(options.tasks));
  return tokens * spec.hidden_size + tasks * of_a_task;
}

// One task, and two with a higher rank.
std::vector<methods::MethodOptions> examples() {
  std::vector both(2, methods::small_options("multitask_prompt_tuning"));
  both[1].num_ranks = 2;
  both[1].tasks = {"first", "second"};
  return both;
}

}  // namespace

MultitaskPrompt::MultitaskPrompt(std::string name, std::vector<std::string> tasks,
                                 const Factors& start)
    : InputPrompt(std::move(name), start.tasks() * start.tokens(), start.width()),
      tasks_(std::move(tasks)) {
  INCIPIT_CHECK(std::ssize(tasks_) == start.tasks());
  add_parameter("prompt_embeddings", start.shared);
  add_parameter("prefix_task_cols", start.cols);
  add_parameter("prefix_task_rows", start.rows);
}

PromptRows MultitaskPrompt::rows_of_task(int number, int task) const {
  INCIPIT_CHECK(task >= 0 && task < std::ssize(tasks_), "task ", task);
  const int rows = static_cast<int>(tokens());
  return {.prompt = number, .rows = rows, .first = task * rows};
}

at::Tensor MultitaskPrompt::values(std::span<const at::Tensor> p) const {
  return (p[kShared] * at::bmm(p[kCols], p[kRows])).flatten(0, 1);
}

void MultitaskPrompt::backward(const at::Tensor& grad_values) {
  const std::vector<methods::Parameter>& p = parameters();
  const at::Tensor& shared = p[kShared].value;
  const at::Tensor& cols = p[kCols].value;
  const at::Tensor& rows = p[kRows].value;
  const at::Tensor grad = grad_values.view({cols.size(0), shared.size(0), shared.size(1)});
  p[kShared].grad.copy_((grad * at::bmm(cols, rows)).sum(0));
  const at::Tensor grad_product = grad * shared;
  p[kCols].grad.copy_(at::bmm(grad_product, rows.transpose(1, 2)));
  p[kRows].grad.copy_(at::bmm(cols.transpose(1, 2), grad_product));
}

std::vector<at::Tensor> MultitaskPrompt::stored() const {
  return methods::current_parameters(*this);
}

methods::PromptDescription MultitaskPrompt::describe() const {
  return {.title = "soft prompt of tasks",
          .facts = {{"tasks", join(tasks_)},
                    {"virtual tokens", std::to_string(tokens())},
                    {"rank of a task", std::to_string(parameters()[kCols].value.size(2))},
                    {"width", std::to_string(parameters()[kShared].value.size(1))}}};
}

void MultitaskPrompt::save(const std::filesystem::path& folder,
                           std::span<const at::Tensor> parameters,
                           const methods::BackboneInfo& backbone, const comm::Mesh& mesh) const {
  const Factors factors{parameters[kShared].cpu(), parameters[kCols].cpu(),
                        parameters[kRows].cpu()};
  for (const at::Tensor& factor : {factors.shared, factors.cols, factors.rows}) {
    methods::check_values(name(), factor);
  }
  if (mesh.world().rank() == 0) {
    save_multitask_adapter(folder, {name(), backbone, tasks_}, factors);
  }
  InputPrompt::save(folder, parameters, backbone, mesh);
}

void MultitaskPrompt::save_values(const std::filesystem::path& folder, const at::Tensor& values,
                                  const methods::BackboneInfo& backbone) const {
  if (tasks_.size() == 1) return;  // the adapter is its prompt
  for (std::size_t task = 0; task < tasks_.size(); ++task) {
    const at::Tensor own =
        values.narrow(0, static_cast<std::int64_t>(task) * tokens(), tokens()).contiguous();
    prompt_tuning::save_peft_adapter(folder / tasks_[task], {tasks_[task], own}, backbone);
  }
}

bool is_multitask(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / "adapter_config.json") &&
         methods::read_peft_config(folder).text("peft_type") == kPeftType;
}

methods::LoadedPrompt load_task(const std::filesystem::path& folder, const std::string& task) {
  const LoadedFactors loaded = load_multitask_adapter(folder);
  const std::vector<std::string>& names = loaded.origin.tasks;
  const auto found = std::find(names.begin(), names.end(), task);
  if (found == names.end()) {
    throw DataError((folder / task).string() +
                    ": is missing, and the adapter has no such task; "
                    "expected one of " +
                    join(names));
  }
  const std::int64_t number = found - names.begin();
  const Factors& factors = loaded.factors;
  const at::Tensor own =
      factors.shared * factors.cols.select(0, number).matmul(factors.rows.select(0, number));
  return {std::make_shared<prompt_tuning::PromptTuning>(prompt_tuning::SoftPrompt{task, own}),
          loaded.origin.backbone};
}

methods::Method method() {
  return {.kind = "multitask_prompt_tuning",
          .peft_type = kPeftType,
          .in_python =
              "`PeftModel.from_pretrained(model, \"FOLDER\")`, with `task_ids` if its "
              "peft_type is MULTITASK_PROMPT_TUNING",
          .trains_backbone = false,
          .rows = methods::rows_of_tokens,
          .title =
              [](const methods::MethodOptions& options) {
                return methods::title_with_tokens("soft prompt", options) +
                       " and a factor of rank " + std::to_string(options.num_ranks) +
                       " for each task";
              },
          .numbers = numbers,
          .make = start,
          .load = load,
          .examples = examples};
}

}  // namespace incipit::multitask
