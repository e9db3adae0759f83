// The incipit program with a further method and a further family.
#include <incipit/families/registry.h>
#include <incipit/launcher/engine.h>
#include <incipit/methods/registry.h>

#include "decomposed_prompt.h"
#include "starcoder2.h"

int main(int argc, char** argv) {
  incipit::families::add_family(own::starcoder2());
  incipit::methods::add_method(own::decomposed_prompt(), own::decomposed_prompt_options());
  return incipit::launcher::run_engine(argc, argv);
}
