// Rank and world size as the launcher passes them, known before MPI is initialised.
#pragma once

#include <optional>
#include <string>

namespace incipit {

struct Launch {
  bool parallel = false;  // started by mpirun or by a PMI launcher such as srun
  int rank = 0;
  int size = 1;  // 1 if the launcher does not report it
};

// The number of processes that a launcher says it started.
struct LaunchedSize {
  std::string variable;  // the environment variable that says so
  int size = 1;
};

// Returns what mpirun (OMPI_COMM_WORLD_SIZE), a PMI launcher (PMI_SIZE) or srun
// (SLURM_STEP_NUM_TASKS) says, in this order, since mpirun may have been started by srun; then
// MVAPICH's launcher, Flux, jsrun and torchrun. Nothing if none of them started this process.
[[nodiscard]] std::optional<LaunchedSize> launched_size();

// Reads the environment variables of mpirun (OMPI_COMM_WORLD_*), srun (PMIX_RANK, PMI_RANK, with
// SLURM_NTASKS) and MPICH's launcher (PMI_RANK, PMI_SIZE). Not collective.
[[nodiscard]] Launch read_launch();

}  // namespace incipit
