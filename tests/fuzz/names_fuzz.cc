// Image names as file names: whatever a stranger calls an image, the way back leads to it.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "client/images.h"
#include "fs/catalogue/names.h"
#include "fs/catalogue/tree.h"
#include "tests/support/tree_names.h"

namespace glancefs::fs {
namespace {

constexpr std::string_view kId = "1234abcd-0000-4000-8000-00000000ffff";

void require(bool condition) {
  if (!condition) std::abort();
}

bool is_file_name(std::string_view text) {
  return text != "." && text != ".." && text.find('/') == std::string_view::npos &&
         text.find('\0') == std::string_view::npos;
}

void check_alias(const std::string& alias, std::string_view id, bool is_utf8) {
  require(is_file_name(alias) && alias.size() <= kNameMax);
  require(alias_id(alias) == id);
  require(!is_utf8 || valid_utf8(alias));
}

// A directory whose images have the names between the 0xFF bytes of `text`, by three owners in
// turn.
void check_tree(std::string_view text) {
  Tree tree({.project_id = "0"});
  constexpr std::size_t kMost = 32;
  for (std::size_t number = 1; number <= kMost; ++number) {
    const std::size_t end = text.find('\xff');
    client::Image image;
    image.id = fmt::format("{:08x}-0000-4000-8000-{:012x}", number, number);
    image.name = text.substr(0, end);
    image.owner = std::to_string(number % 3);
    image.visibility = client::Visibility::kPublic;
    tree.put(std::make_shared<const client::Image>(std::move(image)));
    require(test::flaw_of(tree, kPublicNode).empty());
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view name(reinterpret_cast<const char*>(data), size);
  const std::string file = escape_name(name);
  require(unescape_name(file) == name);
  require(is_file_name(file) && file != ".glancefs" && file != ".pending");
  require(!alias_id(file) && !client::is_uuid(file));
  check_alias(alias_name(file, kId), kId.substr(0, 8), valid_utf8(name));
  check_alias(long_alias_name(file, kId), kId, valid_utf8(name));
  // What a user types is a name, too: its image is found again under its proper name.
  const std::string meant = unescape_name(name);
  require(unescape_name(escape_name(meant)) == meant);
  require(check_new_name(name) != 0 || valid_utf8(name));
  check_tree(name);
  return 0;
}

}  // namespace glancefs::fs
