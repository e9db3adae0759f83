#include "methods/multitask/multitask_start.h"

#include <ATen/ops/stack.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "core/error.h"
#include "methods/draws.h"
#include "methods/multitask/multitask.h"
#include "methods/prompt_tuning/initializer.h"

namespace incipit::multitask {
namespace {

constexpr std::uint64_t kStream = 0x50726f07;  // random stream
constexpr double kDeviation = 0.02;            // PEFT's

void check_size(const std::string& path, const std::string& what, std::int64_t found,
                const std::string& key, std::int64_t wanted) {
  if (found == wanted) return;
  throw DataError(path + ": has " + what + " " + std::to_string(found) + ", but " + key + " is " +
                  std::to_string(wanted) + "; make them equal");
}

Factors from_file(const methods::MethodOptions& options, const methods::StartInputs& inputs,
                  const std::vector<std::string>& tasks) {
  const std::string& path = options.init.path;
  const LoadedFactors loaded = load_multitask_adapter(path);
  const Factors& from = loaded.factors;
  check_size(path, "virtual tokens:", from.tokens(), "method.num_virtual_tokens",
             options.num_virtual_tokens);
  check_size(path, "num_ranks", from.ranks(), "method.num_ranks", options.num_ranks);
  check_size(path, "vectors of width", from.width(), "the model's hidden size",
             inputs.spec.hidden_size);
  const std::vector<std::string>& names = loaded.origin.tasks;
  std::vector<at::Tensor> cols;
  std::vector<at::Tensor> rows;
  for (const std::string& task : tasks) {
    const auto found = std::find(names.begin(), names.end(), task);
    const auto part = [&](const at::Tensor& all) {
      return found == names.end() ? all.mean(0) : all.select(0, found - names.begin());
    };
    cols.push_back(part(from.cols));
    rows.push_back(part(from.rows));
  }
  return {from.shared, at::stack(cols), at::stack(rows)};
}

}  // namespace

Factors start_factors(const methods::MethodOptions& options, const methods::StartInputs& inputs,
                      const std::vector<std::string>& tasks) {
  if (options.init.kind == methods::InitKind::kFile && is_multitask(options.init.path)) {
    return from_file(options, inputs, tasks);
  }
  const auto count = static_cast<std::int64_t>(tasks.size());
  methods::Draws draws(inputs.seed, kStream, inputs.device);
  Factors start;
  start.shared = prompt_tuning::initialize_prompt(options, inputs, "").values;
  start.cols = draws.normal({count, options.num_virtual_tokens, options.num_ranks}, kDeviation);
  start.rows = draws.normal({count, options.num_ranks, inputs.spec.hidden_size}, kDeviation);
  return start;
}

}  // namespace incipit::multitask
