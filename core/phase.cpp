#include "core/phase.h"

#include <cstring>
#include <utility>

#include "core/check.h"

namespace incipit {
namespace {

thread_local PhaseRecorder* current = nullptr;

}  // namespace

PhaseRecorder::PhaseRecorder(std::function<double()> flops, std::unique_ptr<DeviceClock> clock)
    : flops_(std::move(flops)), clock_(std::move(clock)) {
  INCIPIT_CHECK(current == nullptr, "a second recorder of phases in one thread");
  current = this;
}

PhaseRecorder::~PhaseRecorder() { current = nullptr; }

double PhaseRecorder::now() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void PhaseRecorder::begin(const char* name) {
  Open& phase = step_.emplace_back();
  phase.span.name = name;
  phase.span.depth = static_cast<int>(open_.size());
  phase.span.flops = -flops_();
  phase.span.host_begin = now();
  phase.begin_mark = mark();
  open_.push_back(step_.size() - 1);
}

void PhaseRecorder::end() {
  Open& phase = step_[open_.back()];
  open_.pop_back();
  phase.end_mark = mark();
  phase.span.host_end = now();
  phase.span.flops += flops_();
  if (open_.empty()) steps_.push_back(std::exchange(step_, {}));
}

std::vector<PhaseSpan> PhaseRecorder::take_oldest() {
  if (steps_.empty()) return {};
  std::vector<PhaseSpan> spans;
  for (Open& phase : steps_.front()) {
    PhaseSpan& span = spans.emplace_back(phase.span);
    span.device_begin = clock_ ? clock_->seconds(phase.begin_mark) : span.host_begin;
    span.device_end = clock_ ? clock_->seconds(phase.end_mark) : span.host_end;
  }
  steps_.pop_front();
  return spans;
}

PhasePause::PhasePause() : recorder_(std::exchange(current, nullptr)) {}

PhasePause::~PhasePause() { current = recorder_; }

Phase::Phase(const char* name) : recorder_(current) {
  if (recorder_ == nullptr) return;
  if (name == nullptr || (recorder_->open_.empty() && std::strcmp(name, kStepPhase) != 0)) {
    recorder_ = nullptr;
    return;
  }
  recorder_->begin(name);
}

Phase::~Phase() { end(); }

void Phase::end() {
  if (recorder_ != nullptr) std::exchange(recorder_, nullptr)->end();
}

void Phase::next(const char* name) {
  if (recorder_ == nullptr) return;
  recorder_->end();
  recorder_->begin(name);
}

}  // namespace incipit
