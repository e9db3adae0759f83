#include "nn/device_clock.h"

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <deque>
#include <vector>

#include "nn/host_copy.h"

namespace incipit::nn {
namespace {

class EventClock final : public DeviceClock {
 public:
  explicit EventClock(c10::Device device) : device_(device), start_(mark()) {}

  [[nodiscard]] int mark() override {
    int number = 0;
    if (free_.empty()) {
      number = static_cast<int>(events_.size());
      events_.emplace_back(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
    } else {
      number = free_.back();
      free_.pop_back();
    }
    events_[number].record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
    return number;
  }

  [[nodiscard]] double seconds(int mark) override {
    constexpr double kMillisecond = 1e-3;
    events_[mark].synchronize();
    free_.push_back(mark);
    return kMillisecond * events_[start_].elapsedTime(events_[mark]);
  }

 private:
  const c10::Device device_;
  std::deque<c10::Event> events_;
  std::vector<int> free_;  // events that may be recorded again
  const int start_;        // the event at time 0
};

}  // namespace

std::unique_ptr<DeviceClock> make_device_clock(c10::Device device) {
  if (!runs_ahead_of(device)) return nullptr;
  return std::make_unique<EventClock>(device);
}

}  // namespace incipit::nn
