// Writing as programs do it, by the kernel itself (passthrough) and through the daemon.
#include <fcntl.h>
#include <signal.h>

#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class KernelWriting : public MountedCloud, public testing::WithParamInterface<const char*> {
 protected:
  void mount_it(const std::string& more = {}) {
    mount(std::string("passthrough=") + GetParam() + (more.empty() ? "" : "," + more));
  }
  // Bytes that the daemon itself has written to files and sockets.
  std::uint64_t written_by_daemon() {
    return std::stoull(
        out("sed -n 's/wchar: //p' /proc/" + std::to_string(daemon_->pid()) + "/io"));
  }
  bool by_kernel() {
    return out("cat $M/.glancefs/status").find("by the kernel") != std::string::npos;
  }
  std::string data_of(const std::string& name) {
    const auto image = cloud_.image(id_of(name));
    if (!image || !image->data) return "none";
    std::string bytes(image->data->size(), '\0');
    image->data->read(0, bytes);
    return bytes;
  }
};

TEST_P(KernelWriting, GoesThroughTheDaemonOnlyWhereItMust) {
  mount_it();
  const std::uint64_t before = written_by_daemon();
  Background writer("exec 3> " + mount_point_ +
                        "/private/a; dd if=/dev/zero bs=1M count=20 status=none >&3; echo written; "
                        "read line; exec 3>&-; echo closed; read line",
                    {});
  ASSERT_TRUE(writer.wait_for_output("written"));
  EXPECT_EQ(out("stat -c %s $M/private/a"), "20971520");
  const std::uint64_t written = written_by_daemon() - before;
  if (by_kernel()) {
    EXPECT_LT(written, 1U << 20);
  } else {
    EXPECT_GT(written, 20U << 20);
  }
}

TEST_P(KernelWriting, AppendingAndOverwritingBeforeTheClose) {
  mount_it();
  EXPECT_EQ(sh("python3 - $M/private/a <<'END'\n"
               "import os, sys\n"
               "path = sys.argv[1]\n"
               "one = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)\n"
               "os.write(one, b'0123456789')\n"
               "two = os.open(path, os.O_WRONLY | os.O_APPEND)\n"
               "os.write(two, b'abc')\n"
               "os.pwrite(one, b'XY', 2)\n"
               "assert os.pread(one, 100, 0) == b'01XY456789abc', os.pread(one, 100, 0)\n"
               "assert os.fstat(two).st_size == 13\n"
               "os.ftruncate(one, 5)\n"
               "os.write(two, b'end')\n"
               "os.close(one)\n"
               "os.close(two)\n"
               "END")
                .code,
            0);
  EXPECT_EQ(out("sync $M/private/a; cat $M/private/a"), "01XY4end");
}

TEST_P(KernelWriting, AMappedFileIsWrittenWhereTheKernelDoesIt) {
  mount_it();
  const Result result =
      sh("python3 - $M/private/a <<'END'\n"
         "import mmap, os, sys\n"
         "one = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o644)\n"
         "os.ftruncate(one, 8192)\n"
         "m = mmap.mmap(one, 8192)\n"
         "m[4096:4100] = b'page'\n"
         "m.close()\n"
         "os.close(one)\n"
         "END");
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_EQ(out("tail -c 4096 $M/private/a | head -c 4"), "page");
}

TEST_P(KernelWriting, WhatAnInterruptedCopyLeftIsNoImage) {
  mount_it();
  // A source that never ends is copied until the signal comes.
  ASSERT_EQ(sh("mkfifo $D/source").code, 0);
  Background source("exec 3> " + (directory_ / "source") +
                        "; head -c 3000000 /dev/urandom >&3; echo sent; sleep 100",
                    {});
  Background copy("exec cp " + (directory_ / "source") + " " + mount_point_ + "/private/half", {});
  ASSERT_TRUE(source.wait_for_output("sent"));
  copy.signal(SIGINT);
  EXPECT_EQ(copy.wait(), 128 + SIGINT);
  EXPECT_EQ(sh("for i in $(seq 200); do grep -q 'was killed' $M/.glancefs/pending && exit 0; "
               "sleep 0.05; done; exit 1")
                .code,
            0)
      << out("cat $M/.glancefs/pending");
  EXPECT_EQ(cloud_.image_ids().size(), 0U);
  EXPECT_THAT(out("stat -c %s $M/private/half"), Not("0")) << "the bytes are kept";
  EXPECT_EQ(sh("rm $M/private/half").code, 0);
  EXPECT_EQ(out("cat $M/.glancefs/pending"), "");
}

TEST_P(KernelWriting, AProgramThatEndsWithoutClosingHasItsImage) {
  mount_it();
  EXPECT_EQ(sh("python3 -c 'import os, sys; f = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT); "
               "os.write(f, b\"data\"); os._exit(0)' $M/private/a")
                .code,
            0);
  EXPECT_TRUE(cloud_.wait_until([&] { return data_of("a") == "data"; }));
}

TEST_P(KernelWriting, AShellThatKeepsItOpenSendsItWhenItLetsGo) {
  mount_it();
  EXPECT_EQ(
      sh("exec 3> $M/private/a; echo one >&3; echo two >&3; ls $M/private >&3; exec 3>&-").code, 0);
  EXPECT_EQ(data_of("a"), "one\ntwo\na\n");
}

TEST_P(KernelWriting, RemovedAfterItsUploadWhatComesLateIsOfNoUse) {
  mount_it();
  EXPECT_EQ(sh("python3 - $M/private/a <<'END'\n"
               "import os, sys\n"
               "file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)\n"
               "os.write(file, b'data')\n"
               "child = os.fork()\n"
               "if child:\n"
               "    os.close(file)\n"
               "    os.unlink(sys.argv[1])\n"
               "    sys.exit(os.waitpid(child, 0)[1])\n"
               "while os.path.exists(sys.argv[1]): pass\n"
               "try: os.write(file, b'more')\n"
               "except PermissionError: pass\n"
               "os._exit(0)\n"
               "END")
                .code,
            0);
  EXPECT_EQ(
      sh("for i in $(seq 200); do test -z \"$(find $D/state -type f -name '*-*')\" && exit 0; "
         "sleep 0.05; done; exit 1")
          .code,
      0)
      << "nothing leaks";
  EXPECT_EQ(out("ls $M/private; cat $M/.glancefs/pending"), "");
}

TEST_P(KernelWriting, RemovedWhileItIsWrittenItIsNoImage) {
  mount_it();
  EXPECT_EQ(
      sh("exec 3> $M/private/a; echo data >&3; rm $M/private/a; echo more >&3; exec 3>&-").code, 0);
  EXPECT_EQ(out("ls $M/private; cat $M/.glancefs/pending"), "");
  EXPECT_EQ(cloud_.image_ids().size(), 0U);
  EXPECT_EQ(out("find $D/state -type f -name '*-*'"), "") << "nothing leaks";
}

TEST_P(KernelWriting, RenamedWhileItIsWrittenItIsTheImageOfThatName) {
  mount_it();
  EXPECT_EQ(
      sh("exec 3> $M/private/a; echo data >&3; mv $M/private/a $M/community/b; exec 3>&-").code, 0);
  EXPECT_EQ(data_of("b"), "data\n");
  EXPECT_EQ(cloud_.image(id_of("b"))->visibility, "community");
  EXPECT_EQ(cloud_.image_ids().size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Passthrough, KernelWriting, testing::Values("auto", "no"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace glancefs::mount_test
