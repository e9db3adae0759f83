#include "explain/projection.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/matmul.h>

#include <algorithm>
#include <cmath>

#include "explain/nearest_tokens.h"

namespace incipit::explain {
namespace {

// Returns a principal component's coordinates, given its eigenvector of the Gram matrix.
at::Tensor coordinates(const at::Tensor& vector, double eigenvalue) {
  const at::Tensor scaled = vector * std::sqrt(std::max(eigenvalue, 0.0));
  const bool flips = -scaled.min().item<double>() > scaled.max().item<double>();
  return flips ? -scaled : scaled;
}

}  // namespace

Projection project(const std::vector<NamedRows>& prompts, std::int64_t tokens,
                   const data::Tokenizer& tokenizer, const model::Backbone& backbone) {
  const std::int64_t vocabulary = known_tokens(tokenizer, backbone);
  tokens = std::min(tokens, vocabulary);
  Projection projection;
  std::vector<TokenId> ids;
  for (std::int64_t i = 0; i < tokens; ++i) {
    ids.push_back(static_cast<TokenId>(i * vocabulary / tokens));
    projection.points.push_back({"vocabulary", token_text(tokenizer, ids.back()), 0, 0});
  }
  std::vector<at::Tensor> rows{backbone.embed(ids)};
  for (const auto& [name, values] : prompts) {
    rows.push_back(values);
    for (std::int64_t row = 0; row < values.size(0); ++row) {
      projection.points.push_back({name, std::to_string(row), 0, 0});
    }
  }
  // The Gram matrix of the centred rows has the nonzero eigenvalues of their covariance, and does
  // not grow with the hidden size.
  at::Tensor all = at::cat(rows).to(at::kDouble);
  all = all - all.mean(0, /*keepdim=*/true);
  const auto [values, vectors] = at::linalg_eigh(at::matmul(all, all.t()));
  const std::int64_t last = values.size(0) - 1;
  const auto component = [&](std::int64_t number) {
    return coordinates(vectors.select(1, last - number), values[last - number].item<double>());
  };
  const at::Tensor x = component(0);
  const at::Tensor y = component(1);
  for (std::size_t i = 0; i < projection.points.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    projection.points[i].x = x[index].item<double>();
    projection.points[i].y = y[index].item<double>();
  }
  projection.explained =
      values.narrow(0, last - 1, 2).sum().item<double>() / values.sum().item<double>();
  return projection;
}

}  // namespace incipit::explain
