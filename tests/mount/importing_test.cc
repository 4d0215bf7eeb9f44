// Files that the server imports, and what becomes of them when it does not.
#include <signal.h>

#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using devcloud::Fault;
using testing::AllOf;
using testing::HasSubstr;

class Importing : public MountedCloud {
 protected:
  using MountedCloud::MountedCloud;
  std::string stores_of(const std::string& name) {
    std::string text;
    const auto image = cloud_.image(id_of(name));
    for (const std::string& store : image ? image->stores : std::vector<std::string>()) {
      text += (text.empty() ? "" : ",") + store;
    }
    return text;
  }
  bool is_active(const std::string& name) {
    const auto image = cloud_.image(id_of(name));
    return image && image->status == "active" &&
           !image->properties.contains("os_glance_import_task");
  }
  std::size_t stagings() { return cloud_.requests("PUT", "/v2/images/{id}/stage"); }
  std::size_t uploads() { return cloud_.requests("PUT", "/v2/images/{id}/file"); }
  Result copy(const std::string& data) {
    write_file(directory_ / "a", data);
    return sh("cp $D/a $M/private/");
  }
  // cp whose file is staged and whose import is held.
  std::unique_ptr<Background> held_copy() {
    cloud_.hold_imports(true);
    write_file(directory_ / "a", pattern(3'000'000));
    auto copy = std::make_unique<Background>(
        "exec cp " + (directory_ / "a") + " " + mount_point_ + "/private/", Environment{});
    EXPECT_TRUE(cloud_.wait_until([&] {
      const auto image = cloud_.image(id_of("a"));
      return image && image->status == "importing";
    }));
    return copy;
  }
};

TEST_F(Importing, TheWholeWayByImport) {
  mount("upload=import");
  EXPECT_EQ(copy(pattern(3'000'000)).code, 0) << reason("private/a");
  EXPECT_TRUE(is_active("a"));
  EXPECT_EQ(stores_of("a"), "fast");
  EXPECT_EQ(uploads(), 0U);
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0);
  EXPECT_EQ(out("cat $M/.glancefs/pending"), "");
}

TEST_F(Importing, SeveralStores) {
  mount("stores=fast:slow");
  EXPECT_EQ(copy(pattern(3'000'000)).code, 0) << reason("private/a");
  EXPECT_TRUE(is_active("a"));
  EXPECT_EQ(stores_of("a"), "fast,slow");
  EXPECT_EQ(out("getfattr --absolute-names -n user.glance.stores --only-values $M/private/a"),
            "fast,slow");
}

TEST_F(Importing, OneStoreIsReachedByAPlainUpload) {
  mount("stores=slow");
  EXPECT_EQ(copy("data").code, 0) << reason("private/a");
  EXPECT_EQ(stores_of("a"), "slow");
  EXPECT_EQ(stagings(), 0U);
}

TEST_F(Importing, TheFileSaysWhereItGoes) {
  mount("stores=slow");
  write_file(directory_ / "a", pattern(100'000));
  EXPECT_EQ(out("exec 3> $M/private/a; setfattr -n user.glance.stores -v slow,fast $M/private/a; "
                "getfattr --absolute-names -n user.glance.stores --only-values $M/private/a; "
                "cat $D/a >&3; exec 3>&-"),
            "slow,fast");
  EXPECT_TRUE(is_active("a")) << reason("private/a");
  EXPECT_EQ(stores_of("a"), "slow,fast");
}

TEST_F(Importing, UnknownStoresAreRefusedAndNamed) {
  mount();
  EXPECT_THAT(
      sh("exec 3> $M/private/a; setfattr -n user.glance.stores -v tape $M/private/a").output,
      HasSubstr("Invalid argument"));
  EXPECT_THAT(reason("private/a"), HasSubstr("the site has fast, slow"));
  unmount();
  Background wrong("exec " GLANCEFS_PROGRAM " mount --foreground " + mount_point_ +
                       " -o log=stderr,stores=tape,cache-dir=" + (directory_ / "cache") +
                       ",state-dir=" + (directory_ / "state"),
                   openrc(cloud_.demo()));
  EXPECT_NE(wrong.wait(), 0);
  EXPECT_THAT(wrong.output(), HasSubstr("the site has fast, slow"));
}

TEST_F(Importing, APutThatPolicyForbidsNamesTheOtherWay) {
  mount();
  Fault fault = devcloud::answer_fault(
      403, R"({"message":"You are not authorized to complete upload_image action."})",
      {{"Content-Type", "application/json"}});
  fault.method = "PUT";
  fault.path = "/file";
  cloud_.add_fault(fault);
  EXPECT_THAT(copy("data").output, HasSubstr("Permission denied"));
  EXPECT_THAT(reason("private/a"), AllOf(HasSubstr("upload_image"), HasSubstr("upload=import")));
  EXPECT_EQ(cloud_.image_ids().size(), 0U);
  unmount();
  mount("upload=import");
  EXPECT_TRUE(cloud_.wait_until([&] { return is_active("a"); })) << "as it was advised";
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0);
}

TEST_F(Importing, CtrlCLeavesTheImportToTheServer) {
  mount("upload=import");
  const auto copy = held_copy();
  EXPECT_THAT(out("cat $M/.glancefs/pending"), HasSubstr("importing"));
  copy->signal(SIGINT);
  EXPECT_NE(copy->wait(std::chrono::seconds(10)), -1);
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0);
  const std::string id = id_of("a");
  unmount();
  cloud_.hold_imports(false);
  EXPECT_TRUE(cloud_.wait_until([&] { return is_active("a"); }));
  mount("upload=import");
  EXPECT_EQ(sh("for i in $(seq 200); do [ -s $M/.glancefs/pending ] || exit 0; sleep 0.1; done; "
               "cat $M/.glancefs/pending; exit 1")
                .code,
            0);
  EXPECT_EQ(id_of("a"), id) << "recognised, not sent again";
  EXPECT_EQ(stagings(), 1U);
}

TEST_F(Importing, TheNextMountWaitsForTheImportOfAKilledDaemon) {
  mount("upload=import");
  const auto copy = held_copy();
  const std::string id = id_of("a");
  kill_daemon();
  EXPECT_NE(copy->wait(), 0);
  mount();
  EXPECT_EQ(sh("for i in $(seq 200); do grep -q importing $M/.glancefs/pending && exit 0; "
               "sleep 0.1; done; cat $M/.glancefs/pending; exit 1")
                .code,
            0);
  cloud_.hold_imports(false);
  EXPECT_TRUE(cloud_.wait_until([&] { return is_active("a"); }));
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0);
  EXPECT_EQ(id_of("a"), id);
  EXPECT_EQ(stagings(), 1U);
}

TEST_F(Importing, TheNextMountBeginsAnewWhatAKilledDaemonOnlyStaged) {
  mount("upload=import");
  Fault fault;
  fault.kind = Fault::Kind::kStall;
  fault.method = "PUT";
  fault.path = "/stage";
  const int stall = cloud_.add_fault(fault);
  write_file(directory_ / "a", pattern(3'000'000));
  Background copy("exec cp " + (directory_ / "a") + " " + mount_point_ + "/private/", {});
  ASSERT_TRUE(cloud_.wait_until([&] {
    const auto image = cloud_.image(id_of("a"));
    return cloud_.fault_hits(stall) > 0 && image && image->staged;
  }));
  const std::string id = id_of("a");
  kill_daemon();
  EXPECT_NE(copy.wait(), 0);
  cloud_.clear_faults();
  mount("upload=import");
  EXPECT_TRUE(cloud_.wait_until([&] { return is_active("a"); })) << daemon_->output();
  EXPECT_NE(id_of("a"), id);
  EXPECT_EQ(cloud_.image_ids().size(), 1U);
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0);
}

// A store that takes no more, and a Glance that looks at the bytes.
devcloud::Config tight() {
  devcloud::Config config;
  config.stores[1].capacity = 1000;
  config.inspects = true;
  return config;
}

class FailingImports : public Importing {
 protected:
  FailingImports() : Importing(tight()) {}
};

TEST_F(FailingImports, AStoreThatIsFullLeavesNoHalfImage) {
  mount("stores=fast:slow");
  const Result result = copy(pattern(100'000));
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.output, HasSubstr("Input/output error"));
  EXPECT_THAT(reason("private/a"),
              AllOf(HasSubstr("into slow failed"), HasSubstr("Task failed due to Internal Error")));
  EXPECT_EQ(cloud_.image_ids().size(), 0U) << "what was stuck has been deleted";
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0) << "the bytes are kept";
  EXPECT_THAT(out("cat $M/.glancefs/pending"), HasSubstr("into slow failed"));
  unmount();
  mount("stores=fast");
  EXPECT_TRUE(cloud_.wait_until([&] { return is_active("a"); }));
}

TEST_F(FailingImports, BytesThatGlanceRefusesAreQueuedAgainAndThenGone) {
  mount("upload=import");
  EXPECT_EQ(sh("exec 3> $M/private/a; setfattr -n user.glance.disk_format -v qcow2 $M/private/a; "
               "cat /dev/null; echo 'no qcow2 at all' >&3; exec 3>&-")
                .code,
            0);
  EXPECT_EQ(sh("for i in $(seq 300); do grep -q failed $M/.glancefs/pending && exit 0; sleep 0.1; "
               "done; cat $M/.glancefs/pending; exit 1")
                .code,
            0);
  EXPECT_EQ(cloud_.image_ids().size(), 0U);
  EXPECT_EQ(out("cat $M/private/a"), "no qcow2 at all");
}

devcloud::Config limited() {
  devcloud::Config config;
  config.limits = devcloud::KeystoneLimits{};
  config.limits->image_size_total = 2;
  return config;
}

class LimitedImports : public Importing {
 protected:
  LimitedImports() : Importing(limited()) {}
};

TEST_F(LimitedImports, TheQuotaThatOnlyTheTaskTellsOfReachesCp) {
  mount("upload=import");
  EXPECT_THAT(copy(pattern(5'000'000)).output, HasSubstr("Disk quota exceeded"));
  EXPECT_THAT(reason("private/a"), HasSubstr("image_size_total is over limit of 2"));
  EXPECT_EQ(cloud_.image_ids().size(), 0U);
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0);
}

devcloud::Config without_imports() {
  devcloud::Config config;
  config.import_methods = {"web-download"};
  return config;
}

class SiteWithoutImports : public Importing {
 protected:
  SiteWithoutImports() : Importing(without_imports()) {}
};

TEST_F(SiteWithoutImports, TheMountSaysSo) {
  Background wrong("exec " GLANCEFS_PROGRAM " mount --foreground " + mount_point_ +
                       " -o log=stderr,upload=import,cache-dir=" + (directory_ / "cache") +
                       ",state-dir=" + (directory_ / "state"),
                   openrc(cloud_.demo()));
  EXPECT_NE(wrong.wait(), 0);
  EXPECT_THAT(wrong.output(), HasSubstr("no glance-direct imports"));
}

}  // namespace
}  // namespace glancefs::mount_test
