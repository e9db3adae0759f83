#include "eval/search_options.h"

#include "core/schema.h"

namespace incipit::eval {

void declare(Schema& schema, SearchOptions& o) {
  schema.field("passes", o.passes,
               "budget: examples that the model computes; a gradient counts as two", {.min = 1});
  schema.field("examples", o.examples, "training examples that words are scored on", {.min = 1});
  schema.field("validation", o.validation,
               "at most, of the validation examples that judge words; 0: all", {.min = 0});
  schema.field("start", o.start, "text whose tokens a search begins with; empty: random tokens");
  schema.field("length", o.length, "tokens, where `start` is empty", {.min = 1});
  schema.field("candidates", o.candidates, "tokens tried at a position before the next position",
               {.min = 1});
}

}  // namespace incipit::eval
