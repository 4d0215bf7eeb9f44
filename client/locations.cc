#include "client/locations.h"

#include <algorithm>

#include "client/bounded_json.h"

namespace glancefs::client {

std::vector<std::string> data_urls(const Image& image) {
  std::vector<std::string> urls;
  if (const std::string* direct = find_property(image.properties, "direct_url")) {
    urls.push_back(*direct);
  }
  const std::string* text = find_property(image.properties, "locations");
  const auto locations = text == nullptr ? std::nullopt : parse_bounded(*text);
  if (!locations || !locations->is_array()) return urls;
  for (const nlohmann::json& location : *locations) {
    const auto url = text_at(location, "url");
    if (url && std::ranges::find(urls, *url) == urls.end()) urls.push_back(*url);
  }
  return urls;
}

}  // namespace glancefs::client
