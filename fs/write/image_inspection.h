// What a Glance that looks into images refuses, found out before they are sent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fs/write/disk_format.h"

namespace glancefs::fs {

/// Why Glance 30 (2025.1) and later answer an upload with 415: after its last byte, and with a
/// record that nothing but deleting gets out of that state.
struct Objection {
  enum class Kind {
    /// The content leads outside of the image or is of a banned kind. Refused by each of these
    /// versions, no setting lets it through.
    kUnsafe,
    /// A boot sector whose partition table makes no sense. A site can let it through
    /// (gpt_safety_checks_nonfatal).
    kPartitionTable,
    /// Another format than disk_format says. A site can let it through
    /// (require_image_format_match=false).
    kMismatch,
  };
  Kind kind;
  std::string reason;  ///< for people; holds nothing of the content but names of formats
  bool operator==(const Objection&) const = default;
};

/// What speaks against a bare image of `size` bytes declared as `declared`; the gravest first, none
/// twice. Other containers are not looked into, and nothing is there to look into without data.
/// Rather finds too little than too much: what is left to Glance is refused all the same. Contents
/// are hostile: reads at fixed places, 512 bytes and at most 16 KiB of a vmdk's description, and
/// follows no offset.
std::vector<Objection> inspect_image(const ImageFormat& declared, std::uint64_t size,
                                     const ReadAt& read);

}  // namespace glancefs::fs
