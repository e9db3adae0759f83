# Speeds up the build with unity builds (sources compiled in groups) and precompiled headers.
#
# The compiler spends most of its time on headers (libtorch, nlohmann_json, GoogleTest) and their
# templates, again for every file. A group of files compiles them once; headers that several groups
# share are precompiled. Neither may change what is built: the preset `plain` compiles every file
# separately and so finds missing includes.

option(INCIPIT_UNITY "Compile the sources of a target in groups" ON)
if(INCIPIT_UNITY)  # GCC takes an included source for a header and warns
  add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage>)
endif()
# GCC's garbage collection takes a tenth of the time of a group. With this heap it hardly runs.
add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:--param=ggc-min-heapsize=700000>)
option(INCIPIT_PCH "Use precompiled headers" ON)

# Target size of a group. It gives enough groups for several processors and keeps a compiler process
# below 1.6 GB.
set(INCIPIT_GROUP_BYTES 180000 CACHE STRING "Source text compiled at once, in bytes")

# incipit_group_sources(result comm a.cpp b.cpp) replaces the sources of this folder with files that
# include them. Generated sources, generator expressions, objects and sources with their own compile
# properties stay separate; set such properties before the call. The includes are relative to the
# project, so that clones share ccache entries.
function(incipit_group_sources result name)
  set(alone "")
  set(grouped "")
  set(bytes 0)
  foreach(source IN LISTS ARGN)
    incipit_may_be_grouped(groupable "${source}")
    if(groupable)
      cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
      list(APPEND grouped "${source}")
      file(SIZE "${source}" size)
      math(EXPR bytes "${bytes} + ${size}")
    else()
      list(APPEND alone "${source}")
    endif()
  endforeach()
  if(NOT INCIPIT_UNITY OR NOT grouped)
    set(${result} ${ARGN} PARENT_SCOPE)
    return()
  endif()
  math(EXPR groups "(${bytes} + ${INCIPIT_GROUP_BYTES} - 1) / ${INCIPIT_GROUP_BYTES}")
  incipit_write_groups(files "${name}" ${groups} ${bytes} ${grouped})
  set(${result} ${files} ${alone} PARENT_SCOPE)
endfunction()

function(incipit_may_be_grouped result source)
  set(${result} FALSE PARENT_SCOPE)
  if(NOT source MATCHES "\\.cpp$" OR source MATCHES "\\$<")
    return()
  endif()
  cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
  cmake_path(IS_PREFIX PROJECT_BINARY_DIR "${source}" is_generated)
  if(is_generated)
    return()
  endif()
  foreach(property COMPILE_OPTIONS COMPILE_DEFINITIONS COMPILE_FLAGS INCLUDE_DIRECTORIES
                   SKIP_UNITY_BUILD_INCLUSION)
    get_source_file_property(value "${source}" ${property})
    if(value)
      return()
    endif()
  endforeach()
  set(${result} TRUE PARENT_SCOPE)
endfunction()

# Splits the sources into groups of about equal size, in order, and writes a file for each group.
function(incipit_write_groups result name groups bytes)
  set(files "")
  set(text "")
  set(seen 0)
  set(number 1)
  foreach(source IN LISTS ARGN)
    file(SIZE "${source}" size)
    math(EXPR seen "${seen} + ${size}")
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${PROJECT_SOURCE_DIR}")
    string(APPEND text "#include \"${source}\"\n")
    math(EXPR missing "${bytes} * ${number} - ${seen} * ${groups}")
    if(missing LESS_EQUAL 0)
      set(file "${CMAKE_CURRENT_BINARY_DIR}/${name}_${number}.cpp")
      file(CONFIGURE OUTPUT "${file}" CONTENT "${text}" @ONLY)
      list(APPEND files "${file}")
      set(text "")
      math(EXPR number "${number} + 1")
    endif()
  endforeach()
  set(${result} ${files} PARENT_SCOPE)
endfunction()

# --- Precompiled headers ------------------------------------------------------------------
# One per set of flags, since the compiler rejects a precompiled header made with other flags:
# libraries and test programs, each without and with libtorch. They contain only third-party
# headers, since Incipit's own change.

set(incipit_common_headers
    <algorithm> <array> <atomic> <charconv> <chrono> <cmath> <cstdint> <cstdlib> <cstring>
    <exception> <filesystem> <fstream> <functional> <iostream> <limits> <map> <memory> <mutex>
    <numeric> <optional> <random> <set> <span> <sstream> <stdexcept> <string> <string_view>
    <thread> <unordered_map> <utility> <variant> <vector> <nlohmann/json.hpp>)
set(incipit_torch_headers <ATen/core/Tensor.h> <ATen/ops/empty.h>)
set(incipit_test_headers <gmock/gmock.h> <gtest/gtest.h>)

# Compile options of each. Test assertions expand to much code, code that calls libtorch waits for it,
# and most of the rest runs once: none gains from optimisation what it costs to compile. The
# exceptions are HOT (incipit_library).
set(incipit_little_optimised $<$<CONFIG:Release>:-O1>)
set(incipit_options_library_plain ${incipit_little_optimised} ${incipit_hardened})
set(incipit_options_library_torch ${incipit_little_optimised})
set(incipit_options_test_plain ${incipit_little_optimised})
set(incipit_options_test_torch ${incipit_little_optimised})

function(incipit_precompile kind)
  cmake_parse_arguments(ARG "PROGRAM" "" "HEADERS;LINK" ${ARGN})
  set(target incipit_precompiled_${kind})
  set(source "${PROJECT_BINARY_DIR}/precompiled/${kind}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "// A target needs a source.\n" @ONLY)
  add_library(${target} OBJECT EXCLUDE_FROM_ALL "${source}")
  target_link_libraries(${target} PRIVATE nlohmann_json::nlohmann_json ${ARG_LINK})
  target_compile_options(${target} PRIVATE ${incipit_options_${kind}})
  target_precompile_headers(${target} PRIVATE ${incipit_common_headers} ${ARG_HEADERS})
  if(ARG_PROGRAM)
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIE)
  endif()
endfunction()

function(incipit_precompile_all)
  incipit_precompile(library_plain)
  incipit_precompile(library_torch LINK torch::cpu HEADERS ${incipit_torch_headers})
  if(BUILD_TESTING)
    incipit_precompile(test_plain PROGRAM LINK GTest::gmock HEADERS ${incipit_test_headers})
    incipit_precompile(test_torch PROGRAM LINK torch::cpu GTest::gmock
                       HEADERS ${incipit_test_headers} ${incipit_torch_headers})
  endif()
endfunction()

# Sets the property INCIPIT_VARIANT of a target from the libraries it links: `plain` if they have
# only Incipit's flags, `torch` if they have libtorch's as well. If they have neither, it is
# `variant`: `plain` for a library, `none` for a program.
function(incipit_find_variant target variant)
  foreach(linked IN LISTS ARGN)
    set(theirs none)
    if(linked STREQUAL "torch::cpu" AND NOT variant STREQUAL "none")
      set(theirs torch)
    elseif(TARGET "${linked}")
      get_target_property(theirs "${linked}" INCIPIT_VARIANT)
    endif()
    if(theirs STREQUAL "torch" OR (theirs STREQUAL "plain" AND variant STREQUAL "none"))
      set(variant "${theirs}")
    endif()
  endforeach()
  set_property(TARGET ${target} PROPERTY INCIPIT_VARIANT "${variant}")
endfunction()

# Applies the compile options and precompiled headers of `kind` (`library` or `test`) to a target.
function(incipit_use_precompiled target kind)
  get_target_property(variant ${target} INCIPIT_VARIANT)
  if(NOT variant STREQUAL "none")
    target_compile_options(${target} PRIVATE ${incipit_options_${kind}_${variant}})
    if(INCIPIT_PCH)
      target_precompile_headers(${target} REUSE_FROM incipit_precompiled_${kind}_${variant})
    endif()
  endif()
endfunction()
