// Extended attributes: what can be set reads back as it was meant, and only the expected errors
// come out.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

#include "fs/attributes/xattrs.h"

namespace glancefs::fs {
namespace {

using client::Image;

void require(bool condition) {
  if (!condition) std::abort();
}

bool is_expected(int error) {
  constexpr std::array<int, 5> kExpected{EPERM, EINVAL, EILSEQ, E2BIG, ERANGE};
  return std::ranges::find(kExpected, error) != kExpected.end();
}

// Sets, reads back, sets what was read, removes.
void change_and_undo(Image image, std::string_view key, std::string_view text) {
  const Image before = image;
  const auto change = set_change(image, key, text);
  if (!change) return;
  apply_change(image, *change);
  require(!(image == before));
  require(!set_change(image, key, text));
  const auto read = field_text(image, key);
  if (read) require(!set_change(image, key, *read));
  const KeyKind kind = kind_of(key);
  if (kind == KeyKind::kCustom) require(read == text);
  if (kind == KeyKind::kCustom || (kind == KeyKind::kTags && read)) {
    apply_change(image, remove_change(image, key));
    require(!field_text(image, key));
  }
}

void check_list(const Image& image) {
  for (const XattrList which : {XattrList::kAll, XattrList::kSettable}) {
    for (const std::string& name : listed_names(image, which)) {
      require(name.size() <= kXattrNameMax && name.find('\0') == std::string::npos);
      require(field_text(image, name.substr(kXattrPrefix.size())).has_value());
    }
  }
}

}  // namespace

// The input is "key NUL text".
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view key = input.substr(0, input.find('\0'));
  const std::string_view text = input.substr(std::min(size, key.size() + 1));
  Image image;
  image.id = "1234abcd-0000-4000-8000-00000000ffff";
  image.status = client::Status::kQueued;
  image.properties = {{std::string(text), std::string(key)}};  // as if Glance had sent them
  check_list(image);
  try {
    change_and_undo(image, key, text);
  } catch (const std::system_error& error) {
    require(is_expected(error.code().value()));
  }
  return 0;
}

}  // namespace glancefs::fs
