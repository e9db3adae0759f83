// Initialises and finalises MPI in this process.
#pragma once

#include <chrono>
#include <thread>

namespace incipit::comm {

// Initialises MPI (MPI_THREAD_FUNNELED) on construction and finalises it on destruction. At most
// one per process, on the main thread; communicators keep it alive. Construction and destruction
// are collective.
//
// Does not finalise while an exception unwinds or after abandon(), since MPI would wait for ranks
// that are elsewhere. comm/guarded_main.h then ends the job.
class MpiEnvironment {
 public:
  // The process ends with exit code 4 if the other ranks have not started, or are not ready to
  // finalise, within `timeout`.
  explicit MpiEnvironment(std::chrono::milliseconds timeout = std::chrono::minutes(10));
  ~MpiEnvironment();
  MpiEnvironment(const MpiEnvironment&) = delete;
  MpiEnvironment& operator=(const MpiEnvironment&) = delete;

  [[nodiscard]] std::chrono::milliseconds timeout() const noexcept { return timeout_; }
  void abandon() noexcept { abandoned_ = true; }
  // Returns whether it is safe to call operations that need the other ranks.
  [[nodiscard]] bool in_order() const noexcept;
  // Throws LogicError on any thread other than the one that constructed the object.
  void check_thread() const;

 private:
  const std::thread::id thread_ = std::this_thread::get_id();
  const int exceptions_;
  const std::chrono::milliseconds timeout_;
  bool abandoned_ = false;
};

// Ends all ranks of the job; mpirun returns `exit_code`. Returns only if MPI is not running in this
// process. Not collective.
void abort_job(int exit_code) noexcept;

}  // namespace incipit::comm
