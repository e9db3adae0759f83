// The `incipit` program: prepares the process, then becomes incipit-engine, the main program. A
// copy of it with another name becomes the engine with that name: NAME becomes NAME-engine, in the
// same folder.
//
// libtorch takes a few tenths of a second to load, and reads its environment while loading. Three
// things must be settled before that:
//   * SIGTERM, SIGUSR1 and SIGINT are blocked. The mask and pending signals pass through exec to
//     the thread that waits for them (core/stop_request.h).
//   * CUDA is told how many streams run at the same time.
//   * INCIPIT_CPU is translated to the libraries' environment variables (core/cpu_choice.h).
// This program links only the C library. A signal that arrives before it has blocked signals ends
// the process.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>

#include "core/cpu_choice.h"
#include "core/error.h"
#include "core/stop_signals.h"

namespace {

void block_signals() {
  sigset_t blocked;
  ::sigemptyset(&blocked);
  for (const int signal : incipit::kStopSignals) ::sigaddset(&blocked, signal);
  ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
}

// Sets the variable unless the user has set it.
void set_unless_set(const char* variable, const char* value) {
  if (value != nullptr) ::setenv(variable, value, 0);
}

// Applies INCIPIT_CPU. The engine rejects an unknown value, as it reports every mistake: once for
// all ranks.
void choose_cpu() {
  const char* name = ::getenv(incipit::kCpuVariable);
  const incipit::CpuChoice* choice = name == nullptr ? nullptr : incipit::find_cpu_choice(name);
  if (choice == nullptr) return;
  set_unless_set("ONEDNN_MAX_CPU_ISA", choice->onednn);
  set_unless_set("ATEN_CPU_CAPABILITY", choice->aten);
  set_unless_set("MKL_ENABLE_INSTRUCTIONS", choice->mkl);
}

// A stream beyond CUDA's 8 hardware queues shares one. There a transfer that waits for another rank
// would hold up the work of other streams. 32 is the most.
void choose_queues() { set_unless_set("CUDA_DEVICE_MAX_CONNECTIONS", "32"); }

int fail(const char* path, const char* why) {
  ::fprintf(stderr,
            "incipit: %s: %s; this program starts it: build or install both, and keep them in one "
            "folder\n",
            path, why);
  return static_cast<int>(incipit::ExitCode::kUsage);
}

}  // namespace

int main(int /*argc*/, char** argv) {
  block_signals();
  ::signal(SIGXFSZ, SIG_IGN);  // writing beyond the limit of file sizes is an error like others
  choose_cpu();
  choose_queues();
  constexpr char kSuffix[] = "-engine";
  char path[4096 + sizeof(kSuffix)];
  const ssize_t length = ::readlink("/proc/self/exe", path, 4096);
  if (length <= 0) return fail("/proc/self/exe", ::strerror(errno));
  ::memcpy(path + length, kSuffix, sizeof(kSuffix));
  ::execv(path, argv);
  return fail(path, ::strerror(errno));
}
