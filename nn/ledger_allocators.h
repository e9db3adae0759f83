// The allocator of the meta device (nn/meta_device.h). Not for use in other folders.
#pragma once

#include <c10/core/Allocator.h>

namespace incipit::nn {

// Returns an allocator that counts in the ledger's recordings and has no memory. It lives as long
// as the process.
[[nodiscard]] c10::Allocator* meta_allocator();

}  // namespace incipit::nn
