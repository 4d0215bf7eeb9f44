#include "client/http.h"

#include <algorithm>

namespace glancefs::client {
namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

void Headers::add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

const std::string* Headers::find(std::string_view name) const {
  const auto field = std::ranges::find_if(
      fields_, [name](const auto& candidate) { return same_name(candidate.first, name); });
  return field == fields_.end() ? nullptr : &field->second;
}

}  // namespace glancefs::client
