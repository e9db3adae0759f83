#include "launcher/system_info.h"

#define OMPI_SKIP_MPICXX 1

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <mpi.h>
#include <torch/headeronly/version.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>

#include "core/log.h"
#include "core/text.h"
#include "kernels/cpu/instruction_set.h"

namespace incipit::launcher {
namespace {

// Opens a shared library, searched for by the dynamic linker and then in `folder`.
void* open_library(const std::string& name, const std::string& folder = "") {
  void* library = ::dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr && !folder.empty()) {
    library = ::dlopen((folder + "/" + name).c_str(), RTLD_LAZY | RTLD_LOCAL);
  }
  return library;
}

template <typename Function>
Function* symbol(void* library, const char* name) {
  return library == nullptr ? nullptr : reinterpret_cast<Function*>(::dlsym(library, name));
}

// Calls a function of the form `int f(int* version)` and returns the version; 0: failed.
int ask_version(void* library, const char* name) {
  int version = 0;
  auto* function = symbol<int(int*)>(library, name);
  return function != nullptr && function(&version) == 0 ? version : 0;
}

// 13020 -> "13.2"
std::string cuda_version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// 22809 -> "2.28.9"
std::string nccl_version_text(int version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

struct CudaDevice {
  std::string name;
  double bytes = 0;
};

std::vector<CudaDevice> cuda_devices(void* driver) {
  std::vector<CudaDevice> devices;
  auto* init = symbol<int(unsigned)>(driver, "cuInit");
  auto* count = symbol<int(int*)>(driver, "cuDeviceGetCount");
  auto* name = symbol<int(char*, int, int)>(driver, "cuDeviceGetName");
  auto* memory = symbol<int(std::size_t*, int)>(driver, "cuDeviceTotalMem_v2");
  int devices_seen = 0;
  if (init == nullptr || count == nullptr || name == nullptr || memory == nullptr || init(0) != 0 ||
      count(&devices_seen) != 0) {
    return devices;
  }
  for (int i = 0; i < devices_seen; ++i) {
    std::array<char, 128> text{};
    std::size_t bytes = 0;
    if (name(text.data(), static_cast<int>(text.size()), i) != 0 || memory(&bytes, i) != 0)
      continue;
    devices.push_back({text.data(), static_cast<double>(bytes)});
  }
  return devices;
}

#ifdef INCIPIT_NCCL_FOLDER
constexpr const char* kNcclFolder = INCIPIT_NCCL_FOLDER;
constexpr const char* kCudaFolder = INCIPIT_CUDART_FOLDER;
#else
constexpr const char* kNcclFolder = "";
constexpr const char* kCudaFolder = "";
#endif

constexpr std::int64_t kMostThreads = 1 << 16;

// Returns the first number of OMP_NUM_THREADS ("4", "4,2"); 0 if there is none, or if it is no
// number, which the OpenMP runtime reports.
int threads_of_user() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  if (text == nullptr) return 0;
  char* end = nullptr;
  const std::int64_t threads = std::strtoll(text, &end, 10);
  const bool is_number = *end == '\0' || *end == ',' || *end == ' ';
  return is_number && threads > 0 && threads <= kMostThreads ? static_cast<int>(threads) : 0;
}

}  // namespace

std::string incipit_version() { return INCIPIT_VERSION; }
std::string libtorch_version() { return TORCH_VERSION; }

std::string mpi_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  if (MPI_Get_library_version(text.data(), &length) != MPI_SUCCESS) return "unknown";
  const std::string whole(text.data(), static_cast<std::size_t>(length));
  return whole.substr(0, whole.find_first_of(",\n"));
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string processor_capability() {
  return "libtorch " + at::get_cpu_capability() + ", incipit " +
         kernels::cpu::instruction_set_text();
}

std::string memory_text() {
  std::ifstream info("/proc/meminfo");
  std::string word;
  double total = 0;
  double available = 0;
  while (info >> word) {
    if (word == "MemTotal:") info >> total;
    if (word == "MemAvailable:") info >> available;
  }
  return human_bytes(total * 1024) + ", " + human_bytes(available * 1024) + " available";
}

std::vector<std::string> openmp_runtimes() {
  std::vector<std::string> paths;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const std::size_t slash = line.find('/');
    if (slash == std::string::npos) continue;
    const std::string path = line.substr(slash);
    const std::string name = path.substr(path.rfind('/') + 1);
    const bool runtime =
        name.starts_with("libgomp") || name.starts_with("libomp") || name.starts_with("libiomp");
    if (runtime && std::find(paths.begin(), paths.end(), path) == paths.end()) {
      paths.push_back(path);
    }
  }
  return paths;
}

GpuInfo gpu_info() {
  GpuInfo info;
  void* driver = open_library("libcuda.so.1");
  const int driver_version = ask_version(driver, "cuDriverGetVersion");
  info.driver = driver_version > 0 ? cuda_version_text(driver_version) : "none";
  for (const CudaDevice& device : cuda_devices(driver)) {
    info.devices.push_back(device.name + ", " + human_bytes(device.bytes));
  }
  const int runtime =
      ask_version(open_library("libcudart.so.13", kCudaFolder), "cudaRuntimeGetVersion");
  info.runtime = runtime > 0 ? cuda_version_text(runtime) : "none";
  const int nccl = ask_version(open_library("libnccl.so.2", kNcclFolder), "ncclGetVersion");
  info.nccl = nccl > 0 ? nccl_version_text(nccl) : "none";
  return info;
}

std::vector<double> gpu_memory() {
  std::vector<double> bytes;
  for (const CudaDevice& device : cuda_devices(open_library("libcuda.so.1"))) {
    bytes.push_back(device.bytes);
  }
  return bytes;
}

int set_threads(const UsableCores& own, int cores, int local_ranks) {
  // Always set it: by default, libtorch uses at most as many threads as MKL sees cores.
  const int chosen = threads_of_user();
  at::set_num_threads(
      chosen > 0 ? chosen : std::max(1, std::min(cores / std::max(1, local_ranks), own.count())));
  const int threads = at::get_num_threads();
  if (threads * local_ranks > cores) {
    log::warn("{} ranks x {} threads are more than {} cores; lower OMP_NUM_THREADS", local_ranks,
              threads, cores);
  }
  return threads;
}

std::string threads_text(const UsableCores& own) {
  const int threads = set_threads(own, own.count(), 1);
  return std::to_string(threads) + (threads == 1 ? " thread: " : " threads: ") +
         (threads_of_user() > 0 ? "set by OMP_NUM_THREADS; " : "") + own.reason();
}

}  // namespace incipit::launcher
