#include "methods/prompt_tuning/prompt_options.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "core/error.h"

namespace incipit::prompt_tuning {
namespace {

constexpr std::int64_t kMostVirtualTokens = 1 << 20;

// Returns `scale` as a number if it is a number above 0.
std::optional<double> positive_number(const std::string& scale) {
  double number = 0;
  const char* end = scale.data() + scale.size();
  const auto [stop, error] = std::from_chars(scale.data(), end, number);
  if (error != std::errc() || stop != end || !std::isfinite(number) || number <= 0) {
    return std::nullopt;
  }
  return number;
}

// Checks a setting that one kind of initializer needs and the others do not use.
void check_used(std::vector<OptionProblem>& problems, const std::string& key,
                const std::string& value, const std::string& kind, bool used) {
  if (used && value.empty()) {
    problems.push_back({"init." + key, "is needed by init.kind: " + kind});
  } else if (!used && !value.empty()) {
    problems.push_back(
        {"init." + key, "is used by init.kind: " + kind + " only; set that kind or remove it"});
  }
}

}  // namespace

InitKind init_kind(const PromptOptions& options) {
  if (options.init.kind != InitKind::kAuto) return options.init.kind;
  return options.kind == MethodKind::kPrefixTuning ? InitKind::kNormal : InitKind::kClassLabels;
}

UniformRange uniform_range(const std::string& scale, double embedding_rms) {
  if (scale == "auto") return {-embedding_rms, embedding_rms};
  if (scale == "lester") return {-0.5, 0.5};
  if (scale == "t5x") return {0.0, 0.5};
  const std::optional<double> number = positive_number(scale);
  if (!number) {
    throw ConfigError("method.init.scale must be auto, lester, t5x or a number above 0, is '" +
                      scale + "'");
  }
  return {-*number, *number};
}

namespace {

void check_prefix(const PromptOptions& options, std::vector<OptionProblem>& problems) {
  const InitKind kind = init_kind(options);
  if (kind != InitKind::kNormal && kind != InitKind::kRandomUniform && kind != InitKind::kFile) {
    problems.push_back({"init.kind", "prefix_tuning takes auto, normal, random_uniform or file"});
  }
  if (options.prefix_projection && kind == InitKind::kFile) {
    problems.push_back({"prefix_projection",
                        "an adapter has no projection to start from; set it to false, or another "
                        "init.kind"});
  }
  if (options.encoder_hidden_size < 0) {
    problems.push_back({"encoder_hidden_size", "must be at least 0 (0: the width of keys), is " +
                                                   std::to_string(options.encoder_hidden_size)});
  }
}

}  // namespace

std::vector<OptionProblem> validate(const PromptOptions& options) {
  std::vector<OptionProblem> problems;
  if (options.kind == MethodKind::kNone) return problems;
  if (options.kind == MethodKind::kPrefixTuning) check_prefix(options, problems);
  if (options.num_virtual_tokens < 1 || options.num_virtual_tokens > kMostVirtualTokens) {
    problems.push_back({"num_virtual_tokens", "must be between 1 and " +
                                                  std::to_string(kMostVirtualTokens) + ", is " +
                                                  std::to_string(options.num_virtual_tokens)});
  }
  const InitOptions& init = options.init;
  try {
    (void)uniform_range(init.scale, 1.0);
  } catch (const ConfigError&) {
    problems.push_back(
        {"init.scale", "must be auto, lester, t5x or a number above 0, is '" + init.scale + "'"});
  }
  if (init.sample_from < 0) {
    problems.push_back({"init.sample_from", "must be at least 0 (0: the whole vocabulary), is " +
                                                std::to_string(init.sample_from)});
  }
  check_used(problems, "text", init.text, "text", init.kind == InitKind::kText);
  check_used(problems, "path", init.path, "file", init.kind == InitKind::kFile);
  return problems;
}

}  // namespace incipit::prompt_tuning
