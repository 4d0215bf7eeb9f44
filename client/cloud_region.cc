#include "client/cloud_region.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "client/cloud_login.h"

namespace glancefs::client {
namespace {

struct Region {
  std::string name;
  ConfigTree values;  ///< what is different there
};

std::optional<Region> region_in(const ConfigTree& item) {
  if (item.text) return Region{*item.text, {}};
  const ConfigTree* name = item.find("name");
  const ConfigTree* values = item.find("values");
  if (name == nullptr || !name->text) return std::nullopt;
  return Region{*name->text, values == nullptr ? ConfigTree() : *values};
}

// The list of regions, or what region_name names: one, a list, or words between commas.
std::vector<Region> regions_of(const ConfigTree& cloud) {
  std::vector<Region> regions;
  for (const char* key : {"regions", "region_name"}) {
    const ConfigTree* found = cloud.find(key);
    if (found == nullptr || !regions.empty()) continue;
    for (const ConfigTree& item : found->list) {
      if (auto region = region_in(item)) regions.push_back(*std::move(region));
    }
    for (std::string& word : words_of(found->text.value_or(""))) {
      regions.push_back({std::move(word), {}});
    }
  }
  return regions;
}

}  // namespace

void choose_region(const std::string& name, ConfigTree& cloud, const std::string& demanded,
                   const std::string& wished) {
  const std::vector<Region> regions = regions_of(cloud);
  if (regions.empty()) {
    if (!wished.empty()) cloud.map["region_name"].text = wished;
    return;
  }
  const auto named = [&](const std::string& region) {
    return std::ranges::find(regions, region, &Region::name);
  };
  auto chosen = regions.begin();
  if (const ConfigTree* own = cloud.find("region_name"); own != nullptr && own->text) {
    if (const auto found = named(*own->text); found != regions.end()) chosen = found;
  }
  if (const auto found = named(wished); found != regions.end()) chosen = found;
  if (!demanded.empty()) {
    chosen = named(demanded);
    if (chosen == regions.end()) {
      std::vector<std::string> names;
      names.reserve(regions.size());
      for (const Region& region : regions) names.push_back(region.name);
      throw CloudError(fmt::format("{}: region \"{}\" is not one of its regions (has: {})", name,
                                   demanded, fmt::join(names, ", ")));
    }
  }
  if (!chosen->values.map.empty()) merge(cloud, chosen->values);
  cloud.map["region_name"] = {.text = chosen->name, .list = {}, .map = {}};
}

}  // namespace glancefs::client
