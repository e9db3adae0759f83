#include "data/squad.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace incipit::data {

bool is_squad(const std::filesystem::path& path) {
  if (path.extension() != ".json") return false;
  std::ifstream file(path, std::ios::binary);
  std::string begin(4096, ' ');  // has the first article's title and the key after it
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  std::erase_if(begin, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
  return (begin.starts_with("{\"data\":") || begin.starts_with("{\"version\":")) &&
         begin.find("\"paragraphs\":") != std::string::npos;
}

SquadReader::SquadReader(const std::filesystem::path& path) : file_(path.string()) {
  try {
    const auto document = parse_json_of<nlohmann::json>(path, read_text(path));
    for (const auto& article : document.at("data")) {
      for (const auto& paragraph : article.at("paragraphs")) {
        for (nlohmann::json question : paragraph.at("qas")) {
          question["context"] = paragraph.at("context");
          question["title"] = article.value("title", "");
          questions_.push_back(dump_json(question));
        }
      }
    }
  } catch (const nlohmann::json::exception& error) {
    throw FileError(file_ +
                    ": is not the JSON of SQuAD, {\"data\": [{\"paragraphs\": [{\"context\", "
                    "\"qas\"}]}]}: " +
                    error.what());
  }
}

std::optional<Record> SquadReader::next() {
  if (next_ == questions_.size()) return std::nullopt;
  ++next_;
  return Record(questions_[next_ - 1], file_, static_cast<std::int64_t>(next_));
}

Record SquadReader::at_line(std::int64_t number) {
  if (number < 1 || number > std::ssize(questions_)) fail_no_record(file_, number);
  return {questions_[static_cast<std::size_t>(number - 1)], file_, number};
}

}  // namespace incipit::data
