#include "data/mixture_options.h"

#include "core/schema.h"

namespace incipit::data {

void declare(Schema& schema, MixtureOptions& o) {
  schema.choice("sampling", o.sampling,
                {{"size", Sampling::kSize},
                 {"temperature", Sampling::kTemperature},
                 {"even", Sampling::kEven}},
                "tasks are drawn from in proportion to their examples, to a root of them, or "
                "equally often");
  schema.field("temperature", o.temperature, "the root's degree; 1: as size",
               {.min = 1, .max = 1e6});
  schema.field("max_size", o.max_size, "examples of a task that count, at most; 0: all",
               {.min = 0});
  schema.choice("prompts", o.prompts,
                {{"per_task", MixturePrompts::kPerTask}, {"shared", MixturePrompts::kShared}},
                "a soft prompt for every task, or one for all");
}

}  // namespace incipit::data
