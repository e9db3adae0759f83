#include "comm/library_watch.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/launch.h"
#include "core/text.h"

namespace incipit::comm {
namespace {

std::string text_of(std::chrono::milliseconds duration) {
  return human_seconds(std::chrono::duration<double>(duration).count());
}

std::string name_of(const Launch& launch) {
  return "incipit (rank " + std::to_string(launch.rank) + " of " + std::to_string(launch.size) +
         "): ";
}

}  // namespace

LibraryWatch::LibraryWatch(LibraryWatchOptions options)
    : options_(std::move(options)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

LibraryWatch::~LibraryWatch() {
  thread_.request_stop();
  thread_.join();
}

void LibraryWatch::run(const std::stop_token& stop) {
  const Launch launch = read_launch();
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  const auto wait_until = [&](std::chrono::milliseconds after) {
    wake_.wait_until(lock, stop, begin + after, [] { return false; });
    return !stop.stop_requested();
  };
  // Rank 1 speaks for the case that rank 0 is the one that hangs.
  if (launch.rank <= 1 && options_.notice_after < options_.timeout) {
    if (!wait_until(options_.notice_after * (launch.rank + 1))) return;
    write_to_standard_error(name_of(launch) + options_.call + " has waited " +
                            text_of(options_.notice_after * (launch.rank + 1)) +
                            " for the other ranks; " +
                            missing_or("one of them may be stopped, still loading, or another "
                                       "program") +
                            "\n");
  }
  if (!wait_until(options_.timeout)) return;
  write_to_standard_error(
      name_of(launch) + options_.call + ": the other ranks did not answer within " +
      text_of(options_.timeout) + "; " +
      missing_or("is one of them stopped, or is it another program?") +
      " raise parallel.timeout_seconds if they need longer; ending with exit code 4\n");
  ::_exit(static_cast<int>(ExitCode::kComm));
}

std::string LibraryWatch::missing_or(const std::string& guess) const {
  const std::string missing = options_.absent ? options_.absent() : "";
  return missing.empty() ? guess : missing;
}

void write_to_standard_error(const std::string& text) {
  pollfd target{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (::poll(&target, 1, 1000) != 1) return;
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace incipit::comm
