#include "comm/guarded_main.h"

#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <thread>

#include "comm/mpi_environment.h"
#include "core/error.h"
#include "core/launch.h"
#include "core/stop_request.h"
#include "core/text.h"

namespace incipit::comm {
namespace {

constexpr std::chrono::milliseconds kPrecedenceOfRankZero{1000};
// One rank ends the whole job. This lets ranks that time out a little later print their message.
constexpr std::chrono::seconds kOthersMayTell{3};

// Returns the message as it may reach a terminal, or, without memory for that, nothing.
std::string shown(const char* message) noexcept try {
  return printable(message);
} catch (const std::exception&) {
  return {};
}

// Returns the path and the system's reason: "x: File name too long".
std::string text_of(const std::filesystem::filesystem_error& error) noexcept try {
  return error.path1().string() + ": " + error.code().message();
} catch (const std::exception&) {
  return {};
}

int end_with(ExitCode code, const char* kind, const char* message) noexcept {
  const Launch launch = read_launch();
  const bool of_all = code == ExitCode::kStopped;  // ranks stop together
  const bool of_each = code == ExitCode::kComm;    // each rank waited in its own operation
  if (launch.rank != 0 && !of_all && !of_each) {
    on_stop_signal(OnSignal::kEnd);  // mpirun's signal, after rank 0 has printed its message
    std::this_thread::sleep_for(kPrecedenceOfRankZero);
  }
  std::fflush(stdout);
  if (launch.rank != 0 && of_all) {
    // rank 0 prints the message
  } else if (launch.parallel) {
    std::fprintf(stderr, "incipit (rank %d): %s%s\n", launch.rank, kind, shown(message).c_str());
  } else {
    std::fprintf(stderr, "incipit: %s%s\n", kind, shown(message).c_str());
  }
  std::fflush(stderr);
  if (of_each && launch.parallel) std::this_thread::sleep_for(kOthersMayTell);
  abort_job(static_cast<int>(code));
  return static_cast<int>(code);
}

}  // namespace

int guarded_main(const std::function<int()>& body) noexcept {
  try {
    return body();
  } catch (const Error& error) {
    return end_with(error.exit_code(), "", error.what());
  } catch (const std::bad_alloc&) {
    return end_with(ExitCode::kUnexpected, "",
                    "out of memory; use smaller batches (train.micro_batch_tokens, "
                    "eval.batch_tokens, train.batch_size), or a mesh that splits the model");
  } catch (const std::filesystem::filesystem_error& error) {
    return end_with(ExitCode::kData, "", text_of(error).c_str());
  } catch (const std::exception& error) {
    return end_with(ExitCode::kUnexpected, "a defect of incipit: ", error.what());
  } catch (...) {
    return end_with(ExitCode::kUnexpected, "a defect of incipit: ", "unknown exception");
  }
}

}  // namespace incipit::comm
