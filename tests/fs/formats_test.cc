// The formats of images that are written: which are declared, which refused before they are sent.

#include "client/http.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::HttpError;
using client::Operation;
using client::Status;
using test::FakeImages;
using Call = FakeImages::Call;
using testing::AllOf;
using testing::HasSubstr;

const std::string kQcow2 = "QFI\xFB" + std::string("\0\0\0\3", 4) + std::string(1000, '\0');
const std::string kBacked = std::string(kQcow2).replace(15, 1, "\1");
// A boot sector without a partition.
const std::string kBooting = std::string(510, '\0') + "\x55\xAA";

class Formats : public RigTest {
 protected:
  Formats() {
    site_.disk_formats = {"raw", "qcow2", "iso", "aki"};
    site_.container_formats = {"bare", "ova"};
    site_.api_minor = 15;
    rig_.images.set_site(site_);
    rig_.config.upload_delay = std::chrono::milliseconds(0);
    rig_.start();
  }
  void set_minor(std::optional<unsigned> minor) {
    site_.api_minor = minor;
    rig_.images.set_site(site_);
    rig_.restart();
  }

  /// As cp(1) of a file whose attributes are set before the first byte; the errno of the close.
  int copy(const std::string& name, const std::string& data,
           const std::vector<std::pair<std::string, std::string>>& attributes = {}) {
    auto [entry, file] = files().create(rig_.directory_node("private"), name,
                                        O_WRONLY | O_CREAT | O_EXCL, kWriter, {});
    for (const auto& [key, value] : attributes) set(entry.node, key, value);
    files().write(*file.handle, 0, std::as_bytes(std::span(data)));
    const int error = close(entry.node, *file.handle);
    files().release(std::move(file.handle));
    return error;
  }
  int close(NodeId node, Handle& handle) {
    try {
      files().flush(handle, kWriter, {});
    } catch (...) {
      return files().explain("close", node, std::current_exception());
    }
    return 0;
  }
  void set(NodeId node, const std::string& key, const std::string& value) {
    files().set_xattr(node, "user.glance." + key, value, XattrMode::kSet, {});
  }
  std::string reason(const std::string& name) {
    return files().xattr(rig_.node("private", name), "user.glancefs.error").value_or("none");
  }
  int sent() { return rig_.images.calls(Call::kUpload); }
  void refuse_next() {
    rig_.images.fail(Call::kUpload,
                     std::make_exception_ptr(
                         HttpError(Operation::kUpload, 415, "PUT", "does not match", "req-1")));
  }

  client::Site site_;
};

TEST_F(Formats, TheMountsWordsCountWhereTheBytesSayNothing) {
  rig_.config.fallback_format = {.disk_format = "aki", .container_format = "ova"};
  rig_.restart();
  EXPECT_EQ(copy("a", "anything"), 0);
  EXPECT_EQ(image("a").disk_format, "aki");
  EXPECT_EQ(image("a").container_format, "ova");
  EXPECT_EQ(copy("b", kQcow2), 0);
  EXPECT_EQ(image("b").disk_format, "qcow2");
  EXPECT_EQ(image("b").container_format, "bare");
  EXPECT_EQ(copy("c", "anything", {{"disk_format", "iso"}}), 0);
  EXPECT_EQ(image("c").disk_format, "iso");
  EXPECT_EQ(image("c").container_format, "ova");
}

TEST_F(Formats, WhatTheSiteDoesNotTakeIsRefusedWithoutARequest) {
  EXPECT_EQ(copy("a", "vhdxfile and more"), EINVAL);
  EXPECT_EQ(rig_.images.calls(Call::kCreate), 0);
  EXPECT_EQ(rig_.images.count(), 0U);
  EXPECT_THAT(reason("a"), AllOf(HasSubstr("takes no disk_format \"vhdx\""),
                                 HasSubstr("it takes raw, qcow2, iso, aki")));
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a")), "vhdxfile and more") << "the bytes are kept";
}

TEST_F(Formats, AContainerThatTheSiteDoesNotTakeIsRefused) {
  EXPECT_EQ(copy("a", "x", {{"container_format", "docker"}}), EINVAL);
  EXPECT_THAT(reason("a"), HasSubstr("takes no container_format \"docker\"; it takes bare, ova"));
}

TEST_F(Formats, AnotherFormatAndACloseSendIt) {
  rig_.config.upload_delay = std::chrono::hours(1);  // so that nobody but the close sends it
  rig_.restart();
  EXPECT_EQ(copy("a", "vhdxfile"), EINVAL);
  const NodeId node = rig_.node("private", "a");
  set(node, "disk_format", "raw");
  Opened file = files().open(node, O_WRONLY, kWriter, {});
  EXPECT_EQ(close(node, *file.handle), 0);
  files().release(std::move(file.handle));
  EXPECT_EQ(image("a").status, Status::kActive);
  EXPECT_EQ(image("a").disk_format, "raw");
  EXPECT_EQ(rig_.images.data(image("a").id), "vhdxfile");
}

TEST_F(Formats, SettingAnotherFormatAloneSendsIt) {
  EXPECT_EQ(copy("a", "vhdxfile"), EINVAL);
  set(rig_.node("private", "a"), "disk_format", "raw");
  ASSERT_TRUE(rig_.images.wait_for_calls(Call::kUpload, 1));
  ASSERT_TRUE(rig_.images.wait_for_idle(Call::kUpload));
  EXPECT_EQ(image("a").disk_format, "raw");
}

TEST_F(Formats, AnAttributeIsRefusedAtOnceWhenTheFormatsAreKnown) {
  auto [entry, file] =
      files().create(rig_.directory_node("private"), "a", O_WRONLY | O_CREAT, kWriter, {});
  const NodeId node = entry.node;
  EXPECT_EQ(errno_thrown([&] { set(node, "disk_format", "vdi"); }), 0) << "nobody has asked yet";
  EXPECT_EQ(copy("b", "anything"), 0);
  EXPECT_EQ(errno_thrown([&] { set(node, "disk_format", "vmdk"); }), EINVAL);
  EXPECT_EQ(errno_thrown([&] { set(node, "container_format", "docker"); }), EINVAL);
  EXPECT_EQ(errno_thrown([&] { set(node, "disk_format", "iso"); }), 0);
  EXPECT_EQ(errno_thrown([&] { set(node, "os_distro", "vmdk"); }), 0);
  files().release(std::move(file.handle));
}

TEST_F(Formats, TheSiteIsAskedOnce) {
  EXPECT_EQ(rig_.images.calls(Call::kSite), 0);
  EXPECT_EQ(copy("a", "x"), 0);
  EXPECT_EQ(copy("b", "x"), 0);
  EXPECT_EQ(rig_.images.calls(Call::kSite), 1);
}

TEST_F(Formats, ASiteThatDoesNotAnswerGetsTheImageAllTheSame) {
  rig_.images.fail(Call::kSite, std::make_exception_ptr(
                                    HttpError(Operation::kOther, 500, "GET", "no", "req-1")));
  EXPECT_EQ(copy("a", "vhdxfile"), 0);
  EXPECT_EQ(image("a").disk_format, "vhdx");
  EXPECT_EQ(copy("b", "vhdxfile"), EINVAL) << "it is asked again";
}

TEST_F(Formats, AnInterruptEndsTheAsking) {
  rig_.images.hold(Call::kSite);
  auto [entry, file] =
      files().create(rig_.directory_node("private"), "a", O_WRONLY | O_CREAT, kWriter, {});
  files().write(*file.handle, 0, std::as_bytes(std::span("x", 1)));
  std::stop_source interrupt;
  auto closing = std::async(std::launch::async, [&, handle = file.handle.get()] {
    return errno_thrown([&] { files().flush(*handle, kWriter, interrupt.get_token()); });
  });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kSite, 1));
  interrupt.request_stop();
  EXPECT_EQ(closing.get(), EINTR);
  rig_.images.release(Call::kSite);
  files().release(std::move(file.handle));
}

TEST_F(Formats, OlderSitesGetWhateverIsDeclared) {
  for (const std::optional<unsigned> minor :
       {std::optional<unsigned>(16), std::optional<unsigned>()}) {
    set_minor(minor);
    EXPECT_EQ(copy("backed", kBacked), 0);
    EXPECT_EQ(copy("mismatch", "anything", {{"disk_format", "qcow2"}}), 0);
    EXPECT_EQ(copy("table", kBooting), 0);
    for (const char* name : {"backed", "mismatch", "table"}) {
      files().unlink(rig_.directory_node("private"), name, {});
    }
  }
}

TEST_F(Formats, WhatEverySiteThatLooksIntoImagesRefusesIsNotSent) {
  set_minor(17);
  EXPECT_EQ(copy("a", kBacked), EINVAL);
  EXPECT_EQ(sent(), 0);
  EXPECT_EQ(rig_.images.calls(Call::kCreate), 0);
  EXPECT_THAT(reason("a"), HasSubstr("it has a backing file"));
  EXPECT_EQ(copy("b", kBacked, {{"container_format", "ova"}}), 0) << "that one is not looked into";
}

TEST_F(Formats, WhatASettingLetsThroughIsSentUntilItWasRefused) {
  set_minor(17);
  EXPECT_EQ(copy("a", "anything", {{"disk_format", "qcow2"}}), 0);
  EXPECT_EQ(copy("b", kBooting), 0);
  EXPECT_EQ(sent(), 2);
  refuse_next();
  EXPECT_EQ(copy("c", "anything", {{"disk_format", "qcow2"}}), EINVAL);
  EXPECT_EQ(sent(), 3);
  EXPECT_EQ(copy("d", "anything", {{"disk_format", "iso"}}), EINVAL);
  EXPECT_EQ(sent(), 3);
  EXPECT_THAT(reason("d"), HasSubstr("would refuse the image after its upload: its content is not "
                                     "iso"));
  EXPECT_EQ(copy("e", kBooting), 0) << "another setting";
  refuse_next();
  EXPECT_EQ(copy("f", kBooting), EINVAL);
  EXPECT_EQ(copy("g", kBooting), EINVAL);
  EXPECT_EQ(sent(), 5);
}

TEST_F(Formats, ARefusalForTwoReasonsTeachesNeither) {
  refuse_next();
  EXPECT_EQ(copy("a", kBacked, {{"disk_format", "iso"}}), EINVAL);
  EXPECT_EQ(copy("b", kBacked), 0);
  EXPECT_EQ(copy("c", kQcow2, {{"disk_format", "iso"}}), 0);
}

// Nobody heard of its end; meanwhile the site takes no such format any more.
TEST_F(Formats, AFinishedUploadIsNotRefusedAfterwards) {
  rig_.images.on_uploaded([this](const std::string&) {
    const HttpError error(Operation::kShow, 503, "GET", "no", "req-1");
    rig_.images.fail(Call::kShow, std::make_exception_ptr(error), 2);
    throw error;
  });
  EXPECT_EQ(copy("a", kQcow2), EIO);
  ASSERT_EQ(image("a").status, Status::kActive);
  site_.disk_formats = {"raw"};
  rig_.images.set_site(site_);
  rig_.restart();
  const auto shown = [this] {
    return files().xattr(rig_.node("private", "a"), "user.glance.status").value_or("");
  };
  while (rig_.images.count() > 0 && shown() != "active") std::this_thread::yield();
  EXPECT_EQ(rig_.images.count(), 1U);
  EXPECT_EQ(sent(), 1);
}

TEST_F(Formats, AQueuedImagesFormatGivesWayToTheOneThatWasSet) {
  client::Image queued = queued_image();
  queued.disk_format = "aki";
  queued.container_format = "bare";
  rig_.images.put(queued);
  rig_.restart();
  const NodeId node = rig_.node("private", "q");
  Opened file = files().open(node, O_WRONLY, kWriter, {});
  set(node, "disk_format", "iso");
  files().write(*file.handle, 0, std::as_bytes(std::span("data", 4)));
  EXPECT_EQ(close(node, *file.handle), 0);
  files().release(std::move(file.handle));
  EXPECT_EQ(image("q").disk_format, "iso");
  EXPECT_EQ(image("q").container_format, "bare");
}

}  // namespace
}  // namespace glancefs::fs
