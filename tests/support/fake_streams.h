// Streams and events of a device, faked on the host: a part of the fake GPUs (fake_gpus.h).
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace incipit::testing {

struct FakeEvent {
  std::uint64_t recorded = 0, done = 0;
};

// What all ranks share. Its mutex guards everything but the work of streams.
struct FakeWorld {
  explicit FakeWorld(std::chrono::seconds waits) : patience(waits) {}
  const std::chrono::seconds patience;  // of an operation
  std::mutex mutex;
  std::condition_variable changed;
  bool is_stuck = false;  // an operation waited too long, or does not match another rank's

  // Waits until `done`. Returns false if the ranks are stuck.
  template <typename Done>
  bool wait(std::unique_lock<std::mutex>& lock, const Done& done) {
    if (!changed.wait_for(lock, patience, [&] { return is_stuck || done(); })) stop();
    return !is_stuck;
  }
  void stop() {
    is_stuck = true;
    changed.notify_all();
  }
  std::deque<FakeEvent> events;  // kept until the ranks have ended: a stream may yet record one
};

// Runs work in order on another thread.
class FakeStream {
 public:
  explicit FakeStream(FakeWorld& world) : world_(&world) {}
  FakeStream(const FakeStream&) = delete;
  FakeStream& operator=(const FakeStream&) = delete;
  ~FakeStream() {
    {
      const std::lock_guard lock(world_->mutex);
      is_closing_ = true;
      world_->changed.notify_all();
    }
    thread_.join();
  }
  // Needs the mutex.
  void add(std::function<void()> work) {
    work_.push_back(std::move(work));
    world_->changed.notify_all();
  }

 private:
  void run() {
    std::unique_lock lock(world_->mutex);
    while (true) {
      world_->changed.wait(lock, [&] { return is_closing_ || !work_.empty(); });
      if (work_.empty()) return;
      const std::function<void()> work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }

  FakeWorld* world_;
  std::deque<std::function<void()>> work_;
  bool is_closing_ = false;
  std::thread thread_{[this] { run(); }};
};

}  // namespace incipit::testing
