// The pieces a text falls into on its way to the model, and the memory they live in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "data/tokenizer/regex.h"
#include "data/tokenizer/tokenizer.h"

namespace incipit::data {

constexpr TokenId kNoToken = -1;

struct Piece {
  std::string_view text;
  // How many bytes at the front stem from the first character of the whole input: not 0
  // only for what stands at its very beginning (Metaspace "first" asks).
  std::uint32_t front = 0;
  TokenId token = kNoToken;  // an added token, to be left alone
};

// Memory for altered texts, freed all at once.
class TextArena {
 public:
  // Uninitialised room for `size` bytes.
  char* allocate(std::size_t size) {
    if (size > room_) {
      room_ = std::max(size, kBlock);
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(room_));
      free_ = blocks_.back().get();
    }
    char* memory = free_;
    free_ += size;
    room_ -= size;
    return memory;
  }
  std::string_view copy(std::string_view text) {
    char* memory = allocate(text.size());
    if (!text.empty()) std::memcpy(memory, text.data(), text.size());
    return {memory, text.size()};
  }
  // Forgets every text; keeps the memory when it is one small block, as it mostly is.
  void reset() {
    if (blocks_.empty()) return;
    const auto used = static_cast<std::size_t>(free_ - blocks_.back().get());
    if (blocks_.size() == 1 && used + room_ == kBlock) {
      free_ -= used;
      room_ = kBlock;
    } else {
      blocks_.clear();
      free_ = nullptr;
      room_ = 0;
    }
  }

 private:
  static constexpr std::size_t kBlock = std::size_t{16} << 10;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;  // in the last block
  std::size_t room_ = 0;  // behind free_
};

struct Pieces {
  std::vector<Piece> list;
  std::vector<Piece> next;  // where a step collects its result
  std::vector<Span> spans;  // scratch
  TextArena arena;

  // Adds a part of a piece to `next`; empty parts vanish.
  void add_part(const Piece& piece, std::size_t begin, std::size_t end) {
    if (begin >= end) return;
    const std::uint32_t front =
        piece.front > begin ? std::min<std::uint32_t>(piece.front, end) - begin : 0;
    next.push_back({piece.text.substr(begin, end - begin), front, kNoToken});
  }

  // Replaces `list` by what `step(piece)` puts into `next`; added tokens pass.
  template <typename Step>
  void transform(Step step) {
    next.clear();
    for (const Piece& piece : list) {
      if (piece.token != kNoToken) {
        next.push_back(piece);
      } else {
        step(piece);
      }
    }
    list.swap(next);
  }
};

}  // namespace incipit::data
