// What this rank is doing. The main thread writes it; the watchdog reads it without locks.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace incipit::comm {

// The purpose of an operation ("gradients"), for error messages, the watchdog and heartbeat files.
// Only string literals convert to it, so the pointer is valid in every thread for the life of the
// program.
class Operation {
 public:
  consteval Operation(const char* literal) : name_(literal) {}  // NOLINT: implicit by intent
  [[nodiscard]] constexpr const char* name() const noexcept { return name_; }

 private:
  const char* name_;
};

// A collective and its purpose.
struct Collective {
  const char* kind = "";  // "all_reduce_sum"
  Operation purpose = "";

  // Returns "gradients (all_reduce_sum)".
  [[nodiscard]] std::string describe() const;
};

class Activity {
 public:
  struct Snapshot {
    std::int64_t step = 0;
    Operation operation = "";    // of the innermost scope
    Collective last_collective;  // kind "" before the first
    bool in_collective = false;
    std::chrono::milliseconds idle{0};  // time since the last sign of progress

    // Returns "step 17, in gradients (all_reduce_sum)", or
    // "step 17, in forward, last collective gradients (all_reduce_sum)".
    [[nodiscard]] std::string describe() const;
  };

  // Both count as progress, as entering and leaving a scope does. Main thread only.
  void set_step(std::int64_t step) noexcept;
  void beat() noexcept;

  // Returns the current state. Any thread. The fields are read one by one: while the rank makes
  // progress they may belong to slightly different times; while it is stuck they are exact.
  [[nodiscard]] Snapshot read() const noexcept;

  // Names the main thread's operation during the lifetime of the scope. Scopes nest.
  class Scope {
   public:
    Scope(Activity& activity, Operation operation) noexcept;
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Activity& activity_;
    const Operation outer_;
  };

  // Like Scope, for a collective. If an exception leaves the scope, the collective remains the
  // current one, so that other ranks can read where this rank failed.
  class CollectiveScope {
   public:
    CollectiveScope(Activity& activity, const Collective& collective) noexcept;
    ~CollectiveScope();
    CollectiveScope(const CollectiveScope&) = delete;
    CollectiveScope& operator=(const CollectiveScope&) = delete;

   private:
    Activity& activity_;
    const bool outer_;
    const int exceptions_;
  };

 private:
  std::atomic<std::int64_t> step_{0};
  std::atomic<Operation> operation_{Operation("start")};
  std::atomic<const char*> collective_kind_{""};
  std::atomic<Operation> collective_purpose_{Operation("")};
  std::atomic<bool> in_collective_{false};
  std::atomic<std::chrono::steady_clock::rep> last_beat_{
      std::chrono::steady_clock::now().time_since_epoch().count()};
};

}  // namespace incipit::comm
