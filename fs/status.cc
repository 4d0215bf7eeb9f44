#include "fs/status.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

namespace glancefs::fs {
namespace {

std::string amount(std::uint64_t bytes) {
  constexpr std::uint64_t kMiB = 1024UL * 1024;
  constexpr std::uint64_t kGiB = 1024 * kMiB;
  if (bytes < kMiB) return fmt::format("{} KiB", (bytes + 1023) / 1024);
  if (bytes < kGiB) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / kMiB);
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / kGiB);
}

}  // namespace

std::string status_text(const Status& status) {
  const Config& config = status.config;
  const Tree::Totals& images = status.images;
  const cache::Usage& cache = status.cache;
  const std::string& trouble = status.catalogue_trouble;
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
  text += fmt::format("catalogue  {} s old{}{}\n", status.catalogue_age.count(),
                      trouble.empty() ? "" : ", not refreshed: ", trouble);
  text +=
      fmt::format("cache      {} of {} in {} images, {} read, {} evicted\n", amount(cache.bytes),
                  amount(cache.limit), cache.objects, amount(cache.hits), amount(cache.evicted));
  text += fmt::format("fetched    {}\n", amount(status.fetched));
  text += fmt::format("reads      {}\n", status.reads);
  text += fmt::format("process    {}\n", ::getpid());
  text += fmt::format("shutdown   {} s\n",
                      std::chrono::ceil<std::chrono::seconds>(config.shutdown_timeout).count());
  text += fmt::format("state      {}\n", config.state_directory);
  return text;
}

}  // namespace glancefs::fs
