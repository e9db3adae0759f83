// The interface between the program and libincipit_cuda_graphs.so.
#pragma once

#include <c10/core/Device.h>

#include "nn/device_graphs.h"

// The name of the module's function changes whenever nn/device_graphs.h does, so that a program
// does not load a module of another version.
#define INCIPIT_CUDA_GRAPHS_ENTRY incipit_cuda_graphs_1

namespace incipit::nn {

// Returns a new backend for the GPU with this index; the caller deletes it.
using CudaGraphsEntry = GraphBackend* (*)(c10::DeviceIndex device);

}  // namespace incipit::nn
