// A method: what one folder below methods/ defines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "methods/method_options.h"
#include "methods/prompt.h"
#include "methods/start_inputs.h"

namespace incipit::methods {

struct LoadedPrompt {
  std::shared_ptr<Prompt> prompt;
  BackboneInfo backbone;  // as far as the files say
};

struct Method {
  std::string kind;       // MethodOptions::kind
  std::string peft_type;  // of its adapters
  std::string title;      // "TITLE of 20 tokens", with `where` after it
  std::string where;
  bool resident = false;  // PromptRows::resident
  // Returns the numbers that an adapter has per virtual token. Throws ConfigError if the method
  // does not fit the model.
  std::function<std::int64_t(const model::ModelSpec& spec)> width;
  // Returns the initial prompt. A pure function of its arguments.
  std::function<std::shared_ptr<Prompt>(const MethodOptions& options, const StartInputs& inputs,
                                        const std::string& name)>
      make;
  // Loads an adapter folder of this peft_type. Null for a reparameterised method whose adapters are
  // those of another method, which loads them.
  std::function<LoadedPrompt(const std::filesystem::path& folder)> load;
  // Options with three virtual tokens, one per variant of the method. The conformance tests run
  // each of them on every family.
  std::function<std::vector<MethodOptions>()> examples;
};

// Returns options of a method with three virtual tokens, drawn at random.
[[nodiscard]] MethodOptions small_options(const std::string& kind);

}  // namespace incipit::methods
