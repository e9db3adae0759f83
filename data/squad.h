// Reader for the JSON of SQuAD 1.1 (Rajpurkar et al. 2016): one document with all articles.
#pragma once

#include <filesystem>
#include <vector>

#include "data/record.h"

namespace incipit::data {

// Whether a file's name ends in .json and it begins as SQuAD's does: an object with "data" or
// "version" first, and "paragraphs" soon after.
[[nodiscard]] bool is_squad(const std::filesystem::path& path);

// A record is a question: {"id", "title", "context", "question", "answers": [{"text",
// "answer_start"}]}. The file may be one line, so Record::line() is the question's number, from 1.
class SquadReader : public RecordReader {
 public:
  // Reads the whole file. Throws FileError naming it if it cannot be read, or is no such JSON.
  explicit SquadReader(const std::filesystem::path& path);
  [[nodiscard]] std::optional<Record> next() override;
  [[nodiscard]] Record at_line(std::int64_t number) override;

 private:
  std::string file_;
  std::vector<std::string> questions_;  // JSON
  std::size_t next_ = 0;
};

}  // namespace incipit::data
