// What the memory of tensors is used for: a ledger of libtorch's allocations on the CPU.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "core/memory.h"

namespace incipit::model {

enum class MemoryKind {
  kBuffers,      // what no scope claims: batches, scores, results
  kWeights,      // of the backbone
  kActivations,  // of passes, with their keys and values and the gradients of these
  kOptimizer,    // what is trained, its gradient, and the optimizer's state
};
inline constexpr std::array<std::string_view, 4> kMemoryKinds{"buffers", "weights", "activations",
                                                              "optimizer"};

struct LedgerSnapshot {
  std::array<MemoryUse, kMemoryKinds.size()> kinds;
  MemoryUse total;  // its peak is at most the sum of the kinds' peaks
  [[nodiscard]] const MemoryUse& of(MemoryKind kind) const {
    return kinds[static_cast<std::size_t>(kind)];
  }
};

// From now on the ledger is kept; earlier allocations stay uncounted. Costs 64 bytes and a few
// atomic additions an allocation. Before other threads allocate tensors; later calls do nothing.
void start_ledger();

// Everything zero before start_ledger(). Any thread. Of other devices' memory libtorch's caching
// allocator keeps the total: model/device_memory.h.
[[nodiscard]] LedgerSnapshot ledger_snapshot();

// What this thread allocates within the scope is of this kind until it is freed, wherever that
// happens. The innermost scope counts.
class LedgerScope {
 public:
  explicit LedgerScope(MemoryKind kind);
  ~LedgerScope();
  LedgerScope(const LedgerScope&) = delete;
  LedgerScope& operator=(const LedgerScope&) = delete;

 private:
  MemoryKind outer_;
};

}  // namespace incipit::model
