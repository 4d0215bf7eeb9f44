#include "client/uuid.h"

#include <functional>

namespace glancefs::client {

Uuid uuid_of(std::string_view text) noexcept {
  Uuid uuid;
  for (const char c : text) {
    if (c == '-') continue;
    const auto digit = static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    uuid.high = uuid.high << 4 | uuid.low >> 60;
    uuid.low = uuid.low << 4 | digit;
  }
  return uuid;
}

std::size_t UuidHash::operator()(const Uuid& uuid) const noexcept {
  return std::hash<std::uint64_t>()(uuid.high) ^ std::hash<std::uint64_t>()(uuid.low);
}

}  // namespace glancefs::client
