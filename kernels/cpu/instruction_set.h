// The instruction set that our kernels use.
#pragma once

#include <string>

namespace incipit::kernels::cpu {

enum class InstructionSet {
  kBaseline,  // available on every processor of the architecture
  kAvx2,      // x86-64-v3: AVX2 and FMA
  kAvx512,    // x86-64-v4: AVX-512 F, BW, DQ and VL
};

// Returns the best instruction set of the processor and operating system, or a lower one if the
// environment variable INCIPIT_CPU limits it: baseline, avx2, avx512 (without bfloat16 units),
// auto. `incipit` sets the same limit for the libraries before they are loaded. The variable is
// read once; throws ConfigError for any other value.
[[nodiscard]] InstructionSet instruction_set();

// Returns whether the processor has bfloat16 units (AVX512-BF16 or AMX) and INCIPIT_CPU allows
// them.
[[nodiscard]] bool has_bfloat16_units();

// Returns "AVX2", or "AVX-512 and bfloat16 units".
[[nodiscard]] std::string instruction_set_text();

}  // namespace incipit::kernels::cpu
