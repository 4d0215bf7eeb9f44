#include "fs/metrics/metrics_text.h"

#include "fs/write/upload.h"

namespace glancefs::fs {
namespace {

using enum Exposition::Type;

double unix_seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

void write_cache(Exposition& into, const MetricsFacts& facts) {
  into.family(
      "glancefs_reads_total", kCounter,
      "Reads of images by the daemon: hit ones were answered from the cache at once, missed "
      "ones had to wait for Glance.");
  into.sample(facts.reads.hits, {{"cache", "hit"}});
  into.sample(facts.reads.misses, {{"cache", "miss"}});
  into.single("glancefs_cache_read_bytes_total", kCounter,
              "Bytes read from the cache by the daemon.", facts.cache.hits);
  into.single("glancefs_cache_fetched_bytes_total", kCounter,
              "Bytes of images fetched from Glance.", facts.fetched);
  into.single("glancefs_cache_evicted_bytes_total", kCounter, "Bytes given up for room.",
              facts.cache.evicted);
  into.single("glancefs_cache_bytes", kGauge, "Bytes kept in the cache.", facts.cache.bytes);
  into.single("glancefs_cache_limit_bytes", kGauge, "The most that is kept there.",
              facts.cache.limit);
  into.single("glancefs_cache_images", kGauge, "Images in the cache, complete or not.",
              facts.cache.objects);
}

void write_uploads(Exposition& into, const UploadCounts& uploads) {
  into.family("glancefs_uploads", kGauge, "Files that are not at Glance yet, by state.");
  into.sample(uploads.writing, {{"state", "writing"}});
  into.sample(uploads.uploading, {{"state", "uploading"}});
  into.sample(uploads.failed, {{"state", "failed"}});
}

void write_catalogue(Exposition& into, const MetricsFacts& facts) {
  into.single("glancefs_catalogue_images", kGauge, "Images in the mount.",
              std::uint64_t{facts.images.images});
  into.single("glancefs_catalogue_age_seconds", kGauge,
              "Time since the catalogue was last known to be right.",
              static_cast<double>(facts.catalogue.age.count()));
  into.single("glancefs_offline", kGauge, "1 while the cloud does not answer.",
              std::uint64_t{facts.catalogue.offline_since ? 1U : 0U});
  into.single("glancefs_catalogue_refresh_failed", kGauge,
              "1 if the last refresh of the catalogue failed.",
              std::uint64_t{facts.catalogue.trouble.empty() ? 0U : 1U});
}

}  // namespace

UploadCounts count_uploads(const Uploads& uploads) {
  UploadCounts counts;
  for (const auto& upload : uploads.all()) {
    switch (upload->state()) {
      case Upload::State::kWriting:
        ++counts.writing;
        break;
      case Upload::State::kUploading:
        ++counts.uploading;
        break;
      case Upload::State::kFailed:
        ++counts.failed;
        break;
      case Upload::State::kDone:
        break;  // it is at Glance
    }
  }
  return counts;
}

std::string metrics_text(const Metrics& metrics, const MetricsFacts& facts) {
  Exposition text;
  text.family("glancefs_info", kGauge, "Always 1; its labels say what is mounted.");
  text.sample(std::uint64_t{1}, {{"version", GLANCEFS_VERSION},
                                 {"cloud", facts.config.label},
                                 {"project", facts.config.project_name},
                                 {"project_id", facts.config.project_id}});
  metrics.requests.write(text);
  metrics.operations.write(text);
  write_cache(text, facts);
  write_uploads(text, facts.uploads);
  write_catalogue(text, facts);
  if (facts.token_expires) {
    text.single("glancefs_token_expires_timestamp_seconds", kGauge,
                "When the token ends, in seconds since 1970; it is renewed before.",
                unix_seconds(*facts.token_expires));
  }
  return text.text();
}

}  // namespace glancefs::fs
