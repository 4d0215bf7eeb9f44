// The numbers of files and directories (inode numbers), as far as they are fixed or follow from
// what they stand for.
#pragma once

#include <string_view>

#include "fs/filesystem.h"

namespace glancefs::fs {

/// The directories. Numbers of images begin above them.
enum : NodeId {
  kPublicNode = 2,
  kPrivateNode = 3,
  kSharedNode = 4,
  kCommunityNode = 5,
  kControlNode = 6,  ///< .glancefs, found by name but not listed
  kByIdNode = 7,
  kFirstControlFile = 8,
  kProjectsNode = 512,  ///< the directories of other projects
  kOffersNode = 513,    ///< shared/.pending, found by name but not listed
  kLinkNode = 1023,     ///< what symlink(2) is answered with; no name leads to it
  kFirstImageNode = 1024,
};

/// Where the hidden images of `directory` are kept, which it does not list.
constexpr NodeId unlisted(NodeId directory) noexcept { return ~directory; }

/// The first 64 bits of the SHA-256 of `text`; at least kFirstImageNode.
NodeId node_of_text(std::string_view text);

/// The number of an image: the first 64 bits of the SHA-256 of its UUID, so that nobody can choose
/// a UUID that meets another image's number.
NodeId node_of_image(std::string_view id);

}  // namespace glancefs::fs
