// The exceptions that end a run, and their exit codes.
//
// A function throws one of these when the *user* can fix the cause (a file, a configuration, a
// cluster). The message says what was found, where, what was expected and what to do. Bugs in
// Incipit throw LogicError (core/check.h).
#pragma once

#include <stdexcept>
#include <string>

namespace incipit {

// Exit codes are part of the interface: batch systems act on them.
enum class ExitCode : int {
  kDone = 0,
  kUnexpected = 1,  // a bug in Incipit
  kUsage = 2,       // wrong usage or configuration
  kData = 3,        // bad data or model file
  kComm = 4,        // communication failed
  kNumerics = 5,    // NaN or infinity
  kStopped = 75,    // stopped by a signal, nothing is lost: start it again
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ExitCode exit_code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

// Wrong command line or configuration.
class ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& message) : Error(ExitCode::kUsage, message) {}
};

// A data, tokenizer, adapter or model file that is missing, damaged or unsupported.
class DataError : public Error {
 public:
  explicit DataError(const std::string& message) : Error(ExitCode::kData, message) {}
};

// A collective failed or timed out.
class CommError : public Error {
 public:
  CommError(int rank, std::string operation, const std::string& message)
      : Error(ExitCode::kComm, "rank " + std::to_string(rank) + ", " + operation + ": " + message),
        rank_(rank),
        operation_(std::move(operation)) {}
  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] const std::string& operation() const noexcept { return operation_; }

 private:
  int rank_;
  std::string operation_;
};

// A loss or gradient that is not finite.
class NumericsError : public Error {
 public:
  explicit NumericsError(const std::string& message) : Error(ExitCode::kNumerics, message) {}
};

// A broken invariant inside Incipit.
class LogicError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

}  // namespace incipit
