#include "telemetry/event_file.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <system_error>
#include <type_traits>
#include <vector>

namespace incipit::telemetry {
namespace {

namespace fs = std::filesystem;
using Point = std::pair<std::string, double>;

static_assert(std::endian::native == std::endian::little);
constexpr const char* kPrefix = "events.out.tfevents.";

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (0x82F63B78u & (0u - (value & 1u)));
    table[byte] = value;
  }
  return table;
}

template <typename T>
std::string bytes_of(T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

// Fields of a protocol buffer.
std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string integer_field(int number, std::int64_t value) {
  return varint(static_cast<std::uint64_t>(number) << 3) +
         varint(static_cast<std::uint64_t>(value));
}
std::string double_field(int number, double value) {
  return varint(static_cast<std::uint64_t>(number) << 3 | 1) + bytes_of(value);
}
std::string float_field(int number, float value) {
  return varint(static_cast<std::uint64_t>(number) << 3 | 5) + bytes_of(value);
}
std::string bytes_field(int number, const std::string& bytes) {
  return varint(static_cast<std::uint64_t>(number) << 3 | 2) + varint(bytes.size()) + bytes;
}

std::string event(std::int64_t step, const std::string& content) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  return double_field(1, now.count()) + integer_field(2, step) + content;
}

std::string summary_event(std::int64_t step, std::span<const Point> points) {
  std::string summary;
  for (const auto& [tag, value] : points) {
    summary += bytes_field(1, bytes_field(1, tag) + float_field(2, static_cast<float>(value)));
  }
  return event(step, bytes_field(5, summary));
}

std::string as_record(const std::string& data) {
  const std::string length = bytes_of(std::uint64_t{data.size()});
  return length + bytes_of(masked_crc32c(length)) + data + bytes_of(masked_crc32c(data));
}

void remove_event_files(const fs::path& folder) {
  std::error_code ignored;  // there may be no folder
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().filename().string().starts_with(kPrefix)) old.push_back(entry.path());
  }
  for (const fs::path& path : old) fs::remove(path, ignored);
}

fs::path next_file(const fs::path& folder, bool keep_others) {
  if (!keep_others) remove_event_files(folder);
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  return folder /
         (kPrefix + std::to_string(seconds) + "." + host.data() + "." + std::to_string(::getpid()));
}

}  // namespace

std::uint32_t masked_crc32c(std::string_view bytes) {
  static constexpr auto kTable = make_crc_table();
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  }
  return std::rotr(~crc, 15) + 0xa282ead8u;
}

EventFile::EventFile(const fs::path& folder, std::int64_t done)
    : file_(next_file(folder, /*keep_others=*/done > 0), 0) {
  constexpr std::int64_t kSessionStarts = 1;
  file_.append(as_record(event(0, bytes_field(3, "brain.Event:2"))));
  if (done > 0) {
    file_.append(as_record(event(done + 1, bytes_field(7, integer_field(1, kSessionStarts)))));
  }
}

void EventFile::append(const StepRecord& record) {
  std::vector<Point> points{{"train/loss", record.loss},
                            {"train/learning_rate", record.learning_rate},
                            {"train/grad_norm", record.grad_norm},
                            {"train/seconds", record.seconds}};
  if (record.seconds > 0) {
    points.emplace_back("train/tokens_per_second",
                        static_cast<double>(record.tokens) / record.seconds);
  }
  for (const auto& [task, loss] : record.losses) points.emplace_back(task + "/train/loss", loss);
  file_.append(as_record(summary_event(record.step, points)));
}

void EventFile::append_scores(std::int64_t step, const std::string& task, const std::string& split,
                              std::span<const Point> scores) {
  std::vector<Point> points;
  for (const auto& [name, value] : scores) {
    points.emplace_back((task.empty() ? "" : task + "/") + split + "/" + name, value);
  }
  file_.append(as_record(summary_event(step, points)));
}

}  // namespace incipit::telemetry
