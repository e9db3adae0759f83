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
    bool trim = false;  // white space at both ends of the content is removed
    [[nodiscard]] std::string wrap(std::string_view content) const;
  };
  std::string begin;
  std::optional<std::string> default_system;
  std::optional<Around> system;
  Around user;
  Around user_after_system;
  Around assistant;
  std::string generation_prompt;
  bool multi_turn = true;

  // Everything before the first user's turn; `system_text` empty: the default, if any.
  // Throws ConfigError when a system text is given and the format has no place for it.
  [[nodiscard]] std::string opening(std::string_view system_text) const;
  // Whether opening(system_text) holds a system text.
  [[nodiscard]] bool opens_with_system(std::string_view system_text) const;

  // A user's turn and what asks for an answer to it. `after_system`: it stands directly
  // after a system text.
  [[nodiscard]] std::string question(std::string_view content, bool after_system) const;
  // A user's turn and the assistant's: a demonstration.
  [[nodiscard]] std::string exchange(std::string_view content, std::string_view answer,
                                     bool after_system) const;
};

// Reads incipit_chat.json beside the model. Where there is none, recognises ChatML, Llama 3
// and Mistral by the special tokens that the tokenizer knows and the chat template uses,
// and warns that the file is better. Throws DataError when the file is damaged or the format is
// not recognised, with the command that makes the file.
[[nodiscard]] ChatFormat load_chat_format(const std::filesystem::path& model_dir,
                                          const Tokenizer& tokenizer);

}  // namespace incipit::data
