// Probes: inputs of a task that the model itself generates, for comparing orders of few-shot
// examples without labels (Lu et al. 2021).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/task.h"
#include "eval/order_options.h"
#include "eval/shared_beginning.h"

namespace incipit::eval {

// Fewer valid probes are refused: the entropies would say little.
constexpr std::int64_t kFewestProbes = 24;

// Generates options.probes_per_order records after beginning `index` of `beginnings`, the few-shot
// examples of `task`, and returns them as JSON. The fields of the template are sampled one after
// the other, and the template's text between them is given. A field ends at a line break, at the
// template's next text, or after options.max_probe_tokens. Labels are not generated. A pure
// function of its arguments, the model and the seed. Throws what Generator throws. Collective over
// the ranks that hold one model together.
[[nodiscard]] std::vector<std::string> write_probes(SharedBeginnings& beginnings, std::size_t index,
                                                    const data::Task& task,
                                                    const OrderOptions& options,
                                                    std::uint64_t seed);

// Returns the distinct valid probes of all orders, in order of first occurrence: each field has
// text, all fields together have options.min_probe_words words, and the record fits the task and
// the model's positions with a soft prompt of `prompt_rows` rows. Throws ConfigError when there are
// fewer than kFewestProbes.
[[nodiscard]] data::Dataset pool_probes(const data::Task& task,
                                        const std::vector<std::vector<std::string>>& by_order,
                                        const OrderOptions& options, std::int64_t prompt_rows);

}  // namespace incipit::eval
