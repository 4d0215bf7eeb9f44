#include "fs/attributes/status.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "base/log.h"
#include "client/image_json.h"

namespace glancefs::fs {
namespace {

std::string amount(std::uint64_t bytes) {
  constexpr std::uint64_t kMiB = 1024UL * 1024;
  constexpr std::uint64_t kGiB = 1024 * kMiB;
  if (bytes < kMiB) return fmt::format("{} KiB", (bytes + 1023) / 1024);
  if (bytes < kGiB) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / kMiB);
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / kGiB);
}

std::string duration(std::chrono::seconds time) {
  constexpr std::chrono::seconds kMinute{60}, kHour{3600}, kDay{86400};
  if (time < 2 * kMinute) return fmt::format("{} s", time.count());
  if (time < 2 * kHour) return fmt::format("{} min", time / kMinute);
  if (time < 2 * kDay) return fmt::format("{} h", time / kHour);
  return fmt::format("{} days", time / kDay);
}

std::string freshness(const Freshness& catalogue) {
  std::string text = fmt::format("from {} ago", duration(catalogue.age));
  if (catalogue.offline_since) {
    text += ", offline since " + client::format_time(*catalogue.offline_since);
  } else if (!catalogue.trouble.empty()) {
    text += ", not refreshed";
  }
  if (!catalogue.trouble.empty()) text += ": " + catalogue.trouble;
  return text;
}

}  // namespace

std::string status_text(const MountState& status) {
  const Config& config = status.config;
  const Tree::Totals& images = status.images;
  const cache::Usage& cache = status.cache;
  std::string text;
  text += fmt::format("cloud      {}\n", config.label);
  text += fmt::format("endpoint   {}\n", config.endpoint);
  text += fmt::format("project    {} {}\n", config.project_name, config.project_id);
  text += fmt::format("images     {} ({} of this project, {})\n", images.images, images.own_images,
                      amount(images.own_bytes));
  if (status.offers > 0) {
    text += fmt::format("offers     {} in shared/.pending: mv to shared accepts, rm rejects\n",
                        status.offers);
  }
  text += fmt::format("catalogue  {} images, {}\n", images.images, freshness(status.catalogue));
  text +=
      fmt::format("cache      {} of {} in {} images, {} read, {} evicted\n", amount(cache.bytes),
                  amount(cache.limit), cache.objects, amount(cache.hits), amount(cache.evicted));
  text += fmt::format("fetched    {}\n", amount(status.fetched));
  text += fmt::format("reads      {}\n", status.reads);
  text += fmt::format("process    {}\n", ::getpid());
  text += fmt::format("shutdown   {} s\n",
                      std::chrono::ceil<std::chrono::seconds>(config.shutdown_timeout).count());
  text += fmt::format("state      {}\n", config.state_directory);
  text += fmt::format("log        {}\n", log::target());
  return text;
}

}  // namespace glancefs::fs
