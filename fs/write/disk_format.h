// Which disk_format some bytes are: Glance wants to know before it gets them, cannot be told
// otherwise later, and newer ones refuse what does not match.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace glancefs::fs {

struct ImageFormat {
  std::string disk_format = "raw";
  std::string container_format = "bare";
  bool operator==(const ImageFormat&) const = default;
};

/// Reads up to into.size() bytes at an offset; fewer only at the end.
using ReadAt = std::function<std::size_t(std::uint64_t offset, std::span<std::byte> into)>;

/// Up to `size` bytes at `offset`; fewer only at the end.
std::string read_text(const ReadAt& read, std::uint64_t offset, std::size_t size);

/// Looks at magic bytes: qcow2, vmdk (sparse, stream-optimised, descriptor), vhd (not of fixed
/// size), vhdx, vdi, iso, ploop, ova (a tar whose first member is an .ovf); everything else is raw
/// (qed, luks and partition tables too: Glance stores them as raw). Never parses further: contents
/// are hostile.
ImageFormat detect_format(std::uint64_t size, const ReadAt& read);

/// What the extension of a file's name says: qcow2, raw, iso, vmdk, vdi, vhd, vhdx, ova, in any
/// case. nullopt: nothing, as that of "x.img", which is qcow2 at one distributor and raw at
/// another.
std::optional<ImageFormat> format_of_name(std::string_view file_name);

}  // namespace glancefs::fs
