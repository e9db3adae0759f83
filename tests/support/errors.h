// Messages of exceptions.
#pragma once

#include <string>
#include <typeinfo>

namespace incipit::testing {

// The message of the `Error` that `action` throws; "nothing was thrown" or "another
// exception" otherwise, which no expectation takes for a message.
template <typename Error, typename Action>
[[nodiscard]] std::string message_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another exception: ") + typeid(error).name() + ": " + error.what();
  }
  return "nothing was thrown";
}

}  // namespace incipit::testing
