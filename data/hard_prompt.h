// A hard prompt: text before every source (`task.prompt_file`), such as the conversations with
// which Askell et al. (2021) align a model by context.
//
// A file of JSON Lines has a conversation a line, whose turns alternate and end with the assistant:
//
//   {"turns": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
//
// Any other file is text, which is taken as it is.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "data/chat.h"

namespace incipit::data {

struct HardPrompt {
  std::string text;  // used only if there are no exchanges
  // What the user and the assistant said, of all conversations.
  std::vector<std::pair<std::string, std::string>> exchanges;
};

// What begins the user's turns in raw format, as in Askell et al.
constexpr const char* kHumanTurn = "Human: ";

// Reads a hard prompt. Throws DataError with file and line when it is empty or a conversation has
// another form.
[[nodiscard]] HardPrompt read_hard_prompt(const std::filesystem::path& path);

// Returns the text of a prompt in raw format. Turns begin with "Human: " and "Assistant: ", and an
// empty line follows each of them.
[[nodiscard]] std::string raw_text(const HardPrompt& prompt);

// Returns the text of a prompt in a chat format, after its opening; all conversations follow each
// other in one chat. `after_system`: the opening contains a system text. Throws ConfigError for a
// prompt without conversations, and for a format that is known for one exchange only.
[[nodiscard]] std::string chat_text(const HardPrompt& prompt, const ChatFormat& chat,
                                    bool after_system);

}  // namespace incipit::data
