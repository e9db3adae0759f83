// Produces values in advance on a separate thread.
//
//   Prefetcher<Batch> batches([&] { return make_next(); }, 4);
//   while (auto batch = batches.next()) ...
//
// The producer must not call libtorch: its thread would start a second thread pool.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "core/check.h"

namespace incipit::data {

template <typename T>
class Prefetcher {
 public:
  // Calls `produce` on the thread until it returns nothing or throws; at most `capacity` values are
  // queued. Whatever `produce` refers to must outlive the prefetcher.
  Prefetcher(std::function<std::optional<T>()> produce, std::size_t capacity)
      : produce_(std::move(produce)), capacity_(capacity) {
    INCIPIT_CHECK(capacity > 0);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  // Stops after the value in progress, whether or not the queued values were consumed.
  ~Prefetcher() = default;
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  // Returns the next value, or nothing after the last. If the producer threw, first returns the
  // values it produced before that; then this call and every later one throws its exception. One
  // consumer only.
  [[nodiscard]] std::optional<T> next() {
    const auto start = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !values_.empty() || done_; });
    wait_seconds_ +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (values_.empty()) {
      if (error_) std::rethrow_exception(error_);
      return std::nullopt;
    }
    std::optional<T> value(std::move(values_.front()));
    values_.pop_front();
    lock.unlock();
    changed_.notify_all();
    return value;
  }

  // Total seconds that next() has waited. Called by the consumer.
  [[nodiscard]] double wait_seconds() const { return wait_seconds_; }

 private:
  void run(const std::stop_token& stop) {
    std::exception_ptr error;
    try {
      while (wait_for_capacity(stop)) {
        std::optional<T> value = produce_();
        if (!value) break;
        const std::scoped_lock lock(mutex_);
        values_.push_back(std::move(*value));
        changed_.notify_all();
      }
    } catch (...) {
      error = std::current_exception();
    }
    const std::scoped_lock lock(mutex_);
    error_ = error;
    done_ = true;
    changed_.notify_all();
  }

  bool wait_for_capacity(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    return changed_.wait(lock, stop, [&] { return values_.size() < capacity_; }) &&
           !stop.stop_requested();
  }

  std::function<std::optional<T>()> produce_;
  std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<T> values_;
  bool done_ = false;
  std::exception_ptr error_;
  double wait_seconds_ = 0;
  std::jthread thread_;  // last: it uses all of the above, so it is destroyed first
};

}  // namespace incipit::data
