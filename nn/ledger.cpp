#include "nn/ledger.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <atomic>
#include <cstdint>
#include <new>

#include "nn/ledger_allocators.h"

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

}  // namespace

struct Ledger {
  std::array<Counter, kMemoryKinds.size()> kinds;
  Counter total;
  void add(MemoryKind kind, std::int64_t bytes) {
    kinds[static_cast<std::size_t>(kind)].add(bytes);
    total.add(bytes);
  }
  [[nodiscard]] LedgerSnapshot snapshot() const {
    LedgerSnapshot snapshot;
    for (std::size_t kind = 0; kind < kMemoryKinds.size(); ++kind) {
      snapshot.kinds[kind] = kinds[kind].count();
    }
    snapshot.total = total.count();
    return snapshot;
  }
};

namespace {

// Counts the allocations of the process on the CPU.
Ledger& process_ledger() {
  static Ledger kept;
  return kept;
}

thread_local MemoryKind current_kind = MemoryKind::kBuffers;
thread_local std::shared_ptr<Ledger> recording;

// An allocation that is counted until the object is destroyed.
class Entry {
 public:
  Entry(std::size_t bytes, Ledger* ledger)
      : bytes_(static_cast<std::int64_t>(bytes)),
        kind_(current_kind),
        ledger_(ledger),
        recording_(recording) {
    add(bytes_);
  }
  ~Entry() { add(-bytes_); }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

 private:
  void add(std::int64_t bytes) {
    if (ledger_) ledger_->add(kind_, bytes);
    if (recording_) recording_->add(kind_, bytes);
  }
  std::int64_t bytes_;
  MemoryKind kind_;
  Ledger* ledger_;  // may be null
  std::shared_ptr<Ledger> recording_;
};

// Precedes every allocation on the CPU, and keeps it aligned like libtorch's allocations.
struct alignas(64) Header {
  Entry entry;
};
static_assert(sizeof(Header) == 64);

void release(void* data) {
  if (data == nullptr) return;
  Header* const header = static_cast<Header*>(data) - 1;
  header->~Header();
  c10::free_cpu(header);
}

class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    const c10::Device device(c10::DeviceType::CPU);
    if (bytes == 0) return {nullptr, nullptr, &release, device};
    auto* const header =
        new (c10::alloc_cpu(sizeof(Header) + bytes)) Header{Entry(bytes, &process_ledger())};
    void* const data = header + 1;
    return {data, data, &release, device};
  }
  [[nodiscard]] c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
};

class MetaAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    return {nullptr, new Entry(bytes, nullptr),
            [](void* entry) { delete static_cast<Entry*>(entry); },
            c10::Device(c10::DeviceType::Meta)};
  }
  [[nodiscard]] c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void*, const void*, std::size_t) const override {}
};

}  // namespace

c10::Allocator* meta_allocator() {
  static auto* const allocator = new MetaAllocator;
  return allocator;
}

void start_ledger() {
  static auto* const allocator = new CountingAllocator;  // libtorch uses it until the process exits
  if (c10::GetCPUAllocator() != allocator) c10::SetCPUAllocator(allocator);
}

LedgerSnapshot ledger_snapshot() { return process_ledger().snapshot(); }

LedgerRecording::LedgerRecording() : ledger_(std::make_shared<Ledger>()), outer_(recording) {
  recording = ledger_;
}
LedgerRecording::~LedgerRecording() { recording = outer_; }
LedgerSnapshot LedgerRecording::snapshot() const { return ledger_->snapshot(); }

LedgerScope::LedgerScope(MemoryKind kind) : outer_(current_kind) { current_kind = kind; }
LedgerScope::~LedgerScope() { current_kind = outer_; }

}  // namespace incipit::nn
