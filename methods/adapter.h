// What is trained beside a frozen model and stored as an adapter: a prompt, additions to layers, or
// both.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "methods/trainable.h"

namespace incipit::methods {

// For people.
struct PromptDescription {
  std::string title;  // "soft prompt"
  std::vector<std::pair<std::string, std::string>> facts;
};

class Adapter : public Trainable {
 public:
  // Returns the float32 tensors that an adapter stores for the current values of parameters().
  [[nodiscard]] virtual std::vector<at::Tensor> stored() const = 0;
  // Throws DataError if the adapter cannot belong to the model; `path` is used in the message.
  virtual void check(const model::ModelSpec& spec, const std::filesystem::path& path) const = 0;
  [[nodiscard]] virtual PromptDescription describe() const = 0;
  // Returns what current parameters add to tensors of a checkpoint, by name, in the layout and
  // shape in which it stores them, float32: what can be merged into the model. Rows add nothing.
  [[nodiscard]] virtual std::map<std::string, at::Tensor> weight_changes() const { return {}; }

 protected:
  using Trainable::Trainable;
};

}  // namespace incipit::methods
