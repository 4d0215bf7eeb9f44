// The end of a mount: what was written gets to Glance first, or waits for the next one.
#include <fcntl.h>
#include <signal.h>

#include "base/fd.h"
#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Ending : public MountedCloud {
 protected:
  // A file that no close sends, since it was opened to read and write.
  void write_a() {
    EXPECT_EQ(sh("exec 3<> $M/private/a; echo data >&3").code, 0);
    EXPECT_EQ(cloud_.image_ids().size(), 0U);
  }
  int stall_uploads() {
    devcloud::Fault fault;
    fault.kind = devcloud::Fault::Kind::kRequestStall;
    fault.method = "PUT";
    fault.after = 1;
    return cloud_.add_fault(fault);
  }
  std::string status_of_a() {
    const auto image = cloud_.image(id_of("a"));
    return image ? image->status : "none";
  }
  static std::string helper() {
    const std::string program = GLANCEFS_PROGRAM;
    return program.substr(0, program.rfind('/')) + "/umount.fuse.glancefs";
  }
};

TEST_F(Ending, UnmountingSendsWhatWaits) {
  mount("upload-delay=1h");
  write_a();
  unmount();
  EXPECT_EQ(status_of_a(), "active");
}

TEST_F(Ending, SigtermSendsWhatWaits) {
  mount("upload-delay=1h");
  write_a();
  daemon_->signal(SIGTERM);
  EXPECT_EQ(daemon_->wait(), 0) << daemon_->output();
  EXPECT_EQ(status_of_a(), "active");
  EXPECT_NE(sh("mountpoint -q $M").code, 0);
}

TEST_F(Ending, SigtermLetsARunningUploadEndAndServesWhoHasFilesOpen) {
  add("b", pattern(1000));
  mount();
  const int fault = stall_uploads();
  const Fd reader(::open((mount_point_ + "/private/b").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(reader);
  write_file(directory_ / "a", "data");
  Background copy("exec cp " + (directory_ / "a") + " " + mount_point_ + "/private/", {});
  ASSERT_TRUE(cloud_.wait_until([&] { return cloud_.fault_hits(fault) > 0; }));
  daemon_->signal(SIGTERM);
  EXPECT_EQ(sh("for i in $(seq 200); do mountpoint -q $M || exit 0; sleep 0.02; done; exit 1").code,
            0)
      << "nobody new comes in";
  std::string bytes(10, ' ');
  EXPECT_EQ(::pread(reader.get(), bytes.data(), bytes.size(), 0), 10);
  cloud_.clear_faults();
  EXPECT_EQ(copy.wait(), 0) << copy.output();
  EXPECT_EQ(daemon_->wait(), 0) << daemon_->output();
  EXPECT_EQ(status_of_a(), "active");
}

TEST_F(Ending, WhatDoesNotGetThereInTimeWaitsForTheNextMount) {
  mount("upload-delay=1h,shutdown-timeout=1");
  write_a();
  stall_uploads();
  daemon_->signal(SIGTERM);
  EXPECT_EQ(daemon_->wait(), 0);
  EXPECT_THAT(daemon_->output(),
              AllOf(HasSubstr("kept for the next mount"), HasSubstr("private/a")));
  EXPECT_NE(status_of_a(), "active");
  cloud_.clear_faults();
  mount("upload-delay=0");
  EXPECT_TRUE(cloud_.wait_until([&] { return status_of_a() == "active"; }));
}

TEST_F(Ending, ASecondSignalEndsTheWaiting) {
  mount("upload-delay=1h,shutdown-timeout=1h");
  write_a();
  const int fault = stall_uploads();
  daemon_->signal(SIGTERM);
  ASSERT_TRUE(cloud_.wait_until([&] { return cloud_.fault_hits(fault) > 0; }));
  daemon_->signal(SIGINT);
  EXPECT_EQ(daemon_->wait(), 0) << daemon_->output();
}

TEST_F(Ending, TheUnmountHelperWaitsForTheUploads) {
  mount("upload-delay=1h");
  write_a();
  const Result result = sh(helper() + " $M -v");
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.output, HasSubstr("unmounted"));
  EXPECT_EQ(status_of_a(), "active");
  EXPECT_EQ(daemon_->wait(std::chrono::seconds(1)), 0) << "it has ended before";
}

TEST_F(Ending, TheUnmountHelperSaysWhatWasNotUploaded) {
  mount("upload-delay=1h");
  write_a();
  cloud_.add_fault(devcloud::answer_fault(413, R"({"message":"over quota"})",
                                          {{"Content-Type", "application/json"}}));
  const Result result = sh(helper() + " $M");
  EXPECT_EQ(result.code, 32);
  EXPECT_THAT(result.output, AllOf(HasSubstr("not everything is uploaded"),
                                   HasSubstr("private/a: "), HasSubstr("over quota")));
}

TEST_F(Ending, ABusyMountStaysMounted) {
  add("b", "data");
  mount();
  {
    const Fd reader(::open((mount_point_ + "/private/b").c_str(), O_RDONLY | O_CLOEXEC));
    const Result result = sh(helper() + " $M");
    EXPECT_EQ(result.code, 32);
    EXPECT_THAT(result.output, HasSubstr("busy"));
  }
  EXPECT_EQ(out("cat $M/private/b"), "data");
  EXPECT_EQ(sh(helper() + " -l $M").code, 0);
  EXPECT_EQ(daemon_->wait(), 0);
}

}  // namespace
}  // namespace glancefs::mount_test
