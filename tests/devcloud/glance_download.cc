// GET /v2/images/{id}/file with every way a Range can end.
#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <utility>

#include "tests/devcloud/glance.h"

namespace glancefs::devcloud {
namespace {

struct Part {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool ranged = false;
};

std::uint64_t number(const std::string& digits) {
  if (digits.size() > 18) return UINT64_MAX / 2;
  return std::stoull(digits);
}

Part parse_range(const std::string& header, std::uint64_t size) {
  static const std::regex shape(R"(bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*)", std::regex::icase);
  if (header.find(',') != std::string::npos)
    throw Problem(400,
                  "Requests with multiple ranges are not supported in Glance. You may make "
                  "multiple single-range requests instead.");
  std::smatch m;
  if (!std::regex_match(header, m, shape)) throw Problem(416, "", "Invalid Range header.");
  if (m[1].length() == 0 && m[2].length() == 0) throw Crash("int('') of an empty range");
  if (m[1].length() == 0) {
    const std::uint64_t suffix = number(m[2].str());
    if (suffix == 0 && size == 0) throw Problem(416, "", "Invalid start position in Range header.");
    const std::uint64_t offset = suffix == 0 || suffix >= size ? 0 : size - suffix;
    return {offset, size - offset, true};
  }
  const std::uint64_t start = number(m[1].str());
  const bool open = m[2].length() == 0;
  const std::uint64_t end = open ? UINT64_MAX / 2 : number(m[2].str());
  if (end < start) throw Problem(416, "", "Invalid Range header.");
  if (start >= size)
    throw Problem(
        416, "",
        fmt::format("Invalid start position in Range header. Start position MUST be in the "
                    "inclusive range [0, {}].",
                    static_cast<std::int64_t>(size) - 1));
  return {start, std::min(end, size - 1) - start + 1, true};
}

// The request header Content-Range is a legacy synonym, checked less: what it promises beyond the
// end never comes.
Part parse_content_range(const std::string& header, std::uint64_t size) {
  static const std::regex shape(R"(bytes\s+(\d+)-(\d+)/(\d+|\*))");
  std::smatch m;
  if (!std::regex_match(header, m, shape)) throw Problem(416, "", "Invalid Content-Range header.");
  const std::uint64_t start = number(m[1].str());
  const std::uint64_t end = number(m[2].str());
  if (end < start || start >= size || (m[3].str() == "*" && end >= size))
    throw Problem(416, "", "Invalid start position in Content-Range header.");
  return {start, end - start + 1, true};
}

Part wanted_part(const Request& request, std::uint64_t size) {
  if (const std::string* range = request.header("Range")) return parse_range(*range, size);
  if (const std::string* range = request.header("Content-Range"))
    return parse_content_range(*range, size);
  return {0, size, false};
}

}  // namespace

Response Glance::download(Call& call) {
  std::shared_ptr<const Blob> data;
  std::optional<std::uint64_t> size;
  Response response;
  RangeSupport ranges = RangeSupport::kFull;
  {
    const Lock lock(catalogue_.mutex);
    const Image& image = find(call, call.path[1], Access::kSee);
    if (image.status == "deactivated" && !call.caller.admin)
      throw Problem(403,
                    "The requested image has been deactivated. Image data download is "
                    "forbidden.");
    data = image.data;
    size = image.size;
    if (!image.stores.empty())
      if (const StoreConfig* where = store(image.stores.front())) ranges = where->ranges;
    if (image.checksum) response.set("Content-Md5", *image.checksum);
  }
  const bool asks_range =
      call.request.header("Range") != nullptr || call.request.header("Content-Range") != nullptr;
  if (asks_range && !size) throw Crash("a range of an image without size");
  if (call.exchange.has_fault(Fault::Kind::kIgnoreRange)) ranges = RangeSupport::kIgnored;
  if (call.exchange.has_fault(Fault::Kind::kWholeAs206)) ranges = RangeSupport::kWhole206;

  // A refused upload leaves readable bytes behind a record without size.
  const std::uint64_t whole = size.value_or(data != nullptr ? data->size() : 0);
  Part part{0, whole, false};
  if (asks_range && ranges != RangeSupport::kIgnored) part = wanted_part(call.request, whole);
  if (data == nullptr) return no_content();
  if (part.ranged && ranges == RangeSupport::kRefused)
    throw Problem(400, "Getting images randomly from this store is not supported. Offset: " +
                           fmt::format("{}, length: {}", part.offset, part.length));
  if (part.ranged) {
    const std::uint64_t shift = call.exchange.has_fault(Fault::Kind::kWrongContentRange) ? 1 : 0;
    response.status = 206;
    response.set("Content-Range", fmt::format("bytes {}-{}/{}", part.offset + shift,
                                              part.offset + part.length - 1 + shift, whole));
    if (ranges == RangeSupport::kWhole206) part = {0, whole, true};
  }
  response.set("Content-Type", "application/octet-stream");
  response.data = std::move(data);
  response.offset = part.offset;
  response.length = part.length;
  return response;
}

}  // namespace glancefs::devcloud
