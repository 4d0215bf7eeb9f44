// UUIDs in few bytes: the ids of a large catalogue as text would be a tenth of its memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace glancefs::client {

struct Uuid {
  std::uint64_t high = 0, low = 0;
  bool operator==(const Uuid&) const = default;
};

/// REQUIRES is_uuid(text).
Uuid uuid_of(std::string_view text) noexcept;

struct UuidHash {
  std::size_t operator()(const Uuid& uuid) const noexcept;
};

}  // namespace glancefs::client
