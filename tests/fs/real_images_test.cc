// Files as programs make them: what they are taken for, and what is found wrong with them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <vector>

#include "fs/write/image_inspection.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::fs {
namespace {

using Kind = Objection::Kind;

struct Made {
  const char* name;
  const char* program;  ///< without which the case is skipped
  const char* command;  ///< makes the file "f" in an empty directory
  ImageFormat format;
  std::vector<Kind> objections = {};  ///< when declared so
};

void PrintTo(const Made& made, std::ostream* out) { *out << made.command; }

class RealImages : public testing::TestWithParam<Made> {
 protected:
  int sh(const std::string& line) const {
    return std::system(("cd " + directory_.path() + " && ( " + line + " ) >log 2>&1").c_str());
  }
  ReadAt reader() const {
    return [path = directory_ / "f"](std::uint64_t offset, std::span<std::byte> into) {
      std::ifstream file(path, std::ios::binary);
      file.seekg(static_cast<std::streamoff>(offset));
      file.read(reinterpret_cast<char*>(into.data()), static_cast<std::streamsize>(into.size()));
      return static_cast<std::size_t>(file.gcount());
    };
  }
  std::uint64_t size() const {
    std::ifstream file(directory_ / "f", std::ios::binary | std::ios::ate);
    return static_cast<std::uint64_t>(file.tellg());
  }

  test::TemporaryDirectory directory_;
};

TEST_P(RealImages, AreKnown) {
  if (sh(std::string("PATH=$PATH:/sbin:/usr/sbin; command -v ") + GetParam().program) != 0) {
    GTEST_SKIP() << "needs " << GetParam().program;
  }
  ASSERT_EQ(sh(std::string("PATH=$PATH:/sbin:/usr/sbin; ") + GetParam().command), 0);
  ASSERT_TRUE(std::filesystem::exists(directory_ / "f"));
  const ImageFormat format = detect_format(size(), reader());
  EXPECT_EQ(format.disk_format, GetParam().format.disk_format);
  EXPECT_EQ(format.container_format, GetParam().format.container_format);
  std::vector<Kind> kinds;
  for (const Objection& objection : inspect_image(format, size(), reader())) {
    kinds.push_back(objection.kind);
  }
  EXPECT_EQ(kinds, GetParam().objections);
}

const ImageFormat kRaw{}, kQcow2{.disk_format = "qcow2"}, kVmdk{.disk_format = "vmdk"},
    kVhd{.disk_format = "vhd"}, kVhdx{.disk_format = "vhdx"}, kVdi{.disk_format = "vdi"},
    kIso{.disk_format = "iso"}, kPloop{.disk_format = "ploop"},
    kOva{.disk_format = "vmdk", .container_format = "ova"};

// clang-format off
INSTANTIATE_TEST_SUITE_P(QemuImg, RealImages, testing::Values(
  Made{"qcow2", "qemu-img", "qemu-img create -f qcow2 f 4M", kQcow2},
  Made{"qcow2_old", "qemu-img", "qemu-img create -f qcow2 -o compat=0.10 f 4M", kQcow2},
  Made{"qcow2_extended", "qemu-img", "qemu-img create -f qcow2 -o extended_l2=on,compression_type=zstd f 4M", kQcow2},
  Made{"qcow2_backed", "qemu-img", "qemu-img create -f qcow2 b 4M && qemu-img create -f qcow2 -b b -F qcow2 f", kQcow2, {Kind::kUnsafe}},
  Made{"qcow2_external", "qemu-img", "qemu-img create -f qcow2 -o data_file=d f 4M", kQcow2, {Kind::kUnsafe}},
  Made{"qcow", "qemu-img", "qemu-img create -f qcow f 4M", kRaw},
  Made{"qed", "qemu-img", "qemu-img create -f qed f 4M", kRaw, {Kind::kUnsafe}},
  Made{"raw", "qemu-img", "qemu-img create -f raw f 4M", kRaw},
  Made{"parallels", "qemu-img", "qemu-img create -f parallels f 4M", kPloop},
  Made{"vdi", "qemu-img", "qemu-img create -f vdi f 4M", kVdi},
  Made{"vdi_static", "qemu-img", "qemu-img create -f vdi -o static=on f 4M", kVdi},
  Made{"vhdx", "qemu-img", "qemu-img create -f vhdx f 4M", kVhdx},
  Made{"vhdx_fixed", "qemu-img", "qemu-img create -f vhdx -o subformat=fixed f 4M", kVhdx},
  Made{"vhd", "qemu-img", "qemu-img create -f vpc f 4M", kVhd},
  Made{"vhd_fixed", "qemu-img", "qemu-img create -f vpc -o subformat=fixed f 4M", kRaw},
  Made{"vmdk", "qemu-img", "qemu-img create -f vmdk -o subformat=monolithicSparse f 4M", kVmdk},
  Made{"vmdk_stream", "qemu-img", "truncate -s 4M r && qemu-img convert -f raw -O vmdk -o subformat=streamOptimized r f", kVmdk},
  Made{"vmdk_flat", "qemu-img", "qemu-img create -f vmdk -o subformat=monolithicFlat f 4M", kVmdk, {Kind::kUnsafe}},
  Made{"vmdk_flat_extent", "qemu-img", "qemu-img create -f vmdk -o subformat=monolithicFlat a.vmdk 4M && mv a-flat.vmdk f", kRaw},
  Made{"vmdk_split", "qemu-img", "qemu-img create -f vmdk -o subformat=twoGbMaxExtentSparse f 4M", kVmdk, {Kind::kUnsafe}},
  Made{"vmdk_split_extent", "qemu-img", "qemu-img create -f vmdk -o subformat=twoGbMaxExtentSparse a.vmdk 4M && mv a-s001.vmdk f", kVmdk},
  Made{"vmdk_split_flat", "qemu-img", "qemu-img create -f vmdk -o subformat=twoGbMaxExtentFlat f 4M", kVmdk, {Kind::kUnsafe}}),
  [](const auto& each) { return std::string(each.param.name); });

INSTANTIATE_TEST_SUITE_P(Others, RealImages, testing::Values(
  Made{"iso", "xorriso", "mkdir d && echo x > d/x && xorriso -as mkisofs -o f d", kIso},
  Made{"iso_hybrid", "xorriso", "mkdir d && echo x > d/x && xorriso -as mkisofs -partition_offset 16 -appended_part_as_gpt -o f d && "
       "test $(od -An -tx1 -j510 -N2 f | tr -d ' ') = 55aa", kIso},
  Made{"iso_udf", "genisoimage", "mkdir d && echo x > d/x && genisoimage -udf -o f d", kIso},
  Made{"gpt", "sfdisk", "truncate -s 4M f && printf 'label: gpt\\nsize=1M\\n' | sfdisk f", kRaw},
  Made{"mbr", "sfdisk", "truncate -s 4M f && printf 'label: dos\\nsize=1M, bootable\\n' | sfdisk f", kRaw},
  Made{"mbr_empty", "sfdisk", "truncate -s 4M f && printf 'label: dos\\n' | sfdisk f", kRaw, {Kind::kPartitionTable}},
  Made{"luks1", "cryptsetup", "truncate -s 32M f && echo x | cryptsetup -q luksFormat --type luks1 --pbkdf-force-iterations 1000 f -", kRaw},
  Made{"luks2", "cryptsetup", "truncate -s 32M f && echo x | cryptsetup -q luksFormat --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 f -", kRaw},
  Made{"fat", "mkfs.vfat", "mkfs.vfat -C f 4096", kRaw},
  Made{"ext4", "mkfs.ext4", "mkfs.ext4 f 4M", kRaw},
  Made{"ova", "tar", "echo x > m.ovf && echo y > m.vmdk && tar --format=ustar -cf f m.ovf m.vmdk", kOva},
  Made{"ova_gnu", "tar", "echo x > m.ovf && tar --format=gnu -cf f ./m.ovf", kOva},
  Made{"ova_pax", "tar", "echo x > m.ovf && tar --format=pax -cf f m.ovf", kOva},
  Made{"tar", "tar", "echo x > readme && echo y > m.ovf && tar -cf f readme m.ovf", kRaw}),
  [](const auto& each) { return std::string(each.param.name); });
// clang-format on

}  // namespace
}  // namespace glancefs::fs
