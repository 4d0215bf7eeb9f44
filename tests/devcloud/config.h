// What a development cloud is like: everything a test or the command line may choose.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace glancefs::devcloud {

/// How a store's downloads treat a Range.
enum class RangeSupport {
  kFull,      ///< as a file store
  kRefused,   ///< 400, as HTTP, Swift and some S3 stores
  kIgnored,   ///< 200 with everything
  kWhole206,  ///< 206 that promises the part's Content-Range and brings everything
};

struct StoreConfig {
  std::string id;
  bool is_default = false;
  RangeSupport ranges = RangeSupport::kFull;
  std::optional<std::uint64_t> capacity;  ///< bytes; more is 413 "storage media is full"
};

/// Keystone's registered limits for every project; sizes in MiB, -1 is unlimited.
struct KeystoneLimits {
  std::int64_t image_size_total = 1000;
  std::int64_t image_stage_total = 1000;
  std::int64_t image_count_total = 100;
  std::int64_t image_count_uploading = 10;
};

/// A further endpoint of the image service in the catalog.
struct EndpointConfig {
  std::string region = "RegionOne";
  std::string interface = "public";
  std::string url;
};

struct Config {
  std::uint16_t keystone_port = 0;  ///< 0: any free one
  std::uint16_t glance_port = 0;
  std::string tls_certificate;  ///< PEM file; empty: plain HTTP
  std::string tls_key;

  std::chrono::seconds token_lifetime{3600};
  bool glance_caches_tokens = true;  ///< a revoked token works on for 5 minutes where it was seen
  int lockout_after = 0;             ///< wrong passwords in a row that lock a user; 0: never
  bool totp_enabled = true;          ///< Keystone's stock configuration has it off
  std::string endpoint_suffix;       ///< appended to the catalog's image URLs, e.g. "/v2"
  std::vector<EndpointConfig> extra_endpoints;

  std::size_t page_default = 25;
  std::size_t page_max = 1000;
  /// Empty: no multi-store (no `stores` field, /info/stores is 404).
  std::vector<StoreConfig> stores{
      {.id = "fast", .is_default = true, .ranges = {}, .capacity = {}},
      {.id = "slow", .is_default = false, .ranges = {}, .capacity = {}}};
  std::vector<std::string> import_methods{"glance-direct", "web-download", "copy-image"};
  std::vector<std::string> disk_formats{"ami", "ari",   "aki", "vhd", "vhdx", "vmdk",
                                        "raw", "qcow2", "vdi", "iso", "ploop"};
  std::vector<std::string> container_formats{"ami", "ari", "aki",    "bare",
                                             "ovf", "ova", "docker", "compressed"};
  std::uint64_t image_size_cap = 1ULL << 40U;
  std::optional<std::uint64_t> user_storage_quota;  ///< bytes
  std::optional<KeystoneLimits> limits;             ///< none: /info/usage is {}
  /// As Glance 30 and later: API 2.17, and bytes that it looks into and refuses are 415 at their
  /// end, which poisons the record.
  bool inspects = false;
  bool require_format_match = true;     ///< where it inspects: the setting of this name
  bool partition_tables_matter = true;  ///< where it inspects: gpt_safety_checks_nonfatal is empty
};

}  // namespace glancefs::devcloud
