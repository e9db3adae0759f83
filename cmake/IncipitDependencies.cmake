# Third-party libraries as imported targets.
#
#   torch::cpu    libtorch on the CPU, with OpenMP and exactly one OpenMP runtime
#   nccl::headers headers of NCCL and the CUDA runtime, if found
#
# libtorch comes from the PyPI wheel torch==2.11.0. Its find_package(Torch) requires a CUDA
# toolkit, so this file imports the few libraries that are needed.

find_package(Threads REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc i18n)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(ZIP REQUIRED IMPORTED_TARGET libzip)
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
    "Python virtual environment with the torch wheel (scripts/setup.sh makes it)")
set(INCIPIT_PYTHON "${INCIPIT_VENV}/bin/python")
# An environment remade with another Python may keep the old folder: use the one that has torch.
file(GLOB torch_library "${INCIPIT_VENV}/lib/python3*/site-packages/torch/lib/libtorch_cpu.so")
if(NOT torch_library)
  message(FATAL_ERROR "no torch wheel under ${INCIPIT_VENV}: run scripts/setup.sh first")
endif()
list(GET torch_library 0 torch_library)
cmake_path(GET torch_library PARENT_PATH torch_lib)
cmake_path(GET torch_lib PARENT_PATH torch_root)
cmake_path(GET torch_root PARENT_PATH INCIPIT_SITE_PACKAGES)
set(cuda_wheel "${INCIPIT_SITE_PACKAGES}/nvidia/cu13")

# Imports a shared library. CMake adds the wheel's folder to the run path of executables that link
# it.
function(incipit_import target file)
  cmake_parse_arguments(ARG "" "" "INCLUDE;LINK" ${ARGN})
  add_library(${target} SHARED IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${file}")
  target_include_directories(${target} SYSTEM INTERFACE ${ARG_INCLUDE})
  target_link_libraries(${target} INTERFACE ${ARG_LINK})
endfunction()

# The wheel has a newer fmt that Debian's spdlog cannot use: search the system's headers first.
find_path(INCIPIT_FMT_INCLUDE fmt/core.h REQUIRED)
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/system_fmt")
file(CREATE_LINK "${INCIPIT_FMT_INCLUDE}/fmt" "${PROJECT_BINARY_DIR}/system_fmt/fmt" SYMBOLIC)
set(torch_include "${PROJECT_BINARY_DIR}/system_fmt" "${torch_root}/include"
                  "${torch_root}/include/torch/csrc/api/include")
incipit_import(torch::c10 "${torch_lib}/libc10.so" INCLUDE ${torch_include})
# A process must have one OpenMP runtime. libtorch was built against the wheel's libgomp, so
# Incipit's parallel loops use that file too. To keep the compiler's copy out of the link, there is
# no find_package(OpenMP), and -fopenmp is passed only when compiling.
file(GLOB torch_gomp "${torch_lib}/libgomp*.so*" "${INCIPIT_SITE_PACKAGES}/torch.libs/libgomp*.so*")
if(NOT torch_gomp)
  message(FATAL_ERROR "no libgomp beside ${torch_library}: expected the Linux x86-64 torch wheel")
endif()
list(GET torch_gomp 0 torch_gomp)
incipit_import(torch::gomp "${torch_gomp}")
incipit_import(torch::cpu "${torch_library}" INCLUDE ${torch_include} LINK torch::c10 torch::gomp)
# libtorch_cpu depends on libraries of the nvidia wheels at link time.
target_link_options(torch::cpu INTERFACE "-Wl,-rpath-link,${torch_lib}"
                    "-Wl,-rpath-link,${cuda_wheel}/lib")
# at::parallel_for is inline: without these flags, kernels silently run on one thread.
target_compile_options(torch::cpu INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
target_compile_definitions(torch::cpu INTERFACE AT_PARALLEL_OPENMP=1)

# --- NCCL and CUDA ----------------------------------------------------------------------
# Both libraries are loaded at run time and only on machines with GPUs; other machines start faster
# and use 230 MB less memory. The build needs only headers (nccl::headers) and no CUDA compiler.

set(INCIPIT_NCCL AUTO CACHE STRING
    "NCCL backend: AUTO (where headers are found), ON (fail without them), OFF")
set_property(CACHE INCIPIT_NCCL PROPERTY STRINGS AUTO ON OFF)
if(INCIPIT_NCCL)
  include(IncipitNccl)
endif()
if(TARGET nccl::headers)
  message(STATUS "Incipit: CPU, MPI, NCCL and CUDA")
elseif(INCIPIT_NCCL STREQUAL "ON")
  message(FATAL_ERROR "INCIPIT_NCCL=ON, but no headers of NCCL 2 and CUDA 13 were found: install "
                      "torch's CUDA build (scripts/setup.sh), or set CUDA_HOME to a toolkit 13")
else()
  message(STATUS "Incipit: CPU and MPI only (INCIPIT_NCCL=${INCIPIT_NCCL}; no headers of NCCL 2 "
                 "and CUDA 13 in use)")
endif()
