// ln -s URL FILE under the real kernel: what programs see of an image that Glance fetches.
#include <fmt/format.h>

#include <atomic>

#include "tests/mount/mounted_cloud.h"
#include "tests/support/stub_server.h"

namespace glancefs::mount_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// What the source does to whoever asks.
enum class Manners { kGood, kMissing, kBroken, kCutShort };

class WebImporting : public MountedCloud {
 protected:
  explicit WebImporting(devcloud::Config config = {}) : MountedCloud(std::move(config)) {}
  std::string url(const std::string& path = "/rocky.qcow2?key=hush") const {
    return source_.url() + path;
  }
  Result link(const std::string& file = "private/x",
              const std::string& path = "/rocky.qcow2?key=hush") {
    return sh("ln -s '" + url(path) + "' $M/" + file);
  }
  std::string local(const std::string& key, const std::string& file = "private/x") {
    return sh("getfattr --absolute-names -n user.glancefs." + key + " --only-values $M/" + file)
        .output;
  }
  bool arrives(const std::string& file = "private/x") {
    write_file(directory_ / "wanted", data_);
    return eventually([&] { return sh("cat $M/" + file + " > $D/got").code == 0; }) &&
           sh("cmp $D/wanted $D/got").code == 0;
  }

  const std::string data_ = pattern(3'000'000);
  std::atomic<Manners> manners_{Manners::kGood};
  test::StubServer source_{[this](test::Peer& peer, int) {
    peer.read_head();
    const Manners manners = manners_;
    const char* status = manners == Manners::kMissing  ? "404 Not Found"
                         : manners == Manners::kBroken ? "500 Oops"
                                                       : "200 OK";
    peer.send(fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", status,
                          data_.size()));
    peer.send(manners == Manners::kCutShort ? data_.substr(0, 1000) : data_);
  }};
};

TEST_F(WebImporting, FromTheLinkToTheBytes) {
  mount("import=symlink");
  cloud_.hold_imports(true);
  const Result linked = link();
  ASSERT_EQ(linked.code, 0) << linked.output << reason("private");
  EXPECT_THAT(out("ls -l $M/private/x"), AllOf(StartsWith("-rw-r--r--"), HasSubstr(" 0 ")));
  EXPECT_THAT(out("stat -c %F $M/private/x"), HasSubstr("regular empty file"));
  EXPECT_NE(sh("readlink $M/private/x").code, 0);
  EXPECT_THAT(sh("python3 -c 'import os, sys; os.readlink(sys.argv[1])' $M/private/x").output,
              HasSubstr("Invalid argument"));
  EXPECT_THAT(sh("cat $M/private/x").output, HasSubstr("Device or resource busy"));
  EXPECT_THAT(sh("echo data > $M/private/x").output, HasSubstr("busy"));
  EXPECT_TRUE(eventually([&] { return local("progress").starts_with("importing: running"); }));
  EXPECT_THAT(pending(), AllOf(HasSubstr("private/x  importing from " + source_.url()),
                               HasSubstr("/rocky.qcow2?..."), Not(HasSubstr("hush"))));
  cloud_.hold_imports(false);
  EXPECT_TRUE(arrives());
  EXPECT_EQ(out("getfattr --absolute-names -n user.glance.disk_format --only-values $M/private/x"),
            "qcow2");
  EXPECT_TRUE(eventually([&] { return pending().empty(); }));
  EXPECT_THAT(daemon_->output(), Not(HasSubstr("hush")));
}

// The size is in the kernel, too: nobody may find the image empty just when it has come.
TEST_F(WebImporting, NoReaderFindsItEmpty) {
  mount("import=symlink");
  for (int round = 0; round < 3; ++round) {
    cloud_.hold_imports(true);
    ASSERT_EQ(link().code, 0);
    Background reader("until cat " + mount_point_ + "/private/x > " + (directory_ / "got") +
                          " 2> /dev/null; do stat " + mount_point_ + "/private/x > /dev/null; done",
                      Environment{});
    EXPECT_TRUE(eventually([&] { return local("progress").starts_with("importing: running"); }));
    cloud_.hold_imports(false);
    EXPECT_EQ(reader.wait(), 0);
    EXPECT_EQ(out("stat -c %s $D/got"), std::to_string(data_.size()));
    EXPECT_EQ(sh("rm $M/private/x").code, 0);
  }
}

TEST_F(WebImporting, WhatExistsStays) {
  const std::string id = add("x", "precious");
  mount("import=symlink");
  EXPECT_THAT(link().output, HasSubstr("File exists"));
  EXPECT_THAT(sh("ln -sf '" + url() + "' $M/private/x").output, HasSubstr("File exists"));
  EXPECT_EQ(out("cat $M/private/x"), "precious");
  EXPECT_EQ(id_of("x"), id);
  EXPECT_EQ(cloud_.image_ids().size(), 1U) << "ln -f links under another name first";
  EXPECT_EQ(pending(), "");
}

TEST_F(WebImporting, OtherLinksAreRefused) {
  add("there", "data");
  mount("import=symlink");
  EXPECT_THAT(sh("ln -s there $M/private/y").output, HasSubstr("Invalid argument"));
  EXPECT_THAT(reason("private"), HasSubstr("http:// or https://"));
  EXPECT_THAT(sh("cp -s $M/private/there $M/private/y").output, HasSubstr("Invalid argument"));
  EXPECT_THAT(sh("ln $M/private/there $M/private/y").output, HasSubstr("not permitted"));
  EXPECT_THAT(sh("ln -s http://me:hush@h/x $M/private/y").output, HasSubstr("Invalid argument"));
  EXPECT_THAT(reason("private"), AllOf(HasSubstr("password"), Not(HasSubstr("hush"))));
  EXPECT_THAT(sh("ln -s '" + url() + "' $M/y").output, HasSubstr("not permitted"));
  EXPECT_THAT(link("public/y").output, HasSubstr("Permission denied"));
  EXPECT_THAT(sh("ln -s http://192.0.2.1/x?hush $M/private/y").output,
              HasSubstr("Invalid argument"));
  EXPECT_THAT(reason("private"),
              AllOf(HasSubstr("does not pass filtering"), HasSubstr("http://192.0.2.1/x?..."),
                    Not(HasSubstr("hush"))));
  EXPECT_EQ(cloud_.image_ids().size(), 1U);
}

TEST_F(WebImporting, WithoutTheOptionTheReasonNamesIt) {
  mount();
  EXPECT_THAT(link().output, HasSubstr("Operation not permitted"));
  EXPECT_THAT(reason("private"), HasSubstr("import=symlink"));
  EXPECT_EQ(cloud_.image_ids().size(), 0U);
}

class FailingSources : public WebImporting, public testing::WithParamInterface<Manners> {};

TEST_P(FailingSources, AreToldTriedAgainAndRemoved) {
  manners_ = GetParam();
  mount("import=symlink");
  ASSERT_EQ(link().code, 0);
  ASSERT_EQ(link("shared/y").code, 0);
  EXPECT_TRUE(eventually([&] {
    const std::string text = pending();
    return text.find("private/x  failed") != std::string::npos &&
           text.find("shared/y  failed") != std::string::npos;
  }));
  EXPECT_THAT(reason("private/x"), AllOf(HasSubstr("Task failed"), HasSubstr("/rocky.qcow2?...")));
  EXPECT_THAT(out("cat $M/.glancefs/errors"), HasSubstr("import: "));
  EXPECT_THAT(sh("cat $M/private/x").output, HasSubstr("No data available"));
  EXPECT_EQ(sh("rm $M/shared/y").code, 0);
  manners_ = Manners::kGood;
  EXPECT_EQ(sh("setfattr -n user.glancefs.upload -v 1 $M/private/x").code, 0);
  EXPECT_TRUE(arrives());
  EXPECT_EQ(cloud_.image_ids().size(), 1U);
  EXPECT_THAT(daemon_->output(), Not(HasSubstr("hush")));
}

INSTANTIATE_TEST_SUITE_P(Each, FailingSources,
                         testing::Values(Manners::kMissing, Manners::kBroken, Manners::kCutShort));

TEST_F(WebImporting, UnmountingWaitsForNoneAndTheNextMountFollows) {
  mount("import=symlink");
  cloud_.hold_imports(true);
  ASSERT_EQ(link().code, 0);
  unmount();
  mount("import=symlink");
  EXPECT_THAT(local("progress"), StartsWith("importing: "));
  EXPECT_THAT(pending(), HasSubstr("private/x  importing"));
  kill_daemon();
  mount("import=symlink");
  EXPECT_THAT(pending(), HasSubstr("private/x  importing"));
  cloud_.hold_imports(false);
  EXPECT_TRUE(arrives());
  EXPECT_TRUE(eventually([&] { return pending().empty(); }));
}

TEST_F(WebImporting, RemovingTheFileEndsTheImport) {
  mount("import=symlink");
  cloud_.hold_imports(true);
  ASSERT_EQ(link().code, 0);
  EXPECT_EQ(sh("rm $M/private/x").code, 0);
  cloud_.hold_imports(false);
  EXPECT_EQ(pending(), "");
  EXPECT_EQ(out("ls $M/private"), "");
  EXPECT_EQ(cloud_.image_ids().size(), 0U);
}

}  // namespace
}  // namespace glancefs::mount_test
