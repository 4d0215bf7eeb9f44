// What a server sends: any bytes either make a sound record or none.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string_view>

#include "client/image_json.h"

namespace glancefs::client {
namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const Image& image) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  require(is_uuid(image.id));
  require(image.size.value_or(0) <= kMost && image.virtual_size.value_or(0) <= kMost);
  require(std::ranges::is_sorted(image.tags) && std::ranges::is_sorted(image.properties));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto image = parse_image(text)) check(*image);
  if (const auto page = parse_page(text)) {
    require(page->images.size() <= page->ids.size());
    for (const Image& image : page->images) check(image);
  }
  (void)parse_usage(text);
  if (const auto time = parse_time(text)) require(parse_time(format_time(*time)) == time);
  return 0;
}

}  // namespace glancefs::client
