#include "launcher/engine.h"

int main(int argc, char** argv) { return incipit::launcher::run_engine(argc, argv); }
