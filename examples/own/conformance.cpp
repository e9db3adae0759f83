// Runs the conformance tests of Incipit with a further method and a further family.
//
//   own_conformance --gtest_filter='*starcoder2*:*decomposed*'
#include <incipit/families/registry.h>
#include <incipit/methods/registry.h>
#include <incipit/tests/conformance/conformance.h>

#include "decomposed_prompt.h"
#include "starcoder2.h"

int main(int argc, char** argv) {
  incipit::families::add_family(own::starcoder2());
  incipit::methods::add_method(own::decomposed_prompt(), own::decomposed_prompt_options());
  return incipit::conformance::run(argc, argv);
}
