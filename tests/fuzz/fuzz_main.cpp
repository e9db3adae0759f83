// libFuzzer calls the target INCIPIT_TARGET.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "core/log.h"
#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  incipit::log::configure("error", 0, 1);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    incipit::fuzz::INCIPIT_TARGET({reinterpret_cast<const char*>(data), size});
  } catch (const incipit::Error&) {
  }
  return 0;
}
