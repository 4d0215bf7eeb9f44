#include "fs/transfers.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "fs/catalogue/names.h"

namespace glancefs::fs {

std::optional<std::uint64_t> Transfer::seconds_left() const {
  if (!rate || *rate < 1 || bytes > size) return std::nullopt;
  return static_cast<std::uint64_t>(std::ceil(static_cast<double>(size - bytes) / *rate));
}

std::optional<double> rate_of(std::uint64_t bytes, std::chrono::steady_clock::duration time) {
  constexpr std::chrono::milliseconds kShortest{100};
  if (time < kShortest) return std::nullopt;
  return static_cast<double>(bytes) / std::chrono::duration<double>(time).count();
}

Transfer download_of(const client::Image& image, std::string state) {
  Transfer transfer;
  transfer.id = image.id;
  transfer.file =
      fmt::format("{}/{}", to_string(image.visibility), escape_name(image.name.value_or("")));
  transfer.state = std::move(state);
  transfer.size = image.size.value_or(0);
  return transfer;
}

std::string_view to_string(Transfer::Direction direction) {
  return direction == Transfer::Direction::kDownload ? "download" : "upload";
}

std::string transfers_text(const std::vector<Transfer>& transfers) {
  std::string text;
  for (const Transfer& transfer : transfers) {
    std::string line =
        fmt::format("{} {} {}: {}, {} of {} bytes", to_string(transfer.direction), transfer.id,
                    transfer.file, transfer.state, transfer.bytes, transfer.size);
    if (transfer.rate) line += fmt::format(", {:.0f} bytes/s", *transfer.rate);
    if (const auto left = transfer.seconds_left()) line += fmt::format(", {} s left", *left);
    if (transfer.attempt > 1) line += fmt::format(", attempt {}", transfer.attempt);
    if (!transfer.more.empty()) line += "  " + transfer.more;
    text += log::printable(line) + "\n";
  }
  return text;
}

std::string transfers_json(const std::vector<Transfer>& transfers) {
  using Json = nlohmann::ordered_json;
  Json array = Json::array();
  for (const Transfer& transfer : transfers) {
    const auto left = transfer.seconds_left();
    array.push_back({{"direction", to_string(transfer.direction)},
                     {"id", transfer.id},
                     {"file", transfer.file},
                     {"state", transfer.state},
                     {"bytes", transfer.bytes},
                     {"size", transfer.size},
                     {"rate", transfer.rate ? Json(std::llround(*transfer.rate)) : Json()},
                     {"seconds_left", left ? Json(*left) : Json()},
                     {"attempt", transfer.attempt},
                     {"detail", transfer.more.empty() ? Json() : Json(transfer.more)}});
  }
  // Names of files need not be UTF-8, JSON must be.
  return array.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace glancefs::fs
