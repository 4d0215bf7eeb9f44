// Formats of images that are copied in: what they are taken for, and what is refused before a byte
// of it is sent.
#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Formats : public MountedCloud {
 protected:
  using MountedCloud::MountedCloud;
  std::string format_of(const std::string& name) {
    const auto image = cloud_.image(id_of(name));
    if (!image) return "none";
    return image->disk_format.value_or("null") + "/" + image->container_format.value_or("null");
  }
  // The close below sends it, or the daemon by itself, if it comes first.
  bool arrives_after_a_close(const std::string& name, const std::string& format) {
    sh(": >> $M/private/" + name);
    return cloud_.wait_until([&] { return format_of(name) == format && is_active(name); });
  }
  bool is_active(const std::string& name) {
    const auto image = cloud_.image(id_of(name));
    return image && image->status == "active";
  }
  std::size_t sent() { return cloud_.requests("PUT"); }
};

TEST_F(Formats, AreFoundInWhatQemuMakes) {
  mount();
  sh("cd $D && qemu-img create -q -f qcow2 q 1M && qemu-img create -q -f vpc v 1M");
  EXPECT_EQ(sh("cp $D/q $D/v $M/private/").code, 0);
  EXPECT_EQ(format_of("q"), "qcow2/bare");
  EXPECT_EQ(format_of("v"), "vhd/bare");
}

TEST_F(Formats, OptionsSpeakWhereTheBytesDoNot) {
  mount("disk-format=aki,container-format=aki");
  write_file(directory_ / "kernel", "anything");
  sh("qemu-img create -q -f qcow2 $D/q 1M");
  EXPECT_EQ(sh("cp $D/kernel $D/q $M/private/").code, 0);
  EXPECT_EQ(format_of("kernel"), "aki/aki");
  EXPECT_EQ(format_of("q"), "qcow2/bare");
}

class FewFormats : public Formats {
 protected:
  static devcloud::Config config() {
    devcloud::Config few;
    few.disk_formats = {"raw", "qcow2"};
    return few;
  }
  FewFormats() : Formats(config()) {}
};

TEST_F(FewFormats, AnotherIsRefusedAndCanBePutRight) {
  mount();
  sh("qemu-img create -q -f vdi $D/a 1M");
  const Result copy = sh("cp $D/a $M/private/");
  EXPECT_EQ(copy.code, 1);
  EXPECT_THAT(copy.output, HasSubstr("Invalid argument"));
  EXPECT_THAT(reason("private/a"), HasSubstr("takes no disk_format \"vdi\"; it takes raw, qcow2"));
  EXPECT_EQ(cloud_.requests("POST", "/v2/images"), 0U);
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0) << "the bytes are kept";
  EXPECT_THAT(sh("setfattr -n user.glance.disk_format -v vhd $M/private/a").output,
              HasSubstr("Invalid argument"));
  EXPECT_EQ(sh("setfattr -n user.glance.disk_format -v raw $M/private/a").code, 0);
  EXPECT_TRUE(arrives_after_a_close("a", "raw/bare")) << reason("private/a");
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0);
}

class InspectedFormats : public Formats {
 protected:
  static devcloud::Config config() {
    devcloud::Config inspecting;
    inspecting.inspects = true;
    return inspecting;
  }
  InspectedFormats() : Formats(config()) {}
};

TEST_F(InspectedFormats, WhatWouldBeRefusedAfterTheUploadIsNotSent) {
  mount();
  sh("cd $D && qemu-img create -q -f qcow2 b 1M && qemu-img create -q -f qcow2 -b b -F qcow2 a");
  const Result copy = sh("cp $D/a $M/private/");
  EXPECT_EQ(copy.code, 1);
  EXPECT_THAT(copy.output, HasSubstr("Invalid argument"));
  EXPECT_THAT(reason("private/a"),
              HasSubstr("would refuse the image after its upload: it has a backing file"));
  EXPECT_EQ(sent(), 0U);
  EXPECT_EQ(cloud_.requests("POST", "/v2/images"), 0U);
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0) << "the bytes are kept";
  EXPECT_EQ(sh("rm $M/private/a").code, 0);
}

// A frontend that passes on /v2 alone hides what the site is.
TEST_F(InspectedFormats, WhoCannotKnowSendsAndIsRefused) {
  devcloud::Fault hidden = devcloud::answer_fault(404);
  hidden.path = "^/versions";
  cloud_.add_fault(hidden);
  mount();
  sh("cd $D && qemu-img create -q -f qcow2 b 1M && qemu-img create -q -f qcow2 -b b -F qcow2 a");
  EXPECT_EQ(sh("cp $D/a $M/private/").code, 1);
  EXPECT_THAT(reason("private/a"), AllOf(HasSubstr("415"), HasSubstr("failed safety checks")));
  EXPECT_EQ(sent(), 1U);
  EXPECT_EQ(cloud_.image_ids().size(), 0U);
  EXPECT_EQ(sh("cp $D/a $M/private/again").code, 1);
  EXPECT_THAT(reason("private/again"), HasSubstr("it has a backing file"));
  EXPECT_EQ(sent(), 1U) << "it has learnt";
}

TEST_F(InspectedFormats, WhatASettingLetsThroughIsSentUntilItWasRefused) {
  mount("disk-format=iso");
  write_file(directory_ / "a", pattern(100'000));
  EXPECT_EQ(sh("cp $D/a $M/private/").code, 1);
  EXPECT_THAT(reason("private/a"), HasSubstr("does not match stream data"));
  EXPECT_EQ(sent(), 1U);
  EXPECT_EQ(sh("cp $D/a $M/private/again").code, 1);
  EXPECT_THAT(reason("private/again"), HasSubstr("its content is not iso"));
  EXPECT_EQ(sent(), 1U);
  EXPECT_EQ(cloud_.image_ids().size(), 0U);
  EXPECT_EQ(sh("setfattr -n user.glance.disk_format -v raw $M/private/again").code, 0);
  EXPECT_TRUE(arrives_after_a_close("again", "raw/bare")) << reason("private/again");
}

class LenientFormats : public Formats {
 protected:
  static devcloud::Config config() {
    devcloud::Config lenient;
    lenient.inspects = true;
    lenient.require_format_match = false;
    lenient.partition_tables_matter = false;
    return lenient;
  }
  LenientFormats() : Formats(config()) {}
};

TEST_F(LenientFormats, WhatTheSiteLetsThroughArrives) {
  mount("disk-format=iso");
  std::string booting(2000, '\0');
  write_file(directory_ / "a", booting.replace(510, 2, "\x55\xAA"));
  EXPECT_EQ(sh("cp $D/a $M/private/").code, 0) << reason("private/a");
  EXPECT_EQ(format_of("a"), "iso/bare");
}

}  // namespace
}  // namespace glancefs::mount_test
