# What the build needs from others: the libraries of IncipitThirdParty.cmake, GoogleTest and
#
#   nccl::headers headers of NCCL and the CUDA runtime, if found

include(IncipitThirdParty)
set(INCIPIT_VENV "${PROJECT_SOURCE_DIR}/.venv" CACHE PATH
    "Python virtual environment with the torch wheel (scripts/setup.sh makes it)")
set(INCIPIT_PYTHON "${INCIPIT_VENV}/bin/python")
incipit_find_third_party(incipit_missing)
if(BUILD_TESTING)
  find_package(GTest QUIET)
  incipit_need(incipit_missing "${GTest_FOUND}" "GoogleTest" libgmock-dev)
  include(GoogleTest)
endif()
if(incipit_missing)
  list(JOIN incipit_missing "\n  " incipit_missing)
  message(FATAL_ERROR "scripts/setup.sh installs what is missing:\n  ${incipit_missing}")
endif()

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
