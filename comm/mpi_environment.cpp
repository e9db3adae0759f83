#include "comm/mpi_environment.h"

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>
#include <unistd.h>

#include <chrono>
#include <exception>

#include "comm/library_watch.h"
#include "core/check.h"
#include "core/error.h"
#include "core/launch.h"

namespace incipit::comm {

MpiEnvironment::MpiEnvironment(std::chrono::milliseconds timeout)
    : exceptions_(std::uncaught_exceptions()), timeout_(timeout) {
  int initialised = 0;
  MPI_Initialized(&initialised);
  INCIPIT_CHECK(initialised == 0, "MPI can be started once per process");
  const LibraryWatch watch({.call = "start (MPI_Init)", .timeout = timeout});
  int provided = MPI_THREAD_SINGLE;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
    throw CommError(read_launch().rank, "start (MPI_Init_thread)", "MPI could not start");
  }
  // Calls on the predefined communicators must also return their errors.
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  if (provided < MPI_THREAD_FUNNELED) {
    throw ConfigError(
        "this MPI library does not support MPI_THREAD_FUNNELED, which programs with threads "
        "need; use an Open MPI built with thread support (Debian's and Ubuntu's are)");
  }
}

MpiEnvironment::~MpiEnvironment() {
  if (!in_order()) return;
  const LibraryWatch watch({.call = "end (MPI_Finalize)", .timeout = timeout_});
  MPI_Finalize();
}

bool MpiEnvironment::in_order() const noexcept {
  return !abandoned_ && std::uncaught_exceptions() == exceptions_;
}

void MpiEnvironment::check_thread() const {
  INCIPIT_CHECK(std::this_thread::get_id() == thread_, "only the main thread calls MPI");
}

void abort_job(int exit_code) noexcept {
  int initialised = 0;
  int finalised = 0;
  MPI_Initialized(&initialised);
  MPI_Finalized(&finalised);
  if (initialised == 0 || finalised != 0) return;
  // MPI_Abort contacts mpirun's daemon, which may have died.
  std::thread([exit_code] {
    std::this_thread::sleep_for(std::chrono::seconds(10));
    ::_exit(exit_code);
  }).detach();
  MPI_Abort(MPI_COMM_WORLD, exit_code);
}

}  // namespace incipit::comm
