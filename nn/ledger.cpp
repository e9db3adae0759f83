#include "nn/ledger.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <atomic>
#include <cstdint>

namespace incipit::nn {
namespace {

class Counter {
 public:
  void add(std::int64_t bytes) {
    const std::int64_t now = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    std::int64_t peak = peak_.load(std::memory_order_relaxed);
    while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
  }
  [[nodiscard]] MemoryUse count() const {
    return {.bytes = static_cast<double>(bytes_.load(std::memory_order_relaxed)),
            .peak_bytes = static_cast<double>(peak_.load(std::memory_order_relaxed))};
  }

 private:
  std::atomic<std::int64_t> bytes_{0};
  std::atomic<std::int64_t> peak_{0};
};

struct Ledger {
  std::array<Counter, kMemoryKinds.size()> kinds;
  Counter total;
  void add(MemoryKind kind, std::int64_t bytes) {
    kinds[static_cast<std::size_t>(kind)].add(bytes);
    total.add(bytes);
  }
};

Ledger& ledger() {
  static Ledger kept;
  return kept;
}

thread_local MemoryKind current_kind = MemoryKind::kBuffers;

// Precedes every allocation, and keeps it aligned like libtorch's allocations.
struct alignas(64) Header {
  std::int64_t bytes;
  MemoryKind kind;
};

void release(void* data) {
  if (data == nullptr) return;
  Header* const header = static_cast<Header*>(data) - 1;
  ledger().add(header->kind, -header->bytes);
  c10::free_cpu(header);
}

class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    const c10::Device device(c10::DeviceType::CPU);
    if (bytes == 0) return {nullptr, nullptr, &release, device};
    auto* const header = static_cast<Header*>(c10::alloc_cpu(sizeof(Header) + bytes));
    *header = {static_cast<std::int64_t>(bytes), current_kind};
    ledger().add(header->kind, header->bytes);
    void* const data = header + 1;
    return {data, data, &release, device};
  }
  [[nodiscard]] c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
};

}  // namespace

void start_ledger() {
  static auto* const allocator = new CountingAllocator;  // libtorch uses it until the process exits
  if (c10::GetCPUAllocator() != allocator) c10::SetCPUAllocator(allocator);
}

LedgerSnapshot ledger_snapshot() {
  LedgerSnapshot snapshot;
  for (std::size_t kind = 0; kind < kMemoryKinds.size(); ++kind) {
    snapshot.kinds[kind] = ledger().kinds[kind].count();
  }
  snapshot.total = ledger().total.count();
  return snapshot;
}

LedgerScope::LedgerScope(MemoryKind kind) : outer_(current_kind) { current_kind = kind; }
LedgerScope::~LedgerScope() { current_kind = outer_; }

}  // namespace incipit::nn
