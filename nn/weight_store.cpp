#include "nn/weight_store.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "nn/collectives.h"

namespace incipit::nn {
namespace {

// Matrices in a buffer start at multiples of this many bytes.
constexpr std::int64_t kAlignment = 64;

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Returns outputs `rows` of a slice, [rows, columns].
at::Tensor read(const Slice& slice, const Range& columns, const Range& rows,
                const WeightSource& source) {
  if (slice.shape.size() == 1) return source(slice.tensor, slice.shape, rows);
  if (slice.transposed) {
    return source(slice.tensor, {slice.shape[1], slice.shape[0]}, columns)
        .narrow(1, rows.begin, rows.size())
        .t();
  }
  return source(slice.tensor, slice.shape, rows).narrow(1, columns.begin, columns.size());
}

// Copies rows `held` of the parameter to `to`, whose first row is row held.begin.
void load(const ParameterSpec& spec, const Range& held, const WeightSource& source, at::Tensor to) {
  std::int64_t first = 0;  // row of the parameter
  for (const Slice& slice : spec.slices) {
    const Range part{std::max(held.begin, first), std::min(held.end, first + slice.rows.size())};
    if (part.begin < part.end) {
      const std::int64_t offset = slice.rows.begin - first;
      to.narrow(0, part.begin - held.begin, part.size())
          .copy_(read(slice, spec.columns, {part.begin + offset, part.end + offset}, source));
    }
    first += slice.rows.size();
  }
}

}  // namespace

Range shard_rows(std::int64_t rows, int ranks, int rank) {
  const std::int64_t share = (rows + ranks - 1) / ranks;
  return {std::min(rank * share, rows), std::min((rank + 1) * share, rows)};
}

std::int64_t ParameterSpec::rows() const {
  std::int64_t rows = 0;
  for (const Slice& slice : slices) rows += slice.rows.size();
  return rows;
}

const at::Tensor& Parameter::values() const {
  INCIPIT_CHECK(values_.defined(), "parameter ", spec_.slices.front().tensor, " is not in use");
  return values_;
}

void Parameter::progress() const {
  if (sharded_in_) sharded_in_->progress();
}

WeightStore::WeightStore(comm::Communicator& fsdp, at::Device home) : fsdp_(fsdp), home_(home) {
  if (is_sharded() && !home.is_cpu() && !fsdp.accepts_device_memory()) {
    throw ConfigError("parallel.fsdp on GPUs needs parallel.backend: nccl, not " +
                      std::string(fsdp.backend()));
  }
}

WeightStore::~WeightStore() = default;

int WeightStore::add_group() {
  sharded_.emplace_back();
  return static_cast<int>(sharded_.size()) - 1;
}

Parameter& WeightStore::add(int group, ParameterSpec spec, const WeightSource& source) {
  Parameter& added = *parameters_.emplace_back(std::make_unique<Parameter>());
  const bool shards = spec.sharded && is_sharded();
  const std::int64_t rows = spec.rows();
  const Range held = shards ? shard_rows(rows, fsdp_.size(), fsdp_.rank()) : Range{0, rows};
  // Shards have equally many rows on all ranks.
  const std::int64_t kept = shards ? shard_rows(rows, fsdp_.size(), 0).size() : rows;
  std::vector<std::int64_t> shape{kept};
  if (!spec.is_vector()) shape.push_back(spec.columns.size());
  added.stored_ = at::empty(shape, at::TensorOptions(home_).dtype(spec.dtype));
  if (shards) added.stored_.zero_();
  load(spec, held, source, added.stored_);
  added.spec_ = std::move(spec);
  if (shards) {
    added.sharded_in_ = this;
    sharded_[group].push_back(&added);
  } else {
    added.values_ = added.stored_;
  }
  return added;
}

std::int64_t WeightStore::whole_bytes(const Parameter& parameter) const {
  return static_cast<std::int64_t>(parameter.stored_.nbytes()) * fsdp_.size();
}

void WeightStore::finish() {
  std::int64_t most = 0;
  for (const auto& group : sharded_) {
    std::int64_t bytes = 0;
    for (const Parameter* parameter : group) bytes += aligned(whole_bytes(*parameter));
    most = std::max(most, bytes);
  }
  if (most == 0) return;
  for (Slot& slot : slots_) {
    slot.bytes = at::empty({most}, at::TensorOptions(home_).dtype(at::kByte));
  }
}

void WeightStore::announce(std::vector<int> groups) {
  if (!is_sharded()) return;
  INCIPIT_CHECK(next_ == order_.size() && in_use_ < 0,
                "groups announced before have not been used");
  order_ = std::move(groups);
  next_ = 0;
  start_next();
}

WeightStore::Slot* WeightStore::find(int group) {
  for (Slot& slot : slots_) {
    if (slot.group == group) return &slot;
  }
  return nullptr;
}

// Returns the slot whose group is neither in use nor the next one.
WeightStore::Slot& WeightStore::free_slot() {
  const bool taken =
      slots_[0].group >= 0 &&
      (slots_[0].group == in_use_ || (next_ < order_.size() && slots_[0].group == order_[next_]));
  return slots_[taken ? 1 : 0];
}

WeightStore::Slot& WeightStore::start(int group) {
  Slot& slot = free_slot();
  if (slot.group >= 0) {
    for (Parameter* parameter : sharded_[slot.group]) parameter->values_.reset();
  }
  slot.group = group;
  std::int64_t first = 0;
  for (Parameter* parameter : sharded_[group]) {
    const std::int64_t bytes = whole_bytes(*parameter);
    const at::Tensor buffer = slot.bytes.narrow(0, first, bytes);
    slot.pending.push_back(fsdp_.start_all_gather(bytes_of(parameter->stored_), bytes_of(buffer),
                                                  "weights of a layer"));
    slot.whole.push_back(buffer.view(parameter->stored_.scalar_type())
                             .view({-1, parameter->stored_.size(1)})
                             .narrow(0, 0, parameter->rows()));
    first += aligned(bytes);
  }
  return slot;
}

void WeightStore::wait(Slot& slot) {
  for (comm::Pending& pending : slot.pending) pending.wait();
  slot.pending.clear();
  for (std::size_t i = 0; i < slot.whole.size(); ++i) {
    sharded_[slot.group][i]->values_ = std::move(slot.whole[i]);
  }
  slot.whole.clear();
}

void WeightStore::start_next() {
  if (next_ < order_.size() && find(order_[next_]) == nullptr) start(order_[next_]);
}

WeightStore::Use WeightStore::use(int group) {
  if (!is_sharded()) return Use(*this, group);
  INCIPIT_CHECK(in_use_ < 0 && next_ < order_.size() && order_[next_] == group, "group ", group,
                " is not the next that was announced");
  Slot* slot = find(group);
  wait(slot ? *slot : start(group));
  in_use_ = group;
  ++next_;
  start_next();
  return Use(*this, group);
}

void WeightStore::release(int group) {
  if (in_use_ == group) in_use_ = -1;
}

void WeightStore::progress() const {
  for (const Slot& slot : slots_) {
    for (const comm::Pending& pending : slot.pending) pending.poll();
  }
}

std::int64_t WeightStore::bytes() const {
  std::int64_t bytes = 0;
  for (const Slot& slot : slots_) {
    if (slot.bytes.defined()) bytes += static_cast<std::int64_t>(slot.bytes.nbytes());
  }
  for (const auto& parameter : parameters_) {
    bytes += static_cast<std::int64_t>(parameter->stored_.nbytes());
  }
  return bytes;
}

std::vector<at::Tensor> WeightStore::stored() const {
  std::vector<at::Tensor> all;
  for (const auto& parameter : parameters_) all.push_back(parameter->stored_);
  return all;
}

}  // namespace incipit::nn
