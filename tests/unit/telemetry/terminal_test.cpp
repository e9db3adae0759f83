#include "telemetry/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace incipit::telemetry {
namespace {

class Forwarded : public ::testing::Test {
 protected:
  ~Forwarded() override {
    for (const char* name : {"INCIPIT_STDIN_COLUMNS", "INCIPIT_STDOUT_COLUMNS",
                             "INCIPIT_STDERR_COLUMNS", "OMPI_COMM_WORLD_RANK"}) {
      ::unsetenv(name);
    }
  }
};

TEST_F(Forwarded, TheTerminalBehindMpirunIsOne) {
  ::setenv("INCIPIT_STDERR_COLUMNS", "123", 1);
  EXPECT_TRUE(is_terminal(STDERR_FILENO));
  EXPECT_EQ(terminal_width(STDERR_FILENO), 123);
  ::setenv("INCIPIT_STDOUT_COLUMNS", "99", 1);
  EXPECT_EQ(terminal_width(STDOUT_FILENO), 99);
  EXPECT_EQ(is_terminal(STDIN_FILENO), ::isatty(STDIN_FILENO) == 1);
  ::setenv("INCIPIT_STDIN_COLUMNS", "99", 1);
  EXPECT_TRUE(is_terminal(STDIN_FILENO));
}

TEST_F(Forwarded, TheTerminalOfMpirunIsNone) {
  const int output = ::dup(STDOUT_FILENO);
  const int ours = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_EQ(::grantpt(ours) | ::unlockpt(ours), 0);
  const int theirs = ::open(::ptsname(ours), O_RDWR | O_NOCTTY);
  ::dup2(theirs, STDOUT_FILENO);
  const bool alone = is_terminal(STDOUT_FILENO);
  ::setenv("OMPI_COMM_WORLD_RANK", "0", 1);
  const bool launched = is_terminal(STDOUT_FILENO);
  ::setenv("INCIPIT_STDOUT_COLUMNS", "99", 1);
  const bool forwarded = is_terminal(STDOUT_FILENO);
  ::dup2(output, STDOUT_FILENO);
  for (const int each : {output, theirs, ours}) ::close(each);
  EXPECT_TRUE(alone);
  EXPECT_FALSE(launched);
  EXPECT_TRUE(forwarded);
}

TEST_F(Forwarded, NothingIsMadeOfNoNumber) {
  for (const char* text : {"", "0", "wide"}) {
    ::setenv("INCIPIT_STDERR_COLUMNS", text, 1);
    EXPECT_EQ(is_terminal(STDERR_FILENO), ::isatty(STDERR_FILENO) == 1) << text;
  }
}

}  // namespace
}  // namespace incipit::telemetry
