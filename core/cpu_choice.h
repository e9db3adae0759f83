// INCIPIT_CPU: the instruction sets that a run may use, for tests and comparisons.
//
// The libraries that Incipit uses read their own variables once, while they are loaded. The
// program's front end (launcher/front.cpp) therefore sets them before it loads any library.
#pragma once

#include <array>
#include <string_view>

namespace incipit {

struct CpuChoice {
  const char* name;    // a value of INCIPIT_CPU
  const char* onednn;  // ONEDNN_MAX_CPU_ISA. nullptr, here and below: the library chooses
  const char* aten;    // ATEN_CPU_CAPABILITY
  const char* mkl;     // MKL_ENABLE_INSTRUCTIONS
};

inline constexpr const char* kCpuVariable = "INCIPIT_CPU";

// avx512 excludes the bfloat16 units. ATen has no level above it.
inline constexpr std::array kCpuChoices = {
    CpuChoice{"auto", nullptr, nullptr, nullptr},
    CpuChoice{"baseline", "SSE41", "default", "SSE4_2"},
    CpuChoice{"avx2", "AVX2", "avx2", "AVX2"},
    CpuChoice{"avx512", "AVX512_CORE", nullptr, nullptr},
};

// Returns the choice of that name, or nullptr if there is none.
constexpr const CpuChoice* find_cpu_choice(std::string_view name) {
  for (const CpuChoice& choice : kCpuChoices) {
    if (name == choice.name) return &choice;
  }
  return nullptr;
}

}  // namespace incipit
