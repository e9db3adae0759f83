#include "configs/phrases.h"

#include <utility>

#include "configs/list_blocks.h"
#include "configs/yaml_reader.h"

namespace incipit::configs {
namespace {

constexpr const char* kSlot = "slot";

std::string mark_of(const PhraseSlot& slot) { return "{" + slot.slot + "}"; }

void replace_all(std::string& text, const std::string& mark, const std::string& phrase) {
  for (std::size_t at = text.find(mark); at != std::string::npos;
       at = text.find(mark, at + phrase.size())) {
    text.replace(at, mark.size(), phrase);
  }
}

void check_slot(const std::vector<PhraseSlot>& slots, std::size_t index,
                const data::TaskOptions& task, YamlReader& reader) {
  const PhraseSlot& slot = slots[index];
  const std::string key = block_key(kSlot, index);
  if (!reader.was_given(key + ".slot") || !reader.was_given(key + ".phrases")) return;
  if (slot.phrases.empty()) reader.report(key + ".phrases", "is empty; expected at least one");
  for (std::size_t other = 0; other < index; ++other) {
    if (slots[other].slot != slot.slot) continue;
    reader.report(key + ".slot", block_key(kSlot, other) + " is '" + slot.slot + "', too");
  }
  const std::string mark = mark_of(slot);
  if (task.source_template.find(mark) == std::string::npos &&
      task.system.find(mark) == std::string::npos) {
    reader.report(key + ".slot", "task.template has no " + mark +
                                     ", and neither has task.system; write " + mark +
                                     " where the phrases go");
  }
}

}  // namespace

void declare(Schema& schema, PhraseSlot& o) {
  schema.field("slot", o.slot, "its name in the template").required = true;
  schema.field("phrases", o.phrases, "what it may be").required = true;
}

std::vector<PhraseSlot> parse_phrases(const std::string& text, const std::string& source,
                                      const data::TaskOptions& task) {
  Schema schema;
  YamlReader reader(schema);
  const ConfigValue blocks = as_blocks(reader.parse_text(text, source), kSlot, reader.problems());
  std::vector<PhraseSlot> slots(blocks.pairs.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    schema.block(block_key(kSlot, i), slots[i], "");
  }
  reader.apply(blocks);
  for (std::size_t i = 0; i < slots.size(); ++i) check_slot(slots, i, task, reader);
  reader.finish();
  return slots;
}

data::TaskOptions with_phrases(data::TaskOptions task, const std::vector<PhraseSlot>& slots,
                               std::span<const std::int32_t> numbers) {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const std::string& phrase = slots[i].phrases.at(static_cast<std::size_t>(numbers[i]));
    replace_all(task.source_template, mark_of(slots[i]), phrase);
    replace_all(task.system, mark_of(slots[i]), phrase);
  }
  return task;
}

}  // namespace incipit::configs
