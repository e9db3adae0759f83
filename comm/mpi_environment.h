// MPI's life in this process.
#pragma once

#include <thread>

namespace incipit::comm {

// Initialises MPI (MPI_THREAD_FUNNELED) and finalises it. At most one per process, on the
// main thread; communicators keep it alive. Collective at both ends.
//
// While an exception unwinds, or once abandoned, it does not finalise: that would wait for
// ranks which are elsewhere. comm/guarded_main.h then ends the job.
class MpiEnvironment {
 public:
  MpiEnvironment();
  ~MpiEnvironment();
  MpiEnvironment(const MpiEnvironment&) = delete;
  MpiEnvironment& operator=(const MpiEnvironment&) = delete;

  void abandon() noexcept { abandoned_ = true; }
  // True when it is safe to call what needs the other ranks' co-operation.
  [[nodiscard]] bool in_order() const noexcept;
  // Throws LogicError on any thread but the one that made this.
  void check_thread() const;

 private:
  const std::thread::id thread_ = std::this_thread::get_id();
  const int exceptions_;
  bool abandoned_ = false;
};

// Ends the whole job: every rank is ended, and mpirun answers `exit_code`. Returns only
// when MPI is not running in this process. Not collective.
void abort_job(int exit_code) noexcept;

}  // namespace incipit::comm
