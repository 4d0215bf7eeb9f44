#include "fs/attributes/xattrs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd.h"
#include "base/log.h"
#include "client/change.h"
#include "client/image_json.h"
#include "fs/attributes/image_fields.h"
#include "fs/attributes/member_list.h"
#include "fs/catalogue/names.h"

namespace glancefs::fs {
namespace {

using client::Change;
using client::Image;

// What Glance adds to a record by itself, and names that it keeps for itself.
constexpr std::array<std::string_view, 9> kGlanceKeys{"deleted", "deleted_at", "direct_url",
                                                      "file",    "location",   "locations",
                                                      "schema",  "self",       "stores"};
constexpr std::string_view kReservedPrefix = "os_glance";

// What a MySQL TEXT column holds.
constexpr std::size_t kValueMax = 65535;

// The blanks that Glance strips from both ends of the name in a PATCH (Python's notion of them). It
// would change another property than the one that was named.
constexpr std::array<std::string_view, 29> kBlanks{" ",
                                                   "\t",
                                                   "\n",
                                                   "\v",
                                                   "\f",
                                                   "\r",
                                                   "\x1C",
                                                   "\x1D",
                                                   "\x1E",
                                                   "\x1F",
                                                   "\xC2\x85",
                                                   "\xC2\xA0",
                                                   "\xE1\x9A\x80",
                                                   "\xE2\x80\x80",
                                                   "\xE2\x80\x81",
                                                   "\xE2\x80\x82",
                                                   "\xE2\x80\x83",
                                                   "\xE2\x80\x84",
                                                   "\xE2\x80\x85",
                                                   "\xE2\x80\x86",
                                                   "\xE2\x80\x87",
                                                   "\xE2\x80\x88",
                                                   "\xE2\x80\x89",
                                                   "\xE2\x80\x8A",
                                                   "\xE2\x80\xA8",
                                                   "\xE2\x80\xA9",
                                                   "\xE2\x80\xAF",
                                                   "\xE2\x81\x9F",
                                                   "\xE3\x80\x80"};

bool has_blank_ends(std::string_view key) {
  return std::ranges::any_of(kBlanks, [key](std::string_view blank) {
    return key.starts_with(blank) || key.ends_with(blank);
  });
}

// A name that PATCH addresses, so that the property can be set and removed.
bool is_patchable(std::string_view key) { return !key.empty() && !has_blank_ends(key); }

std::string full_name(std::string_view key) { return std::string(kXattrPrefix).append(key); }

[[noreturn]] void refuse(int error, std::string_view key, std::string_view why) {
  throw_errno(error, fmt::format("{} {}", log::printable(full_name(key)), why));
}

std::optional<std::string> text_of(const Image& image, std::string_view key) {
  if (const ImageField* field = find_image_field(key)) return field->text(image);
  const std::string* value = client::find_property(image.properties, key);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

// Whether a copy of the image should carry the field. Name and visibility follow the path, and what
// has the value that every image begins with says nothing.
bool is_listed_as_settable(const ImageField& field, std::string_view text) {
  return field.kind == KeyKind::kFormat || (field.fallback && text != *field.fallback);
}

bool is_listed(std::string_view key, XattrList which) {
  if (key == kMembersKey) return false;  // what is read by this name is another thing
  return which == XattrList::kAll || (kind_of(key) == KeyKind::kCustom && is_patchable(key));
}

// Adds names up to what listxattr(2) can carry.
class NameList {
 public:
  void add(std::string_view key, std::string_view value) {
    if (key.empty() || key.find('\0') != std::string_view::npos || value.size() > kXattrSizeMax) {
      return;
    }
    std::string name = full_name(key);
    if (name.size() > kXattrNameMax || size_ + name.size() + 1 > kXattrSizeMax) return;
    size_ += name.size() + 1;
    names_.push_back(std::move(name));
  }
  std::vector<std::string> take() { return std::move(names_); }

 private:
  std::vector<std::string> names_;
  std::size_t size_ = 0;  // with a NUL after each
};

void check_text(std::string_view key, std::string_view text) {
  if (text.size() > kValueMax) refuse(E2BIG, key, "takes at most 65535 bytes");
  if (check_new_name(key) == EILSEQ || check_new_name(text) == EILSEQ) {
    refuse(EILSEQ, key, "takes UTF-8 without characters above U+FFFF");
  }
}

void check_may_change(const Image& image, std::string_view key) {
  const KeyKind kind = kind_of(key);
  if (kind == KeyKind::kReadOnly) refuse(EPERM, key, "is decided by Glance");
  if (kind == KeyKind::kFormat && image.status != client::Status::kQueued) {
    refuse(EPERM, key, "cannot change once the image has data");
  }
  if (kind == KeyKind::kReserved || !is_patchable(key)) {
    refuse(EINVAL, key, "has a name that Glance accepts but does not store");
  }
}

void apply_property(client::Properties& properties, const Change& change) {
  const auto place =
      std::ranges::lower_bound(properties, change.key, {}, &client::Properties::value_type::first);
  const bool exists = place != properties.end() && place->first == change.key;
  if (!change.value) {
    if (exists) properties.erase(place);
  } else if (exists) {
    place->second = std::get<std::string>(*change.value);
  } else {
    properties.emplace(place, change.key, std::get<std::string>(*change.value));
  }
}

}  // namespace

KeyKind kind_of(std::string_view key) {
  if (const ImageField* field = find_image_field(key)) return field->kind;
  if (key == kMembersKey || key.starts_with(kReservedPrefix) ||
      std::ranges::find(kGlanceKeys, key) != kGlanceKeys.end()) {
    return KeyKind::kReadOnly;
  }
  return client::collides_with_glance(key) ? KeyKind::kReserved : KeyKind::kCustom;
}

std::optional<std::string> field_text(const Image& image, std::string_view key) {
  std::optional<std::string> text = text_of(image, key);
  if (text && text->size() > kXattrSizeMax) {
    refuse(E2BIG, key, "is longer than an extended attribute can be");
  }
  return text;
}

std::vector<std::string> listed_names(const Image& image, XattrList which) {
  NameList names;
  for (const ImageField& field : image_fields()) {
    const std::optional<std::string> text = field.text(image);
    if (text && (which == XattrList::kAll || is_listed_as_settable(field, *text))) {
      names.add(field.key, *text);
    }
  }
  for (const auto& [key, value] : image.properties) {
    // A property cannot hide a field of the same name.
    if (find_image_field(key) == nullptr && is_listed(key, which)) names.add(key, value);
  }
  return names.take();
}

std::optional<Change> set_change(const Image& image, std::string_view key, std::string_view text) {
  if (kXattrPrefix.size() + key.size() > kXattrNameMax) {
    refuse(ERANGE, key.substr(0, kXattrNameMax), "is longer than the name of an attribute can be");
  }
  // First of all: programs that copy attributes must be able to write back what they read.
  if (text_of(image, key) == text) return std::nullopt;
  // As utimens(2), nothing: restoring an edited dump moves it on before its own line comes.
  if (key == "updated_at" && client::parse_time(text)) return std::nullopt;
  check_may_change(image, key);
  check_text(key, text);
  const ImageField* field = find_image_field(key);
  if (field == nullptr) return Change{.key = std::string(key), .value = std::string(text)};
  const std::optional<client::Value> value = field->parse(text);
  if (!value) refuse(EINVAL, key, fmt::format("takes {}", field->takes));
  Image after = image;
  field->assign(after, *value);
  if (after == image) return std::nullopt;
  return Change{.key = std::string(key), .value = value};
}

Change remove_change(const Image& image, std::string_view key) {
  if (!text_of(image, key)) refuse(ENODATA, key, "is not there");
  check_may_change(image, key);
  const ImageField* field = find_image_field(key);
  if (field == nullptr) return Change{.key = std::string(key), .value = std::nullopt};
  if (!field->fallback) refuse(EPERM, key, "cannot be removed");
  return Change{.key = std::string(key), .value = field->parse(*field->fallback)};
}

void apply_change(Image& image, const Change& change) {
  const ImageField* field = find_image_field(change.key);
  if (field == nullptr) {
    apply_property(image.properties, change);
  } else if (field->assign != nullptr && change.value) {
    field->assign(image, *change.value);
  }
}

}  // namespace glancefs::fs
