#include "comm/nccl_devices.h"

#include <unistd.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"

namespace incipit::comm {
namespace {

constexpr char kFound = '+';  // prefix of a bus id; other text is an error message

// Returns "+host 0000:3b:00.0", or why there is no such device.
std::string find_device(const NcclApi& api, int device) {
  int count = 0;
  if (const cudaError_t error = api.device_count(&count); error != cudaSuccess) {
    return std::string("finds no GPU (CUDA: ") + api.cuda_error_string(error) + ")";
  }
  if (device >= count) {
    return "needs GPU number " + std::to_string(device) + ", but its machine has " +
           std::to_string(count);
  }
  std::array<char, 64> bus{};
  if (const cudaError_t error = api.pci_bus_id(bus.data(), static_cast<int>(bus.size()), device);
      error != cudaSuccess) {
    return std::string("cannot ask its GPU (CUDA: ") + api.cuda_error_string(error) + ")";
  }
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return kFound + std::string(host.data()) + " " + bus.data();
}

}  // namespace

void require_own_devices(Communicator& ranks, const NcclApi& api, int device) {
  const auto answers = ranks.all_gather(find_device(api, device), "choice of a GPU");
  std::map<std::string, std::size_t> owner;
  for (std::size_t r = 0; r < answers.size(); ++r) {
    const std::string& answer = answers[r];
    if (answer.front() != kFound) {
      throw ConfigError("parallel.backend: nccl: rank " + std::to_string(r) + " " + answer +
                        "; start one rank per GPU, or use mpi");
    }
    const auto [entry, fresh] = owner.emplace(answer.substr(1), r);
    if (fresh) continue;
    throw ConfigError("parallel.backend: nccl: ranks " + std::to_string(entry->second) + " and " +
                      std::to_string(r) + " share one GPU (" + entry->first +
                      "), and NCCL needs one for each; start at most as many ranks per machine "
                      "as it has GPUs, or use mpi");
  }
}

}  // namespace incipit::comm
