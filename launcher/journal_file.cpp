#include "launcher/journal_file.h"

#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "core/files.h"
#include "core/json.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

std::string first_line(const JournalFile::Of& of) {
  return dump_json(nlohmann::ordered_json{{of.kind, of.identity}}) + "\n";
}

// Returns the file's complete lines.
std::string complete_lines(const fs::path& file) {
  std::string text = fs::exists(file) ? read_text(file) : "";
  text.resize(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);
  return text;
}

}  // namespace

bool JournalFile::is_of(const fs::path& file, const Of& of) {
  return complete_lines(file).starts_with(first_line(of));
}

JournalFile::JournalFile(const fs::path& file, const Of& of, comm::Communicator& world) {
  std::string text;
  if (world.rank() == 0) {
    text = is_of(file, of) ? complete_lines(file) : "";
    file_.emplace(file, text.size());
    if (text.empty()) file_->append(first_line(of));
  }
  std::istringstream lines(world.broadcast(std::move(text), 0, "journal"));
  std::string line;
  std::getline(lines, line);  // the identity
  while (std::getline(lines, line)) lines_.push_back(line);
}

void JournalFile::append(const std::string& line) {
  if (file_) file_->append(line + "\n");
}

}  // namespace incipit::launcher
