// Owns the parameters of the model on this rank.
//
// Parameters that are used together form a *group*: a layer's, or a chunk of a vocabulary table.
// Under FSDP each rank of the communicator has a shard of every matrix's rows. The weights of a
// group are all-gathered while the previous group computes, and freed after use (ZeRO stage 3,
// Rajbhandari et al. 2020). A pass announces its groups in their order of use, so the store knows
// what to gather next. There are buffers for two groups.
//
//   store.announce({0, 1, 2});
//   {
//     const WeightStore::Use use = store.use(0);
//     layer.forward(...);
//   }
//
// Parameters are frozen until train() is called. Then backward passes add to their gradients. Under
// FSDP the gradient of a group is reduce-scattered after each use in a backward pass, so that no
// rank keeps the gradients of more than one group whole.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "comm/communicator.h"
#include "comm/mesh.h"
#include "nn/parameter.h"

namespace incipit::nn {

// Returns the rows of rank `rank` of `ranks`, of a matrix of `rows` rows. All ranks have equally
// many rows, except the last ones.
[[nodiscard]] Range shard_rows(std::int64_t rows, int ranks, int rank);

class StagedCopies;

class WeightStore {
 public:
  // `fsdp` are the ranks that shard parameters; with one rank nothing is sharded. It must outlive
  // the store. Throws ConfigError if its backend cannot gather into the memory of `home`.
  WeightStore(comm::Communicator& fsdp, at::Device home);
  ~WeightStore();
  WeightStore(const WeightStore&) = delete;
  WeightStore& operator=(const WeightStore&) = delete;

  // Returns the number of a new, empty group.
  [[nodiscard]] int add_group();
  // Loads a parameter into a group; to a device, through pinned buffers (nn/staged_copies.h). An
  // empty source leaves its values unset. Not collective.
  Parameter& add(int group, ParameterSpec spec, const WeightSource& source);
  // Allocates the buffers, and frees those of loading. Call once, after the last add().
  void finish();

  // Makes all parameters trainable, with gradients of zero. Not collective.
  void train();
  [[nodiscard]] bool trains() const { return trains_; }
  // Call after Parameter::stored() was changed. Not collective.
  void values_changed();
  void clear_gradients();
  // Sums the gradients over the ranks that have parts of them. Collective over the mesh.
  void sum_gradients(const comm::Mesh& mesh);

  // Announces the groups that will be used next, in this order. Starts gathering the first.
  // Collective over the FSDP ranks, which announce the same groups.
  void announce(std::vector<int> groups);

  // Makes a group's values available until it is destroyed.
  class Use {
   public:
    explicit Use(WeightStore& store, int group) : store_(&store), group_(group) {}
    ~Use() {
      if (store_) store_->release(group_);
    }
    Use(Use&& other) noexcept : store_(other.store_), group_(other.group_) {
      other.store_ = nullptr;
    }
    Use& operator=(Use&&) = delete;

   private:
    WeightStore* store_;
    int group_;
  };
  enum class Pass { kForward, kBackward };
  // The next group in the announced order. Waits until it is complete and starts gathering the one
  // after it. Only one group is in use at a time. Collective over the FSDP ranks.
  [[nodiscard]] Use use(int group, Pass pass = Pass::kForward);

  // Bytes of what this rank stores, including the buffers.
  [[nodiscard]] std::int64_t bytes() const;
  // In order of add().
  [[nodiscard]] std::vector<const Parameter*> parameters() const;

 private:
  friend class Parameter;
  // A buffer that has a whole group, or is receiving it.
  struct Slot {
    int group = -1;
    at::Tensor bytes;
    // One per matrix, until the group is used.
    std::vector<comm::Pending> pending;
    std::vector<at::Tensor> whole;
  };
  [[nodiscard]] bool is_sharded() const { return fsdp_.size() > 1; }
  [[nodiscard]] std::int64_t whole_bytes(const Parameter& parameter) const;
  [[nodiscard]] Slot* find(int group);
  [[nodiscard]] Slot& free_slot();
  Slot& start(int group);
  void drop_values(int group);
  void wait(Slot& slot);
  void start_next();
  void release(int group);
  void progress() const;
  void start_gradients(int group);
  void scatter_gradients();
  void sum_shared_rows(const Parameter& parameter, const comm::Mesh& mesh) const;

  comm::Communicator& fsdp_;
  at::Device home_;
  std::unique_ptr<StagedCopies> copies_;  // while parameters are loaded to a device
  std::vector<std::unique_ptr<Parameter>> parameters_;
  std::vector<std::vector<Parameter*>> sharded_;  // by group
  std::array<Slot, 2> slots_;
  std::vector<int> order_;
  std::size_t next_ = 0;  // index into order_
  int in_use_ = -1;
  bool trains_ = false;
  std::vector<Parameter*> unreduced_;  // have a gradient that is not reduce-scattered yet
};

}  // namespace incipit::nn
