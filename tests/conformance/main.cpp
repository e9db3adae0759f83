#include "tests/conformance/conformance.h"

int main(int argc, char** argv) { return incipit::conformance::run(argc, argv); }
