#include "nn/weight_store.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "nn/collectives.h"
#include "nn/host_copy.h"
#include "nn/ledger.h"
#include "nn/ops.h"
#include "nn/staged_copies.h"

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

// Copies rows `held` of the parameter to `to`, whose first row is row held.begin. `copies` is null
// where `to` is not on a GPU.
void load(const ParameterSpec& spec, const Range& held, const WeightSource& source, at::Tensor to,
          StagedCopies* copies) {
  std::int64_t first = 0;  // row of the parameter
  for (const Slice& slice : spec.slices) {
    const Range part{std::max(held.begin, first), std::min(held.end, first + slice.rows.size())};
    if (part.begin < part.end) {
      const std::int64_t offset = slice.rows.begin - first;
      const at::Tensor values =
          read(slice, spec.columns, {part.begin + offset, part.end + offset}, source);
      const at::Tensor rows = to.narrow(0, part.begin - held.begin, part.size());
      if (copies) {
        copies->copy(values, rows);
      } else {
        rows.copy_(values);
      }
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
  if (source && runs_ahead_of(home_) && !copies_) {
    copies_ = std::make_unique<StagedCopies>(home_);
  }
  if (source) load(spec, held, source, added.stored_, copies_.get());
  added.spec_ = std::move(spec);
  added.held_ = held;
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
  copies_.reset();
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

void WeightStore::train() {
  if (std::exchange(trains_, true)) return;
  const LedgerScope scope(MemoryKind::kOptimizer);
  for (const auto& parameter : parameters_) {
    const at::Tensor& stored = parameter->stored_;
    parameter->stored_gradient_ = at::zeros(
        stored.sizes(), stored.options().dtype(ops::accumulate_type(stored.scalar_type())));
    if (parameter->sharded_in_ == nullptr) parameter->gradient_ = parameter->stored_gradient_;
  }
}

void WeightStore::values_changed() {
  for (Slot& slot : slots_) {
    INCIPIT_CHECK(slot.pending.empty(), "values changed while they were all-gathered");
    if (slot.group >= 0) drop_values(slot.group);
    slot.group = -1;
  }
}

void WeightStore::clear_gradients() {
  for (const auto& parameter : parameters_) parameter->stored_gradient_.zero_();
}

// Gives the sharded parameters of a group gradients of all their rows.
void WeightStore::start_gradients(int group) {
  if (!trains_) return;
  const LedgerScope scope(MemoryKind::kOptimizer);
  for (Parameter* parameter : sharded_[group]) {
    const at::Tensor& shard = parameter->stored_gradient_;
    parameter->gradient_ = at::zeros({shard.size(0) * fsdp_.size(), shard.size(1)}, shard.options())
                               .narrow(0, 0, parameter->rows());
    unreduced_.push_back(parameter);
  }
}

// Adds this rank's block of the sum of gradient_ over the ranks to stored_gradient_.
void WeightStore::scatter_gradients() {
  for (Parameter* parameter : std::exchange(unreduced_, {})) {
    const at::Tensor& shard = parameter->stored_gradient_;
    // The rows after the last one, which gradient_ does not show, are zeros.
    const at::Tensor all = parameter->gradient_.as_strided(
        {shard.size(0) * fsdp_.size(), shard.size(1)}, {shard.size(1), 1});
    parameter->gradient_.reset();
    shard.add_(sum_and_scatter(fsdp_, all, "gradients of a layer"));
  }
}

void WeightStore::sum_gradients(const comm::Mesh& mesh) {
  scatter_gradients();
  for (const auto& parameter : parameters_) {
    sum_shared_rows(*parameter, mesh);
    const auto partial = parameter->sharded_in_ ? comm::kData : comm::kBatch;
    sum_over(mesh.along(partial), parameter->stored_gradient_, "gradients of the weights");
  }
}

// Sums the gradients of rows that several tensor parallel ranks have. These ranks may have the same
// row in shards of different FSDP ranks.
void WeightStore::sum_shared_rows(const Parameter& parameter, const comm::Mesh& mesh) const {
  if (mesh.tensor().size() == 1) return;
  std::int64_t first = 0;  // row of the parameter
  for (const Slice& slice : parameter.spec_.slices) {
    const Range rows{first, first + slice.rows.size()};
    first = rows.end;
    if (!slice.shared) continue;
    at::Tensor gradient = parameter.stored_gradient_;
    std::vector<std::int64_t> shape = gradient.sizes().vec();
    shape[0] = slice.shape[0];
    const at::Tensor sum = at::zeros(shape, gradient.options());
    const Range part{std::max(rows.begin, parameter.held_.begin),
                     std::min(rows.end, parameter.held_.end)};
    const std::int64_t size = std::max<std::int64_t>(0, part.size());
    const at::Tensor mine =
        gradient.narrow(0, size > 0 ? part.begin - parameter.held_.begin : 0, size);
    at::Tensor of_all =
        sum.narrow(0, size > 0 ? slice.rows.begin + part.begin - rows.begin : 0, size);
    of_all.copy_(mine);
    sum_over(mesh.along(parameter.sharded_in_ ? comm::kFsdp | comm::kTensor : comm::kTensor), sum,
             "gradients of shared heads");
    mine.copy_(of_all);
  }
}

void WeightStore::announce(std::vector<int> groups) {
  if (!is_sharded()) return;
  scatter_gradients();
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
  if (slot.group >= 0) drop_values(slot.group);
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

void WeightStore::drop_values(int group) {
  for (Parameter* parameter : sharded_[group]) parameter->values_.reset();
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

WeightStore::Use WeightStore::use(int group, Pass pass) {
  if (!is_sharded()) return Use(*this, group);
  scatter_gradients();
  INCIPIT_CHECK(in_use_ < 0 && next_ < order_.size() && order_[next_] == group, "group ", group,
                " is not the next that was announced");
  Slot* slot = find(group);
  wait(slot ? *slot : start(group));
  in_use_ = group;
  if (pass == Pass::kBackward) start_gradients(group);
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

std::vector<const Parameter*> WeightStore::parameters() const {
  std::vector<const Parameter*> all;
  for (const auto& parameter : parameters_) all.push_back(parameter.get());
  return all;
}

}  // namespace incipit::nn
