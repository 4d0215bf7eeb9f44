#include "fs/catalogue/node_number.h"

#include <charconv>
#include <span>
#include <string>

#include "cache/digest.h"

namespace glancefs::fs {

NodeId node_of_text(std::string_view text) {
  auto hasher = cache::Hasher::create("sha256");
  hasher.value().update(std::as_bytes(std::span(text)));
  const std::string hex = hasher->finish().hex;
  NodeId number = 0;
  std::from_chars(hex.data(), hex.data() + 16, number, 16);
  return number < kFirstImageNode ? number + kFirstImageNode : number;
}

NodeId node_of_image(std::string_view id) { return node_of_text(id); }

}  // namespace glancefs::fs
