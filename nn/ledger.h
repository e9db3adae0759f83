// Tracks libtorch's allocations on the CPU by purpose.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>

#include "core/memory.h"

namespace incipit::nn {

enum class MemoryKind {
  kBuffers,      // allocations outside any scope: batches, scores, results
  kWeights,      // of the backbone
  kActivations,  // of passes, with keys, values and their gradients
  kOptimizer,    // trainable parameters, their gradients and the optimizer's state
};
inline constexpr std::array<std::string_view, 4> kMemoryKinds{"buffers", "weights", "activations",
                                                              "optimizer"};

struct LedgerSnapshot {
  std::array<MemoryUse, kMemoryKinds.size()> kinds;
  MemoryUse total;  // the peak is at most the sum of the kinds' peaks
  [[nodiscard]] const MemoryUse& of(MemoryKind kind) const {
    return kinds[static_cast<std::size_t>(kind)];
  }
};

// Starts tracking the CPU; earlier allocations are not counted. Costs 64 bytes and a few atomic
// additions per allocation. Call it before other threads allocate tensors; later calls do nothing.
void start_ledger();

// Returns the current state; all zero before start_ledger(). Any thread. For other devices,
// libtorch's caching allocator tracks the total: model/device_memory.h.
[[nodiscard]] LedgerSnapshot ledger_snapshot();

// Assigns this thread's allocations within the scope to a kind, until they are freed, wherever that
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

struct Ledger;

// Counts this thread's allocations while it exists, until they are freed, on the CPU (after
// start_ledger()) and on the meta device (after prepare_meta_device(), nn/meta_device.h). The
// innermost recording counts.
class LedgerRecording {
 public:
  LedgerRecording();
  ~LedgerRecording();
  LedgerRecording(const LedgerRecording&) = delete;
  LedgerRecording& operator=(const LedgerRecording&) = delete;

  [[nodiscard]] LedgerSnapshot snapshot() const;

 private:
  std::shared_ptr<Ledger> ledger_;
  std::shared_ptr<Ledger> outer_;
};

}  // namespace incipit::nn
