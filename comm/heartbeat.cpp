#include "comm/heartbeat.h"

#include <unistd.h>

#include <array>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>
#include <vector>

#include "core/text.h"

namespace incipit::comm {
namespace {

using std::chrono::duration;
using std::chrono::system_clock;

std::filesystem::path file_of(const std::filesystem::path& folder, int rank) {
  return folder / ("rank-" + std::to_string(rank) + ".heartbeat");
}

std::string describe(const Heartbeat& beat) {
  return "rank " + std::to_string(beat.rank) + " (" + beat.host + ", process " +
         std::to_string(beat.pid) + ")";
}

std::string describe_work(const Heartbeat& beat) {
  return describe(beat) + " has been at " + beat.doing + " for " + human_seconds(beat.idle_seconds);
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string process_name() { return host_name() + ", process " + std::to_string(::getpid()); }

std::string first_few(std::span<const std::string> parts) {
  constexpr std::size_t kMost = 8;
  if (parts.size() <= kMost) return join(parts, "; ");
  return join(parts.first(kMost), "; ") + "; and " + std::to_string(parts.size() - kMost) + " more";
}

bool write_heartbeat(const std::filesystem::path& folder, const Heartbeat& beat) {
  // Not write_atomically(), which syncs to disk and throws; this runs every second.
  const std::filesystem::path path = file_of(folder, beat.rank);
  const std::filesystem::path temporary = path.string() + ".tmp";
  {
    std::ofstream out(temporary, std::ios::trunc);
    out.precision(15);
    out << "rank " << beat.rank << "\nhost " << beat.host << "\npid " << beat.pid << "\ndoing "
        << beat.doing << "\nidle_seconds " << beat.idle_seconds << "\nwritten "
        << duration<double>(beat.written.time_since_epoch()).count() << "\n";
    out.flush();
    if (!out) return false;
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  return !error;
}

void remove_heartbeat(const std::filesystem::path& folder, int rank) noexcept {
  std::error_code ignored;
  std::filesystem::remove(file_of(folder, rank), ignored);
}

std::optional<Heartbeat> read_heartbeat(const std::filesystem::path& folder, int rank) {
  std::ifstream in(file_of(folder, rank));
  std::map<std::string, std::string> fields;
  for (std::string line; std::getline(in, line);) {
    const std::size_t space = line.find(' ');
    if (space != std::string::npos) fields[line.substr(0, space)] = line.substr(space + 1);
  }
  if (fields.count("written") == 0) return std::nullopt;
  Heartbeat beat{.rank = rank,
                 .host = fields["host"],
                 .pid = 0,
                 .doing = fields["doing"],
                 .idle_seconds = 0,
                 .written = {}};
  double written = 0;
  std::istringstream(fields["pid"]) >> beat.pid;
  std::istringstream(fields["idle_seconds"]) >> beat.idle_seconds;
  std::istringstream(fields["written"]) >> written;
  beat.written += std::chrono::duration_cast<system_clock::duration>(duration<double>(written));
  return beat;
}

std::string describe_others(const std::filesystem::path& folder, int rank, int size,
                            const std::string& doing, std::chrono::milliseconds silent_after) {
  const auto now = system_clock::now();
  std::vector<std::string> silent;
  std::vector<std::string> elsewhere;
  std::optional<Heartbeat> stillest;
  for (int r = 0; r < size; ++r) {
    if (r == rank) continue;
    const auto beat = read_heartbeat(folder, r);
    if (!beat) continue;
    if (now - beat->written > silent_after) {
      silent.push_back(describe(*beat) + " has been silent for " +
                       human_seconds(duration<double>(now - beat->written).count()) +
                       ", last seen at " + beat->doing);
      continue;
    }
    if (beat->doing != doing) elsewhere.push_back(describe_work(*beat));
    if (!stillest || beat->idle_seconds > stillest->idle_seconds) stillest = beat;
  }
  if (!silent.empty()) return first_few(silent);
  if (!elsewhere.empty()) return first_few(elsewhere);
  return stillest ? describe_work(*stillest) : std::string();
}

}  // namespace incipit::comm
