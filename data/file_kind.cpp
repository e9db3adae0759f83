#include "data/file_kind.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>

#include "core/error.h"

namespace incipit::data {
namespace {

using namespace std::string_view_literals;

// A kind of file, and the command that converts it. FILE in the command is the file's name.
struct Kind {
  std::string_view magic;
  std::string_view what;
  std::string_view command;
};

constexpr std::string_view kPandas = "python3 -c \"import pandas; pandas.";

// Longer marks come before their beginnings.
constexpr std::array kKinds{
    Kind{"PAR1"sv, "a Parquet file", "read_parquet('FILE').to_csv('FILE.csv', index=False)\""},
    Kind{"ARROW1"sv, "an Arrow file", "read_feather('FILE').to_csv('FILE.csv', index=False)\""},
    Kind{"\xD0\xCF\x11\xE0"sv, "an Excel workbook",
         "read_excel('FILE').to_csv('FILE.csv', index=False)\""},
    Kind{"SQLite format 3"sv, "an SQLite database",
         "sqlite3 -header -csv FILE 'SELECT * FROM TABLE' > FILE.csv"},
    Kind{"\x93NUMPY"sv, "a NumPy array",
         "DataFrame(__import__('numpy').load('FILE')).to_csv('FILE.csv', index=False)\""},
    Kind{"\x28\xB5\x2F\xFD"sv, "a zstd archive", "zstd -d FILE"},
    Kind{"BZh"sv, "a bzip2 archive", "bunzip2 -k FILE"},
    Kind{"\xFD"
         "7zXZ"sv,
         "an xz archive", "xz -dk FILE"},
    Kind{"\xFF\xFE\0\0"sv, "a text in UTF-32", "iconv -f UTF-32 -t UTF-8 FILE > FILE.utf8.csv"},
    Kind{"\0\0\xFE\xFF"sv, "a text in UTF-32", "iconv -f UTF-32 -t UTF-8 FILE > FILE.utf8.csv"},
    Kind{"\xFF\xFE"sv, "a text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE > FILE.utf8.csv"},
    Kind{"\xFE\xFF"sv, "a text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE > FILE.utf8.csv"}};

[[noreturn]] void refuse(const std::string& name, std::string_view what, std::string command) {
  for (std::size_t at; (at = command.find("FILE")) != std::string::npos;) {
    command.replace(at, 4, "\x01");
  }
  for (std::size_t at; (at = command.find('\x01')) != std::string::npos;) {
    command.replace(at, 1, name);
  }
  throw DataError(
      name + ": is " + std::string(what) +
      "; CSV, TSV and JSON are read, also compressed with gzip; convert it: " + command);
}

constexpr std::string_view kOnly = "; CSV, TSV and JSON are read, also compressed with gzip";

// Throws for a web page: the answer of a server in the place of the file.
void refuse_other_texts(std::string_view bytes, const std::string& name) {
  std::string begin(bytes.substr(0, 64));
  begin.erase(0, std::min(begin.find_first_not_of(" \t\r\n"), begin.size()));
  std::transform(begin.begin(), begin.end(), begin.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (!begin.starts_with("<!doctype html") && !begin.starts_with("<html")) return;
  throw DataError(name + ": is a web page (HTML), perhaps the answer to a download that failed" +
                  std::string(kOnly));
}

// Throws for kinds of files that no command converts for certain.
void refuse_binary(std::string_view bytes, const std::string& name) {
  const auto is = [&](const char* what) {
    throw DataError(name + ": is " + what + std::string(kOnly));
  };
  constexpr std::size_t kTarMark = 257;
  if (bytes.size() > kTarMark && bytes.substr(kTarMark).starts_with("ustar"sv)) {
    refuse(name, "a tar archive", "tar -xf FILE");
  }
  if (bytes.starts_with("\x1F\x8B"sv)) is("a gzip file within a gzip file");
  if (bytes.starts_with("ORC"sv) && bytes.size() > 3 && bytes[3] < ' ') is("an ORC file");
  if (bytes.starts_with("\x80"sv) && bytes.size() > 1 && bytes[1] > 1 && bytes[1] < 6) {
    is("a Python pickle, which is never read, since reading it can run code");
  }
  if (bytes.starts_with("GGUF"sv)) is("a GGUF model");
  if (bytes.starts_with("%PDF-"sv)) is("a PDF document");
  if (bytes.starts_with("7z\xBC\xAF"sv)) is("a 7z archive");
  // ASCII in UTF-16 without a byte order mark: every other byte is zero.
  constexpr std::size_t kLooked = 16;
  if (bytes.size() < kLooked) return;
  std::array<std::size_t, 2> zeros{};
  for (std::size_t i = 0; i < kLooked; ++i) zeros[i % 2] += bytes[i] == '\0' ? 1 : 0;
  if (zeros[0] + zeros[1] != kLooked / 2 || zeros[0] * zeros[1] != 0) return;
  refuse(name, "a text in UTF-16",
         std::string("iconv -f UTF-16") + (zeros[0] == 0 ? "LE" : "BE") +
             " -t UTF-8 FILE > FILE.utf8.csv");
}

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1F\x8B"sv); }

std::string gunzip(std::string_view bytes, const std::string& name) {
  z_stream stream{};
  constexpr int kGzip = 16 + MAX_WBITS;
  if (inflateInit2(&stream, kGzip) != Z_OK) throw DataError(name + ": cannot be decompressed");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, &inflateEnd);
  std::string text;
  std::array<char, std::size_t{1} << 16> block{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  std::size_t left = bytes.size();
  constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;
  int status = Z_OK;
  while (status != Z_STREAM_END || left + stream.avail_in > 0) {
    if (stream.avail_in == 0) {
      stream.avail_in = static_cast<uInt>(std::min(left, kMostAtOnce));
      left -= stream.avail_in;
    }
    if (status == Z_STREAM_END) (void)inflateReset(&stream);  // another member of the file
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    status = inflate(&stream, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END) {
      throw DataError(name + ": is a damaged or incomplete gzip file");
    }
    text.append(block.data(), block.size() - stream.avail_out);
  }
  return text;
}

void refuse_foreign_file(std::string_view bytes, const std::string& name) {
  refuse_other_texts(bytes, name);
  refuse_binary(bytes, name);
  for (const Kind& kind : kKinds) {
    if (!bytes.starts_with(kind.magic)) continue;
    const bool pandas = kind.command.ends_with("index=False)\"");
    refuse(name, kind.what, std::string(pandas ? kPandas : ""sv).append(kind.command));
  }
  if (!bytes.starts_with("PK\x03\x04"sv)) return;
  const bool workbook = bytes.find("xl/workbook"sv) != std::string_view::npos ||
                        bytes.find("[Content_Types].xml"sv) != std::string_view::npos;
  const bool sheet = bytes.find("application/vnd.oasis"sv) != std::string_view::npos;
  if (workbook || sheet) {
    refuse(name, workbook ? "an Excel workbook" : "an OpenDocument spreadsheet",
           std::string(kPandas) + "read_excel('FILE').to_csv('FILE.csv', index=False)\"");
  }
  refuse(name, "a zip archive", "unzip FILE");
}

}  // namespace incipit::data
