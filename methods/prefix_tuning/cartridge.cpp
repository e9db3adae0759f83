#include "methods/prefix_tuning/cartridge.h"

#include <vector>

#include "methods/prefix_tuning/prefix_adapter.h"
#include "methods/prefix_tuning/prefix_tuning.h"

namespace incipit::prefix_tuning {

methods::Method cartridge() {
  methods::Method made = method();
  made.kind = "cartridge";
  made.peft_type = kCartridgeType;
  made.title = [](const methods::MethodOptions& options) {
    return methods::title_with_tokens("cartridge", options) + " in every layer";
  };
  made.examples = [] { return std::vector{methods::small_options("cartridge")}; };
  return made;
}

}  // namespace incipit::prefix_tuning
