// What all communicators of one rank share.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "comm/activity.h"

namespace incipit::comm {

// One per rank, shared by the world and everything split from it. Main thread only,
// except for what `activity` itself allows.
struct CommContext {
  // How long one operation may take before it fails with CommError.
  std::chrono::milliseconds timeout = std::chrono::minutes(10);
  std::shared_ptr<Activity> activity = std::make_shared<Activity>();
  // Says, when an operation ran out of time, what the other ranks were last seen doing
  // (describe_others of comm/heartbeat.h). May be empty.
  std::function<std::string()> diagnosis;
  int world_rank = 0;  // set by the backend that makes the world
  // The first failure. Collectives are no longer in step after it, so all later
  // operations fail at once instead of waiting for ranks that are elsewhere.
  std::string broken_by;
  // Time this rank has spent in operations, waits for others included.
  double seconds = 0;
  int nested = 0;  // operations that are under way, one inside another
};

}  // namespace incipit::comm
