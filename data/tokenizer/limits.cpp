#include "data/tokenizer/limits.h"

#include <string>

#include "core/error.h"

namespace incipit::data {

void require_growth(std::string_view rules, std::size_t bytes, std::size_t most) {
  if (bytes <= most) return;
  throw DataError("the " + std::string(rules) + " of tokenizer.json lengthens a text to " +
                  std::to_string(bytes) + " bytes, and at most " + std::to_string(most) +
                  " are allowed for it; is the file damaged?");
}

void require_count(const JsonNode& node, std::size_t count, std::size_t most) {
  if (count <= most) return;
  node.fail("there are more than " + std::to_string(most) + " such rules; is the file damaged?");
}

}  // namespace incipit::data
