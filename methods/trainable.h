// Trainable parameters, and what they contribute to the passes of a model: a prompt
// (methods/prompt.h), or the model's weights (methods/model_tuning/).
//
// A step calls, in this order: contribute(), passes, take_gradients(), sum_gradients(),
// finish_gradients(). Then parameters()[i].grad is the gradient of the mean loss.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "comm/mesh.h"
#include "core/forest.h"
#include "methods/backbone_info.h"
#include "model/backbone.h"
#include "nn/class_scores.h"
#include "nn/collectives.h"
#include "nn/key_values.h"
#include "nn/low_rank.h"

namespace incipit::methods {

// A trainable tensor and its gradient: float32 (float64 in tests), contiguous, perhaps without data
// (nn/meta_device.h). Copies share both.
struct Parameter {
  // With a gradient of zeros.
  Parameter(std::string name_, at::Tensor value_);
  Parameter(std::string name_, at::Tensor value_, at::Tensor grad_);
  std::string name;
  at::Tensor value;
  at::Tensor grad;
};

// What a pass reads of a prompt, on the backbone's device, and the gradients that passes add. A
// method sets what it uses.
struct Contribution {
  at::Tensor input_rows;      // [rows, hidden], float32 (float64 in a float64 backbone)
  at::Tensor input_gradient;  // the same shape; undefined without gradients
  nn::KeyValueStore residents;
  nn::LowRankMaps additions;  // to linear maps of this rank
  std::optional<nn::ClassHead> head;
};

class Trainable {
 public:
  virtual ~Trainable() = default;

  [[nodiscard]] const std::string& name() const { return name_; }  // of the task, for files
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }

  // Called once, before all other functions, with the model that will be trained, which must
  // outlive the object. Moves parameters() to its device. Not collective.
  virtual void attach(const model::Backbone& backbone);
  // The rows that precede a sequence if this is number `number` of a batch.
  [[nodiscard]] virtual PromptRows rows(int number) const = 0;
  // The tasks that have rows of their own, in order. Empty: the rows are the same for all tasks.
  [[nodiscard]] virtual std::vector<std::string> tasks() const { return {}; }
  // The rows that precede a sequence of task `task` of a run.
  [[nodiscard]] virtual PromptRows rows_of_task(int number, int /*task*/) const {
    return rows(number);
  }

  // Sets the contribution of the current values of parameters(), with cleared gradients if
  // `for_backward`.
  virtual void contribute(const model::Backbone& backbone, bool for_backward, Contribution& to) = 0;
  // Collects the gradients that passes left in the contribution.
  virtual void take_gradients(const Contribution& from, const model::Backbone& backbone) = 0;
  // Sums the gradients over the ranks that have parts of them, except for those that it adds to
  // `flat`: the caller sums these in one reduction. Collective over the mesh.
  virtual void sum_gradients(const comm::Mesh& mesh, std::vector<nn::PartialGradient>& flat) = 0;
  // Divides the sums by `count`, [] float64 on the backbone's device, and sets the gradients of
  // parameters().
  virtual void finish_gradients(const at::Tensor& count) = 0;

  // How ranks have the parameters. By default every rank has all of them.

  // The dimensions of the mesh along which ranks have the same parameters.
  [[nodiscard]] virtual comm::MeshDimensions replicated_over() const;
  // Returns the sum of the squares of all gradients, [] float64 on the device of the parameters, on
  // every rank. Collective over the mesh.
  [[nodiscard]] virtual at::Tensor squared_gradient_norm(const comm::Mesh& mesh) const;
  // `parts` has a tensor like each parameter, or an undefined one. Returns on rank 0, by name, the
  // whole tensors, in host memory, of which these are the ranks' parts. The names do not depend on
  // the mesh; a single one may be "". Returns nothing on other ranks. Collective over the mesh.
  [[nodiscard]] virtual std::map<std::string, at::Tensor> whole(
      const comm::Mesh& mesh, std::span<const at::Tensor> parts) const;
  // Sets the parts from the whole tensors, which only rank 0 looks up. Collective over the mesh.
  using WholeTensors = std::function<at::Tensor(const std::string& name, at::IntArrayRef shape)>;
  virtual void scatter(const comm::Mesh& mesh, const WholeTensors& whole,
                       std::span<const at::Tensor> parts) const;

  // Whether the weights of the model are trained. Files of a run are then below model/, not
  // adapter/, and are written at its end only.
  [[nodiscard]] virtual bool trains_backbone() const { return false; }
  // Writes the files by which the given values of parameters() are used later. Rank 0 writes. Equal
  // input gives equal bytes. Throws DataError if they cannot be written. Collective over the mesh
  // if trains_backbone().
  virtual void save(const std::filesystem::path& folder, std::span<const at::Tensor> parameters,
                    const BackboneInfo& backbone, const comm::Mesh& mesh) const = 0;

 protected:
  explicit Trainable(std::string name) : name_(std::move(name)) {}
  void add_parameter(Parameter parameter) { parameters_.push_back(std::move(parameter)); }
  // Makes the first parameters share the tensors of these.
  void share_parameters(std::span<const Parameter> first) {
    std::copy(first.begin(), first.end(), parameters_.begin());
  }

 private:
  std::string name_;
  std::vector<Parameter> parameters_;
};

// Returns the current values of the parameters, sharing memory.
[[nodiscard]] std::vector<at::Tensor> current_parameters(const Trainable& trainable);

}  // namespace incipit::methods
