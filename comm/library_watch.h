// A deadline for calls into a library that have none: MPI_Init and MPI_Finalize wait for the other
// ranks for ever.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace incipit::comm {

struct LibraryWatchOptions {
  std::string call;  // "start (MPI_Init)"
  std::chrono::milliseconds timeout = std::chrono::minutes(10);
  std::chrono::milliseconds notice_after = std::chrono::seconds(10);
  // Returns which ranks are missing, or "". May be empty. Called by the thread.
  std::function<std::string()> absent{};
};

// Exists while the call runs. A thread writes to standard error: after `notice_after`, on one rank,
// that it waits; after `timeout`, that the other ranks did not answer. Then it calls _exit(4),
// since the main thread hangs inside the library.
class LibraryWatch {
 public:
  explicit LibraryWatch(LibraryWatchOptions options);
  ~LibraryWatch();
  LibraryWatch(const LibraryWatch&) = delete;
  LibraryWatch& operator=(const LibraryWatch&) = delete;

 private:
  void run(const std::stop_token& stop);
  [[nodiscard]] std::string missing_or(const std::string& guess) const;

  const LibraryWatchOptions options_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses everything above
};

// Writes to standard error without the logger, whose lock a stuck thread may have. Writes nothing
// if standard error is a pipe without space.
void write_to_standard_error(const std::string& text);

}  // namespace incipit::comm
