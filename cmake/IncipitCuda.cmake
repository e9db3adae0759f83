# Builds libincipit_cuda.so, the kernels of CUDA devices, where nvcc 13 is found: in a toolkit, or in
# the environment (PyPI's nvidia-cuda-nvcc, with nvidia-cuda-crt and nvidia-nvvm of the same version).
# The programs load the module at run time, so they are the same with and without it.
set(INCIPIT_CUDA AUTO CACHE STRING
    "Kernels of CUDA devices: AUTO (where nvcc 13 is found), ON (fail without it), OFF")
set_property(CACHE INCIPIT_CUDA PROPERTY STRINGS AUTO ON OFF)
set(INCIPIT_CUDA_ARCHITECTURES 80 90 100 CACHE STRING
    "GPU generations that the kernels are compiled for; later ones compile the last when they load")

# Sets `result` to the path of an nvcc of major version 13, or to nothing.
function(incipit_find_nvcc result)
  set(${result} "" PARENT_SCOPE)
  find_program(path_nvcc nvcc NO_CACHE)
  foreach(nvcc "$ENV{CUDA_HOME}/bin/nvcc" "${path_nvcc}" /usr/local/cuda/bin/nvcc
               "${INCIPIT_SITE_PACKAGES}/nvidia/cu13/bin/nvcc")
    if(NOT EXISTS "${nvcc}" OR NOT INCIPIT_CUDA)
      continue()
    endif()
    execute_process(COMMAND "${nvcc}" --version OUTPUT_VARIABLE version ERROR_QUIET)
    if(version MATCHES "release 13\\.")
      set(${result} "${nvcc}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# Adds the target incipit_cuda. The compiler runs as a plain command: CMake's own language CUDA
# costs seconds to configure and does not accept the packages of PyPI.
function(incipit_cuda_module)
  incipit_find_nvcc(nvcc)
  if(NOT nvcc)
    if(INCIPIT_CUDA STREQUAL "ON")
      message(FATAL_ERROR "INCIPIT_CUDA=ON, but nvcc 13 was not found: install a CUDA toolkit 13, or "
                          "nvidia-cuda-nvcc, nvidia-cuda-crt and nvidia-nvvm 13.0 into .venv")
    endif()
    message(STATUS "GPU kernels: not built (INCIPIT_CUDA=${INCIPIT_CUDA}; no nvcc 13 in use)")
    return()
  endif()
  cmake_path(GET nvcc PARENT_PATH toolkit)
  cmake_path(GET toolkit PARENT_PATH toolkit)
  set(codes "")
  foreach(architecture IN LISTS INCIPIT_CUDA_ARCHITECTURES)
    list(APPEND codes -gencode "arch=compute_${architecture},code=sm_${architecture}")
    set(last "${architecture}")
  endforeach()
  list(APPEND codes -gencode "arch=compute_${last},code=compute_${last}")
  # The runtime that libtorch has loaded: a second one would have its own current device.
  find_file(cudart libcudart.so.13 NO_CACHE NO_DEFAULT_PATH
            PATHS "${INCIPIT_SITE_PACKAGES}/nvidia/cu13/lib" "${toolkit}/lib64" "${toolkit}/lib")
  if(NOT cudart)
    message(FATAL_ERROR "${nvcc} is there, but libcudart.so.13 is in neither .venv nor its toolkit: "
                        "install nvidia-cuda-runtime 13.0 into .venv, or set INCIPIT_CUDA=OFF")
  endif()
  cmake_path(GET cudart PARENT_PATH cudart_folder)
  set(module "${CMAKE_CURRENT_BINARY_DIR}/libincipit_cuda.so")
  set(object "${CMAKE_CURRENT_BINARY_DIR}/cuda_module.o")
  file(GLOB parts CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/cuda/*.cuh")
  add_custom_command(OUTPUT "${module}"
    COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} "${nvcc}" -c -std=c++20 -O3 -I "${PROJECT_SOURCE_DIR}" -ccbin "${CMAKE_CXX_COMPILER}"
            --threads 0 ${codes} -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra
            "${CMAKE_CURRENT_SOURCE_DIR}/cuda/module.cu" -o "${object}"
    COMMAND "${CMAKE_CXX_COMPILER}" -shared -Wl,-z,relro,-z,now "-Wl,-rpath,${cudart_folder}"
            "${object}" "${cudart}" -o "${module}"
    DEPENDS cuda/module.cu cuda/table.h cpu/kernels.h ${parts}
    COMMENT "Compiling the GPU kernels" VERBATIM)
  add_custom_target(incipit_cuda ALL DEPENDS "${module}")
  set_source_files_properties(cuda/module.cpp PROPERTIES
    COMPILE_DEFINITIONS "INCIPIT_CUDA_MODULE_FOLDER=\"${CMAKE_CURRENT_BINARY_DIR}\"")
  install(FILES "${module}" DESTINATION "${CMAKE_INSTALL_LIBDIR}" OPTIONAL)
  list(JOIN INCIPIT_CUDA_ARCHITECTURES ", sm_" names)
  message(STATUS "GPU kernels: ${nvcc}, for sm_${names}")
endfunction()

# Adds the target incipit_cuda_graphs, libincipit_cuda_graphs.so beside the kernels, where they and
# the headers of the CUDA runtime are, and libtorch is its CUDA build.
function(incipit_cuda_graphs_module source)
  get_target_property(torch_lib torch::cpu IMPORTED_LOCATION)
  cmake_path(GET torch_lib PARENT_PATH torch_lib)
  if(NOT TARGET incipit_cuda OR NOT TARGET nccl::headers
     OR NOT EXISTS "${torch_lib}/libtorch_cuda.so")
    message(STATUS "CUDA graphs: not built (they need the kernels, headers of CUDA and libtorch's "
                   "CUDA build)")
    return()
  endif()
  add_library(incipit_cuda_graphs MODULE "${source}")
  target_compile_features(incipit_cuda_graphs PRIVATE cxx_std_20)
  target_link_libraries(incipit_cuda_graphs PRIVATE nccl::headers torch::cpu
    "${torch_lib}/libtorch_cuda.so" "${torch_lib}/libc10_cuda.so")
  set_target_properties(incipit_cuda_graphs PROPERTIES CXX_VISIBILITY_PRESET hidden
    LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/kernels")
  install(TARGETS incipit_cuda_graphs LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endfunction()
