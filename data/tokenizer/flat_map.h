// Hash tables for the two lookups of the inner loop: pairs of ids, and strings. Open addressing,
// linear probing, at most half full; built once, then only read.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace incipit::data {

// 64-bit keys (never ~0) -> small values.
template <typename Value>
class FlatMap {
 public:
  // Replaces the value of a key that is there already.
  void insert(std::uint64_t key, const Value& value) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    Slot& slot = slots_[place(key)];
    if (slot.key == kEmpty) ++size_;
    slot = {key, value};
  }

  [[nodiscard]] const Value* find(std::uint64_t key) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[place(key)];
    return slot.key == kEmpty ? nullptr : &slot.value;
  }

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  struct Slot {
    std::uint64_t key = kEmpty;
    Value value{};
  };

  [[nodiscard]] std::size_t place(std::uint64_t key) const {
    std::size_t i = (key * 0x9E3779B97F4A7C15ULL) >> shift_;
    while (slots_[i].key != kEmpty && slots_[i].key != key) i = (i + 1) & (slots_.size() - 1);
    return i;
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 16 : 2 * slots_.size());
    old.swap(slots_);
    shift_ = 64 - static_cast<unsigned>(std::countr_zero(slots_.size()));
    for (const Slot& slot : old) {
      if (slot.key != kEmpty) slots_[place(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
  unsigned shift_ = 0;
};

// Strings -> small values.
template <typename Value>
class FlatStringMap {
 public:
  // Replaces the value of a key that is there already.
  void insert(std::string_view key, const Value& value) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    const std::uint64_t code = hash(key);
    Slot& slot = slots_[place(key, code)];
    if (slot.hash == kEmpty) {
      ++size_;
      slot = {code, text_.size(), key.size(), value};
      text_ += key;
    } else {
      slot.value = value;
    }
  }

  [[nodiscard]] const Value* find(std::string_view key) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[place(key, hash(key))];
    return slot.hash == kEmpty ? nullptr : &slot.value;
  }

  template <typename Function>
  void for_each(Function function) {
    for (Slot& slot : slots_) {
      if (slot.hash != kEmpty) function(text_of(slot), slot.value);
    }
  }

 private:
  static constexpr std::uint64_t kEmpty = 0;
  struct Slot {
    std::uint64_t hash = kEmpty;
    std::size_t begin = 0;
    std::size_t size = 0;
    Value value{};
  };

  [[nodiscard]] static std::uint64_t hash(std::string_view key) {
    std::uint64_t state = key.size() * 0x9E3779B97F4A7C15ULL;
    const auto mix = [&](std::uint64_t word) {
      state = (state ^ word) * 0xBF58476D1CE4E5B9ULL;
      state ^= state >> 29;
    };
    while (key.size() >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, key.data(), 8);
      mix(word);
      key.remove_prefix(8);
    }
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < key.size(); ++i) {
      word = word << 8 | static_cast<unsigned char>(key[i]);
    }
    mix(word);
    return state == kEmpty ? 1 : state;
  }

  [[nodiscard]] std::string_view text_of(const Slot& slot) const {
    return std::string_view(text_).substr(slot.begin, slot.size);
  }

  [[nodiscard]] std::size_t place(std::string_view key, std::uint64_t code) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = code & mask;
    while (slots_[i].hash != kEmpty && (slots_[i].hash != code || text_of(slots_[i]) != key)) {
      i = (i + 1) & mask;
    }
    return i;
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 16 : 2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.hash != kEmpty) slots_[place(text_of(slot), slot.hash)] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::string text_;
  std::size_t size_ = 0;
};

}  // namespace incipit::data
