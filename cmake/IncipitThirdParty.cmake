# Third-party libraries as imported targets, for the build of Incipit and, from the installed package,
# for projects that use it (IncipitConfig.cmake).
#
#   torch::cpu    libtorch on the CPU, with OpenMP and exactly one OpenMP runtime
#   MPI::MPI_C, yaml-cpp, spdlog::spdlog, ...: as their packages name them
#
# libtorch comes from the PyPI wheel. Its find_package(Torch) requires a CUDA toolkit, so this file
# imports the few libraries that are needed.

# Finds everything. Sets `missing` to what is not there, one message for each, or to nothing.
macro(incipit_find_third_party missing)
  set(${missing} "")
  get_property(incipit_languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(NOT "C" IN_LIST incipit_languages)
    list(APPEND ${missing} "the language C, for CMake's FindMPI: project(NAME LANGUAGES C CXX)")
  else()
    find_package(MPI QUIET COMPONENTS C)
    incipit_need(${missing} "${MPI_C_FOUND}" "MPI" libopenmpi-dev)
    find_package(Threads QUIET)
    incipit_need(${missing} "${Threads_FOUND}" "threads" libc6-dev)
  endif()
  find_package(yaml-cpp QUIET)
  incipit_need(${missing} "${yaml-cpp_FOUND}" "yaml-cpp" libyaml-cpp-dev)
  if(yaml-cpp_FOUND AND NOT TARGET yaml-cpp::yaml-cpp)  # yaml-cpp before 0.8
    add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
  endif()
  find_package(spdlog QUIET)
  incipit_need(${missing} "${spdlog_FOUND}" "spdlog" libspdlog-dev)
  find_package(nlohmann_json QUIET)
  incipit_need(${missing} "${nlohmann_json_FOUND}" "nlohmann_json" nlohmann-json3-dev)
  find_package(CLI11 QUIET)
  incipit_need(${missing} "${CLI11_FOUND}" "CLI11" libcli11-dev)
  find_package(ICU QUIET COMPONENTS uc i18n)
  incipit_need(${missing} "${ICU_FOUND}" "ICU" libicu-dev)
  find_package(ZLIB QUIET)
  incipit_need(${missing} "${ZLIB_FOUND}" "zlib" zlib1g-dev)
  find_package(OpenSSL QUIET COMPONENTS Crypto)
  incipit_need(${missing} "${OPENSSL_FOUND}" "OpenSSL" libssl-dev)
  find_package(prometheus-cpp QUIET COMPONENTS core)
  incipit_need(${missing} "${prometheus-cpp_FOUND}" "prometheus-cpp" prometheus-cpp-dev)
  find_package(PkgConfig QUIET)
  incipit_need(${missing} "${PkgConfig_FOUND}" "pkg-config" pkg-config)
  if(PkgConfig_FOUND)
    pkg_check_modules(PCRE2 QUIET IMPORTED_TARGET libpcre2-8)
    incipit_need(${missing} "${PCRE2_FOUND}" "PCRE2" libpcre2-dev)
    pkg_check_modules(ZIP QUIET IMPORTED_TARGET libzip)
    incipit_need(${missing} "${ZIP_FOUND}" "libzip" libzip-dev)
    pkg_check_modules(HTTPLIB QUIET IMPORTED_TARGET cpp-httplib)
    incipit_need(${missing} "${HTTPLIB_FOUND}" "cpp-httplib" libcpp-httplib-dev)
  endif()
  incipit_find_torch(${missing})
endmacro()

# Adds a message to the list `missing` unless `found`. `package` is Debian's.
function(incipit_need missing found name package)
  if(NOT found)
    set(${missing} ${${missing}} "${name} (Debian's package ${package})" PARENT_SCOPE)
  endif()
endfunction()

# --- libtorch ---------------------------------------------------------------------------

# Imports a shared library. CMake adds the wheel's folder to the run path of executables that link
# it.
function(incipit_import target file)
  cmake_parse_arguments(ARG "" "" "INCLUDE;LINK" ${ARGN})
  add_library(${target} SHARED IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${file}")
  target_include_directories(${target} SYSTEM INTERFACE ${ARG_INCLUDE})
  target_link_libraries(${target} INTERFACE ${ARG_LINK})
endfunction()

# Imports torch::cpu from the environment INCIPIT_VENV. Sets INCIPIT_SITE_PACKAGES, the folder of
# its packages, INCIPIT_TORCH_VERSION, and INCIPIT_TORCH_RUN_PATH, the folders that programs load
# libtorch from. Adds to `missing` what is not there.
macro(incipit_find_torch missing)
  # An environment remade with another Python may keep the old folder: use the one that has torch.
  file(GLOB incipit_torch_library
       "${INCIPIT_VENV}/lib/python3*/site-packages/torch/lib/libtorch_cpu.so")
  if(NOT incipit_torch_library)
    list(APPEND ${missing}
         "the torch wheel (no Python environment at INCIPIT_VENV=${INCIPIT_VENV} has one)")
  else()
    list(GET incipit_torch_library 0 incipit_torch_library)
    incipit_import_torch("${incipit_torch_library}" ${missing})
  endif()
endmacro()

function(incipit_import_torch library missing)
  cmake_path(GET library PARENT_PATH torch_lib)
  cmake_path(GET torch_lib PARENT_PATH torch_root)
  cmake_path(GET torch_root PARENT_PATH site_packages)
  # A process must have one OpenMP runtime. libtorch was built against the wheel's libgomp, so
  # Incipit's parallel loops use that file too. To keep the compiler's copy out of the link, there
  # is no find_package(OpenMP), and -fopenmp is passed only when compiling.
  file(GLOB gomp "${torch_lib}/libgomp*.so*" "${site_packages}/torch.libs/libgomp*.so*")
  if(NOT gomp)
    set(${missing} ${${missing}} "libgomp beside ${library}: the Linux x86-64 torch wheel has one"
        PARENT_SCOPE)
    return()
  endif()
  list(GET gomp 0 gomp)
  cmake_path(GET gomp PARENT_PATH gomp_lib)
  file(STRINGS "${torch_root}/version.py" version REGEX "^__version__ = ")
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" version "${version}")
  set(run_path "${torch_lib}" "${gomp_lib}")
  list(REMOVE_DUPLICATES run_path)
  set(INCIPIT_SITE_PACKAGES "${site_packages}" PARENT_SCOPE)
  set(INCIPIT_TORCH_VERSION "${version}" PARENT_SCOPE)
  set(INCIPIT_TORCH_RUN_PATH "${run_path}" PARENT_SCOPE)
  if(TARGET torch::cpu)
    return()
  endif()
  set(include "${torch_root}/include" "${torch_root}/include/torch/csrc/api/include")
  incipit_import(torch::c10 "${torch_lib}/libc10.so" INCLUDE ${include})
  incipit_import(torch::gomp "${gomp}")
  incipit_import(torch::cpu "${library}" INCLUDE ${include} LINK torch::c10 torch::gomp)
  # libtorch_cpu depends on libraries of the nvidia wheels at link time.
  target_link_options(torch::cpu INTERFACE "-Wl,-rpath-link,${torch_lib}"
                      "-Wl,-rpath-link,${site_packages}/nvidia/cu13/lib")
  # at::parallel_for is inline: without these flags, kernels silently run on one thread.
  target_compile_options(torch::cpu INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
  target_compile_definitions(torch::cpu INTERFACE AT_PARALLEL_OPENMP=1)
endfunction()
