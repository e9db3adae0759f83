// The pieces into which a text is split for the model, and their memory.
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
  // Number of leading bytes that come from the first character of the whole input; 0 except for
  // pieces at its very beginning (used by Metaspace "first").
  std::uint32_t front = 0;
  TokenId token = kNoToken;  // an added token, not to be split further
};

// Memory for modified texts, freed all at once.
class TextArena {
 public:
  // Returns uninitialized memory for `size` bytes.
  char* allocate(std::size_t size) {
    if (size > capacity_) {
      capacity_ = std::max(size, kBlock);
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(capacity_));
      free_ = blocks_.back().get();
    }
    char* memory = free_;
    free_ += size;
    capacity_ -= size;
    return memory;
  }
  std::string_view copy(std::string_view text) {
    char* memory = allocate(text.size());
    if (!text.empty()) std::memcpy(memory, text.data(), text.size());
    return {memory, text.size()};
  }
  // Discards all texts. Keeps the memory if it is one small block, the usual case.
  void reset() {
    if (blocks_.empty()) return;
    const auto used = static_cast<std::size_t>(free_ - blocks_.back().get());
    if (blocks_.size() == 1 && used + capacity_ == kBlock) {
      free_ -= used;
      capacity_ = kBlock;
    } else {
      blocks_.clear();
      free_ = nullptr;
      capacity_ = 0;
    }
  }

 private:
  static constexpr std::size_t kBlock = std::size_t{16} << 10;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;      // in the last block
  std::size_t capacity_ = 0;  // bytes available from free_ on
};

struct Pieces {
  std::vector<Piece> list;
  std::vector<Piece> next;  // output of the current step
  std::vector<Span> spans;  // scratch
  TextArena arena;

  // Adds a part of a piece to `next`; ignores empty parts.
  void add_part(const Piece& piece, std::size_t begin, std::size_t end) {
    if (begin >= end) return;
    const std::uint32_t front =
        piece.front > begin ? std::min<std::uint32_t>(piece.front, end) - begin : 0;
    next.push_back({piece.text.substr(begin, end - begin), front, kNoToken});
  }

  // Replaces `list` with the pieces that `step(piece)` adds to `next`; added tokens pass unchanged.
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
