/* Preloaded into a program: every fsync takes 0.1 s longer, so that a checkpoint is being written for
 * a good part of the time. */
#include <sys/syscall.h>
#include <unistd.h>

int fsync(int file) {
  usleep(100000);
  return (int)syscall(SYS_fsync, file);
}
