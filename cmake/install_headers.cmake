# Part of the installation (IncipitInstall.cmake): installs the headers of the folders `folders` of
# `source` to `destination`/incipit. Sources include each other as "core/error.h", which could be a
# file of the user's; installed headers include each other as <incipit/core/error.h>.
cmake_policy(VERSION 3.25)
list(JOIN folders "|" any_folder)
foreach(folder IN LISTS folders)
  file(GLOB_RECURSE headers RELATIVE "${source}" "${source}/${folder}/*.h")
  foreach(header IN LISTS headers)
    if(header IN_LIST excluded)
      continue()
    endif()
    file(READ "${source}/${header}" text)
    string(REGEX REPLACE "(#include )\"((${any_folder})/[^\"]+)\"" "\\1<incipit/\\2>" text "${text}")
    set(installed "${destination}/incipit/${header}")
    set(before "")
    if(EXISTS "$ENV{DESTDIR}${installed}")
      file(READ "$ENV{DESTDIR}${installed}" before)
    endif()
    if(NOT text STREQUAL before)  # users need not compile again for a header that is as it was
      file(WRITE "$ENV{DESTDIR}${installed}" "${text}")
    endif()
    list(APPEND CMAKE_INSTALL_MANIFEST_FILES "${installed}")
  endforeach()
endforeach()
