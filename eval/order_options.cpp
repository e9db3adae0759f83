#include "eval/order_options.h"

#include "core/schema.h"

namespace incipit::eval {

void declare(Schema& schema, OrderOptions& o) {
  schema.field("orders", o.orders, "at most: all orders of the examples, or a seeded sample",
               {.min = 2});
  schema.field("queries", o.queries, "at most, of test and of validation; 0: all", {.min = 0});
  schema.field("probes_per_order", o.probes_per_order,
               "inputs that the model generates after every order; 0: no search", {.min = 0});
  schema.field("max_probe_tokens", o.max_probe_tokens, "of each field of the template", {.min = 1});
  schema.field("temperature", o.temperature, "of the generation", {.min = 0, .open_min = true});
  schema.field("block_ngrams", o.block_ngrams,
               "no run of this many tokens occurs twice in a generated field; 0: any may",
               {.min = 0});
  schema.field("min_probe_words", o.min_probe_words, "of a valid probe", {.min = 1});
  schema.field("best", o.best, "orders that each criterion keeps", {.min = 1});
}

}  // namespace incipit::eval
