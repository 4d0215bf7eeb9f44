#include "client/bounded_json.h"

#include <cerrno>

#include "base/fd.h"

namespace glancefs::client {
namespace {

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxValues = 2'000'000;

struct OutOfBounds {};

}  // namespace

std::optional<nlohmann::json> parse_bounded(std::string_view text) {
  std::size_t values = 0;
  const auto check = [&values](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    // Thrown, because the parser would otherwise go on to the end of what it discards.
    if (depth > kMaxDepth || ++values > kMaxValues) throw OutOfBounds{};
    return true;
  };
  try {
    nlohmann::json document = nlohmann::json::parse(text, check, false);
    if (document.is_discarded()) return std::nullopt;
    return document;
  } catch (const OutOfBounds&) {
    return std::nullopt;
  }
}

const nlohmann::json& member(const nlohmann::json& object, std::string_view key) {
  static const nlohmann::json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

std::optional<std::string> text_at(const nlohmann::json& object, std::string_view key) {
  const nlohmann::json& value = member(object, key);
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

std::string written(const nlohmann::json& document) {
  try {
    return document.dump();
  } catch (const nlohmann::json::type_error&) {
    throw_errno(EILSEQ, "a text for Glance must be UTF-8");
  }
}

std::string to_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace glancefs::client
