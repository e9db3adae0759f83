#include "predict/prediction_file.h"

#include <unistd.h>

#include <iostream>

#include "core/error.h"
#include "core/files.h"
#include "telemetry/terminal.h"

namespace incipit::predict {
namespace {

namespace fs = std::filesystem;

PredictionFormat format_of(const fs::path& path, const std::string& format) {
  if (format == "csv") return PredictionFormat::kCsv;
  if (format == "jsonl") return PredictionFormat::kJsonl;
  if (PredictionFile::is_terminal(path)) return PredictionFormat::kTerminal;
  return path.extension() == ".csv" ? PredictionFormat::kCsv : PredictionFormat::kJsonl;
}

}  // namespace

PredictionProgress::PredictionProgress(std::optional<std::int64_t> records) {
  if (records) bar_ = std::make_unique<telemetry::Progress>("predict", *records);
}

void PredictionProgress::add(std::size_t records) {
  done_ += static_cast<std::int64_t>(records);
  if (bar_) bar_->update(done_);
}

void PredictionProgress::finish() {
  if (bar_) bar_->finish();
}

PredictionFile::PredictionFile(fs::path path, const std::string& format,
                               const PredictionLayout& layout)
    : path_(std::move(path)) {
  if (path_ != "-") {
    if (fs::is_directory(path_)) {
      throw DataError(path_.string() + ": is a folder; give the path of a file");
    }
    part_ = is_special_file(path_) ? path_ : fs::path(path_.string() + ".part");
    file_.open(part_, std::ios::binary | std::ios::trunc);
    check();
  }
  writer_ = make_prediction_writer(format_of(path_, format), layout, stream());
}

bool PredictionFile::is_terminal(const fs::path& path) {
  return path == "-" && telemetry::is_terminal(STDOUT_FILENO);
}

std::ostream& PredictionFile::stream() { return path_ == "-" ? std::cout : file_; }

void PredictionFile::check() {
  if (stream()) return;
  throw DataError((path_ == "-" ? "standard output" : part_.string()) + ": cannot be written");
}

void PredictionFile::write(const std::vector<Prediction>& predictions) {
  for (const Prediction& prediction : predictions) writer_->write(prediction);
  stream().flush();
  check();
}

void PredictionFile::finish() {
  stream().flush();
  check();
  if (path_ == "-") return;
  file_.close();
  check();
  if (part_ == path_) return;
  std::error_code error;
  fs::rename(part_, path_, error);
  if (error) throw DataError(path_.string() + ": cannot be written (" + error.message() + ")");
}

}  // namespace incipit::predict
