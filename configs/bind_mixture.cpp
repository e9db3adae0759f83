#include "configs/bindings.h"

namespace incipit::configs {

void bind_mixture(data::MixtureOptions& o, Block& block) {
  using data::MixturePrompts;
  using data::Sampling;
  block.choice("sampling", o.sampling,
               {{"size", Sampling::kSize},
                {"temperature", Sampling::kTemperature},
                {"even", Sampling::kEven}},
               "tasks are drawn from in proportion to their examples, to a root of them, or "
               "equally often");
  block.field("temperature", o.temperature, "the root's degree; 1: as size",
              {.min = 1, .max = 1e6});
  block.field("max_size", o.max_size, "examples of a task that count, at most; 0: all", {.min = 0});
  block.choice("prompts", o.prompts,
               {{"per_task", MixturePrompts::kPerTask}, {"shared", MixturePrompts::kShared}},
               "a soft prompt for every task, or one for all");
}

}  // namespace incipit::configs
