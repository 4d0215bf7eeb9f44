#include "fs/write/image_inspection.h"

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
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = Objection::Kind;

std::vector<Objection> inspect(std::string_view content, const std::string& disk_format,
                               const std::string& container_format = "bare") {
  return inspect_image({.disk_format = disk_format, .container_format = container_format},
                       content.size(), [content](std::uint64_t offset, std::span<std::byte> into) {
                         if (offset >= content.size()) return std::size_t{0};
                         const std::string_view found = content.substr(offset, into.size());
                         std::memcpy(into.data(), found.data(), found.size());
                         return found.size();
                       });
}

std::vector<Kind> kinds(std::string_view content, const std::string& disk_format) {
  std::vector<Kind> found;
  for (const Objection& objection : inspect(content, disk_format)) found.push_back(objection.kind);
  return found;
}

std::string with(std::size_t offset, std::string_view bytes, std::string content = {}) {
  content.resize(std::max<std::size_t>(content.size(), 40000));
  return content.replace(offset, bytes.size(), bytes);
}

std::string qcow2(char version = 3) {
  std::string content = with(0, "QFI\xFB\0\0\0\3"sv);
  content[7] = version;
  return content;
}

// A sparse vmdk with its description in the second sector.
std::string vmdk(std::string_view description) {
  std::string content = with(0, "KDMV\1\0\0\0\3\0\0\0"sv);
  content[28] = 1;
  content[36] = 20;
  return with(512, description, content);
}

std::string describing(const std::string& type, const std::string& extent = "\"a.vmdk\"") {
  return "# Disk DescriptorFile\nversion=1\nCID=1\ncreateType=\"" + type +
         "\"\n# Extent description\nRW 8192 SPARSE " + extent + "\nddb.adapterType = \"ide\"\n";
}

std::string boot_sector() { return with(510, "\x55\xAA"); }

// A boot sector whose first partition is of `type`.
std::string partitioned(char type, std::string content = boot_sector()) {
  content[446 + 4] = type;
  content[446 + 8] = 1;
  return content;
}

std::string protective() { return with(447, "\0\2\0"sv, partitioned('\xEE')); }

TEST(InspectImage, TakesWhatIsWhatItIsCalled) {
  EXPECT_THAT(inspect(qcow2(), "qcow2"), IsEmpty());
  EXPECT_THAT(inspect(vmdk(describing("monolithicSparse")), "vmdk"), IsEmpty());
  EXPECT_THAT(inspect(vmdk(describing("streamOptimized")), "vmdk"), IsEmpty());
  EXPECT_THAT(inspect(with(0, "vhdxfile"), "vhdx"), IsEmpty());
  EXPECT_THAT(inspect(with(0, "conectix"), "vhd"), IsEmpty());
  EXPECT_THAT(inspect(with(64, "\x7F\x10\xDA\xBE"), "vdi"), IsEmpty());
  EXPECT_THAT(inspect(with(0x8001, "CD001"), "iso"), IsEmpty());
}

TEST(InspectImage, FindsAnotherFormatThanDeclared) {
  EXPECT_THAT(kinds("anything", "qcow2"), ElementsAre(Kind::kMismatch));
  EXPECT_THAT(kinds(qcow2(), "vmdk"), ElementsAre(Kind::kMismatch));
  EXPECT_THAT(kinds(qcow2(), "iso"), ElementsAre(Kind::kMismatch));
  EXPECT_THAT(kinds(with(40000 - 512, "conectix"), "vhd"), ElementsAre(Kind::kMismatch))
      << "of fixed size";
  EXPECT_THAT(kinds(protective(), "vhdx"), ElementsAre(Kind::kMismatch));
  EXPECT_EQ(inspect(qcow2(), "vmdk").front().reason, "its content is qcow2, not vmdk");
  EXPECT_EQ(inspect("anything", "vdi").front().reason, "its content is not vdi");
}

TEST(InspectImage, WhatIsToBeUnknownMustBe) {
  for (const std::string declared : {"ami", "ari", "aki", "ploop"}) {
    EXPECT_THAT(inspect("anything", declared), IsEmpty()) << declared;
    EXPECT_THAT(inspect(with(0, "WithoutFreeSpace"), declared), IsEmpty()) << declared;
    EXPECT_THAT(kinds(qcow2(), declared), ElementsAre(Kind::kMismatch)) << declared;
    EXPECT_THAT(kinds(protective(), declared), ElementsAre(Kind::kMismatch)) << declared;
    EXPECT_THAT(kinds(with(0, "LUKS\xBA\xBE"), declared), ElementsAre(Kind::kMismatch)) << declared;
  }
}

TEST(InspectImage, RawMayBeAnything) {
  EXPECT_THAT(inspect("anything", "raw"), IsEmpty());
  EXPECT_THAT(inspect(qcow2(), "raw"), IsEmpty());
  EXPECT_THAT(inspect(with(0, "LUKS\xBA\xBE"), "raw"), IsEmpty());
  EXPECT_THAT(inspect(qcow2(), "some-sites-own"), IsEmpty());
}

TEST(InspectImage, LooksIntoNoOtherContainers) {
  for (const std::string container : {"ovf", "ova", "docker", "compressed", "ami"}) {
    EXPECT_THAT(inspect("anything", "qcow2", container), IsEmpty()) << container;
    EXPECT_THAT(inspect(with(8, "\1", qcow2()), "qcow2", container), IsEmpty()) << container;
  }
}

TEST(InspectImage, HasNothingToSayOfAnEmptyFile) { EXPECT_THAT(inspect("", "qcow2"), IsEmpty()); }

TEST(InspectImage, FindsBackingFilesWhateverIsDeclared) {
  const std::string backed = with(8, "\0\0\0\0\0\0\2\x10"sv, qcow2());
  EXPECT_THAT(kinds(backed, "qcow2"), ElementsAre(Kind::kUnsafe));
  EXPECT_THAT(kinds(backed, "raw"), ElementsAre(Kind::kUnsafe));
  EXPECT_THAT(kinds(backed, "vdi"), ElementsAre(Kind::kUnsafe, Kind::kMismatch));
  EXPECT_THAT(inspect(backed, "raw").front().reason, HasSubstr("backing file"));
}

TEST(InspectImage, FindsExternalData) {
  const std::string external = "\0\0\0\0\0\0\0\4"s;
  EXPECT_THAT(kinds(with(72, external, qcow2(3)), "qcow2"), ElementsAre(Kind::kUnsafe));
  EXPECT_THAT(inspect(with(72, external, qcow2(2)), "qcow2"), IsEmpty())
      << "version 2 has no features there";
  EXPECT_THAT(inspect(with(72, "\0\0\0\0\0\0\0\x1B"s, qcow2(3)), "qcow2"), IsEmpty())
      << "others are harmless";
}

TEST(InspectImage, FindsVmdksWithoutData) {
  const std::string flat = describing("monolithicFlat");
  EXPECT_THAT(kinds(flat, "vmdk"), ElementsAre(Kind::kUnsafe));
  EXPECT_THAT(kinds(flat, "raw"), ElementsAre(Kind::kUnsafe));
  EXPECT_THAT(kinds(vmdk(describing("vmfs")), "vmdk"), ElementsAre(Kind::kUnsafe));
  EXPECT_THAT(kinds(vmdk(describing("monolithicSparse", "\"/etc/shadow\"")), "vmdk"),
              ElementsAre(Kind::kUnsafe));
  EXPECT_THAT(kinds(vmdk("createtype=\"MONOLITHICSPARSE\"\nrw 1 SPARSE \"../x\""), "vmdk"),
              ElementsAre(Kind::kUnsafe));
}

TEST(InspectImage, DescriptionsThatMakeNoSenseAreLeftToGlance) {
  EXPECT_THAT(inspect(vmdk(""), "vmdk"), IsEmpty());
  EXPECT_THAT(inspect(vmdk("\xFF\0createType=\"vmfs\""sv), "vmdk"), IsEmpty());
  std::string far = vmdk(describing("monolithicSparse"));
  EXPECT_THAT(inspect(with(28, std::string(16, '\xFF'), far), "vmdk"), IsEmpty());
  EXPECT_THAT(inspect(with(36, std::string(8, '\xFF'), far), "vmdk"), IsEmpty());
}

TEST(InspectImage, FindsBannedKinds) {
  EXPECT_THAT(kinds(with(0, "QED\0"sv), "raw"), ElementsAre(Kind::kUnsafe));
}

TEST(InspectImage, KnowsSanePartitionTables) {
  EXPECT_THAT(inspect(partitioned('\x83'), "raw"), IsEmpty());
  EXPECT_THAT(inspect(with(446, "\x80", partitioned('\x07')), "raw"), IsEmpty());
  EXPECT_THAT(inspect(with(462 + 4, "\x82", partitioned('\x83')), "raw"), IsEmpty());
  EXPECT_THAT(inspect(protective(), "raw"), IsEmpty());
}

TEST(InspectImage, FindsPartitionTablesThatMakeNoSense) {
  const auto bad = ElementsAre(Kind::kPartitionTable);
  EXPECT_THAT(kinds(boot_sector(), "raw"), bad) << "no partition";
  EXPECT_THAT(kinds(with(446, "\x12", partitioned('\x83')), "raw"), bad) << "not 0 or 80";
  EXPECT_THAT(kinds(partitioned('\xEE'), "raw"), bad) << "begins at another place";
  EXPECT_THAT(kinds(with(454, "\2", protective()), "raw"), bad) << "at another block";
  EXPECT_THAT(kinds(with(462 + 4, "\x83", protective()), "raw"), bad) << "beside another";
}

TEST(InspectImage, FileSystemsAndDiscsHaveBootSectorsToo) {
  EXPECT_THAT(inspect(with(0x15, "\xF8", with(0x10, "\2", boot_sector())), "raw"), IsEmpty());
  EXPECT_THAT(inspect(with(0x8001, "CD001", boot_sector()), "iso"), IsEmpty());
}

TEST(InspectImage, ShortFilesAreNothing) {
  EXPECT_THAT(kinds(qcow2().substr(0, 511), "qcow2"), ElementsAre(Kind::kMismatch));
  EXPECT_THAT(inspect(boot_sector().substr(0, 511), "raw"), IsEmpty());
  EXPECT_THAT(inspect("conectix", "vhd"), IsEmpty());
}

TEST(InspectImage, ReadsLittleWhateverTheContentSays) {
  std::string content = vmdk(describing("monolithicSparse"));
  content = with(36, std::string(8, '\xFF'), content);
  std::uint64_t furthest = 0;
  inspect_image({.disk_format = "vmdk"}, 1ULL << 40,
                [&](std::uint64_t offset, std::span<std::byte> into) {
                  furthest = std::max(furthest, offset + into.size());
                  const std::string found =
                      content.substr(std::min<std::size_t>(offset, content.size()), into.size());
                  std::memcpy(into.data(), found.data(), found.size());
                  return found.size();
                });
  EXPECT_LE(furthest, 0x8006U);
}

}  // namespace
}  // namespace glancefs::fs
