#include "data/hard_prompt.h"

#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "data/records.h"

namespace incipit::data {
namespace {

constexpr const char* kAssistantTurn = "Assistant: ";
constexpr const char* kEndOfTurn = "\n\n";

std::string said(const Record& record, std::int64_t turn, const std::string& role) {
  const std::string path = "turns." + std::to_string(turn);
  const std::string found = record.text(path + ".role");
  if (found != role) {
    record.fail(path + ".role is '" + found + "'; expected '" + role +
                "': user and assistant take turns, and the assistant has the last word");
  }
  return record.text(path + ".content");
}

}  // namespace

HardPrompt read_hard_prompt(const std::filesystem::path& path) {
  HardPrompt prompt;
  if (path.extension() != ".jsonl") {
    prompt.text = read_text(path);
    if (prompt.text.empty()) throw DataError(path.string() + ": is empty; expected a prompt");
    return prompt;
  }
  const auto lines = open_records(path);
  while (const auto record = lines->next()) {
    const std::int64_t turns = record->list_size("turns");
    if (turns == 0) record->fail("turns is empty; expected a user's and an assistant's");
    for (std::int64_t turn = 0; turn < turns; turn += 2) {
      std::string user = said(*record, turn, "user");
      prompt.exchanges.emplace_back(std::move(user), said(*record, turn + 1, "assistant"));
    }
  }
  if (prompt.exchanges.empty()) {
    throw DataError(path.string() + ": is empty; expected a conversation a line");
  }
  return prompt;
}

std::string raw_text(const HardPrompt& prompt) {
  std::string text = prompt.exchanges.empty() ? prompt.text : "";
  for (const auto& [user, assistant] : prompt.exchanges) {
    text += kHumanTurn + user + kEndOfTurn + kAssistantTurn + assistant + kEndOfTurn;
  }
  return text;
}

std::string chat_text(const HardPrompt& prompt, const ChatFormat& chat, bool after_system) {
  if (prompt.exchanges.empty()) {
    throw ConfigError(
        "task.prompt_file: is text, which format chat has no place for; expected conversations in "
        "a .jsonl file, the text in task.system, or format raw");
  }
  if (!chat.multi_turn) {
    throw ConfigError(
        "task.prompt_file: the model's chat format is known for one exchange only; "
        "set format to raw");
  }
  std::string text;
  for (const auto& [user, assistant] : prompt.exchanges) {
    text += chat.exchange(user, assistant, after_system);
    after_system = false;
  }
  return text;
}

}  // namespace incipit::data
