# Makes defects of memory harder to exploit. tests/deploy/hardening_test.py checks the programs.
#
# All programs:
#   position-independent   code is at another address in every process
#   relro, now             tables of functions are read-only once the program has started
#   noexecstack            no code runs on the stack
# Libraries without libtorch, which read what users and strangers write, and the front end:
#   stack protector        a function whose stack was overwritten ends the process
#   fortified functions    memcpy and others check the sizes that the compiler knows
option(INCIPIT_HARDENING "Hardening flags of compiler and linker" ON)
set(incipit_hardened "")
if(NOT INCIPIT_HARDENING)
  return()
endif()
include(CheckPIESupported)
check_pie_supported(LANGUAGES C CXX)
add_link_options(LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
set(incipit_hardened $<$<CONFIG:Release>:-fstack-protector-strong>
    $<$<CONFIG:Release>:-U_FORTIFY_SOURCE> $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
