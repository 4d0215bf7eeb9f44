#include "client/images.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd.h"

namespace glancefs::client {
namespace {

constexpr std::array<std::pair<Visibility, std::string_view>, 4> kVisibilities{{
    {Visibility::kPublic, "public"},
    {Visibility::kPrivate, "private"},
    {Visibility::kShared, "shared"},
    {Visibility::kCommunity, "community"},
}};

constexpr std::array<std::pair<Status, std::string_view>, 6> kStatuses{{
    {Status::kQueued, "queued"},
    {Status::kSaving, "saving"},
    {Status::kUploading, "uploading"},
    {Status::kImporting, "importing"},
    {Status::kActive, "active"},
    {Status::kDeactivated, "deactivated"},
}};

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::size_t kUuidLength = 36;

bool is_dash_position(std::size_t i) noexcept { return i == 8 || i == 13 || i == 18 || i == 23; }

}  // namespace

std::string_view to_string(Visibility visibility) {
  return std::ranges::find(kVisibilities, visibility,
                           &std::pair<Visibility, std::string_view>::first)
      ->second;
}

std::string_view to_string(Status status) {
  for (const auto& [known, word] : kStatuses) {
    if (known == status) return word;
  }
  return "other";
}

std::optional<Visibility> visibility_of(std::string_view word) {
  for (const auto& [visibility, known] : kVisibilities) {
    if (known == word) return visibility;
  }
  return std::nullopt;
}

Status status_of(std::string_view word) {
  for (const auto& [status, known] : kStatuses) {
    if (known == word) return status;
  }
  return Status::kOther;
}

const std::string* find_property(const Properties& properties, std::string_view name) {
  const auto found = std::ranges::lower_bound(
      properties, name, {}, [](const auto& property) { return std::string_view(property.first); });
  return found != properties.end() && found->first == name ? &found->second : nullptr;
}

std::string new_uuid() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw_errno(errno, "getrandom");
  }
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | 0x40);  // version 4: random
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);  // variant of RFC 4122
  std::string text;
  text.reserve(kUuidLength);
  for (const unsigned char byte : bytes) {
    if (is_dash_position(text.size())) text += '-';
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 0x0F];
  }
  return text;
}

bool is_uuid(std::string_view text) noexcept {
  if (text.size() != kUuidLength) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool good =
        is_dash_position(i) ? text[i] == '-' : kHexDigits.find(text[i]) != std::string_view::npos;
    if (!good) return false;
  }
  return true;
}

}  // namespace glancefs::client
