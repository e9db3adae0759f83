#include "model/pass_rows.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/check.h"
#include "nn/host_copy.h"

namespace incipit::model {
namespace {

constexpr int kDecoder = 1;

// Returns the forest's rows of a stack.
std::vector<std::int64_t> rows_of(const Forest& forest, int stack) {
  std::vector<std::int64_t> rows;
  for (int s = 0; s < forest.segment_count(); ++s) {
    if (forest.stack[s] != stack) continue;
    const Range range = forest.rows(s);
    for (std::int64_t row = range.begin; row < range.end; ++row) rows.push_back(row);
  }
  return rows;
}

// Returns the place of every target row among `rows`.
std::vector<std::int64_t> places_of(const std::vector<std::int64_t>& target_rows,
                                    const std::vector<std::int64_t>& rows) {
  std::vector<std::int64_t> places;
  for (const std::int64_t row : target_rows) {
    const auto found = std::lower_bound(rows.begin(), rows.end(), row);
    INCIPIT_CHECK(found != rows.end() && *found == row, "a target at row ", row,
                  ", which is not of the last stack");
    places.push_back(found - rows.begin());
  }
  return places;
}

// Returns the prompt whose additions each row of the forest has, or -1.
std::vector<int> adapted_by(const Forest& forest) {
  std::vector<int> prompts(static_cast<std::size_t>(forest.row_count()), -1);
  for (int s = 0; s < forest.segment_count(); ++s) {
    const Range rows = forest.rows(s);
    std::fill(prompts.begin() + rows.begin, prompts.begin() + rows.end, forest.adapted_by[s]);
  }
  return prompts;
}

// Returns the additions at rows that have those of `prompts`. Only those of more than one prompt,
// or of none at some rows, need masks.
nn::Additions additions_of(const std::vector<int>& prompts, at::Device device,
                           std::span<const nn::LowRankMaps* const> adapters) {
  std::map<int, std::vector<std::int32_t>> masks;  // by prompt
  for (std::size_t row = 0; row < prompts.size(); ++row) {
    if (prompts[row] < 0) continue;
    std::vector<std::int32_t>& mask = masks[prompts[row]];
    mask.resize(prompts.size());
    mask[row] = 1;
  }
  nn::Additions additions;
  for (const auto& [prompt, mask] : masks) {
    INCIPIT_CHECK(prompt < std::ssize(adapters), "the forest is adapted by prompt ", prompt);
    nn::RowAdditions& added = additions.emplace_back(nn::RowAdditions{adapters[prompt], {}});
    if (std::find(mask.begin(), mask.end(), 0) != mask.end()) {
      added.mask = nn::upload(std::span<const std::int32_t>(mask), device);
    }
  }
  return additions;
}

// Returns the elements of `all` at `rows`.
std::vector<int> at_rows(const std::vector<int>& all, const std::vector<std::int64_t>& rows) {
  std::vector<int> found;
  for (const std::int64_t row : rows) found.push_back(all[row]);
  return found;
}

}  // namespace

std::int64_t position_count(const Forest& forest) {
  const auto last = std::max_element(forest.positions.begin(), forest.positions.end());
  return last == forest.positions.end() ? 0 : *last + 1;
}

PassRows::PassRows(const Backbone& backbone, const Forest& forest,
                   const std::vector<std::int64_t>& target_rows,
                   std::span<const nn::LowRankMaps* const> adapters,
                   const std::vector<nn::ops::RotaryTable>* rotary, bool trains_stores)
    : rows_(forest.row_count()), target_plan_(forest) {
  const at::Device device = backbone.device();
  const int last = backbone.spec().has_encoder() ? kDecoder : 0;
  const std::vector<nn::ops::RotaryTable> tables =
      rotary != nullptr ? *rotary : backbone.rotary_tables(position_count(forest));
  positions_ = nn::upload(forest.positions, device);
  const std::vector<int> prompts = adapted_by(forest);
  std::vector<std::int64_t> target_places = target_rows;
  for (int stack = 0; stack <= last; ++stack) {
    at::Tensor index;
    at::Tensor positions = positions_;
    std::vector<int> of_stack = prompts;
    if (last > 0) {
      const std::vector<std::int64_t> rows = rows_of(forest, stack);
      if (stack == last) target_places = places_of(target_rows, rows);
      of_stack = at_rows(prompts, rows);
      index = nn::upload(rows, device);
      positions = positions.index_select(0, index);
    }
    stacks_.push_back({index,
                       {positions, additions_of(of_stack, device, adapters), tables},
                       nn::AttentionPlan(forest, nn::PlanStacks{stack, stack})});
    stacks_.back().plan.set_trains_stores(trains_stores);
  }
  target_index_ = nn::upload(target_places, device);
  target_additions_ = additions_of(at_rows(prompts, target_rows), device, adapters);
  target_plan_ = nn::AttentionPlan(forest, target_places, {last, last});
  target_plan_.set_trains_stores(trains_stores);
  if (last == 0) return;
  cross_plans_.emplace_back(forest, nn::PlanStacks{last, last - 1});
  cross_plans_.emplace_back(forest, std::move(target_places), nn::PlanStacks{last, last - 1});
}

nn::QueryRows PassRows::queries(const nn::Block& block, bool last) const {
  nn::QueryRows queries{&stacks_[block.stack].plan, {}, context(block).additions};
  if (last) queries = {&target_plan_, target_index_, target_additions_};
  if (block.cross) {
    queries.cross = {&cross_plans_[last ? 1 : 0], queries.additions, stacks_[0].context.additions};
  }
  return queries;
}

bool PassRows::has_additions() const {
  return std::any_of(stacks_.begin(), stacks_.end(),
                     [](const Stack& stack) { return !stack.context.additions.empty(); });
}

at::Tensor PassRows::select(const nn::Block& block, const at::Tensor& x) const {
  return all() ? x : x.index_select(0, stacks_[block.stack].index);
}

at::Tensor PassRows::select_memory(const at::Tensor& x) const {
  return x.index_select(0, stacks_[0].index);
}

at::Tensor PassRows::replace(const nn::Block& block, const at::Tensor& x,
                             const at::Tensor& rows) const {
  return all() ? rows : at::Tensor(x).index_copy_(0, stacks_[block.stack].index, rows);
}

void PassRows::add_memory(const at::Tensor& x, const at::Tensor& grad_memory) const {
  if (grad_memory.size(0) == 0) return;  // which libtorch refuses without data
  at::Tensor(x).index_add_(0, stacks_[0].index, grad_memory);
}

nn::KeyValueStore::Layer PassRows::keys_values(const nn::Block& block,
                                               const nn::BlockRecord& record) const {
  const nn::KeysValues own = block.attention.keys_values(record.qkv);
  if (all()) return {own.keys, own.values, {}, {}};
  const auto joined = [&](const at::Tensor& rows, const at::Tensor& memory_rows) {
    at::Tensor whole = at::zeros({rows_, rows.size(1)}, rows.options());
    whole.index_copy_(0, stacks_[block.stack].index, rows);
    if (memory_rows.defined()) whole.index_copy_(0, stacks_[0].index, memory_rows);
    return whole;
  };
  nn::KeysValues memory;
  if (block.cross) memory = nn::CrossAttention::split(record.cross.keys_values);
  return {joined(own.keys, memory.keys), joined(own.values, memory.values), {}, {}};
}

nn::LaterGradients PassRows::later_gradients(const nn::Block& block,
                                             const nn::KeyValueStore::Layer& layer) const {
  const nn::KeysValues whole{layer.grad_keys, layer.grad_values};
  if (all() || !whole.keys.defined()) return {whole, {}};
  const auto of_stack = [&](int stack) {
    const at::Tensor& index = stacks_[stack].index;
    return nn::KeysValues{whole.keys.index_select(0, index), whole.values.index_select(0, index)};
  };
  return {of_stack(block.stack), block.cross ? of_stack(0) : nn::KeysValues{}};
}

}  // namespace incipit::model
