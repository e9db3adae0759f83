// A prompt whose values are rows of input, which a pass uses in place of token embeddings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "methods/prompt.h"

namespace incipit::methods {

class InputPrompt : public Prompt {
 public:
  [[nodiscard]] PromptRows rows(int number) const override;
  void place(const at::Tensor& values, const model::Backbone& backbone, bool for_backward,
             Contribution& to) const override;
  void collect(const Contribution& from, const model::Backbone& backbone,
               at::Tensor grad_values) const override;
  // Partial over the shares of the batch. With pipeline stages, only the first stage has them. They
  // are complete on every tensor parallel rank.
  [[nodiscard]] comm::MeshDimensions partial_over() const override {
    return comm::kBatch | comm::kPipeline;
  }
  void check(const model::ModelSpec& spec, const std::filesystem::path& path) const override;

 protected:
  // The values are [rows, width].
  InputPrompt(std::string name, std::int64_t rows, std::int64_t width)
      : Prompt(std::move(name)), rows_(rows), width_(width) {}

 private:
  std::int64_t rows_;
  std::int64_t width_;
};

}  // namespace incipit::methods
