#include "telemetry/terminal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace incipit::telemetry {
namespace {

class Forwarded : public ::testing::Test {
 protected:
  ~Forwarded() override {
    ::unsetenv("INCIPIT_STDERR_COLUMNS");
    ::unsetenv("INCIPIT_STDOUT_COLUMNS");
  }
};

TEST_F(Forwarded, TheTerminalBehindMpirunIsOne) {
  ::setenv("INCIPIT_STDERR_COLUMNS", "123", 1);
  EXPECT_TRUE(is_terminal(STDERR_FILENO));
  EXPECT_EQ(terminal_width(STDERR_FILENO), 123);
  ::setenv("INCIPIT_STDOUT_COLUMNS", "99", 1);
  EXPECT_EQ(terminal_width(STDOUT_FILENO), 99);
}

TEST_F(Forwarded, NothingIsMadeOfNoNumber) {
  for (const char* text : {"", "0", "wide"}) {
    ::setenv("INCIPIT_STDERR_COLUMNS", text, 1);
    EXPECT_EQ(is_terminal(STDERR_FILENO), ::isatty(STDERR_FILENO) == 1) << text;
  }
}

}  // namespace
}  // namespace incipit::telemetry
