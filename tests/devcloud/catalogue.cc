#include "tests/devcloud/catalogue.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <random>
#include <regex>
#include <utility>

namespace glancefs::devcloud {
namespace {

std::string bytes_at(const Blob& data, std::uint64_t offset, std::size_t length) {
  std::string bytes(length, '\0');
  bytes.resize(data.read(offset, bytes));
  return bytes;
}

std::uint64_t big_endian(const Blob& data, std::uint64_t offset) {
  std::uint64_t value = 0;
  for (const char c : bytes_at(data, offset, 8))
    value = value << 8U | static_cast<unsigned char>(c);
  return value;
}

std::uint64_t little_endian(const Blob& data, std::uint64_t offset) {
  std::string bytes = bytes_at(data, offset, 8);
  std::reverse(bytes.begin(), bytes.end());
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

std::string sniff_format(const Blob& data) {
  if (bytes_at(data, 0, 4) == "QFI\xfb") return "qcow2";
  if (bytes_at(data, 0, 4) == "KDMV") return "vmdk";
  if (bytes_at(data, 0, 8) == "conectix") return "vhd";
  if (bytes_at(data, 0, 8) == "vhdxfile") return "vhdx";
  if (bytes_at(data, 64, 4) == "\x7f\x10\xda\xbe") return "vdi";
  if (bytes_at(data, 0x8001, 5) == "CD001") return "iso";
  return "raw";
}

std::optional<std::uint64_t> virtual_size(const Image& image, const Blob& data) {
  if (image.container_format != "bare" || data.size() == 0) return std::nullopt;
  if (image.disk_format == "raw") return data.size();
  const std::string found = sniff_format(data);
  if (image.disk_format != found) return std::nullopt;
  if (found == "qcow2") return big_endian(data, 24);
  if (found == "vhd") return big_endian(data, 40);
  if (found == "vdi") return little_endian(data, 0x170);
  if (found == "vmdk") return little_endian(data, 12) * 512;
  if (found == "iso") return data.size();
  return std::nullopt;
}

void fill(Image& image, std::shared_ptr<const Blob> data, const Hashes& hashes) {
  image.size = data->size();
  image.checksum = hashes.md5;
  image.os_hash_value = hashes.sha512;
  image.virtual_size = virtual_size(image, *data);
  image.data = std::move(data);
  image.status = "active";
}

std::uint64_t Catalogue::used_bytes(const std::string* owner) const {
  std::uint64_t sum = 0;
  for (const auto& [id, image] : images)
    if (image.status != "uploading" && image.status != "importing" &&
        (owner == nullptr || image.owner == *owner))
      sum += image.size.value_or(0);
  return sum;
}

std::uint64_t Catalogue::staged_bytes(const std::string& owner) const {
  std::uint64_t sum = 0;
  for (const auto& [id, image] : images)
    if (image.owner == owner && (image.status == "uploading" || image.status == "importing"))
      sum += image.size.value_or(0);
  return sum;
}

std::size_t Catalogue::count(const std::string& owner) const {
  return static_cast<std::size_t>(
      std::count_if(images.begin(), images.end(),
                    [&](const auto& entry) { return entry.second.owner == owner; }));
}

std::size_t Catalogue::count_uploading(const std::string& owner) const {
  return static_cast<std::size_t>(
      std::count_if(images.begin(), images.end(), [&](const auto& entry) {
        const std::string& status = entry.second.status;
        return entry.second.owner == owner && (status == "saving" || status == "uploading");
      }));
}

std::uint64_t Catalogue::store_bytes(const std::string& store) const {
  std::uint64_t sum = 0;
  for (const auto& [id, image] : images)
    if (std::find(image.stores.begin(), image.stores.end(), store) != image.stores.end())
      sum += image.size.value_or(0);
  return sum;
}

std::string new_uuid() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  const std::uint64_t a = random();
  const std::uint64_t b = random();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", a >> 32U, a >> 16U & 0xffffU,
                     a & 0xfffU, 0x8000U | (b >> 48U & 0x3fffU), b & 0xffffffffffffULL);
}

std::string iso_time(Time time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(
                                                  std::chrono::floor<std::chrono::seconds>(time))));
}

std::string iso_time_micro(Time time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto micro = std::chrono::duration_cast<std::chrono::microseconds>(time - seconds).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), micro);
}

std::optional<Time> parse_iso_time(std::string_view text) {
  static const std::regex shape(
      R"((\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(Z|[+-]\d\d:?\d\d)?)?)");
  std::match_results<std::string_view::const_iterator> m;
  if (!std::regex_match(text.begin(), text.end(), m, shape)) return std::nullopt;
  const auto number = [&m](std::size_t i) { return m[i].matched ? std::stoi(m[i].str()) : 0; };
  std::tm parts{};
  parts.tm_year = number(1) - 1900;
  parts.tm_mon = number(2) - 1;
  parts.tm_mday = number(3);
  parts.tm_hour = number(4);
  parts.tm_min = number(5);
  parts.tm_sec = number(6);
  if (parts.tm_mon < 0 || parts.tm_mon > 11 || parts.tm_mday < 1 || parts.tm_mday > 31 ||
      parts.tm_hour > 23 || parts.tm_min > 59)
    return std::nullopt;
  Time time = std::chrono::system_clock::from_time_t(::timegm(&parts));
  if (m[7].matched) {
    std::string fraction = m[7].str();
    fraction.resize(6, '0');
    time += std::chrono::microseconds(std::stoi(fraction));
  }
  if (m[8].matched && m[8].str() != "Z") {
    std::string offset = m[8].str();
    std::erase(offset, ':');
    const int minutes = std::stoi(offset.substr(1, 2)) * 60 + std::stoi(offset.substr(3, 2));
    time -= std::chrono::minutes(offset[0] == '-' ? -minutes : minutes);
  }
  return time;
}

}  // namespace glancefs::devcloud
