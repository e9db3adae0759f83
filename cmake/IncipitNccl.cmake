# Finds the headers of NCCL and the CUDA runtime for the nccl backend of comm/. The libraries are
# loaded at run time, on machines with GPUs.
#
# Defines the target nccl::headers if both headers compile, and reports the result. The CUDA headers
# of the wheels lack the crt/ folder; it comes from a toolkit or from triton.
include(CheckCXXSourceCompiles)

find_path(INCIPIT_NCCL_INCLUDE nccl.h
          HINTS "${INCIPIT_SITE_PACKAGES}/nvidia/nccl/include" NO_DEFAULT_PATH)
find_path(INCIPIT_NCCL_INCLUDE nccl.h)

set(incipit_cuda_wheel "${INCIPIT_SITE_PACKAGES}/nvidia/cu13/include")
set(incipit_cuda_toolkit "/usr/local/cuda/include")
if(DEFINED ENV{CUDA_HOME})
  set(incipit_cuda_toolkit "$ENV{CUDA_HOME}/include")
endif()
set(incipit_cuda_triton "${INCIPIT_SITE_PACKAGES}/triton/backends/nvidia/include")

# incipit_knows_nccl_folders(a.cpp) defines INCIPIT_NCCL_FOLDER and INCIPIT_CUDART_FOLDER, if known,
# for one source. Defined for a whole target, they would keep clones from sharing its ccache
# entries. Call it before the source's target is created.
function(incipit_knows_nccl_folders source)
  get_property(folders GLOBAL PROPERTY INCIPIT_NCCL_FOLDERS)
  set_source_files_properties("${source}" PROPERTIES COMPILE_DEFINITIONS "${folders}")
endfunction()

function(incipit_find_nccl)
  foreach(candidate "${incipit_cuda_wheel}" "${incipit_cuda_wheel};${incipit_cuda_triton}"
                    "${incipit_cuda_toolkit}")
    list(GET candidate 0 first)
    if(NOT EXISTS "${first}/cuda_runtime_api.h")
      continue()
    endif()
    string(MAKE_C_IDENTIFIER "INCIPIT_NCCL_WITH_${candidate}" works)
    set(CMAKE_REQUIRED_INCLUDES "${INCIPIT_NCCL_INCLUDE}" ${candidate})
    set(CMAKE_REQUIRED_QUIET ON)
    check_cxx_source_compiles("#include <cuda_runtime_api.h>
      #include <nccl.h>
      static_assert(CUDART_VERSION >= 13000 && NCCL_VERSION_CODE >= NCCL_VERSION(2, 14, 0));
      int main() {}" ${works})
    if(${works})
      add_library(nccl_headers INTERFACE)
      add_library(nccl::headers ALIAS nccl_headers)
      target_include_directories(nccl_headers SYSTEM INTERFACE "${INCIPIT_NCCL_INCLUDE}"
                                 ${candidate})
      get_filename_component(nccl_root "${INCIPIT_NCCL_INCLUDE}" DIRECTORY)
      get_filename_component(cuda_root "${first}" DIRECTORY)
      set_property(GLOBAL PROPERTY INCIPIT_NCCL_FOLDERS
        INCIPIT_NCCL_FOLDER="${nccl_root}/lib" INCIPIT_CUDART_FOLDER="${cuda_root}/lib")
      target_link_libraries(nccl_headers INTERFACE ${CMAKE_DL_LIBS})
      message(STATUS "NCCL: headers in ${INCIPIT_NCCL_INCLUDE}; the nccl backend is built")
      return()
    endif()
  endforeach()
  message(STATUS "NCCL: no usable headers of NCCL 2 and CUDA 13; built without the nccl backend")
endfunction()

if(INCIPIT_NCCL_INCLUDE)
  incipit_find_nccl()
else()
  message(STATUS "NCCL: nccl.h not found; built without the nccl backend")
endif()
