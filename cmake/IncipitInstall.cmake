# What `cmake --install` installs beside the programs and libraries (incipit_export): headers,
# built-in configurations, scripts, licences and the files of find_package(Incipit).
include(CMakePackageConfigHelpers)

set(incipit_share "${CMAKE_INSTALL_DATAROOTDIR}/incipit")
set(incipit_package "${CMAKE_INSTALL_LIBDIR}/cmake/Incipit")

# Not installed: headers that need packages which no interface of Incipit needs.
set(excluded comm/nccl_api.h comm/nccl_communicator.h comm/nccl_devices.h comm/nccl_life.h
    telemetry/series.h)
install(CODE "
  set(source \"${PROJECT_SOURCE_DIR}\")
  set(folders \"${INCIPIT_FOLDERS}\")
  set(excluded \"${excluded}\")
  set(destination \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}\")")
install(SCRIPT cmake/install_headers.cmake)

install(DIRECTORY configs/tasks configs/recipes configs/templates
        DESTINATION "${incipit_share}/configs")
install(PROGRAMS scripts/mpirun.sh DESTINATION "${incipit_share}/scripts")
install(FILES scripts/cores.sh DESTINATION "${incipit_share}/scripts")
install(FILES LICENSE NOTICE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

install(EXPORT IncipitTargets NAMESPACE incipit:: DESTINATION "${incipit_package}")
if(BUILD_TESTING)
  install(EXPORT IncipitTestingTargets NAMESPACE incipit:: DESTINATION "${incipit_package}"
          COMPONENT testing)
endif()
configure_package_config_file(cmake/IncipitConfig.cmake.in "${PROJECT_BINARY_DIR}/IncipitConfig.cmake"
  INSTALL_DESTINATION "${incipit_package}" NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/IncipitConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/IncipitConfig.cmake"
              "${PROJECT_BINARY_DIR}/IncipitConfigVersion.cmake"
              cmake/IncipitThirdParty.cmake
        DESTINATION "${incipit_package}")
