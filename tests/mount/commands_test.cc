// What people type: the real program against a real mount.
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/fd.h"
#include "fs/service/line.h"
#include "fs/service/socket_place.h"
#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Commands : public MountedCloud {
 protected:
  void SetUp() override {
    MountedCloud::SetUp();
    // Open to others, so that it is the daemon and the command who refuse them.
    std::filesystem::create_directory(run_);
    ::chmod(run_.c_str(), 0755);
    ::chmod(directory_.path().c_str(), 0755);
    daemon_environment_["RUNTIME_DIRECTORY"] = run_;
  }
  std::string line(const std::string& words) const {
    return "RUNTIME_DIRECTORY=" + run_ + " " GLANCEFS_PROGRAM " " + words;
  }
  Result glancefs(const std::string& words) { return sh(line(words)); }
  json answer(const std::string& words) {
    const Result result = glancefs(words + " -f json");
    EXPECT_EQ(result.code, 0) << result.output;
    return json::parse(result.output, nullptr, false);
  }
  // One line on standard error that says why, and nothing on standard output.
  std::string refused(const std::string& words, int code) {
    const Result result = sh(line(words) + " 2>&1 >$D/output");
    EXPECT_EQ(result.code, code) << result.output;
    EXPECT_THAT(read_file(directory_ / "output"), IsEmpty()) << words;
    EXPECT_TRUE(result.output.starts_with("glancefs: ")) << result.output;
    return result.output;
  }
  std::string socket_file() const {
    struct stat status {};
    EXPECT_EQ(::stat(mount_point_.c_str(), &status), 0);
    return fs::socket_path(run_, minor(status.st_dev));
  }
  Fd connect() const {
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = fs::socket_address(socket_file());
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    return socket;
  }
  static std::string say(const Fd& socket, const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    fs::write_line(socket, text, deadline, -1);
    return fs::read_line(socket, 1 << 20, deadline, -1).value_or("nothing");
  }
  int stall_downloads() {
    devcloud::Fault fault;
    fault.kind = devcloud::Fault::Kind::kStall;
    fault.path = "/file$";
    fault.after = 1;
    return cloud_.add_fault(fault);
  }
  int stall_uploads() {
    devcloud::Fault fault;
    fault.kind = devcloud::Fault::Kind::kRequestStall;
    fault.method = "PUT";
    fault.after = 1;
    return cloud_.add_fault(fault);
  }
  // On a thread that is somebody else: Linux keeps that for each thread, only libc does not.
  static void as_nobody(const std::function<void()>& work) {
    constexpr long kNobody = 65534;
    std::thread([&] {
      ASSERT_EQ(::syscall(SYS_setresuid, -1L, kNobody, -1L), 0);
      work();
    }).join();
  }
  void die() {
    daemon_->signal(SIGKILL);
    EXPECT_EQ(daemon_->wait(), 128 + SIGKILL);
    daemon_.reset();
  }

  const std::string run_ = directory_ / "run";
};

TEST_F(Commands, StatusShowsOneMountOrAll) {
  add("a", "data");
  mount();
  const json one = answer("status $M");
  EXPECT_EQ(one["mount_point"], mount_point_);
  EXPECT_EQ(one["state"], "online");
  EXPECT_EQ(one["images"], 1);
  EXPECT_EQ(one["project_name"], "demo");
  EXPECT_EQ(one["process"], daemon_->pid());
  EXPECT_EQ(one["cache_directory"], directory_ / "cache");
  EXPECT_THAT(one["token_expires_at"].get<std::string>(), testing::EndsWith("Z"));
  EXPECT_TRUE(one["offline_since"].is_null());
  // Others may be mounted on this machine, and be out of reach.
  const Result all = sh(line("status -f value -c mount_point -c state") + " 2>/dev/null");
  EXPECT_THAT(all.output, HasSubstr(mount_point_ + " online\n"));
  EXPECT_THAT(glancefs("status $M").output, HasSubstr("project_name"));
  EXPECT_THAT(glancefs("status $M -f csv -c images").output, "\"images\"\n1\n");
}

TEST_F(Commands, ABindMountIsTheSameMount) {
  add("a", "data");
  mount();
  ASSERT_EQ(sh("mkdir $D/other && mount --bind $M/private $D/other").code, 0);
  const std::string other = directory_ / "other";
  const std::shared_ptr<void> undo(nullptr, [&](void*) { ::umount2(other.c_str(), MNT_DETACH); });
  EXPECT_EQ(answer("status $D/other")["images"], 1);
  EXPECT_EQ(answer("image show $D/other/a")["name"], "a");
}

TEST_F(Commands, WhatIsNoMountIsNotAskedFor) {
  mount();
  EXPECT_THAT(refused("status $D", 1), HasSubstr("not on a mount of glancefs"));
  EXPECT_THAT(refused("status $D/nothing", 1), HasSubstr("No such file"));
  EXPECT_THAT(refused("image show /etc/passwd", 1), HasSubstr("not on a mount of glancefs"));
  EXPECT_THAT(refused("status $M $M", 2), HasSubstr("hint: glancefs status [DIR]"));
  EXPECT_THAT(refused("status $M -f xml", 2), HasSubstr("unknown format"));
  EXPECT_THAT(refused("status $M -c wat", 2), HasSubstr("no column"));
  EXPECT_THAT(refused("image show", 2), HasSubstr("missing"));
  EXPECT_THAT(refused("transfer", 2), HasSubstr("second word"));
}

TEST_F(Commands, ImageShowHasEveryFieldWithItsType) {
  const std::string id = add("a", "data");
  mount();
  ASSERT_EQ(sh("setfattr -n user.glance.os_distro -v debian $M/private/a && "
               "setfattr -n user.glance.tags -v one,two $M/private/a")
                .code,
            0);
  const json image = answer("image show $M/private/a");
  EXPECT_EQ(image["id"], id);
  EXPECT_EQ(image["status"], "active");
  EXPECT_EQ(image["size"], 4);
  EXPECT_EQ(image["protected"], false);
  EXPECT_EQ(image["os_distro"], "debian");
  EXPECT_EQ(image["tags"], json({"one", "two"}));
  EXPECT_EQ(image["os_hash_algo"], "sha512");
  EXPECT_TRUE(image["members"].is_null());
  EXPECT_THAT(refused("image show $M/private", 1), HasSubstr("not an image"));
  EXPECT_THAT(refused("image show $M/private/b", 1), HasSubstr("private/b: No such file"));
}

TEST_F(Commands, RefreshShowsWhatIsNew) {
  mount("metadata-ttl=1h");
  const std::string id = add("a", "data");
  EXPECT_EQ(glancefs("refresh $M").code, 0);
  EXPECT_EQ(out("ls $M/private"), "a");
  cloud_.add_fault(devcloud::answer_fault(503, "{}", {{"Content-Type", "application/json"}}));
  EXPECT_THAT(refused("refresh $M", 1), HasSubstr("503"));
}

TEST_F(Commands, PrefetchWaitsUntilAllIsHere) {
  add("a", pattern(3'000'000));
  mount();
  EXPECT_EQ(answer("cache show $M/private/a")["present_bytes"], 0);
  EXPECT_THAT(glancefs("cache prefetch $M/private/a").output, IsEmpty()) << "nothing in a pipe";
  const json here = answer("cache show $M/private/a");
  EXPECT_EQ(here["present_bytes"], 3'000'000);
  EXPECT_EQ(here["complete"], true);
  EXPECT_THAT(refused("cache prefetch $M/private/b $M/private/a", 1), HasSubstr("private/b"));
}

TEST_F(Commands, CtrlCLeavesThePrefetchGoingOn) {
  add("a", pattern(300'000));
  mount();
  const int fault = stall_downloads();
  Background waiting("exec env " + line("cache prefetch " + mount_point_ + "/private/a"), {});
  ASSERT_TRUE(cloud_.wait_until([&] { return cloud_.fault_hits(fault) > 0; }));
  // Asked for: from here on it waits.
  ASSERT_TRUE(eventually(
      [&] { return glancefs("transfer list $M -f value -c state").output == "prefetching\n"; }));
  waiting.signal(SIGINT);
  EXPECT_EQ(waiting.wait(), 130);
  EXPECT_THAT(waiting.output(), IsEmpty());
  const json transfers = answer("transfer list $M");
  ASSERT_EQ(transfers.size(), 1U);
  EXPECT_EQ(transfers[0]["direction"], "download");
  EXPECT_EQ(transfers[0]["file"], "private/a");
  EXPECT_EQ(transfers[0]["size"], 300'000);
  EXPECT_THAT(read_file(mount_point_ + "/.glancefs/transfers"),
              HasSubstr("private/a: prefetching"));
  EXPECT_EQ(json::parse(read_file(mount_point_ + "/.glancefs/transfers.json"))[0]["id"],
            transfers[0]["id"]);
  EXPECT_EQ(glancefs("transfer cancel $M/private/a").code, 0);
  EXPECT_TRUE(eventually([&] { return answer("transfer list $M").empty(); }));
  EXPECT_THAT(refused("transfer cancel $M/private/a", 1), HasSubstr("nothing of it is on its way"));
}

TEST_F(Commands, ACancelledUploadIsKeptUntilItIsAskedFor) {
  mount("upload-delay=0");
  const int fault = stall_uploads();
  write_file(directory_ / "a", pattern(100'000));
  Background copy("exec cp " + (directory_ / "a") + " " + mount_point_ + "/private/", {});
  ASSERT_TRUE(cloud_.wait_until([&] { return cloud_.fault_hits(fault) > 0; }));
  const json running = answer("transfer list $M");
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running[0]["state"], "uploading");
  EXPECT_EQ(running[0]["attempt"], 1);
  EXPECT_EQ(glancefs("transfer cancel $M/private/a").code, 0);
  EXPECT_EQ(copy.wait(), 1) << copy.output();
  cloud_.clear_faults();
  EXPECT_EQ(answer("transfer list $M")[0]["state"], "unfinished");
  EXPECT_THAT(pending(), HasSubstr("cancelled"));
  EXPECT_THAT(cloud_.image_ids(), IsEmpty());
  // Nor does the next mount send it by itself.
  unmount();
  mount("upload-delay=0");
  EXPECT_THAT(pending(), HasSubstr("cancelled"));
  EXPECT_EQ(sh("setfattr -n user.glancefs.upload -v 1 $M/private/a").code, 0);
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0);
}

TEST_F(Commands, ThePinnedAreKept) {
  add("a", pattern(200'000));
  mount();
  EXPECT_EQ(glancefs("cache pin $M/private/a").code, 0);
  EXPECT_EQ(glancefs("cache prefetch $M/private/a").code, 0);
  const json kept = answer("cache list $M");
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0]["file"], "private/a");
  EXPECT_EQ(kept[0]["pinned"], true);
  EXPECT_EQ(kept[0]["size"], 200'000);
  EXPECT_THAT(refused("cache drop $M/private/a", 1), HasSubstr("unpin it first"));
  EXPECT_EQ(glancefs("cache gc $M --size 0").code, 3);
  EXPECT_EQ(glancefs("cache unpin $M/private/a").code, 0);
  EXPECT_EQ(glancefs("cache rm $M/private/a").code, 0);
  EXPECT_EQ(answer("cache show $M/private/a")["present_bytes"], 0);
  EXPECT_THAT(refused("cache pin $M", 1), HasSubstr("not an image"));
}

TEST_F(Commands, VerifyFindsAndDropsWhatIsDamaged) {
  const std::string id = add("a", pattern(200'000));
  add("b", pattern(100'000));
  mount();
  ASSERT_EQ(sh("cat $M/private/a $M/private/b >$D/both").code, 0);
  ASSERT_TRUE(eventually([&] {
    return answer("cache show $M/private/a")["sealed"] == true &&
           answer("cache show $M/private/b")["sealed"] == true;
  }));
  EXPECT_EQ(glancefs("cache verify $M").code, 0);
  std::string damaged;
  for (const json& object : answer("cache list $M")) {
    if (object["file"] == "private/a") damaged = object["object"].get<std::string>();
  }
  ASSERT_EQ(sh("printf X | dd conv=notrunc bs=1 seek=70000 of=$D/cache/" + damaged + ".data").code,
            0);
  const Result found = glancefs("cache verify $M -f value -c file -c state");
  EXPECT_EQ(found.code, 3);
  EXPECT_THAT(found.output,
              AllOf(HasSubstr("private/a damaged, dropped\n"), HasSubstr("private/b sound\n")));
  EXPECT_EQ(glancefs("cache verify $M").code, 0);
  EXPECT_EQ(answer("cache list $M").size(), 1U);
}

TEST_F(Commands, ACacheWithoutAMountIsLookedAfterToo) {
  const std::string id = add("a", pattern(200'000));
  add("b", pattern(100'000));
  mount();
  ASSERT_EQ(sh("cat $M/private/a $M/private/b >$D/both").code, 0);
  unmount();
  const std::string cache = " --cache-dir $D/cache";
  EXPECT_EQ(answer("cache ls" + cache).size(), 2U);
  EXPECT_EQ(glancefs("cache verify" + cache).code, 0);
  EXPECT_EQ(glancefs("cache drop " + id + cache).code, 0);
  EXPECT_THAT(refused("cache drop " + id + cache, 1), HasSubstr("nothing is kept of it"));
  EXPECT_EQ(answer("cache gc --size 0" + cache)["freed_bytes"], 100'000);
  EXPECT_EQ(answer("cache list" + cache).size(), 0U);
  EXPECT_THAT(refused("cache list --cache-dir $D", 1), HasSubstr("is no cache"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "glancefs-cache"));
  EXPECT_THAT(refused("cache gc --size much" + cache, 2), HasSubstr("--size"));
  EXPECT_THAT(refused("cache list $M" + cache, 2), HasSubstr("two caches"));
}

TEST_F(Commands, UmountWaitsForTheUploads) {
  mount("upload-delay=1h");
  EXPECT_EQ(sh("exec 3<> $M/private/a; echo data >&3").code, 0);
  EXPECT_THAT(refused("umount $M/private", 1), HasSubstr("not a mount point"));
  const Result result = glancefs("umount $M");
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, IsEmpty());
  EXPECT_EQ(cloud_.image(id_of("a"))->status, "active");
  EXPECT_EQ(daemon_->wait(), 0);
  EXPECT_THAT(refused("umount $M", 1), HasSubstr("not on a mount"));
}

TEST_F(Commands, UmountSaysWhatWasNotUploaded) {
  mount("upload-delay=1h");
  EXPECT_EQ(sh("exec 3<> $M/private/a; echo data >&3").code, 0);
  cloud_.add_fault(devcloud::answer_fault(413, R"({"message":"over quota"})",
                                          {{"Content-Type", "application/json"}}));
  const Result result = glancefs("umount $M");
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.output, AllOf(HasSubstr("private/a"), HasSubstr("over quota")));
}

TEST_F(Commands, UmountNeedNotWait) {
  mount("upload-delay=1h,shutdown-timeout=1h");
  EXPECT_EQ(sh("exec 3<> $M/private/a; echo data >&3").code, 0);
  const int fault = stall_uploads();
  EXPECT_EQ(glancefs("umount --no-wait $M").code, 0);
  ASSERT_TRUE(cloud_.wait_until([&] { return cloud_.fault_hits(fault) > 0; }));
  EXPECT_EQ(daemon_->wait(std::chrono::seconds(0)), -1) << "it still sends";
  cloud_.clear_faults();
  EXPECT_EQ(daemon_->wait(), 0);
}

TEST_F(Commands, CtrlCEndsTheWaitingForUploads) {
  mount("upload-delay=1h,shutdown-timeout=1h");
  EXPECT_EQ(sh("exec 3<> $M/private/a; echo data >&3").code, 0);
  const int fault = stall_uploads();
  Background waiting("exec env " + line("umount " + mount_point_), {});
  ASSERT_TRUE(cloud_.wait_until([&] { return cloud_.fault_hits(fault) > 0; }));
  waiting.signal(SIGINT);
  EXPECT_EQ(waiting.wait(), 130);
  cloud_.clear_faults();
  EXPECT_EQ(daemon_->wait(), 0);
  EXPECT_EQ(cloud_.image(id_of("a"))->status, "active");
}

TEST_F(Commands, WhatIsInUseIsUnmountedLazily) {
  add("a", "data");
  mount();
  {
    const Fd reader(::open((mount_point_ + "/private/a").c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_THAT(refused("umount $M", 1), HasSubstr("busy"));
    EXPECT_EQ(out("cat $M/private/a"), "data") << "it is still there";
    EXPECT_EQ(glancefs("umount --lazy $M").code, 0);
  }
  EXPECT_EQ(daemon_->wait(), 0);
}

TEST_F(Commands, OthersAreRefused) {
  mount("allow_other");
  // Neither root's runtime directory nor this one is theirs.
  EXPECT_EQ(out("stat -c %a " + run_), "755");
  as_nobody([&] {
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = fs::socket_address(socket_file());
    EXPECT_NE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
  });
  // Also one who gets at the socket all the same: the daemon looks who asks.
  ASSERT_EQ(::chmod(socket_file().c_str(), 0666), 0);
  as_nobody([&] {
    EXPECT_THAT(say(connect(), R"({"do":"status"})"), HasSubstr("only its owner and root may ask"));
  });
  EXPECT_EQ(glancefs("status $M").code, 0);
}

TEST_F(Commands, WhoMayNotAskIsToldWhoMay) {
  daemon_environment_.erase("RUNTIME_DIRECTORY");
  mount("allow_other");
  const Result result =
      sh("setpriv --reuid 65534 --regid 65534 --clear-groups " GLANCEFS_PROGRAM " status $M");
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.output, HasSubstr("only user 0, who mounted it, and root may ask"));
}

TEST_F(Commands, TheSocketIsItsOwnersAlone) {
  mount();
  struct stat status {};
  ASSERT_EQ(::stat(socket_file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const std::string file = socket_file();
  unmount();
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(Commands, GarbageIsAnsweredAndForgotten) {
  add("a", "data");
  mount();
  for (const std::string& text :
       {std::string("wat"), std::string(), std::string("[1,2"), std::string(5000, '['),
        std::string("{\"do\":7}"), std::string("{\"do\":\"fly\"}"), std::string("\0\xff{}", 4),
        std::string("{\"do\":\"image\"}"), std::string("{\"do\":\"image\",\"node\":-1}"),
        std::string("{\"do\":\"names\",\"ids\":{}}")}) {
    EXPECT_THAT(say(connect(), text), HasSubstr("\"ok\":false")) << text;
  }
  EXPECT_THAT(say(connect(), std::string(100'000, 'x')),
              testing::AnyOf(HasSubstr("too long"), "nothing"));
  EXPECT_EQ(answer("status $M")["images"], 1);
}

TEST_F(Commands, ManyClientsAreBoundedAndTheMountGoesOn) {
  add("a", "data");
  mount();
  std::vector<Fd> silent;
  for (int i = 0; i < 40; ++i) silent.push_back(connect());
  EXPECT_EQ(out("cat $M/private/a"), "data");
  EXPECT_THAT(refused("status $M", 1), HasSubstr("too many ask at once"));
  silent.clear();
  EXPECT_TRUE(eventually([&] { return glancefs("status $M").code == 0; }));
}

TEST_F(Commands, ADeadDaemonIsSaidToBeOne) {
  mount();
  const std::string file = socket_file();
  die();
  EXPECT_TRUE(std::filesystem::exists(file)) << "nobody was left to remove it";
  EXPECT_THAT(refused("status $M", 1), HasSubstr("nobody answers"));
  EXPECT_THAT(refused("image show $M/private/a", 1), HasSubstr("has died"));
  const Result result = glancefs("umount $M");
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("not waiting for uploads"));
  EXPECT_NE(sh("mountpoint -q $M").code, 0);
  mount();
  EXPECT_EQ(answer("status $M")["state"], "online");
}

TEST_F(Commands, AStrangersSocketIsNotTrusted) {
  mount();
  const std::string file = socket_file();
  ASSERT_EQ(sh("rm " + file).code, 0);
  ASSERT_EQ(::chmod(run_.c_str(), 0777), 0);
  const Fd stranger(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = fs::socket_address(file);
  as_nobody([&] {
    const auto* name = reinterpret_cast<const sockaddr*>(&address);
    ASSERT_EQ(::bind(stranger.get(), name, sizeof address), 0);
    ASSERT_EQ(::listen(stranger.get(), 1), 0);
  });
  EXPECT_THAT(refused("status $M", 1), HasSubstr("a socket of user 65534"));
}

TEST_F(Commands, AnOutageIsExplained) {
  add("a", "data");
  mount("metadata-ttl=1");
  cloud_.add_fault(devcloud::answer_fault(503, "{}", {{"Content-Type", "application/json"}}));
  EXPECT_TRUE(eventually([&] { return answer("status $M")["state"] != "online"; }));
  EXPECT_THAT(answer("status $M")["trouble"].get<std::string>(), HasSubstr("503"));
}

TEST_F(Commands, WatchingEndsWithCtrlC) {
  mount();
  Background watching("exec env " + line("status " + mount_point_ + " --watch -f value -c state"),
                      {});
  EXPECT_TRUE(watching.wait_for_output("online\nonline\n"));
  watching.signal(SIGINT);
  EXPECT_EQ(watching.wait(), 130);
}

}  // namespace
}  // namespace glancefs::mount_test
