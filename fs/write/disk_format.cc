#include "fs/write/disk_format.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace glancefs::fs {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::uint64_t offset;
  std::string_view bytes;
  std::string_view disk_format;
};

// The first match counts. A fixed-size VHD has its "conectix" at the very end and raw bytes before
// it; it is left raw, because a Glance that compares format and content looks at the beginning only
// and would refuse it as vhd.
constexpr std::array kMagics{
    Magic{0, "QFI\xFB\0\0\0\2"sv, "qcow2"},
    Magic{0, "QFI\xFB\0\0\0\3"sv, "qcow2"},
    Magic{0, "KDMV"sv, "vmdk"},  // sparse and stream-optimised
    Magic{0, "# Disk DescriptorFile"sv, "vmdk"},
    Magic{0, "vhdxfile"sv, "vhdx"},
    Magic{0, "conectix"sv, "vhd"},
    Magic{0, "WithoutFreeSpace"sv, "ploop"},  // version 1
    Magic{0, "WithouFreSpacExt"sv, "ploop"},  // version 2
    Magic{0x40, "\x7F\x10\xDA\xBE"sv, "vdi"},
    Magic{0x8001, "CD001"sv, "iso"},
};

constexpr std::size_t kTarHeader = 512;
constexpr std::size_t kTarNameLength = 100;
constexpr std::size_t kTarMagicOffset = 257;

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

// What appliances hold, and what is customary to say about them.
ImageFormat appliance() { return {.disk_format = "vmdk", .container_format = "ova"}; }

// An appliance is a tar archive that begins with its description.
bool is_appliance(std::string_view head) {
  if (head.size() < kTarHeader || head.substr(kTarMagicOffset, 5) != "ustar") return false;
  const std::string_view name = head.substr(0, kTarNameLength);
  return lower(name.substr(0, name.find('\0'))).ends_with(".ovf");
}

// Those whose extension is Glance's own word.
constexpr std::array kSpeaking{"qcow2"sv, "raw"sv, "iso"sv, "vmdk"sv, "vdi"sv, "vhd"sv, "vhdx"sv};

}  // namespace

std::string read_text(const ReadAt& read, std::uint64_t offset, std::size_t size) {
  std::string text(size, '\0');
  text.resize(std::min(size, read(offset, std::as_writable_bytes(std::span(text)))));
  return text;
}

ImageFormat detect_format(std::uint64_t size, const ReadAt& read) {
  const std::string head = read_text(read, 0, kTarHeader);
  for (const Magic& magic : kMagics) {
    if (magic.offset + magic.bytes.size() > size) continue;
    const std::size_t length = magic.bytes.size();
    const bool in_head = magic.offset + length <= kTarHeader;
    const std::string found = in_head ? head.substr(std::min(magic.offset, head.size()), length)
                                      : read_text(read, magic.offset, length);
    if (found == magic.bytes) return {.disk_format = std::string(magic.disk_format)};
  }
  return is_appliance(head) ? appliance() : ImageFormat{};
}

std::optional<ImageFormat> format_of_name(std::string_view file_name) {
  const std::size_t dot = file_name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string extension = lower(file_name.substr(dot + 1));
  if (extension == "ova") return appliance();
  if (std::ranges::find(kSpeaking, extension) == kSpeaking.end()) return std::nullopt;
  return ImageFormat{.disk_format = extension};
}

}  // namespace glancefs::fs
