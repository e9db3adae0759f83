// Rank and world size as the launcher passes them, known before MPI is initialised.
#pragma once

namespace incipit {

struct Launch {
  bool parallel = false;  // started by mpirun or by a PMI launcher such as srun
  int rank = 0;
  int size = 1;  // 1 if the launcher does not report it
};

// Reads the environment variables of mpirun (OMPI_COMM_WORLD_*), srun (PMIX_RANK, PMI_RANK, with
// SLURM_NTASKS) and MPICH's launcher (PMI_RANK, PMI_SIZE). Not collective.
[[nodiscard]] Launch read_launch();

}  // namespace incipit
