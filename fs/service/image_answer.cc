#include "fs/service/image_answer.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "client/image_json.h"
#include "fs/attributes/member_list.h"
#include "fs/write/destination.h"

namespace glancefs::fs {
namespace {

using Json = nlohmann::ordered_json;

template <typename Value>
Json value_or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json();
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json list_of(const std::string& text) {
  Json list = Json::array();
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) list.push_back(word);
  return list;
}

}  // namespace

Json image_answer(const client::Image& image, const std::optional<std::string>& members) {
  Json answer{{"id", image.id},
              {"name", value_or_null(image.name)},
              {"status", image.status_word},
              {"visibility", to_string(image.visibility)},
              {"owner", text_or_null(image.owner)},
              {"protected", image.is_protected},
              {"os_hidden", image.hidden},
              {"disk_format", value_or_null(image.disk_format)},
              {"container_format", value_or_null(image.container_format)},
              {"size", value_or_null(image.size)},
              {"virtual_size", value_or_null(image.virtual_size)},
              {"min_disk", image.min_disk},
              {"min_ram", image.min_ram},
              {"checksum", text_or_null(image.checksum)},
              {"os_hash_algo", text_or_null(image.hash_algorithm)},
              {"os_hash_value", text_or_null(image.hash)},
              {"created_at", client::format_time(image.created)},
              {"updated_at", client::format_time(image.updated)},
              {"tags", image.tags},
              {"members", members ? list_of(*members) : Json()}};
  for (const auto& [key, text] : image.properties) {
    if (key == kMembersKey) continue;
    answer[key] = key == kStoresKey ? list_of(text) : Json(text);
  }
  return answer;
}

}  // namespace glancefs::fs
