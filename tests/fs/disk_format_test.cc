#include "fs/write/disk_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace glancefs::fs {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

ImageFormat detect(std::string_view content) {
  return detect_format(content.size(), [content](std::uint64_t offset, std::span<std::byte> into) {
    if (offset >= content.size()) return std::size_t{0};
    const std::string_view found = content.substr(offset, into.size());
    std::memcpy(into.data(), found.data(), found.size());
    return found.size();
  });
}

std::string with_magic(std::size_t offset, std::string_view magic, std::size_t size = 40000) {
  std::string content(size, '\0');
  content.replace(offset, magic.size(), magic);
  return content;
}

std::string tar_of(std::string_view name) {
  std::string header(1024, '\0');
  header.replace(0, name.size(), name);
  header.replace(257, 5, "ustar");
  return header;
}

const ImageFormat kRaw{};

TEST(DetectFormat, KnowsMagicBytes) {
  EXPECT_EQ(detect(with_magic(0, "QFI\xFB\0\0\0\2"sv)).disk_format, "qcow2");
  EXPECT_EQ(detect(with_magic(0, "QFI\xFB\0\0\0\3"sv)).disk_format, "qcow2");
  EXPECT_EQ(detect(with_magic(0, "KDMV\1\0\0\0"sv)).disk_format, "vmdk");
  EXPECT_EQ(detect("# Disk DescriptorFile\nversion=1\n").disk_format, "vmdk");
  EXPECT_EQ(detect(with_magic(0, "vhdxfile")).disk_format, "vhdx");
  EXPECT_EQ(detect(with_magic(0, "conectix")).disk_format, "vhd");
  EXPECT_EQ(detect(with_magic(0, "WithoutFreeSpace")).disk_format, "ploop");
  EXPECT_EQ(detect(with_magic(0, "WithouFreSpacExt")).disk_format, "ploop");
  EXPECT_EQ(detect(with_magic(64, "\x7F\x10\xDA\xBE")).disk_format, "vdi");
  EXPECT_EQ(detect(with_magic(0x8001, "CD001")).disk_format, "iso");
  EXPECT_EQ(detect(with_magic(0, "vhdxfile")).container_format, "bare");
}

TEST(DetectFormat, CallsTheRestRaw) {
  EXPECT_EQ(detect(""), kRaw);
  EXPECT_EQ(detect("x"), kRaw);
  EXPECT_EQ(detect(std::string(100000, '\0')), kRaw);
  EXPECT_EQ(detect(with_magic(510, "\x55\xAA")), kRaw);
  EXPECT_EQ(detect(with_magic(0, "QED\0"sv)), kRaw);
  EXPECT_EQ(detect(with_magic(0, "LUKS\xBA\xBE")), kRaw);
  EXPECT_EQ(detect(with_magic(0, "QFI\xFB\0\0\0\1"sv)), kRaw);  // the first qcow
  EXPECT_EQ(detect(with_magic(1, "conectix")), kRaw);
}

TEST(DetectFormat, CallsAFixedVhdRaw) {
  EXPECT_EQ(detect(with_magic(40000 - 512, "conectix")), kRaw);
}

TEST(DetectFormat, StopsAtTheEndOfShortFiles) {
  const std::string iso = with_magic(0x8001, "CD001");
  EXPECT_EQ(detect(iso.substr(0, 0x8006)).disk_format, "iso");
  EXPECT_EQ(detect(iso.substr(0, 0x8005)), kRaw);
  EXPECT_EQ(detect("conectix").disk_format, "vhd");
  EXPECT_EQ(detect("conecti"), kRaw);
}

TEST(DetectFormat, LooksAtTheBeginningFirst) {
  std::string content = with_magic(0x8001, "CD001");
  EXPECT_EQ(detect(content.replace(510, 2, "\x55\xAA")).disk_format, "iso");  // bootable from USB
  EXPECT_EQ(detect(content.replace(0, 8, "QFI\xFB\0\0\0\3"sv)).disk_format, "qcow2");
}

TEST(DetectFormat, KnowsAppliances) {
  const ImageFormat appliance{.disk_format = "vmdk", .container_format = "ova"};
  EXPECT_EQ(detect(tar_of("machine.ovf")), appliance);
  EXPECT_EQ(detect(tar_of("MACHINE.OVF")), appliance);
  EXPECT_EQ(detect(tar_of(std::string(96, 'a').append(".ovf"))),
            appliance);  // a name without a NUL
  EXPECT_EQ(detect(tar_of("machine.vmdk")), kRaw);
  EXPECT_EQ(detect(tar_of("")), kRaw);
  EXPECT_EQ(detect(tar_of("machine.ovf").substr(0, 500)), kRaw);
}

TEST(DetectFormat, SurvivesReadsThatGiveLessThanPromised) {
  const ReadAt nothing = [](std::uint64_t, std::span<std::byte>) { return std::size_t{0}; };
  EXPECT_EQ(detect_format(1 << 30, nothing), kRaw);
}

TEST(DetectFormat, PassesOnReadErrors) {
  const ReadAt broken = [](std::uint64_t, std::span<std::byte>) -> std::size_t {
    throw std::system_error(EIO, std::generic_category());
  };
  EXPECT_THROW(detect_format(1 << 20, broken), std::system_error);
}

TEST(FormatOfName, TheExtensionSaysIt) {
  EXPECT_EQ(format_of_name("a.b.QCOW2"), (ImageFormat{.disk_format = "qcow2"}));
  EXPECT_EQ(format_of_name(".iso"), (ImageFormat{.disk_format = "iso"}));
  EXPECT_EQ(format_of_name("x.ova"),
            (ImageFormat{.disk_format = "vmdk", .container_format = "ova"}));
  for (const char* name : {"", "qcow2", "x.", "x.img", "x.qcow2.gz", "qcow2.x", "x.qcow"}) {
    EXPECT_EQ(format_of_name(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace glancefs::fs
