# Third-party libraries as imported targets.
#
#   torch::cpu    libtorch on the CPU, with OpenMP and exactly one OpenMP runtime
#   torch::cuda   libtorch's CUDA kernels (only with INCIPIT_CUDA)
#   cuda::cudart  the CUDA runtime and its headers   } from the nvidia-* wheels beside torch,
#   nccl::nccl    NCCL and its header                } where these are installed
#
# libtorch is the one inside the PyPI wheel torch==2.11.0. Its own find_package(Torch)
# insists on a CUDA toolkit, so the few libraries we need are imported here by hand.

find_package(Threads REQUIRED)
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
if(BUILD_TESTING)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

if(NOT TARGET yaml-cpp::yaml-cpp)  # yaml-cpp before 0.8
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

# --- libtorch ---------------------------------------------------------------------------

set(INCIPIT_VENV "${PROJECT_SOURCE_DIR}/.venv" CACHE PATH
    "Python virtual environment that holds the torch wheel (scripts/setup.sh makes it)")
set(INCIPIT_PYTHON "${INCIPIT_VENV}/bin/python")
# An environment remade with another Python may keep the old one's folder: take what has torch.
file(GLOB torch_library "${INCIPIT_VENV}/lib/python3*/site-packages/torch/lib/libtorch_cpu.so")
if(NOT torch_library)
  message(FATAL_ERROR "no torch wheel under ${INCIPIT_VENV}: run scripts/setup.sh first")
endif()
list(GET torch_library 0 torch_library)
cmake_path(GET torch_library PARENT_PATH torch_lib)
cmake_path(GET torch_lib PARENT_PATH torch_root)
cmake_path(GET torch_root PARENT_PATH INCIPIT_SITE_PACKAGES)
set(cuda_wheel "${INCIPIT_SITE_PACKAGES}/nvidia/cu13")
set(nccl_wheel "${INCIPIT_SITE_PACKAGES}/nvidia/nccl")

# An executable that links one of these gets the wheel's folder as its run path from CMake.
function(incipit_import target file)
  cmake_parse_arguments(ARG "" "" "INCLUDE;LINK" ${ARGN})
  add_library(${target} SHARED IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${file}")
  target_include_directories(${target} SYSTEM INTERFACE ${ARG_INCLUDE})
  target_link_libraries(${target} INTERFACE ${ARG_LINK})
endfunction()

# The wheel brings headers of a newer fmt, which Debian's spdlog cannot use: the system's first.
find_path(INCIPIT_FMT_INCLUDE fmt/core.h REQUIRED)
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/system_fmt")
file(CREATE_LINK "${INCIPIT_FMT_INCLUDE}/fmt" "${PROJECT_BINARY_DIR}/system_fmt/fmt" SYMBOLIC)
set(torch_include "${PROJECT_BINARY_DIR}/system_fmt" "${torch_root}/include"
                  "${torch_root}/include/torch/csrc/api/include")
incipit_import(torch::c10 "${torch_lib}/libc10.so" INCLUDE ${torch_include})
# One OpenMP runtime per process: libtorch was built against the wheel's own libgomp, so our
# parallel loops must use that file too. The compiler's copy is never linked; hence no
# find_package(OpenMP), and -fopenmp only when compiling.
file(GLOB torch_gomp "${torch_lib}/libgomp*.so*" "${INCIPIT_SITE_PACKAGES}/torch.libs/libgomp*.so*")
if(NOT torch_gomp)
  message(FATAL_ERROR "no libgomp beside ${torch_library}: expected the Linux x86-64 torch wheel")
endif()
list(GET torch_gomp 0 torch_gomp)
incipit_import(torch::gomp "${torch_gomp}")
incipit_import(torch::cpu "${torch_library}" INCLUDE ${torch_include} LINK torch::c10 torch::gomp)
# What libtorch_cpu itself needs at link time lies in the nvidia wheels.
target_link_options(torch::cpu INTERFACE "-Wl,-rpath-link,${torch_lib}"
                    "-Wl,-rpath-link,${cuda_wheel}/lib")
# at::parallel_for is inline: without these our kernels silently run on one thread.
target_compile_options(torch::cpu INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
target_compile_definitions(torch::cpu INTERFACE AT_PARALLEL_OPENMP=1)

# --- CUDA and NCCL ----------------------------------------------------------------------

find_program(INCIPIT_NVCC nvcc
             HINTS "$ENV{CUDA_HOME}/bin" /usr/local/cuda/bin "${cuda_wheel}/bin"
             DOC "The CUDA compiler; only major version 13, as libtorch was built with it")
set(nvcc_release "")
if(INCIPIT_NVCC)
  execute_process(COMMAND "${INCIPIT_NVCC}" --version OUTPUT_VARIABLE nvcc_output ERROR_QUIET)
  if(nvcc_output MATCHES "release ([0-9]+)\\.([0-9]+)")
    set(nvcc_release "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}")
  endif()
endif()
set(cuda_default OFF)
if(nvcc_release MATCHES "^13\\." AND EXISTS "${torch_lib}/libtorch_cuda.so"
   AND EXISTS "${nccl_wheel}/include/nccl.h" AND EXISTS "${cuda_wheel}/include/cuda_runtime.h")
  set(cuda_default ON)
endif()
option(INCIPIT_CUDA "Build the NCCL and CUDA parts (needs CUDA 13 and torch's CUDA wheel)"
       ${cuda_default})

if(EXISTS "${cuda_wheel}/lib/libcudart.so.13" AND EXISTS "${cuda_wheel}/include/cuda_runtime.h")
  incipit_import(cuda::cudart "${cuda_wheel}/lib/libcudart.so.13" INCLUDE "${cuda_wheel}/include")
endif()
if(TARGET cuda::cudart AND EXISTS "${nccl_wheel}/include/nccl.h")
  incipit_import(nccl::nccl "${nccl_wheel}/lib/libnccl.so.2" INCLUDE "${nccl_wheel}/include"
                 LINK cuda::cudart)
endif()
if(INCIPIT_CUDA)
  if(NOT TARGET nccl::nccl OR NOT EXISTS "${torch_lib}/libtorch_cuda.so")
    message(FATAL_ERROR "INCIPIT_CUDA=ON needs the CUDA build of torch and the nvidia wheels that "
                        "come with it, under ${INCIPIT_VENV}: run scripts/setup.sh, or configure "
                        "with -DINCIPIT_CUDA=OFF")
  endif()
  incipit_import(torch::c10_cuda "${torch_lib}/libc10_cuda.so" INCLUDE ${torch_include}
                 LINK torch::c10 cuda::cudart)
  # libtorch_cuda registers its kernels when it is loaded; nothing refers to its symbols, so the
  # linker must be told to keep it.
  add_library(torch::cuda INTERFACE IMPORTED GLOBAL)
  target_link_libraries(torch::cuda INTERFACE torch::cpu torch::c10_cuda
    "-Wl,--push-state,--no-as-needed" "${torch_lib}/libtorch_cuda.so" "-Wl,--pop-state")
  message(STATUS "Incipit: CPU, MPI, NCCL and CUDA (nvcc ${nvcc_release})")
elseif(nvcc_release AND NOT nvcc_release MATCHES "^13\\.")
  message(STATUS "Incipit: CPU and MPI; CUDA needs toolkit 13, ${INCIPIT_NVCC} is ${nvcc_release}")
else()
  message(STATUS "Incipit: CPU and MPI; no CUDA 13 toolkit (nvcc) found")
endif()

# Headers for the nccl backend of comm/, when they are there: nccl::headers.
include(IncipitNccl)
