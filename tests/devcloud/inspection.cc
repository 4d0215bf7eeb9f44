#include "tests/devcloud/inspection.h"

#include <fmt/format.h>

#include <set>
#include <string_view>

namespace glancefs::devcloud {
namespace {

using namespace std::string_view_literals;

std::string bytes_at(const Blob& data, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  bytes.resize(data.read(offset, bytes));
  return bytes;
}

bool is_boot_sector(const std::string& head) {
  const bool is_fat = head[0x10] == 2 && head[0x15] == '\xF8';
  return head.substr(510) == "\x55\xAA" && !is_fat;
}

// At least one partition; a protective one is the first and only one, at the place GPT gives it.
bool has_good_table(const std::string& head) {
  int count = 0;
  int protective = 0;
  for (std::size_t at = 446; at < 510; at += 16) {
    if ((head[at] & 0x7F) != 0) return false;
    count += head[at + 4] == 0 ? 0 : 1;
    if (head[at + 4] != '\xEE') continue;
    ++protective;
    if (at != 446 || head.substr(at + 1, 3) != "\0\2\0"sv || head.substr(at + 8, 4) != "\1\0\0\0"sv)
      return false;
  }
  return count > 0 && (protective == 0 || count == 1);
}

bool has_foreign_extents(const Blob& data) {
  const std::string text = bytes_at(data, bytes_at(data, 0, 4) == "KDMV" ? 512 : 0, 10240);
  return text.find("createType=\"monolithicSparse\"") == std::string::npos &&
         text.find("createType=\"streamOptimized\"") == std::string::npos;
}

// By the words Glance uses; "raw": nothing it knows.
std::string content_of(const Blob& data) {
  const std::string head = bytes_at(data, 0, 512);
  if (head.starts_with("# Disk DescriptorFile")) return "vmdk";
  if (head.size() < 512) return "raw";
  if (head.starts_with("QED\0"sv)) return "qed";
  const std::string found = sniff_format(data);
  if (found != "raw") return found;
  if (head.starts_with("LUKS\xBA\xBE")) return "luks";
  return is_boot_sector(head) ? "gpt" : "raw";
}

bool is_safe(const std::string& content, const Blob& data, const Config& config) {
  if (content == "qed") return false;
  if (content == "qcow2") {
    const std::string head = bytes_at(data, 0, 104);
    const bool version_3 = head[7] == '\3';
    return head.substr(8, 8) == std::string(8, '\0') && !(version_3 && (head[79] & 4) != 0);
  }
  if (content == "vmdk") return !has_foreign_extents(data);
  if (content == "gpt" && config.partition_tables_matter)
    return has_good_table(bytes_at(data, 0, 512));
  return true;
}

}  // namespace

std::optional<std::string> inspect(const Image& image, const Blob& data, const Config& config) {
  static const std::set<std::string> checked{"qcow2", "vmdk", "vdi", "vhd", "vhdx", "iso"};
  static const std::set<std::string> unknown{"ami", "ari", "aki", "ploop"};
  if (!config.inspects || image.container_format != "bare") return std::nullopt;
  const std::string declared = image.disk_format.value_or("");
  const std::string content = content_of(data);
  const bool mismatch = (checked.contains(declared) && declared != content) ||
                        (unknown.contains(declared) && content != "raw");
  if (mismatch && config.require_format_match)
    return fmt::format("Image disk_format {} does not match stream data {}", declared, content);
  if (!is_safe(content, data, config)) return "Image failed safety checks";
  return std::nullopt;
}

}  // namespace glancefs::devcloud
