// Symbolic links to where an image is, which Glance then fetches by itself.
#include <sys/stat.h>

#include "client/http.h"
#include "client/import_state.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::Failure;
using client::HttpError;
using client::Operation;
using client::Status;
using test::FakeImages;
using Call = FakeImages::Call;
using End = FakeImages::ImportEnd;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kUrl = "https://images.example.org/rocky-9.qcow2?signature=hush";
constexpr const char* kShown = "https://images.example.org/rocky-9.qcow2?...";

class WebImporting : public RigTest {
 protected:
  WebImporting() {
    rig_.config.upload_pause = std::chrono::milliseconds(0);
    rig_.config.import_links = true;
    rig_.images.set_web(kUrl, "data");
    rig_.start();
  }
  Entry link(const std::string& name = "a", const std::string& url = kUrl,
             const std::string& directory = "private", std::stop_token stop = {}) {
    return files().symlink(rig_.directory_node(directory), name, url, std::move(stop));
  }
  /// The errno that linking ends with; 0: none. The text is kept in `why_`.
  int link_error(const std::string& name = "a", const std::string& url = kUrl,
                 const std::string& directory = "private", std::stop_token stop = {}) {
    return errno_thrown([&] {
      try {
        link(name, url, directory, std::move(stop));
      } catch (const std::system_error& error) {
        why_ = error.what();
        throw;
      }
    });
  }
  std::optional<std::string> local(const std::string& key, const std::string& name = "a") {
    return files().xattr(rig_.node("private", name), "user.glancefs." + key);
  }
  void wait_for_status(Status status, const std::string& name = "a") {
    while (image(name).status != status) std::this_thread::yield();
  }
  void wait_for_pending(const std::string& text) {
    while (pending().find(text) == std::string::npos) std::this_thread::yield();
  }
  void wait_until_nothing_is_pending() {
    while (!pending().empty()) std::this_thread::yield();
  }
  int upload_error(const std::string& name = "a") {
    const NodeId node = rig_.node("private", name);
    return errno_thrown(
        [&] { files().set_xattr(node, "user.glancefs.upload", "1", XattrMode::kSet, {}); });
  }
  std::string errors() {
    const NodeId control = files().find(kRootNode, ".glancefs")->node;
    return rig_.read_all(files().find(control, "errors")->node);
  }
  std::string why_;
};

TEST_F(WebImporting, TheImageComesByItself) {
  link();
  wait_until_nothing_is_pending();
  EXPECT_EQ(image("a").status, Status::kActive);
  EXPECT_EQ(image("a").disk_format, "qcow2") << "as the address says";
  EXPECT_EQ(*client::find_property(image("a").properties, "stores"), "fast");
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a")), "data");
  EXPECT_EQ(local("progress"), std::nullopt);
  EXPECT_EQ(local("error"), std::nullopt);
}

TEST_F(WebImporting, TheAnswerIsALinkThatNoNameLeadsTo) {
  rig_.images.set_import_end(End::kNever);
  const Entry answer = link();
  EXPECT_TRUE(S_ISLNK(answer.attributes.mode));
  EXPECT_EQ(answer.attributes.size, std::string_view(kUrl).size());
  EXPECT_EQ(answer.valid.count(), 0);
  const Entry found = *files().find(rig_.directory_node("private"), "a");
  EXPECT_NE(found.node, answer.node);
  EXPECT_TRUE(S_ISREG(found.attributes.mode));
  EXPECT_EQ(found.attributes.size, 0U);
  EXPECT_EQ(found.valid.count(), 0) << "its size is about to change";
  EXPECT_EQ(errno_thrown([&] { files().attributes(answer.node); }), ESTALE);
}

TEST_F(WebImporting, WhileItComesTheFileIsBusyAndTellsHowItGoes) {
  rig_.images.set_import_end(End::kNever);
  link();
  const NodeId node = rig_.node("private", "a");
  for (const int flags : {O_RDONLY, O_WRONLY, O_WRONLY | O_TRUNC}) {
    EXPECT_EQ(errno_thrown([&] { files().open(node, flags, kWriter, {}); }), EBUSY) << flags;
  }
  wait_for_pending("left: fast");
  EXPECT_EQ(errno_thrown([&] { files().open(node, O_RDONLY, {}, {}); }), EBUSY);
  EXPECT_THAT(local("progress").value(), HasSubstr("importing: running, left: fast"));
  EXPECT_THAT(pending(), AllOf(HasSubstr("private/a  importing from "), HasSubstr(kShown)));
  EXPECT_EQ(upload_error(), EBUSY) << "it runs already";
  rig_.images.set_import_end(End::kGood);
  wait_until_nothing_is_pending();
  EXPECT_EQ(rig_.read_all(node), "data");
}

TEST_F(WebImporting, ItGoesWhereWrittenFilesGo) {
  rig_.config.upload_to = {.import = false, .stores = {"slow"}};
  rig_.restart();
  link();
  wait_until_nothing_is_pending();
  EXPECT_EQ(*client::find_property(image("a").properties, "stores"), "slow");
  rig_.config.upload_to.stores = {"tape"};
  rig_.restart();
  EXPECT_EQ(link_error("b"), EINVAL);
  EXPECT_THAT(why_, HasSubstr("the site has fast, slow"));
}

TEST_F(WebImporting, LinksAreRefusedUnlessAskedFor) {
  rig_.config.import_links = false;
  rig_.restart();
  EXPECT_EQ(link_error(), EPERM);
  EXPECT_THAT(why_, HasSubstr("import=symlink"));
  EXPECT_EQ(rig_.images.count(), 0U);
}

TEST_F(WebImporting, TheNameDecidesTheFormatThenTheAddressThenTheOption) {
  rig_.config.fallback_format = {.disk_format = "vdi"};
  rig_.restart();
  const struct {
    const char *name, *url, *disk_format, *container_format;
  } cases[] = {{"a.iso", kUrl, "iso", "bare"},
               {"b", kUrl, "qcow2", "bare"},
               {"c.img", "http://h/x.img", "vdi", "bare"},
               {"d", "http://h/x.OVA#part", "vmdk", "ova"}};
  for (const auto& each : cases) {
    link(each.name, each.url);
    EXPECT_EQ(image(each.name).disk_format, each.disk_format) << each.name;
    EXPECT_EQ(image(each.name).container_format, each.container_format) << each.name;
  }
}

TEST_F(WebImporting, AFormatThatTheSiteDoesNotTakeIsRefusedFirst) {
  rig_.images.set_site({.disk_formats = {"raw"}, .container_formats = {"bare"}, .api_minor = 15});
  EXPECT_EQ(link_error(), EINVAL);
  EXPECT_THAT(why_, HasSubstr("takes no disk_format \"qcow2\""));
  EXPECT_EQ(rig_.images.calls(Call::kCreate), 0);
  EXPECT_EQ(link_error("a.raw"), 0) << "the name says what it is";
}

struct Refusal {
  const char *label, *name, *url, *directory;
  int error;
};

class RefusedLinks : public WebImporting, public testing::WithParamInterface<Refusal> {};

TEST_P(RefusedLinks, LeaveNothing) {
  rig_.images.add("there", "data");
  rig_.restart();
  const auto& [label, name, url, directory, error] = GetParam();
  EXPECT_EQ(link_error(name, url, directory), error);
  EXPECT_FALSE(why_.empty());
  EXPECT_THAT(why_, Not(HasSubstr("hush")));
  EXPECT_EQ(rig_.images.calls(Call::kCreate), 0);
  EXPECT_EQ(rig_.images.calls(Call::kImport), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Each, RefusedLinks,
    testing::Values(Refusal{"exists", "there", kUrl, "private", EEXIST},
                    Refusal{"local", ".a", kUrl, "private", EINVAL},
                    Refusal{"alias", "x~1234abcd", kUrl, "private", EINVAL},
                    Refusal{"bytes", "\xff", kUrl, "private", EILSEQ},
                    Refusal{"elsewhere", "a", kUrl, ".glancefs", EPERM},
                    Refusal{"path", "a", "/etc/passwd", "private", EINVAL},
                    Refusal{"relative", "a", "there", "private", EINVAL},
                    Refusal{"ftp", "a", "ftp://h/x", "private", EINVAL},
                    Refusal{"file", "a", "file:///etc/passwd", "private", EINVAL},
                    Refusal{"nohost", "a", "http:///x", "private", EINVAL},
                    Refusal{"space", "a", "http://h/x y", "private", EINVAL},
                    Refusal{"password", "a", "http://user:hush@h/x", "private", EINVAL}),
    [](const auto& each) { return each.param.label; });

TEST_F(WebImporting, AReadOnlyMountRefuses) {
  rig_.config.read_only = true;
  rig_.restart();
  EXPECT_EQ(link_error(), EROFS);
}

TEST_F(WebImporting, SitesWithoutWebDownloadsSaySo) {
  rig_.images.set_import_methods({"glance-direct"});
  EXPECT_EQ(link_error(), EOPNOTSUPP);
  EXPECT_THAT(why_, HasSubstr("only glance-direct"));
  EXPECT_EQ(rig_.images.calls(Call::kCreate), 0);
}

class RefusedOrders : public WebImporting,
                      public testing::WithParamInterface<std::pair<int, int>> {};

TEST_P(RefusedOrders, LeaveNoRecordAndNoSecret) {
  rig_.images.fail(
      Call::kImport,
      std::make_exception_ptr(HttpError(
          Operation::kAction, GetParam().first, "POST",
          std::string("URI for web-download does not pass filtering: ") + kUrl, "req-1")));
  EXPECT_EQ(link_error(), GetParam().second);
  EXPECT_THAT(why_, AllOf(HasSubstr(kShown), HasSubstr("does not pass filtering")));
  EXPECT_THAT(why_, Not(HasSubstr("hush")));
  EXPECT_EQ(rig_.images.count(), 0U);
  EXPECT_THAT(rig_.names("private"), IsEmpty());
  EXPECT_THAT(pending(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Each, RefusedOrders,
                         testing::Values(std::pair(400, EINVAL), std::pair(403, EACCES),
                                         std::pair(409, EBUSY), std::pair(413, EDQUOT)));

TEST_F(WebImporting, AQuotaOfImagesIsMetAtOnce) {
  rig_.images.fail(Call::kCreate, std::make_exception_ptr(HttpError(Operation::kCreate, 413, "POST",
                                                                    "over a limit", "req-1")));
  EXPECT_EQ(link_error(), EDQUOT);
  EXPECT_EQ(rig_.images.count(), 0U);
  EXPECT_EQ(rig_.images.calls(Call::kRemove), 0) << "there was none";
}

TEST_F(WebImporting, AnInterruptedOrderLeavesNothing) {
  rig_.images.hold(Call::kImport);
  std::stop_source stop;
  auto linking = std::async(std::launch::async,
                            [&] { return link_error("a", kUrl, "private", stop.get_token()); });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kImport, 1));
  stop.request_stop();
  EXPECT_EQ(linking.get(), EINTR);
  EXPECT_EQ(rig_.images.count(), 0U);
}

TEST_F(WebImporting, ALostAnswerToTheOrderIsNoRefusal) {
  rig_.images.hold(Call::kImport);
  rig_.images.fail(Call::kImport, std::make_exception_ptr(HttpError(
                                      Operation::kAction, Failure::kTimeout, "POST", "silence")));
  auto linking = std::async(std::launch::async, [&] { return link_error(); });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kImport, 1));
  rig_.images.edit(rig_.images.id_of("a"), [](client::Image& image) {
    image.properties = {{"os_glance_import_task", "t"}};
  });
  rig_.images.release(Call::kImport);
  EXPECT_EQ(linking.get(), 0);
  EXPECT_THAT(pending(), HasSubstr("private/a  importing"));
}

TEST_F(WebImporting, AnOrderThatDidNotArriveLeavesNothing) {
  rig_.images.fail(Call::kImport, std::make_exception_ptr(HttpError(
                                      Operation::kAction, Failure::kConnect, "POST", "refused")));
  EXPECT_NE(link_error(), 0);
  EXPECT_EQ(rig_.images.count(), 0U);
}

// What becomes of imports that Glance had accepted.

struct Ending {
  const char* name;
  End end;
  const char* says;
};

class FailingWebImports : public WebImporting, public testing::WithParamInterface<Ending> {};

TEST_P(FailingWebImports, AreToldAndCanBeTriedAgain) {
  rig_.images.set_import_end(GetParam().end);
  link();
  wait_for_pending("failed from");
  EXPECT_THAT(pending(),
              AllOf(HasSubstr(kShown), HasSubstr(GetParam().says), HasSubstr("rm removes it")));
  EXPECT_THAT(local("error").value(), AllOf(HasSubstr(GetParam().says), Not(HasSubstr("hush"))));
  EXPECT_THAT(local("progress").value(), HasSubstr("failed: "));
  EXPECT_THAT(errors(), AllOf(HasSubstr("import: "), HasSubstr(GetParam().says)));
  const std::string id = rig_.images.id_of("a");
  EXPECT_EQ(image("a").status, Status::kQueued) << "Glance keeps the record";
  EXPECT_EQ(errno_thrown([&] { files().open(rig_.node("private", "a"), O_RDONLY, {}, {}); }),
            ENODATA);

  rig_.images.set_import_end(End::kGood);
  EXPECT_EQ(upload_error(), 0);
  EXPECT_EQ(local("error"), std::nullopt);
  wait_until_nothing_is_pending();
  EXPECT_EQ(rig_.images.id_of("a"), id);
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a")), "data");
  EXPECT_EQ(upload_error(), EEXIST);
}

INSTANTIATE_TEST_SUITE_P(
    Ends, FailingWebImports,
    testing::Values(Ending{"failed", End::kQueued,
                           "into fast failed: Task failed due to Internal Error"},
                    Ending{"quota", End::kRefused, "over a limit"}),
    [](const auto& each) { return each.param.name; });

TEST_F(WebImporting, WhatIsNotThereFails) {
  link("a", "http://images.example.org/nothing");
  wait_for_pending("failed from http://images.example.org/nothing");
  EXPECT_EQ(image("a").status, Status::kQueued);
}

TEST_F(WebImporting, ARetryThatIsRefusedSaysWhy) {
  rig_.images.set_import_end(End::kQueued);
  link();
  wait_for_pending("failed from");
  rig_.images.fail(Call::kImport,
                   std::make_exception_ptr(HttpError(Operation::kAction, 413, "POST",
                                                     "Project x is over a limit", "req-1")));
  EXPECT_EQ(upload_error(), EDQUOT);
  EXPECT_THAT(pending(), HasSubstr("failed from")) << "as before";
}

TEST_F(WebImporting, WhatDoesNotMoveIsCalledStuckAndCanBeRemoved) {
  rig_.config.import_patience = std::chrono::milliseconds(0);
  rig_.restart();
  rig_.images.set_import_end(End::kNever);
  link();
  wait_for_pending("has not moved for 0 s");
  files().unlink(rig_.directory_node("private"), "a", {});
  EXPECT_EQ(rig_.images.count(), 0U);
  EXPECT_THAT(pending(), IsEmpty());
}

TEST_F(WebImporting, AnEmptyImageIsNoSuccess) {
  rig_.images.set_web(kUrl, "");
  link();
  wait_until_nothing_is_pending();
  EXPECT_THAT(local("error").value(), AllOf(HasSubstr("empty"), HasSubstr(kShown)));
  EXPECT_EQ(image("a").status, Status::kActive);
}

TEST_F(WebImporting, AnOutageWhileWatchingIsNoFailure) {
  rig_.images.set_import_end(End::kNever);
  link();
  const int before = rig_.images.calls(Call::kShow);
  rig_.images.fail(
      Call::kShow,
      std::make_exception_ptr(HttpError(Operation::kShow, Failure::kConnect, "GET", "refused")), 5);
  ASSERT_TRUE(rig_.images.wait_for_calls(Call::kShow, before + 7));
  rig_.images.set_import_end(End::kGood);
  wait_until_nothing_is_pending();
  EXPECT_EQ(local("error"), std::nullopt);
}

TEST_F(WebImporting, RemovingTheFileEndsItQuietly) {
  rig_.images.set_import_end(End::kNever);
  link();
  link("b");
  wait_for_pending("left: fast");
  files().unlink(rig_.directory_node("private"), "a", {});
  EXPECT_EQ(rig_.images.count(), 1U);
  // Were "a" still asked after, it would be before "b" is for the third time.
  ASSERT_TRUE(rig_.images.wait_for_calls(Call::kShow, rig_.images.calls(Call::kShow) + 6));
  EXPECT_THAT(rig_.names("private"), ElementsAre("b"));
  EXPECT_THAT(pending(), Not(HasSubstr("private/a")));
  EXPECT_THAT(errors(), IsEmpty());
}

TEST_F(WebImporting, WhatSomebodyElseRemovesGoesQuietly) {
  rig_.images.set_import_end(End::kNever);
  link();
  rig_.images.erase(rig_.images.id_of("a"));
  wait_until_nothing_is_pending();
  EXPECT_THAT(rig_.names("private"), IsEmpty());
  EXPECT_THAT(errors(), IsEmpty());
}

TEST_F(WebImporting, TheNextMountFollowsWhatRuns) {
  rig_.images.set_import_end(End::kNever);
  link();
  wait_for_pending("left: fast");
  rig_.restart();
  EXPECT_THAT(local("progress").value(), HasSubstr("importing: running, left: fast"));
  EXPECT_THAT(pending(), HasSubstr("private/a  importing  running"));
  rig_.images.set_import_end(End::kGood);
  wait_until_nothing_is_pending();
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a")), "data");
}

TEST_F(WebImporting, TheNextMountKnowsNoAddress) {
  rig_.images.set_import_end(End::kNever);
  link();
  wait_for_pending("left: fast");
  rig_.restart();
  rig_.images.set_import_end(End::kQueued);
  wait_for_pending("private/a  failed");
  EXPECT_THAT(local("error").value(), HasSubstr("not known any more"));
  EXPECT_EQ(upload_error(), EPERM);
  rig_.restart();
  EXPECT_THAT(pending(), IsEmpty());
  EXPECT_EQ(upload_error(), EPERM) << "the record alone tells that it failed";
  files().unlink(rig_.directory_node("private"), "a", {});
  link();
  EXPECT_EQ(rig_.images.count(), 1U);
}

TEST_F(WebImporting, WithoutTheOptionTheRecordStillTells) {
  rig_.images.set_import_end(End::kNever);
  link();
  wait_for_pending("left: fast");
  rig_.config.import_links = false;
  rig_.restart();
  EXPECT_THAT(local("progress").value(), HasSubstr("importing: running, left: fast"));
  EXPECT_THAT(pending(), IsEmpty()) << "it is not this mount's to follow";
}

}  // namespace
}  // namespace glancefs::fs
