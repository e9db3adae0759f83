#include "comm/guarded_main.h"
#include "launcher/program.h"

int main(int argc, char** argv) {
  return incipit::comm::guarded_main([&] { return incipit::launcher::run_program(argc, argv); });
}
