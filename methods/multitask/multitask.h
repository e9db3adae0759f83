// Multi-task prompt tuning (Wang et al. 2023): what tasks have in common is one prompt, and each
// task multiplies it, element by element, by a matrix of low rank. As PEFT's
// MULTITASK_PROMPT_TUNING.
//
// The values are the rows of all tasks, one task after the other; a sequence is preceded by those
// of its task. Beside the whole, a folder PROMPT_TUNING is saved for each of several tasks. It can
// be used without the others.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "methods/input_prompt.h"
#include "methods/method.h"
#include "methods/multitask/multitask_adapter.h"

namespace incipit::multitask {

class MultitaskPrompt final : public methods::InputPrompt {
 public:
  // `tasks` are the names of the tasks.
  MultitaskPrompt(std::string name, std::vector<std::string> tasks, const Factors& start);

  [[nodiscard]] PromptRows rows(int number) const override { return rows_of_task(number, 0); }
  [[nodiscard]] std::vector<std::string> tasks() const override { return tasks_; }
  [[nodiscard]] PromptRows rows_of_task(int number, int task) const override;
  [[nodiscard]] at::Tensor values(std::span<const at::Tensor> parameters) const override;
  void backward(const at::Tensor& grad_values) override;
  // The tensors of Factors.
  [[nodiscard]] std::vector<at::Tensor> stored() const override;
  [[nodiscard]] methods::PromptDescription describe() const override;
  void save(const std::filesystem::path& folder, std::span<const at::Tensor> parameters,
            const methods::BackboneInfo& backbone, const comm::Mesh& mesh) const override;
  // Writes the folders of the tasks, if there are several.
  void save_values(const std::filesystem::path& folder, const at::Tensor& values,
                   const methods::BackboneInfo& backbone) const override;

 private:
  [[nodiscard]] std::int64_t tokens() const { return parameters()[0].value.size(0); }

  std::vector<std::string> tasks_;
};

// Whether a folder has such an adapter.
[[nodiscard]] bool is_multitask(const std::filesystem::path& folder);

// Returns the prompt of one task of an adapter, by its name, or where the file has none (PEFT
// writes none) by its number from 0. Throws DataError that lists the tasks.
[[nodiscard]] methods::LoadedPrompt load_task(const std::filesystem::path& folder,
                                              const std::string& task);

// The method, for the registry (methods/registry.cpp).
[[nodiscard]] methods::Method method();

}  // namespace incipit::multitask
