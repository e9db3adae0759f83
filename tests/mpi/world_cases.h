// The functions that the program defines for the cases of this folder. The same cases
// run on one rank, on threads and under MPI: single_main.cpp, threads_main.cpp, mpi_main.cpp.
#pragma once

#include <functional>

#include "comm/communicator.h"

namespace incipit::comm {

// Runs `body` on every rank, with the world. Under MPI every rank runs every case.
void on_world(const std::function<void(Communicator&)>& body);

[[nodiscard]] int world_size();

// A world that may be given away, as Mesh needs it: all ranks of `world` again.
[[nodiscard]] inline std::unique_ptr<Communicator> copy_of(Communicator& world) {
  return world.split(0, world.rank(), "copy");
}

}  // namespace incipit::comm
