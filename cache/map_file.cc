#include "cache/map_file.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <string_view>

#include "cache/file_io.h"

namespace glancefs::cache {
namespace {

static_assert(std::endian::native == std::endian::little, "maps are written as they lie in memory");

constexpr std::string_view kMagic = "glancmap";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderSize = 1024;
constexpr std::size_t kLargestSource = 500;
constexpr std::size_t kLargestAlgorithm = 31;
constexpr std::size_t kLargestHex = 128;

/// The header as it lies in the file.
struct RawHeader {
  std::array<char, 8> magic;
  std::uint32_t version, block_size;
  std::uint64_t size;
  std::uint32_t sealed;
  std::uint32_t has_content;
  std::uint32_t source_length, algorithm_length, hex_length, reserved;
  std::array<char, 512> source;
  std::array<char, 32> algorithm;
  std::array<char, 128> hex;
  std::array<char, 296> padding;
  std::uint64_t sum;  // of all before
};
static_assert(sizeof(RawHeader) == kHeaderSize && std::is_trivially_copyable_v<RawHeader>);

std::uint64_t sum_of(const RawHeader& raw) { return XXH3_64bits(&raw, offsetof(RawHeader, sum)); }

std::uint32_t put(std::span<char> field, const std::string& text) {
  std::ranges::copy(text, field.begin());
  return static_cast<std::uint32_t>(text.size());
}

}  // namespace

bool fits_map(const Key& key) noexcept {
  return key.source.size() <= kLargestSource &&
         (!key.content || (key.content->algorithm.size() <= kLargestAlgorithm &&
                           key.content->hex.size() <= kLargestHex));
}

BlockSum block_sum(std::span<const std::byte> bytes, std::uint64_t index) noexcept {
  const BlockSum sum = XXH3_64bits_withSeed(bytes.data(), bytes.size(), index);
  return sum == kAbsent ? 1 : sum;
}

std::optional<MapHeader> MapFile::header() const {
  RawHeader raw{};
  if (read_at(fd_, 0, std::as_writable_bytes(std::span(&raw, 1))) != kHeaderSize ||
      std::string_view(raw.magic.data(), raw.magic.size()) != kMagic || raw.version != kVersion ||
      raw.block_size != kBlockSize || raw.sum != sum_of(raw) ||
      raw.source_length > kLargestSource || raw.algorithm_length > kLargestAlgorithm ||
      raw.hex_length > kLargestHex) {
    return std::nullopt;
  }
  MapHeader header;
  header.key.source.assign(raw.source.data(), raw.source_length);
  header.key.size = raw.size;
  if (raw.has_content != 0) {
    header.key.content = Digest{.algorithm = {raw.algorithm.data(), raw.algorithm_length},
                                .hex = {raw.hex.data(), raw.hex_length}};
  }
  header.sealed = raw.sealed != 0;
  return header;
}

void MapFile::write_header(const MapHeader& header) const {
  if (!fits_map(header.key)) throw_errno(EINVAL, "the key is too long for the cache");
  RawHeader raw{};
  std::ranges::copy(kMagic, raw.magic.begin());
  raw.version = kVersion;
  raw.block_size = kBlockSize;
  raw.size = header.key.size;
  raw.sealed = header.sealed ? 1 : 0;
  raw.source_length = put(raw.source, header.key.source);
  if (header.key.content) {
    raw.has_content = 1;
    raw.algorithm_length = put(raw.algorithm, header.key.content->algorithm);
    raw.hex_length = put(raw.hex, header.key.content->hex);
  }
  raw.sum = sum_of(raw);
  write_at(fd_, 0, std::as_bytes(std::span(&raw, 1)));
}

void MapFile::read(std::uint64_t first, std::span<BlockSum> sums) const {
  const auto bytes = std::as_writable_bytes(sums);
  const std::size_t got = read_at(fd_, kHeaderSize + first * sizeof(BlockSum), bytes);
  std::ranges::fill(bytes.subspan(got / sizeof(BlockSum) * sizeof(BlockSum)), std::byte{0});
}

void MapFile::write(std::uint64_t first, std::span<const BlockSum> sums) const {
  write_at(fd_, kHeaderSize + first * sizeof(BlockSum), std::as_bytes(sums));
}

void MapFile::clear() const {
  if (::ftruncate(fd_.get(), kHeaderSize) != 0) throw_errno(errno, "cannot clear a cache map");
}

}  // namespace glancefs::cache
