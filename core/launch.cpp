#include "core/launch.h"

#include <cstdlib>
#include <initializer_list>
#include <optional>

namespace incipit {
namespace {

std::optional<int> first_number(std::initializer_list<const char*> variables) {
  for (const char* variable : variables) {
    if (const char* text = std::getenv(variable); text != nullptr && *text != '\0') {
      return std::atoi(text);
    }
  }
  return std::nullopt;
}

}  // namespace

Launch read_launch() {
  const auto rank = first_number({"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"});
  if (!rank) return {};
  const auto size = first_number({"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"});
  return {.parallel = true, .rank = *rank, .size = size.value_or(1)};
}

std::optional<LaunchedSize> launched_size() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS",
                               "MV2_COMM_WORLD_SIZE", "FLUX_JOB_SIZE", "JSM_NAMESPACE_SIZE"}) {
    if (const auto size = first_number({variable}); size && *size > 0) {
      return LaunchedSize{.variable = variable, .size = *size};
    }
  }
  const auto size = first_number({"WORLD_SIZE"});  // also set where nothing was launched
  if (!size || std::getenv("TORCHELASTIC_RUN_ID") == nullptr) return std::nullopt;
  return LaunchedSize{.variable = "WORLD_SIZE", .size = *size};
}

}  // namespace incipit
