// A small job that goes wrong on purpose: fault_program KIND FOLDER_FOR_HEARTBEATS.
// The last rank is the one at fault; comm_faults_test.cpp says what must come of it.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "comm/agreement.h"
#include "comm/guarded_main.h"
#include "comm/watchdog.h"
#include "comm/world.h"
#include "core/error.h"

namespace incipit::comm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void all_reduce(Communicator& world) {
  std::vector<float> gradient(1000, 1.0f);
  world.all_reduce_sum(std::span<float>(gradient), "gradients");
}

void go_wrong(Communicator& world, const std::string& kind) {
  const bool at_fault = world.rank() == world.size() - 1;
  Activity& activity = *world.context().activity;
  const Activity::Scope scope(activity, "forward");
  if (kind == "throw_all") throw ConfigError("train.steps: expected a number");
  if (kind == "disagree") {
    require_same(world, "configuration", at_fault ? "steps: 30" : "steps: 300");
  }
  if (kind == "hang_all") std::this_thread::sleep_for(seconds(100));
  if (kind == "orderly") return;
  if (at_fault) {
    if (kind == "hang") std::this_thread::sleep_for(seconds(100));
    if (kind == "stop") {
      std::this_thread::sleep_for(milliseconds(500));  // after a first heartbeat
      ::raise(SIGSTOP);
    }
    if (kind == "exit") ::_exit(0);
    if (kind == "kill") ::raise(SIGKILL);
    if (kind == "throw") throw DataError("train.jsonl:17: not a JSON object");
  }
  all_reduce(world);
}

int run(const std::string& kind, const std::string& folder) {
  MeshOptions options;
  options.timeout_seconds = kind == "hang_all" ? 100 : 6;
  const auto world = make_world(options);
  const Watchdog watchdog(world->context().activity, {.rank = world->rank(),
                                                      .size = world->size(),
                                                      .deadline = seconds(9),
                                                      .interval = milliseconds(100),
                                                      .silent_after = seconds(3),
                                                      .heartbeat_folder = folder});
  world->context().diagnosis = [&watchdog] { return watchdog.describe_others(); };
  world->barrier("start");
  world->context().activity->set_step(7);
  all_reduce(*world);
  go_wrong(*world, kind);
  std::puts("finished");
  return 0;
}

}  // namespace
}  // namespace incipit::comm

int main(int argc, char** argv) {
  if (argc != 3) return 1;
  return incipit::comm::guarded_main([&] { return incipit::comm::run(argv[1], argv[2]); });
}
