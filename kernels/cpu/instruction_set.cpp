#include "kernels/cpu/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "core/cpu_choice.h"
#include "core/error.h"
#include "core/text.h"

namespace incipit::kernels::cpu {
namespace {

#if defined(__x86_64__)
InstructionSet of_processor() {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return InstructionSet::kAvx512;
  }
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return avx2 ? InstructionSet::kAvx2 : InstructionSet::kBaseline;
}

// CPUID leaf 7: AVX512-BF16 in EAX of subleaf 1, AMX-BF16 in EDX of subleaf 0.
bool units_of_processor() {
  constexpr unsigned kAvx512Bf16 = 1U << 5, kAmxBf16 = 1U << 22;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (of_processor() != InstructionSet::kAvx512) return false;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & kAvx512Bf16) != 0) return true;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kAmxBf16) != 0;
}
#else
InstructionSet of_processor() { return InstructionSet::kBaseline; }
bool units_of_processor() { return false; }
#endif

struct Limit {
  InstructionSet most;
  bool bfloat16_units;
};

Limit limit_of_environment() {
  const char* text = std::getenv(kCpuVariable);
  const std::string_view name = text == nullptr || *text == '\0' ? "auto" : text;
  if (find_cpu_choice(name) == nullptr) {
    std::vector<std::string> known;
    for (const CpuChoice& choice : kCpuChoices) known.emplace_back(choice.name);
    throw ConfigError(std::string(kCpuVariable) + ": '" + std::string(name) + "' is not one of " +
                      join(known));
  }
  if (name == "baseline") return {InstructionSet::kBaseline, false};
  if (name == "avx2") return {InstructionSet::kAvx2, false};
  return {InstructionSet::kAvx512, name == "auto"};
}

const Limit& limit() {
  static const Limit found = limit_of_environment();
  return found;
}

}  // namespace

InstructionSet instruction_set() {
  static const InstructionSet chosen = std::min(of_processor(), limit().most);
  return chosen;
}

bool has_bfloat16_units() {
  static const bool found = limit().bfloat16_units && units_of_processor();
  return found;
}

std::string instruction_set_text() {
  const char* name = instruction_set() == InstructionSet::kAvx512 ? "AVX-512"
                     : instruction_set() == InstructionSet::kAvx2 ? "AVX2"
                                                                  : "baseline";
  return std::string(name) + (has_bfloat16_units() ? " and bfloat16 units" : "");
}

}  // namespace incipit::kernels::cpu
