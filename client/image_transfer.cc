#include "client/image_transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include "base/fd.h"
#include "base/log.h"

namespace glancefs::client {
namespace {

struct ContentRange {
  std::uint64_t first = 0, last = 0, total = 0;
};

// Takes a number and the `end` behind it off the front of `text`.
bool take_number(std::string_view& text, std::uint64_t& number, std::string_view end) {
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  if (!text.starts_with(end)) return false;
  text.remove_prefix(end.size());
  return true;
}

// bytes 990-999/1000
std::optional<ContentRange> content_range(const Response& head) {
  constexpr std::string_view kUnit = "bytes ";
  const std::string* value = head.headers.find("Content-Range");
  if (value == nullptr || !value->starts_with(kUnit)) return std::nullopt;
  std::string_view text = std::string_view(*value).substr(kUnit.size());
  ContentRange range;
  if (!take_number(text, range.first, "-") || !take_number(text, range.last, "/") ||
      !take_number(text, range.total, "") || !text.empty()) {
    return std::nullopt;
  }
  return range;
}

}  // namespace

TransferGuard::TransferGuard(const Image& image, ByteRange range, Sink& sink)
    : image_(image),
      range_(range),
      sink_(sink),
      request_("GET /v2/images/" + image.id + "/file") {}

void TransferGuard::wrong(const Response& head, const std::string& what) const {
  const std::string* id = head.headers.find("X-Openstack-Request-Id");
  throw WrongAnswer(Operation::kDownload, head.status, request_, what,
                    id == nullptr ? std::string() : log::printable(*id));
}

void TransferGuard::check_length(const Response& head, std::uint64_t length) const {
  const std::string* value = head.headers.find("Content-Length");
  if (value == nullptr) return;  // some frontends take it away; the bytes are counted anyway
  std::string_view text = *value;
  std::uint64_t announced = 0;
  if (!take_number(text, announced, "") || !text.empty() || announced != length) {
    wrong(head, fmt::format("{} bytes announced instead of {}", log::printable(*value), length));
  }
}

void TransferGuard::check_part(const Response& head) const {
  const auto got = content_range(head);
  if (!got) wrong(head, "no usable Content-Range");
  if (got->total != *image_.size) {
    throw_errno(ESTALE, fmt::format("image {} has {} bytes now, not {}", image_.id, got->total,
                                    *image_.size));
  }
  if (got->first != position() || got->last != end() - 1) {
    wrong(head, fmt::format("bytes {}-{} came instead of {}-{}", got->first, got->last, position(),
                            end() - 1));
  }
  // Some stores promise a part and send everything.
  const std::string* length = head.headers.find("Content-Length");
  if (length != nullptr && *length == std::to_string(*image_.size) && passed_ == 0 &&
      range_.length < *image_.size) {
    throw RangesRefused{};
  }
  check_length(head, end() - position());
}

void TransferGuard::check_whole(const Response& head) const {
  const bool whole = range_.offset == 0 && range_.length == *image_.size;
  if (!whole) {
    if (passed_ == 0) throw RangesRefused{};
    wrong(head, "the whole image came instead of a part");
  }
  check_length(head, *image_.size);
}

void TransferGuard::begin(const Response& head) {
  skip_ = 0;
  if (head.status == 204) {
    const std::string* id = head.headers.find("X-Openstack-Request-Id");
    throw HttpError(Operation::kDownload, 204, request_, "the store has lost the image's data",
                    id == nullptr ? std::string() : log::printable(*id));
  }
  if (head.status == 206 && ranged_) {
    check_part(head);
  } else if (head.status == 200) {
    check_whole(head);
    skip_ = passed_;
  } else {
    wrong(head, "not the answer to a download");
  }
  if (!begun_) sink_.begin(head);
  begun_ = true;
}

void TransferGuard::write(std::span<const std::byte> bytes) {
  const std::size_t skipped =
      static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
  skip_ -= skipped;
  bytes = bytes.subspan(skipped);
  if (bytes.empty()) return;
  const std::uint64_t room = range_.length - passed_;
  if (bytes.size() > room) {
    throw WrongAnswer(Operation::kDownload, 200, request_, "more bytes than the image has", "");
  }
  sink_.write(bytes);
  passed_ += bytes.size();
}

}  // namespace glancefs::client
