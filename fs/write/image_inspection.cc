#include "fs/write/image_inspection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <span>
#include <string_view>

namespace glancefs::fs {
namespace {

using namespace std::string_view_literals;
using Kind = Objection::Kind;

constexpr std::size_t kSector = 512;

// The formats that must be what they are called.
constexpr std::array kChecked{"qcow2"sv, "vmdk"sv, "vdi"sv, "vhd"sv, "vhdx"sv, "iso"sv};
constexpr std::array kShortHeaders{"vmdk"sv, "vhd"sv, "vhdx"sv};
// Those of which Glance knows no content: whatever it recognises cannot be them.
constexpr std::array kUnrecognisable{"ami"sv, "ari"sv, "aki"sv, "ploop"sv};

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

// A number of `size` bytes; 0 where the text ends before.
std::uint64_t big_endian(std::string_view text, std::size_t offset, std::size_t size) {
  if (offset + size > text.size()) return 0;
  std::uint64_t value = 0;
  for (const char c : text.substr(offset, size)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::uint64_t little_endian(std::string_view text, std::size_t offset, std::size_t size) {
  if (offset + size > text.size()) return 0;
  std::string turned(text.substr(offset, size));
  std::ranges::reverse(turned);
  return big_endian(turned, 0, size);
}

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return text;
}

// qcow2, and its first version, which has these fields at the same places.
std::optional<std::string> unsafe_qcow(std::string_view head) {
  constexpr std::uint64_t kExternalData = 1U << 2;
  if (big_endian(head, 8, 8) != 0) return "it has a backing file";
  const bool has_features = big_endian(head, 4, 4) >= 3;
  if (has_features && (big_endian(head, 72, 8) & kExternalData) != 0) {
    return "its data are in another file";
  }
  return std::nullopt;
}

// The description inside a sparse vmdk or before flat extents, in lower case; empty: none where
// Glance looks for it.
std::string vmdk_description(std::string_view head, const ReadAt& read) {
  constexpr std::uint64_t kMostSectors = 32;
  if (!head.starts_with("KDMV")) return lower_case(read_text(read, 0, kMostSectors * kSector));
  if (little_endian(head, 28, 8) != 1) return {};
  const std::uint64_t sectors = std::min(little_endian(head, 36, 8), kMostSectors);
  return lower_case(read_text(read, kSector, sectors * kSector));
}

bool is_extent(std::string_view line) {
  return line.starts_with("rw ") || line.starts_with("rdonly ") || line.starts_with("noaccess ");
}

std::optional<std::string> unsafe_vmdk(std::string_view head, const ReadAt& read) {
  const std::string text = vmdk_description(head, read);
  std::string_view rest = std::string_view(text).substr(0, text.find('\0'));
  constexpr std::string_view kType = "createtype=\"";
  if (const std::size_t at = rest.find(kType); at != std::string_view::npos) {
    const std::string_view value = rest.substr(at + kType.size());
    const std::string_view type = value.substr(0, value.find('"'));
    if (type != "monolithicsparse" && type != "streamoptimized") {
      return "it is a vmdk whose data are in other files; only monolithicSparse and "
             "streamOptimized hold their own";
    }
  }
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (is_extent(line) && line.find('/') != std::string_view::npos) {
      return "it is a vmdk whose data are at a path of their own";
    }
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return std::nullopt;
}

// Begins as a disk with a boot sector does, and is no FAT file system, which begins alike.
bool has_boot_signature(std::string_view head) {
  if (head.size() < kSector || head.substr(510, 2) != "\x55\xAA") return false;
  const bool is_fat = head[0x10] == 2 && head[0x15] == '\xF8';
  return !is_fat;
}

// Whether four entries make the table of an MBR, or the one that protects a GPT.
bool has_sane_partitions(std::string_view head) {
  constexpr std::size_t kTable = 446;
  constexpr std::size_t kEntry = 16;
  constexpr std::size_t kEntries = 4;
  constexpr char kProtective = '\xEE';
  std::size_t used = 0;
  bool protective = false;
  for (std::size_t i = 0; i < kEntries; ++i) {
    const std::string_view entry = head.substr(kTable + i * kEntry, kEntry);
    const char boot = entry[0];
    const char type = entry[4];
    if (boot != '\0' && boot != '\x80') return false;
    if (type != '\0') ++used;
    if (type != kProtective) continue;
    protective = true;
    if (i != 0 || entry.substr(1, 3) != "\0\2\0"sv || little_endian(entry, 8, 4) != 1) return false;
  }
  return used > 0 && (!protective || used == 1);
}

// What Glance takes the content for; "raw": for nothing it knows.
std::string content_format(std::string_view head, std::uint64_t size, const ReadAt& read) {
  const bool whole = head.size() == kSector;
  if (whole && head.starts_with("QFI\xFB")) return "qcow2";  // in any version
  if (whole && head.starts_with("QED\0"sv)) return "qed";
  const ImageFormat found = detect_format(size, read);
  // It looks into no archive.
  const bool is_known = is_one_of(found.disk_format, kChecked) && found.container_format == "bare";
  // The beginning is enough for some; others need all of the sector.
  if (is_known && (whole || is_one_of(found.disk_format, kShortHeaders))) return found.disk_format;
  if (!whole) return "raw";
  if (head.starts_with("LUKS\xBA\xBE")) return "luks";
  return has_boot_signature(head) ? "gpt" : "raw";
}

std::optional<std::string> unsafe(std::string_view content, std::string_view head,
                                  const ReadAt& read) {
  if (content == "qed") return "it is a QED image, a banned kind";
  if (content == "qcow2") return unsafe_qcow(head);
  if (content == "vmdk") return unsafe_vmdk(head, read);
  return std::nullopt;
}

std::optional<std::string> mismatch(const std::string& declared, const std::string& content) {
  if (is_one_of(declared, kChecked) && declared != content) {
    return content == "raw" ? fmt::format("its content is not {}", declared)
                            : fmt::format("its content is {}, not {}", content, declared);
  }
  if (is_one_of(declared, kUnrecognisable) && content != "raw") {
    return fmt::format("its content is {}, not {}", content, declared);
  }
  return std::nullopt;
}

}  // namespace

std::vector<Objection> inspect_image(const ImageFormat& declared, std::uint64_t size,
                                     const ReadAt& read) {
  std::vector<Objection> found;
  if (declared.container_format != "bare" || size == 0) return found;
  const std::string head = read_text(read, 0, kSector);
  const std::string content = content_format(head, size, read);
  if (auto why = unsafe(content, head, read)) {
    found.push_back({.kind = Kind::kUnsafe, .reason = *std::move(why)});
  }
  if (content == "gpt" && !has_sane_partitions(head)) {
    found.push_back({.kind = Kind::kPartitionTable,
                     .reason = "it begins with a boot sector without a sane partition table"});
  }
  if (auto why = mismatch(declared.disk_format, content)) {
    found.push_back({.kind = Kind::kMismatch, .reason = *std::move(why)});
  }
  return found;
}

}  // namespace glancefs::fs
