// Numbers and texts as compact bytes, for what is kept on disk between mounts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace glancefs::fs {

/// Numbers as groups of seven bits, the lowest first; texts with their length before them.
class BlobWriter {
 public:
  void number(std::uint64_t number) {
    for (; number > 0x7F; number >>= 7) {
      bytes_ += static_cast<char>((number & 0x7F) | 0x80);
    }
    bytes_ += static_cast<char>(number);
  }
  void text(std::string_view text) {
    number(text.size());
    bytes_ += text;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what a BlobWriter wrote, or anything: after the first thing that makes no sense good() is
/// false, and everything reads as zero or empty.
class BlobReader {
 public:
  /// `bytes` must outlive it.
  explicit BlobReader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number() {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      const std::uint64_t part = byte & 0x7FU;
      if (part << shift >> shift != part) break;
      number |= part << shift;
      if (byte < 0x80) {
        // One number has one form: no zeros on top.
        if (byte == 0 && shift > 0) break;
        return number;
      }
    }
    fail();
    return 0;
  }
  std::string_view text() {
    const std::uint64_t size = number();
    if (size > rest_.size()) fail();
    const std::string_view text = good_ ? rest_.substr(0, size) : std::string_view();
    rest_.remove_prefix(text.size());
    return text;
  }
  void fail() {
    good_ = false;
    rest_ = {};
  }
  bool good() const noexcept { return good_; }
  /// All was read, and made sense.
  bool done() const noexcept { return good_ && rest_.empty(); }
  /// Bytes still to come: what claims to be more does not make sense.
  std::size_t left() const noexcept { return rest_.size(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace glancefs::fs
