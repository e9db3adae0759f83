// State that all communicators of one rank share.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "comm/activity.h"

namespace incipit::comm {

class Communicator;

// One per rank, shared by the world and all communicators split from it. Main thread only, except
// as `activity` allows.
struct CommContext {
  // Timeout of one operation. After it, the operation throws CommError.
  std::chrono::milliseconds timeout = std::chrono::minutes(10);
  std::shared_ptr<Activity> activity = std::make_shared<Activity>();
  // Called when an operation times out. Returns what the other ranks were last seen doing
  // (describe_others() of comm/heartbeat.h). May be empty.
  std::function<std::string()> diagnosis;
  // Returns which ranks have not reached the world's current collective, or "" where this is not
  // known. Set by the backend that makes the world; may be empty. Any thread.
  std::function<std::string()> absent;
  int world_rank = 0;  // set by the backend that makes the world
  // The first failure. After it, ranks may be in different collectives, so all later operations
  // fail at once instead of waiting.
  std::string broken_by;
  // Time that this rank has spent in operations, including waiting for other ranks.
  double seconds = 0;
  std::int64_t operations = 0;  // without those that are part of another one
  int nested = 0;               // number of nested operations in progress
  // Those whose operations on device memory are enqueued (Communicator::wait_until).
  std::vector<Communicator*> enqueuing;
};

}  // namespace incipit::comm
