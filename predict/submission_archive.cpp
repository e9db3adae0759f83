#include "predict/submission_archive.h"

#include <zip.h>

#include <memory>

#include "core/error.h"

namespace incipit::predict {

namespace fs = std::filesystem;

namespace {

// A zip archive. It is written on closing, next to `path`, and then renamed.
class Archive {
 public:
  explicit Archive(std::string path) : path_(std::move(path)), archive_(nullptr, &zip_discard) {
    int code = 0;
    archive_.reset(zip_open(path_.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
    if (archive_) return;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    refuse(reason);
  }

  void add(const fs::path& file) {
    zip_source_t* source = zip_source_file(archive_.get(), file.c_str(), 0, -1);
    if (source == nullptr) refuse(zip_strerror(archive_.get()));
    const std::string name = file.filename().string();
    const zip_int64_t index = zip_file_add(archive_.get(), name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      refuse(zip_strerror(archive_.get()));
    }
    // 1 January 1980, the earliest date of the format, so that equal files give equal bytes.
    constexpr zip_uint16_t kMidnight = 0;
    constexpr zip_uint16_t kFirstDay = 1 << 5 | 1;
    if (zip_file_set_dostime(archive_.get(), static_cast<zip_uint64_t>(index), kMidnight, kFirstDay,
                             0) != 0) {
      refuse(zip_strerror(archive_.get()));
    }
  }

  void close() {
    if (zip_close(archive_.get()) != 0) refuse(zip_strerror(archive_.get()));
    (void)archive_.release();  // zip_close() has freed it
  }

 private:
  [[noreturn]] void refuse(const std::string& reason) const {
    throw DataError(path_ + ": cannot be written (" + reason + ")");
  }

  std::string path_;
  std::unique_ptr<zip_t, decltype(&zip_discard)> archive_;
};

}  // namespace

const std::vector<std::string>& submission_files() {
  static const std::vector<std::string> names{
      "BoolQ.jsonl", "CB.jsonl",  "COPA.jsonl", "MultiRC.jsonl", "ReCoRD.jsonl",
      "RTE.jsonl",   "WiC.jsonl", "WSC.jsonl",  "AX-b.jsonl",    "AX-g.jsonl"};
  return names;
}

std::vector<std::string> write_submission_archive(const fs::path& folder) {
  std::vector<std::string> missing;
  std::vector<fs::path> present;
  for (const std::string& name : submission_files()) {
    if (fs::is_regular_file(folder / name)) {
      present.push_back(folder / name);
    } else {
      missing.push_back(name);
    }
  }
  if (present.empty()) return missing;
  Archive archive((folder / "submission.zip").string());
  for (const fs::path& file : present) archive.add(file);
  archive.close();
  return missing;
}

}  // namespace incipit::predict
