#include "comm/guarded_main.h"
#include "core/memory.h"
#include "launcher/program.h"

int main(int argc, char** argv) {
  incipit::keep_freed_memory();
  return incipit::comm::guarded_main([&] { return incipit::launcher::run_program(argc, argv); });
}
