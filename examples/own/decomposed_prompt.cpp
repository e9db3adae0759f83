#include "decomposed_prompt.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros_like.h>
#include <incipit/core/error.h>
#include <incipit/core/random.h>
#include <incipit/core/schema.h>
#include <incipit/methods/prompt.h>
#include <incipit/methods/prompt_tuning/adapter_files.h>

#include <cmath>
#include <memory>
#include <utility>

namespace own {
namespace {

using incipit::methods::Contribution;
using incipit::methods::MethodOptions;
using incipit::methods::Prompt;
using incipit::methods::StartInputs;

constexpr const char* kKind = "decomposed_prompt";

class DecomposedPrompt : public Prompt {
 public:
  DecomposedPrompt(const std::string& name, const at::Tensor& a, const at::Tensor& b)
      : Prompt(name) {
    add_parameter("a", a);
    add_parameter("b", b);
  }

  [[nodiscard]] incipit::PromptRows rows(int number) const override {
    return {.prompt = number, .rows = static_cast<int>(parameters()[0].value.size(0))};
  }

  [[nodiscard]] at::Tensor values(std::span<const at::Tensor> parameters) const override {
    return at::mm(parameters[0], parameters[1]);
  }

  void backward(const at::Tensor& grad_values) override {
    const auto& p = parameters();
    p[0].grad.copy_(at::mm(grad_values, p[1].value.t()));
    p[1].grad.copy_(at::mm(p[0].value.t(), grad_values));
  }

  void place(const at::Tensor& values, const incipit::model::Backbone& backbone, bool for_backward,
             Contribution& to) const override {
    to.input_rows = values.to(backbone.device());
    to.input_gradient = for_backward ? at::zeros_like(to.input_rows) : at::Tensor();
  }

  void collect(const Contribution& from, const incipit::model::Backbone& /*backbone*/,
               at::Tensor grad_values) const override {
    grad_values.add_(from.input_gradient.to(grad_values.device()));
  }

  // Each rank has the gradient of its share of the batch; of pipeline stages, only the first.
  [[nodiscard]] incipit::comm::MeshDimensions partial_over() const override {
    return incipit::comm::kBatch | incipit::comm::kPipeline;
  }

  void save_values(const std::filesystem::path& folder, const at::Tensor& values,
                   const incipit::methods::BackboneInfo& backbone) const override {
    incipit::prompt_tuning::save_peft_adapter(folder, {name(), values}, backbone);
  }

  void check(const incipit::model::ModelSpec& spec,
             const std::filesystem::path& path) const override {
    const std::int64_t width = parameters()[1].value.size(1);
    if (width == spec.hidden_size) return;
    throw incipit::DataError(path.string() + ": a prompt of width " + std::to_string(width) +
                             " for a model of width " + std::to_string(spec.hidden_size));
  }
};

// A matrix of normal random numbers of this standard deviation.
at::Tensor random_matrix(std::int64_t rows, std::int64_t columns, double deviation,
                         const at::Device& device, incipit::Random& random) {
  at::Tensor matrix = at::empty({rows, columns}, at::TensorOptions(device).dtype(at::kFloat));
  if (device.is_meta()) return matrix;  // for incipit plan
  for (std::int64_t i = 0; i < matrix.numel(); ++i) {
    matrix.mutable_data_ptr<float>()[i] = static_cast<float>(deviation * random.normal());
  }
  return matrix;
}

std::shared_ptr<incipit::methods::Trainable> make(const MethodOptions& options,
                                                  const StartInputs& inputs,
                                                  const std::string& name) {
  const std::int64_t rank = options.more.get<DecomposedPromptOptions>().rank;
  incipit::Random random(inputs.seed);
  const at::Tensor a = random_matrix(options.num_virtual_tokens, rank, 1, inputs.device, random);
  const at::Tensor b =
      random_matrix(rank, inputs.spec.hidden_size, 1 / std::sqrt(static_cast<double>(rank)),
                    inputs.device, random);
  return std::make_shared<DecomposedPrompt>(name, a, b);
}

void check(const MethodOptions& options, std::vector<incipit::OptionProblem>& problems) {
  incipit::methods::check_shared_options(options, problems);
  if (init_kind(options) != incipit::methods::InitKind::kNormal) {
    problems.push_back({"init.kind", "decomposed_prompt takes auto or normal"});
  }
}

}  // namespace

incipit::methods::Method decomposed_prompt() {
  incipit::methods::Method method;
  method.kind = kKind;
  method.peft_type = incipit::prompt_tuning::kPeftType;  // prompt_tuning loads the adapters
  method.rows = [](const MethodOptions& options) {
    return incipit::PromptRows{.rows = static_cast<int>(options.num_virtual_tokens)};
  };
  method.title = [](const MethodOptions& options) {
    return incipit::methods::title_with_tokens("decomposed soft prompt", options);
  };
  method.numbers = [](const MethodOptions& options, const incipit::model::ModelSpec& spec) {
    return options.num_virtual_tokens * spec.hidden_size;
  };
  method.make = make;
  method.examples = [] {
    MethodOptions options = incipit::methods::small_options(kKind);
    options.more.get<DecomposedPromptOptions>().rank = 2;
    return std::vector{options};
  };
  return method;
}

incipit::methods::MethodDeclaration decomposed_prompt_options() {
  return {.name = kKind,
          .meaning = "a soft prompt of low rank (Xiao et al. 2023)",
          .init = incipit::methods::InitKind::kNormal,
          .declare =
              [](incipit::Schema& schema, MethodOptions& options) {
                schema.field("rank", options.more.get<DecomposedPromptOptions>().rank,
                             "decomposed_prompt: rank of the prompt", {.min = 1});
              },
          .check = check};
}

}  // namespace own
