// Preloaded: rank STOP_RANK stops itself at its STOP_CALL-th call of the MPI function STOP_AT.
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void stop_at(const char* function) {
  static int calls = 0;
  const char* rank = getenv("OMPI_COMM_WORLD_RANK");
  const char* wanted = getenv("STOP_AT");
  if (rank == NULL || wanted == NULL || strcmp(wanted, function) != 0) return;
  if (strcmp(rank, getenv("STOP_RANK")) == 0 && ++calls == atoi(getenv("STOP_CALL"))) {
    raise(SIGSTOP);
  }
}

int MPI_Init_thread(int* argc, char*** argv, int required, int* provided) {
  const int code = PMPI_Init_thread(argc, argv, required, provided);
  stop_at("MPI_Init_thread");
  return code;
}

int MPI_Iallgather(const void* mine, int count, MPI_Datatype type, void* all, int counts,
                   MPI_Datatype types, MPI_Comm world, MPI_Request* request) {
  stop_at("MPI_Iallgather");
  return PMPI_Iallgather(mine, count, type, all, counts, types, world, request);
}

int MPI_Comm_split_type(MPI_Comm world, int kind, int key, MPI_Info info, MPI_Comm* part) {
  stop_at("MPI_Comm_split_type");
  return PMPI_Comm_split_type(world, kind, key, info, part);
}
