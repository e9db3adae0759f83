#include "model/weight_blocks.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <tuple>
#include <utility>

#include "nn/collectives.h"

namespace incipit::model {
namespace {

constexpr int kBlockTag = 0;

}  // namespace

// The block as rows of a part.
at::Tensor WeightBlocks::Block::of_part(std::span<const at::Tensor> parts) const {
  return parts[parameter].narrow(0, first_row, rows.size());
}

// The block as a view of the whole tensor, [rows, columns] or [rows].
at::Tensor WeightBlocks::Block::of_whole(const at::Tensor& whole) const {
  if (shape.size() == 1) return whole.narrow(0, rows.begin, rows.size());
  return (transposed ? whole.t() : whole)
      .narrow(0, rows.begin, rows.size())
      .narrow(1, columns.begin, columns.size());
}

std::vector<std::int64_t> WeightBlocks::Block::stored_shape() const {
  return transposed ? std::vector{shape[1], shape[0]} : shape;
}

WeightBlocks::WeightBlocks(const Backbone& backbone, const comm::Mesh& mesh)
    : world_(mesh.world()) {
  const std::vector<const nn::Parameter*> parameters = backbone.weights().parameters();
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    const nn::ParameterSpec& spec = parameters[p]->spec();
    const Range& held = parameters[p]->held();
    std::int64_t first = 0;  // row of the parameter
    for (const nn::Slice& slice : spec.slices) {
      const Range part{std::max(held.begin, first), std::min(held.end, first + slice.rows.size())};
      const std::int64_t offset = slice.rows.begin - first;
      first += slice.rows.size();
      if (part.begin >= part.end) continue;
      mine_.push_back({.tensor = slice.tensor,
                       .shape = slice.shape,
                       .transposed = slice.transposed,
                       .rows = {part.begin + offset, part.end + offset},
                       .columns = spec.columns,
                       .parameter = p,
                       .first_row = part.begin - held.begin,
                       .owner = world_.rank()});
    }
  }
  const std::vector<std::string> texts = world_.all_gather(describe(), "shards of the weights");
  std::set<std::tuple<std::string, std::int64_t, std::int64_t>> known;
  for (int rank = 0; rank < world_.size(); ++rank) {
    for (Block& block : described(rank, texts[rank])) {
      const bool is_new =
          known.insert({block.tensor, block.rows.begin, block.columns.begin}).second;
      if (is_new) owned_.push_back(std::move(block));
    }
  }
}

std::string WeightBlocks::describe() const {
  std::ostringstream text;
  for (const Block& block : mine_) {
    text << block.tensor << ' ' << block.transposed << ' ' << block.rows.begin << ' '
         << block.rows.end << ' ' << block.columns.begin << ' ' << block.columns.end << ' '
         << block.parameter << ' ' << block.first_row << ' ' << block.shape.size();
    for (const std::int64_t size : block.shape) text << ' ' << size;
    text << '\n';
  }
  return text.str();
}

std::vector<WeightBlocks::Block> WeightBlocks::described(int rank, const std::string& text) {
  std::vector<Block> blocks;
  std::istringstream lines(text);
  Block block;
  block.owner = rank;
  std::size_t dimensions = 0;
  while (lines >> block.tensor >> block.transposed >> block.rows.begin >> block.rows.end >>
         block.columns.begin >> block.columns.end >> block.parameter >> block.first_row >>
         dimensions) {
    block.shape.resize(dimensions);
    for (std::int64_t& size : block.shape) lines >> size;
    blocks.push_back(block);
  }
  return blocks;
}

std::map<std::string, at::Tensor> WeightBlocks::gather(std::span<const at::Tensor> parts,
                                                       at::ScalarType dtype) const {
  std::map<std::string, at::Tensor> all;
  for (const Block& block : owned_) {
    const bool is_mine = block.owner == world_.rank();
    at::Tensor values =
        is_mine ? block.of_part(parts).to(at::kCPU, dtype).contiguous() : at::Tensor();
    if (world_.rank() != 0) {
      if (is_mine) world_.send(nn::bytes_of(values), 0, kBlockTag, "weights for rank 0");
      continue;
    }
    if (!is_mine) {
      std::vector<std::int64_t> shape{block.rows.size()};
      if (block.shape.size() == 2) shape.push_back(block.columns.size());
      values = at::empty(shape, dtype);
      world_.recv(nn::bytes_of(values), block.owner, kBlockTag, "weights for rank 0");
    }
    at::Tensor& whole = all[block.tensor];
    if (!whole.defined()) whole = at::empty(block.stored_shape(), dtype);
    block.of_whole(whole).copy_(values);
  }
  return all;
}

void WeightBlocks::scatter(const Source& source, std::span<const at::Tensor> parts) const {
  std::set<std::string> done;
  for (const Block& block : owned_) {
    if (!done.insert(block.tensor).second) continue;
    at::Tensor whole = at::empty(block.stored_shape(), parts.front().scalar_type());
    if (world_.rank() == 0) whole.copy_(source(block.tensor, whole.sizes()));
    world_.broadcast(nn::bytes_of(whole), 0, "weights of rank 0");
    for (const Block& mine : mine_) {
      if (mine.tensor == block.tensor) mine.of_part(parts).copy_(mine.of_whole(whole));
    }
  }
}

at::Tensor WeightBlocks::sum_of_squares(std::span<const at::Tensor> parts) const {
  const at::Tensor sum =
      at::zeros({}, at::TensorOptions(parts.front().device()).dtype(at::kDouble));
  for (const Block& block : owned_) {
    if (block.owner != world_.rank()) continue;
    sum.add_(at::linalg_vector_norm(block.of_part(parts), 2, std::nullopt, false, at::kDouble)
                 .square_());
  }
  nn::sum_over(world_, sum, "gradient norm");
  return sum;
}

}  // namespace incipit::model
