// Which instructions of the processor our kernels use.
#pragma once

#include <string>

namespace incipit::model::cpu {

enum class InstructionSet {
  kBaseline,  // what every processor of the architecture has
  kAvx2,      // x86-64-v3: AVX2 and FMA
  kAvx512,    // x86-64-v4: AVX-512 F, BW, DQ and VL
};

// The best that the processor and its operating system offer, or less where the environment's
// INCIPIT_CPU names less: baseline, avx2, avx512 (without units for bfloat16), auto. `incipit` holds
// the libraries to the same limit before they are loaded. Read once; throws ConfigError for another word.
[[nodiscard]] InstructionSet instruction_set();

// Whether the processor multiplies bfloat16 matrices by itself (AVX512-BF16 or AMX), and
// INCIPIT_CPU does not forbid it.
[[nodiscard]] bool has_bfloat16_units();

// "AVX2", "AVX-512 and bfloat16 units".
[[nodiscard]] std::string instruction_set_text();

}  // namespace incipit::model::cpu
