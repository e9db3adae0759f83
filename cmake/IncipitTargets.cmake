# Functions that all CMakeLists.txt files of the project use.
include(GNUInstallDirs)

# Compile flags of all Incipit code. They belong to this folder, so that no user of a library gets
# them.
option(INCIPIT_WERROR "Warnings are errors (on by default where CI=true)" $ENV{CI})
add_compile_options(-Wall -Wextra -Wno-unused-parameter $<$<BOOL:${INCIPIT_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these for std::string once functions are inlined (GCC bug 105651).
  add_compile_options(-Wno-error=restrict -Wno-error=stringop-overread
                      -Wno-error=stringop-overflow -Wno-error=array-bounds)
endif()
# Sources include headers as "core/error.h". Users include them as <incipit/core/error.h>, from the
# prefix (cmake/install_headers.cmake) or, in the same build, from the folder of links.
include_directories("${PROJECT_SOURCE_DIR}")

include(IncipitHardening)
include(IncipitFastBuild)
if(INCIPIT_PCH)
  incipit_precompile_all()
endif()

# Environment of tests. Programs that use libtorch get two threads on any machine, so that parallel
# loops really run in parallel. Waiting threads sleep, since several tests share the cores. Tests
# have their own cache of tokenised files, separate from the user's.
set(INCIPIT_TEST_ENVIRONMENT OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive
    "INCIPIT_CACHE=${CMAKE_BINARY_DIR}/test_cache")

# Makes a library of the project known to users as incipit::<name>, in the build and installed, from
# the export set IncipitTargets or, for what only tests need, IncipitTestingTargets. Further
# arguments are passed to install().
function(incipit_export target name export)
  add_library(incipit::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} INTERFACE
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>)
  install(TARGETS ${target} EXPORT ${export} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
          ${ARGN} INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endfunction()

# incipit_library(comm SOURCES a.cpp b.cpp PUBLIC incipit::core PRIVATE MPI::MPI_C)
# creates the static library of a folder, incipit::comm. It is compiled with -O1 to save build time;
# HOT keeps full optimisation, for libraries with hot loops.
function(incipit_library name)
  cmake_parse_arguments(ARG "HOT" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  incipit_group_sources(sources ${name} ${ARG_SOURCES})
  add_library(incipit_${name} STATIC ${sources})
  target_link_libraries(incipit_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  incipit_export(incipit_${name} ${name} IncipitTargets)
  incipit_find_variant(incipit_${name} plain ${ARG_PUBLIC} ${ARG_PRIVATE})
  if(ARG_HOT)
    target_compile_options(incipit_${name} PRIVATE ${incipit_hardened})
  else()
    incipit_use_precompiled(incipit_${name} library)
  endif()
endfunction()

# incipit_test_tool(metrics_tool SOURCES a.cpp LINK incipit::data)
# creates a program that a test runs.
function(incipit_test_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  incipit_group_sources(sources ${name} ${ARG_SOURCES})
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock)
  incipit_find_variant(${name} none ${ARG_LINK})
  incipit_use_precompiled(${name} test)
endfunction()

# incipit_unit_test(core SOURCES a_test.cpp LINK incipit::core [LABELS unit] [TIMEOUT 120])
# creates the GoogleTest program <name>_test; every TEST becomes one ctest entry.
function(incipit_unit_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  incipit_test_tool(${name}_test SOURCES ${ARG_SOURCES} LINK ${ARG_LINK} GTest::gtest_main)
  gtest_discover_tests(${name}_test TEST_PREFIX "${name}." TEST_LIST ${name}_discovered
                       DISCOVERY_TIMEOUT 120 PROPERTIES TIMEOUT ${ARG_TIMEOUT})
  # gtest_discover_tests splits lists, so list properties are set afterwards.
  set(file "${CMAKE_CURRENT_BINARY_DIR}/${name}_properties.cmake")
  file(WRITE "${file}" "if(${name}_discovered)\n"
       "  set_tests_properties(\${${name}_discovered} PROPERTIES LABELS \"${ARG_LABELS}\"\n"
       "                       ENVIRONMENT \"${INCIPIT_TEST_ENVIRONMENT}\")\nendif()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${file}")
endfunction()

# incipit_python_test(include_rules SCRIPT path [ARGS ...] [LABELS unit] [TIMEOUT 120])
# adds a test that runs a script with .venv's Python; exit code 0 means passed, 77 skipped.
function(incipit_python_test name)
  cmake_parse_arguments(ARG "" "SCRIPT;TIMEOUT" "ARGS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_test(NAME ${name} COMMAND "${INCIPIT_PYTHON}" "${ARG_SCRIPT}" ${ARG_ARGS})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
                       SKIP_RETURN_CODE 77 ENVIRONMENT "${INCIPIT_TEST_ENVIRONMENT}")
endfunction()

# add_mpi_test(comm_mpi PROGRAM target RANKS 1 2 4 [ARGS ...] [LABELS mpi] [TIMEOUT 120])
# adds one test per number of ranks that runs the program through scripts/mpirun.sh.
function(add_mpi_test name)
  cmake_parse_arguments(ARG "" "PROGRAM;TIMEOUT" "RANKS;ARGS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS mpi)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  foreach(ranks IN LISTS ARG_RANKS)
    add_test(NAME ${name}.ranks_${ranks}
             COMMAND "${PROJECT_SOURCE_DIR}/scripts/mpirun.sh" -n ${ranks}
                     $<TARGET_FILE:${ARG_PROGRAM}> ${ARG_ARGS})
    set_tests_properties(${name}.ranks_${ranks} PROPERTIES
                         LABELS "${ARG_LABELS}" PROCESSORS ${ranks} TIMEOUT ${ARG_TIMEOUT})
  endforeach()
endfunction()
