// A parameter of the model: its shape, where its values come from, and where they are.
//
// A parameter has three independent properties. Its *encoding* is the dtype in memory. Its
// *placement* is how ranks divide it: tensor parallel ranks by rows or columns, FSDP ranks by rows
// (of what the tensor parallel rank has), or not at all. Its *home* is the device that stores it.
// There is no class per combination.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/range.h"

namespace incipit::nn {

// Consecutive rows of a parameter that come from one tensor of a checkpoint.
struct Slice {
  std::string tensor;               // its name in the checkpoint
  std::vector<std::int64_t> shape;  // its whole shape: [out, in], or [n] for a vector
  Range rows;                       // the outputs in this slice, on this tensor parallel rank
  bool transposed = false;          // stored as [in, out]; `shape` is still [out, in]
  // Other tensor parallel ranks have these rows too, and each computes a part of their gradient.
  bool shared = false;
};

struct ParameterSpec {
  std::vector<Slice> slices{};  // in order of the parameter's rows
  Range columns{};              // the inputs on this tensor parallel rank; empty for a vector
  at::ScalarType dtype = at::kFloat;
  bool sharded = false;  // FSDP ranks have a block of the rows each
  [[nodiscard]] std::int64_t rows() const;
  [[nodiscard]] bool is_vector() const { return slices.front().shape.size() == 1; }
};

// Returns rows [begin, end) of the tensor with this name and whole shape, as the checkpoint stores
// it.
using WeightSource =
    std::function<at::Tensor(const std::string& tensor, at::IntArrayRef shape, const Range& rows)>;

class WeightStore;

class Parameter {
 public:
  [[nodiscard]] const ParameterSpec& spec() const { return spec_; }
  [[nodiscard]] std::int64_t rows() const { return spec_.rows(); }

  // The values on this tensor parallel rank: [rows, columns], or [rows] for a vector. A sharded
  // parameter has them only while its group is in use (WeightStore::use).
  [[nodiscard]] const at::Tensor& values() const;

  // The gradient of values(), of the same shape, to which backward passes add: float32 (float64 for
  // float64). Undefined if the parameter is frozen. A sharded parameter has it only while its group
  // is in use in a backward pass.
  [[nodiscard]] const at::Tensor& gradient() const { return gradient_; }

  // What this rank keeps of the values and, if trainable, of the gradient: all rows, or a shard of
  // shard_rows(), with zeros after the last row of the parameter.
  [[nodiscard]] const at::Tensor& stored() const { return stored_; }
  [[nodiscard]] const at::Tensor& stored_gradient() const { return stored_gradient_; }
  // The rows of the parameter in stored().
  [[nodiscard]] const Range& held() const { return held_; }

  // Call after each long computation with values(): lets communication that runs beside it
  // progress. Not collective.
  void progress() const;

 private:
  friend class WeightStore;
  ParameterSpec spec_;
  Range held_;
  at::Tensor stored_;
  at::Tensor values_;
  at::Tensor stored_gradient_;
  at::Tensor gradient_;
  const WeightStore* sharded_in_ = nullptr;
};

}  // namespace incipit::nn
