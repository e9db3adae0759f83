# Third-party libraries as imported targets.
#
# libtorch is the one inside the PyPI wheel torch==2.11.0. Its own find_package(Torch)
# insists on a CUDA toolkit, so the few libraries we need are imported here by hand;
# NCCL and the CUDA runtime come from the nvidia-* wheels beside it.

find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(MPI REQUIRED COMPONENTS C)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc i18n)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(prometheus-cpp REQUIRED COMPONENTS pull)
find_package(GTest REQUIRED)
include(GoogleTest)

if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

set(INCIPIT_VENV "${PROJECT_SOURCE_DIR}/.venv" CACHE PATH
    "Python virtual environment that holds the torch wheel (scripts/setup.sh makes it)")
file(GLOB INCIPIT_SITE_PACKAGES "${INCIPIT_VENV}/lib/python3*/site-packages")
if(NOT EXISTS "${INCIPIT_SITE_PACKAGES}/torch/lib/libtorch_cpu.so")
  message(FATAL_ERROR "no torch wheel under ${INCIPIT_VENV}: run scripts/setup.sh first")
endif()
set(INCIPIT_PYTHON "${INCIPIT_VENV}/bin/python")
set(torch_root "${INCIPIT_SITE_PACKAGES}/torch")

function(incipit_import_torch_library target file)
  add_library(${target} SHARED IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${torch_root}/lib/${file}")
  target_include_directories(${target} SYSTEM INTERFACE "${torch_root}/include"
                             "${torch_root}/include/torch/csrc/api/include")
endfunction()
incipit_import_torch_library(torch::c10 libc10.so)
incipit_import_torch_library(torch::cpu libtorch_cpu.so)
target_link_libraries(torch::cpu INTERFACE torch::c10 "-Wl,-rpath-link,${torch_root}/lib")
# at::parallel_for is inline: without these our kernels silently run on one thread.
target_compile_options(torch::cpu INTERFACE -fopenmp)
target_compile_definitions(torch::cpu INTERFACE AT_PARALLEL_OPENMP=1)

# One OpenMP runtime per process: the wheel ships its own libgomp, so ours must be
# that one and not the compiler's (launching two would double the threads).
file(GLOB torch_gomp "${torch_root}/lib/libgomp*.so*")
if(NOT torch_gomp)
  file(GLOB torch_gomp "${INCIPIT_SITE_PACKAGES}/torch.libs/libgomp*.so*")
endif()
list(GET torch_gomp 0 torch_gomp)
target_link_libraries(torch::cpu INTERFACE "${torch_gomp}")
