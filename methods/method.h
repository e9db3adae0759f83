// A method: what one folder below methods/ defines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "methods/adapter.h"
#include "methods/method_options.h"
#include "methods/start_inputs.h"

namespace incipit::methods {

struct LoadedPrompt {
  std::shared_ptr<Adapter> prompt;
  BackboneInfo backbone;  // as far as the files say
  // Returns the prompt, with the head if there is one.
  [[nodiscard]] std::shared_ptr<Trainable> trained() const;
};

struct Method {
  std::string kind;       // MethodOptions::kind
  std::string peft_type;  // of its adapters
  // How Python loads the folder FOLDER of an adapter, in Markdown.
  std::string in_python = "`PeftModel.from_pretrained(model, \"FOLDER\")`";
  bool trains_backbone = false;  // Trainable::trains_backbone()
  // Return what the options alone say: the rows of the prompt, and a title such as "soft prompt of
  // 20 tokens".
  std::function<PromptRows(const MethodOptions& options)> rows;
  std::function<std::string(const MethodOptions& options)> title;
  // Returns the number of numbers that are saved. Throws ConfigError if the method does not fit the
  // model.
  std::function<std::int64_t(const MethodOptions& options, const model::ModelSpec& spec)> numbers;
  // Throws ConfigError if the method cannot start from a text of `text_tokens` tokens (init.text).
  // Null: it can start from any.
  std::function<void(const MethodOptions& options, const model::ModelSpec& spec,
                     std::int64_t text_tokens)>
      check_text{};
  // Returns the initial state. A pure function of its arguments.
  std::function<std::shared_ptr<Trainable>(const MethodOptions& options, const StartInputs& inputs,
                                           const std::string& name)>
      make;
  // Loads an adapter folder of this peft_type. Null for a method that has no adapters, or whose
  // adapters are those of another method, which loads them.
  std::function<LoadedPrompt(const std::filesystem::path& folder)> load;
  // Options with three virtual tokens, one per variant of the method. The conformance tests run
  // each of them on every family.
  std::function<std::vector<MethodOptions>()> examples;
};

// Returns one input row for each virtual token.
[[nodiscard]] PromptRows rows_of_tokens(const MethodOptions& options);

// Returns "TITLE of 20 tokens".
[[nodiscard]] std::string title_with_tokens(const std::string& title, const MethodOptions& options);

// Returns options of a method with three virtual tokens, drawn at random.
[[nodiscard]] MethodOptions small_options(const std::string& kind);

}  // namespace incipit::methods
