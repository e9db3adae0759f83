// Phrases that a search over words chooses among: a YAML list of slots.
//
//   - {slot: opening, phrases: ["", "Message to the town hall: "]}
//   - {slot: question, phrases: ["\nThis message is about", "\nOffice:"]}
//
// The task's template, or its system text, has {opening} and {question} where they go.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "configs/run_config.h"

namespace incipit::configs {

struct PhraseSlot {
  std::string slot;                  // unique in its list
  std::vector<std::string> phrases;  // template text; at least one
};

// Declares the keys of one slot.
void declare(Schema& schema, PhraseSlot& options);

// Parses a list of slots; `source` names it in messages. Throws one ConfigError that lists all
// mistakes: those of the list, and slots that neither the template nor the system text of `task`
// has.
[[nodiscard]] std::vector<PhraseSlot> parse_phrases(const std::string& text,
                                                    const std::string& source,
                                                    const data::TaskOptions& task);

// Returns the task with phrase numbers[i] in the place of slot i.
[[nodiscard]] data::TaskOptions with_phrases(data::TaskOptions task,
                                             const std::vector<PhraseSlot>& slots,
                                             std::span<const std::int32_t> numbers);

}  // namespace incipit::configs
