// What this rank is doing, written by its main thread and read by the watchdog without
// locks.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace incipit::comm {

// The purpose of an operation ("gradients"), as error messages, the watchdog and the
// heartbeat files show it. Only a string literal converts, so the pointer stays valid in
// every thread for the life of the program.
class Operation {
 public:
  consteval Operation(const char* literal) : name_(literal) {}  // NOLINT: implicit by intent
  [[nodiscard]] constexpr const char* name() const noexcept { return name_; }

 private:
  const char* name_;
};

// A collective and what it is for.
struct Collective {
  const char* kind = "";  // "all_reduce_sum"
  Operation purpose = "";

  // "gradients (all_reduce_sum)"
  [[nodiscard]] std::string describe() const;
};

class Activity {
 public:
  struct Snapshot {
    std::int64_t step = 0;
    Operation operation = "";    // of the innermost scope
    Collective last_collective;  // kind "" before the first
    bool in_collective = false;
    std::chrono::milliseconds idle{0};  // since anything was entered, left or reported

    // "step 17, in gradients (all_reduce_sum)", or
    // "step 17, in forward, last collective gradients (all_reduce_sum)".
    [[nodiscard]] std::string describe() const;
  };

  // Each of these counts as progress. Main thread only.
  void set_step(std::int64_t step) noexcept;
  void beat() noexcept;

  // Any thread. The fields are read one by one: of a rank that is moving they may belong
  // to neighbouring moments, of one that stands still they are exact.
  [[nodiscard]] Snapshot read() const noexcept;

  // Names what the main thread does for as long as the scope lives; scopes nest.
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

  // As Scope, for the inside of a collective. One that an exception leaves stays named: the
  // rank failed there, and that is what the others should read.
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
