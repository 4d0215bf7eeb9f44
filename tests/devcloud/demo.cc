#include "tests/devcloud/demo.h"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace glancefs::devcloud {
namespace {

constexpr std::uint64_t kGiB = 1ULL << 30U;

void put_big_endian(std::string& bytes, std::size_t offset, std::uint64_t value,
                    std::size_t width) {
  for (std::size_t i = 0; i < width; ++i)
    bytes.at(offset + i) = static_cast<char>(value >> (8 * (width - 1 - i)) & 0xffU);
}

/// An empty qcow2 (version 2): header, refcount table and block, L1 table in 64 KiB clusters.
std::string qcow2(std::uint64_t size) {
  constexpr std::size_t kCluster = 65536;
  const std::uint64_t l1_entries =
      (size + kCluster * (kCluster / 8) - 1) / (kCluster * (kCluster / 8));
  std::string bytes(4 * kCluster, '\0');
  bytes.replace(0, 4, "QFI\xfb");
  put_big_endian(bytes, 4, 2, 4);              // version
  put_big_endian(bytes, 20, 16, 4);            // cluster bits
  put_big_endian(bytes, 24, size, 8);          // virtual size
  put_big_endian(bytes, 36, l1_entries, 4);    // L1 entries
  put_big_endian(bytes, 40, 3 * kCluster, 8);  // L1 table
  put_big_endian(bytes, 48, kCluster, 8);      // refcount table
  put_big_endian(bytes, 56, 1, 4);             // its clusters
  put_big_endian(bytes, kCluster, 2 * kCluster, 8);
  for (std::size_t cluster = 0; cluster < 4; ++cluster)
    put_big_endian(bytes, 2 * kCluster + 2 * cluster, 1, 2);
  return bytes;
}

/// An ISO 9660 volume with an empty root directory.
std::string iso9660(const std::string& label) {
  constexpr std::size_t kSector = 2048;
  constexpr std::size_t kSectors = 24;
  std::string bytes(kSectors * kSector, '\0');
  const auto both_endian = [&bytes](std::size_t offset, std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i)
      bytes.at(offset + i) = static_cast<char>(value >> (8 * i) & 0xffU);
    put_big_endian(bytes, offset + width, value, width);
  };
  const auto directory = [&](std::size_t offset, char name) {
    bytes.at(offset) = 34;
    both_endian(offset + 2, 20, 4);
    both_endian(offset + 10, kSector, 4);
    bytes.at(offset + 25) = 2;
    both_endian(offset + 28, 1, 2);
    bytes.at(offset + 32) = 1;
    bytes.at(offset + 33) = name;
  };
  const std::size_t primary = 16 * kSector;
  bytes.replace(primary, 7,
                std::string("\x01"
                            "CD001\x01",
                            7));
  bytes.replace(primary + 8, 64, std::string(64, ' '));
  bytes.replace(primary + 40, label.size(), label);
  both_endian(primary + 80, kSectors, 4);
  both_endian(primary + 120, 1, 2);
  both_endian(primary + 124, 1, 2);
  both_endian(primary + 128, kSector, 2);
  directory(primary + 156, '\0');
  bytes.at(primary + 881) = 1;
  bytes.replace(17 * kSector, 7,
                std::string("\xff"
                            "CD001\x01",
                            7));
  directory(20 * kSector, '\0');
  directory(20 * kSector + 34, '\x01');
  return bytes;
}

/// A disk with a master boot record of one partition, zeros otherwise.
std::string boot_record(std::uint64_t size) {
  std::string bytes(512, '\0');
  bytes.at(446 + 4) = '\x83';
  const std::uint64_t sectors = size / 512 - 2048;
  for (std::size_t i = 0; i < 4; ++i) {
    bytes.at(446 + 8 + i) = static_cast<char>(2048U >> (8 * i) & 0xffU);
    bytes.at(446 + 12 + i) = static_cast<char>(sectors >> (8 * i) & 0xffU);
  }
  bytes.at(510) = '\x55';
  bytes.at(511) = '\xaa';
  return bytes;
}

Image image(std::string name, std::string visibility, std::string format = "raw") {
  Image made = image_named(std::move(name));
  made.visibility = std::move(visibility);
  made.disk_format = std::move(format);
  return made;
}

void system(Image& image, const std::string& distro, const std::string& version) {
  image.properties["os_distro"] = distro;
  image.properties["os_version"] = version;
  image.properties["hw_disk_bus"] = "virtio";
  image.properties["hw_vif_model"] = "virtio";
  image.min_disk = 2;
  image.min_ram = 256;
}

void add_public(DevCloud& cloud) {
  const std::string admin = cloud.admin().project_id;
  Image debian = image("debian-12-genericcloud-amd64", "public", "qcow2");
  debian.owner = admin;
  debian.is_protected = true;
  debian.tags = {"stable", "cloud-init"};
  system(debian, "debian", "12");
  cloud.add_image(std::move(debian), Blob(qcow2(20 * kGiB)));

  Image cirros = image("cirros-0.6.2", "public");
  cirros.owner = admin;
  cirros.tags = {"tiny"};
  system(cirros, "cirros", "0.6.2");
  cloud.add_image(std::move(cirros),
                  Blob::sparse(16ULL << 20U, {Extent{0, boot_record(16ULL << 20U)},
                                              Extent{1U << 20U, pattern(1, 0, 1U << 20U)}}));

  // 2 GiB would take seconds to hash at every start: the digests of these bytes are known.
  Image big = image("windows-2022-raw", "public");
  big.owner = admin;
  big.properties["os_type"] = "windows";
  big.min_disk = 2;
  cloud.add_image(std::move(big), Blob::sparse(2 * kGiB, {Extent{0, boot_record(2 * kGiB)}}),
                  Hashes{"d0539c8f9e301cc71800d740aa208087",
                         "05bfd18ab562a09b86e012d7b846bbb8bb56554c6537106a0cf298fb92439023"
                         "7622ad1c3e06b3f8475b95fb9c3b20742e879e900f466c460b7d64b9f63fa3ab"});

  Image installer = image("debian-12.5.0-netinst.iso", "public", "iso");
  installer.owner = admin;
  cloud.add_image(std::move(installer), Blob(iso9660("DEBIAN_12_5")));
}

void add_own(DevCloud& cloud) {
  Image golden = image("golden.qcow2", "private", "qcow2");
  system(golden, "fedora", "39");
  golden.tags = {"golden"};
  cloud.add_image(std::move(golden), Blob(qcow2(10 * kGiB)));
  cloud.add_image(image("notes/2024", "private"), Blob("a name with a slash\n"));
  cloud.add_image(image("Räksmörgås – 日本語", "private"), Blob("a name in Unicode\n"));
  cloud.add_image(image("twin", "private"), Blob("the elder\n"));
  cloud.add_image(image("twin", "private"), Blob("the younger\n"));
  cloud.add_image(image("waiting-for-data", "private", "qcow2"));
  const std::string blocked =
      cloud.add_image(image("withdrawn", "private"), Blob(pattern(2, 0, 100000)));
  cloud.set_status(blocked, "deactivated");
}

void add_foreign(DevCloud& cloud) {
  const Time now = std::chrono::system_clock::now();
  const std::string other = cloud.other().project_id;
  const std::string demo = cloud.demo().project_id;
  Image shared = image("build-result", "shared", "qcow2");
  shared.owner = other;
  shared.members[demo] = Member{"accepted", now, now};
  cloud.add_image(std::move(shared), Blob(qcow2(kGiB)));
  Image offered = image("offered", "shared");
  offered.owner = other;
  offered.members[demo] = Member{"pending", now, now};
  cloud.add_image(std::move(offered), Blob(pattern(3, 0, 300000)));
  Image community = image("community-tools", "community");
  community.owner = other;
  cloud.add_image(std::move(community), Blob(pattern(4, 0, 3000000)));
}

}  // namespace

void add_demo_images(DevCloud& cloud) {
  add_public(cloud);
  add_own(cloud);
  add_foreign(cloud);
}

void add_many_images(DevCloud& cloud, std::size_t count) {
  const std::string admin = cloud.admin().project_id;
  const Time start = std::chrono::system_clock::now() - std::chrono::hours(24);
  for (std::size_t i = 0; i < count; ++i) {
    Image made = image(fmt::format("image-{:06}", i), "public");
    made.owner = admin;
    made.created_at = start + std::chrono::milliseconds(i);
    system(made, i % 2 == 0 ? "debian" : "fedora", fmt::format("{}", i % 40));
    made.properties["build_id"] = fmt::format("build-{:012}", i);
    cloud.add_image(std::move(made), Blob::generated(4096, i));
  }
}

}  // namespace glancefs::devcloud
