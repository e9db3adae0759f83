// A model's chat format as fixed text before and after each role (docs/chat_format.md).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "data/tokenizer/tokenizer.h"

namespace incipit::data {

struct ChatFormat {
  struct Around {
    std::string before;
    std::string after;
    bool trim = false;  // remove white space at both ends of the content
    [[nodiscard]] std::string wrap(std::string_view content) const;
  };
  std::string name;  // "ChatML (built in)", or the file that defines the format
  std::string begin;
  std::optional<std::string> default_system;
  std::optional<Around> system;
  Around user;
  Around user_after_system;
  Around assistant;
  std::string generation_prompt;
  bool multi_turn = true;

  // Returns everything before the first user turn. If `system_text` is empty, uses the default
  // system text, if any. Throws ConfigError when a system text is given and the format has no place
  // for it.
  [[nodiscard]] std::string opening(std::string_view system_text) const;
  // Whether opening(system_text) contains a system text.
  [[nodiscard]] bool opens_with_system(std::string_view system_text) const;

  // Returns a user turn followed by the generation prompt. `after_system`: the turn directly
  // follows a system text.
  [[nodiscard]] std::string question(std::string_view content, bool after_system) const;
  // Returns a user turn and the assistant's answer: a few-shot example.
  [[nodiscard]] std::string exchange(std::string_view content, std::string_view answer,
                                     bool after_system) const;
};

// Reads incipit_chat.json from the model folder. Without that file, recognizes ChatML, Llama 3 and
// Mistral by the special tokens that the tokenizer knows and the chat template uses, and warns that
// the file is better. Throws DataError when the file is damaged or the format is not recognized,
// and names the command that creates the file.
[[nodiscard]] ChatFormat load_chat_format(const std::filesystem::path& model_dir,
                                          const Tokenizer& tokenizer);

}  // namespace incipit::data
