// What every client::Images promises. A suite over a type that sets a service up:
//   client::Images& images();
//   std::string add(const std::string& name, const std::string& data);   ours, active; its id
//   std::string add_foreign(const std::string& name, const std::string& visibility);
//   void erase(const std::string& id);       somebody deletes it
//   void lose_data(const std::string& id);   the store loses its bytes
//   void refuse_ranges();                    the store gives whole images only
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include "client/images.h"
#include "client/import_state.h"
#include "tests/support/fake_images.h"

namespace glancefs::client {

template <typename Service>
class ImagesContract : public ::testing::Test {
 protected:
  Images& images() { return service_.images(); }
  Image shown(const std::string& id) {
    auto image = images().show(id, {});
    return image ? *image : Image();
  }
  std::vector<std::string> names(const ListQuery& query = {}) {
    std::vector<std::string> found;
    images().list(query, [&](Image&& image) { found.push_back(image.name.value_or("(null)")); },
                  {});
    std::ranges::sort(found);
    return found;
  }
  static Draft draft(const std::string& name) {
    Draft made;
    made.id = new_uuid();
    made.name = name;
    made.disk_format = "raw";
    made.container_format = "bare";
    return made;
  }
  Image set(const std::string& id, const std::string& key, Value value) {
    return images().update(id, {{key, std::move(value)}}, {});
  }
  // Asks until the import is over, at most as long as any import here can take; every phase that it
  // passed through goes to `phases`.
  Image imported(const std::string& id, const std::vector<std::string>& stores,
                 std::vector<ImportPhase>* phases = nullptr) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    Image image = shown(id);
    ImportPhase phase = import_state(image, stores).phase;
    while (phase != ImportPhase::kDone && phase != ImportPhase::kFailed &&
           std::chrono::steady_clock::now() < limit) {
      if (phases != nullptr) phases->push_back(phase);
      image = shown(id);
      phase = import_state(image, stores).phase;
    }
    EXPECT_EQ(phase, ImportPhase::kDone);
    return image;
  }
  static int error_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const std::system_error& error) {
      return error.code().value();
    }
    return 0;
  }
  static std::string sample(std::size_t size) {
    std::string data(size, '\0');
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<char>(i * 7 + i / 251);
    return data;
  }

  Service service_;
};

TYPED_TEST_SUITE_P(ImagesContract);

using Text = std::string;
using Tags = std::vector<std::string>;

TYPED_TEST_P(ImagesContract, ListsWhatIsVisible) {
  this->service_.add("mine", "x");
  this->service_.add_foreign("everybody", "public");
  this->service_.add_foreign("theirs", "private");
  this->service_.add_foreign("open", "community");
  EXPECT_THAT(this->names(), testing::ElementsAre("everybody", "mine", "open"));
}

TYPED_TEST_P(ImagesContract, ListsHiddenOnesAlone) {
  const std::string id = this->service_.add("a", "x");
  this->service_.add("b", "x");
  this->set(id, "os_hidden", true);
  EXPECT_THAT(this->names(), testing::ElementsAre("b"));
  EXPECT_THAT(this->names({.hidden = true, .updated_since = {}, .name = {}}),
              testing::ElementsAre("a"));
  EXPECT_TRUE(this->shown(id).hidden);
}

TYPED_TEST_P(ImagesContract, ListsByName) {
  this->service_.add("ubuntu:22.04", "x");
  this->service_.add("in:x", "x");
  this->service_.add("in:x", "y");
  EXPECT_EQ(this->names({.hidden = false, .updated_since = {}, .name = "ubuntu:22.04"}).size(), 1U);
  EXPECT_EQ(this->names({.hidden = false, .updated_since = {}, .name = "in:x"}).size(), 2U);
  EXPECT_EQ(this->names({.hidden = false, .updated_since = {}, .name = "x"}).size(), 0U);
}

TYPED_TEST_P(ImagesContract, ListsFromEitherEnd) {
  for (const char* name : {"a", "b", "c"}) this->service_.add(name, "x");
  const auto ids = [&](bool oldest_first) {
    std::vector<std::string> found;
    this->images().list(
        {.hidden = false, .updated_since = {}, .name = {}, .oldest_first = oldest_first},
        [&](Image&& image) { found.push_back(image.id); }, {});
    return found;
  };
  std::vector<std::string> newest_first = ids(false);
  EXPECT_EQ(newest_first.size(), 3U);
  std::ranges::reverse(newest_first);
  EXPECT_EQ(ids(true), newest_first);
}

TYPED_TEST_P(ImagesContract, ListsOneVisibilityOrOneOwner) {
  const std::string id = this->service_.add("mine", "x");
  this->service_.add_foreign("everybody", "public");
  this->service_.add_foreign("open", "community");
  ListQuery query;
  query.visibility = Visibility::kCommunity;
  EXPECT_THAT(this->names(query), testing::ElementsAre("open"));
  query.visibility = Visibility::kPrivate;
  EXPECT_THAT(this->names(query), testing::ElementsAre("mine"));
  query.owner = "somebody else, with: what URLs & filters=dislike";
  EXPECT_THAT(this->names(query), testing::IsEmpty());
  query.owner = this->shown(id).owner;
  EXPECT_THAT(this->names(query), testing::ElementsAre("mine"));
  query.visibility = {};
  EXPECT_THAT(this->names(query), testing::ElementsAre("mine"));
}

TYPED_TEST_P(ImagesContract, ListsChanges) {
  const std::string id = this->service_.add("a", "x");
  const Image image = this->set(id, "os_distro", Text("debian"));
  EXPECT_THAT(this->names({.hidden = false, .updated_since = image.updated, .name = {}}),
              testing::ElementsAre("a"));
  EXPECT_THAT(
      this->names(
          {.hidden = false, .updated_since = image.updated + std::chrono::seconds(1), .name = {}}),
      testing::IsEmpty());
}

TYPED_TEST_P(ImagesContract, ShowsARecord) {
  const Image image = this->shown(this->service_.add("a", "12345"));
  EXPECT_EQ(image.name, "a");
  EXPECT_EQ(image.status, Status::kActive);
  EXPECT_EQ(image.status_word, "active");
  EXPECT_EQ(image.size, 5U);
  EXPECT_EQ(image.checksum, "827ccb0eea8a706c4c34a16891f84e7b");
  EXPECT_EQ(image.hash_algorithm, "sha512");
  EXPECT_EQ(image.hash.size(), 128U);
  EXPECT_EQ(image.disk_format, "raw");
  EXPECT_FALSE(this->images().show(new_uuid(), {}));
  EXPECT_FALSE(this->images().show(this->service_.add_foreign("b", "private"), {}));
}

TYPED_TEST_P(ImagesContract, DownloadsParts) {
  const std::string data = this->sample(300'000);
  const Image image = this->shown(this->service_.add("a", data));
  const std::vector<ByteRange> ranges{{0, 1}, {0, 300'000}, {299'999, 1}, {1000, 200'000}};
  for (const ByteRange& range : ranges) {
    test::StringSink sink;
    EXPECT_EQ(this->images().download(image, range, sink, {}), Delivery::kComplete);
    EXPECT_TRUE(sink.text() == data.substr(range.offset, range.length)) << range.offset;
  }
  test::StringSink sink;
  this->images().stream(image, sink, {});
  EXPECT_TRUE(sink.text() == data);
}

TYPED_TEST_P(ImagesContract, SaysWhenRangesAreRefused) {
  const std::string data = this->sample(1000);
  const Image image = this->shown(this->service_.add("a", data));
  this->service_.refuse_ranges();
  test::StringSink sink;
  EXPECT_EQ(this->images().download(image, {10, 10}, sink, {}), Delivery::kRangesRefused);
  EXPECT_EQ(sink.text(), "");
  this->images().stream(image, sink, {});
  EXPECT_TRUE(sink.text() == data);
}

TYPED_TEST_P(ImagesContract, LostDataIsNoEmptyFile) {
  const std::string id = this->service_.add("a", "12345");
  const Image image = this->shown(id);
  this->service_.lose_data(id);
  test::StringSink sink;
  EXPECT_EQ(this->error_of([&] { this->images().download(image, {0, 5}, sink, {}); }), EIO);
  EXPECT_EQ(this->error_of([&] { this->images().stream(image, sink, {}); }), EIO);
  EXPECT_EQ(sink.text(), "");
}

TYPED_TEST_P(ImagesContract, ADeletedImageIsStale) {
  const std::string id = this->service_.add("a", "12345");
  const Image image = this->shown(id);
  this->service_.erase(id);
  test::StringSink sink;
  EXPECT_EQ(this->error_of([&] { this->images().download(image, {0, 5}, sink, {}); }), ESTALE);
  EXPECT_EQ(this->error_of([&] { this->images().stream(image, sink, {}); }), ESTALE);
}

TYPED_TEST_P(ImagesContract, TheSinksErrorsPassUnchanged) {
  struct FullSink : Sink {
    void write(std::span<const std::byte>) override {
      throw std::system_error(ENOSPC, std::generic_category());
    }
  } full;
  const Image image = this->shown(this->service_.add("a", "12345"));
  EXPECT_EQ(this->error_of([&] { this->images().download(image, {0, 5}, full, {}); }), ENOSPC);
  EXPECT_EQ(this->error_of([&] { this->images().stream(image, full, {}); }), ENOSPC);
}

TYPED_TEST_P(ImagesContract, CreatesAndFills) {
  Draft draft = this->draft("new");
  draft.fields = {{"os_distro", Value(Text("debian"))},
                  {"tags", Value(Tags{"b", "a"})},
                  {"min_disk", Value(std::int64_t{3})}};
  const Image made = this->images().create(draft, {});
  EXPECT_EQ(made.id, draft.id);
  EXPECT_EQ(made.status, Status::kQueued);
  EXPECT_EQ(made.visibility, Visibility::kPrivate);
  EXPECT_FALSE(made.size);
  EXPECT_THAT(made.tags, testing::ElementsAre("a", "b"));
  EXPECT_EQ(made.min_disk, 3U);
  EXPECT_EQ(*find_property(made.properties, "os_distro"), "debian");

  const std::string data = this->sample(200'000);
  test::StringSource source(data);
  this->images().upload(draft.id, source, {}, {});
  const Image image = this->shown(draft.id);
  EXPECT_EQ(image.status, Status::kActive);
  EXPECT_EQ(image.size, data.size());
  test::StringSink sink;
  this->images().download(image, {0, data.size()}, sink, {});
  EXPECT_TRUE(sink.text() == data);
}

TYPED_TEST_P(ImagesContract, ACreateMayBeRepeated) {
  const Draft draft = this->draft("new");
  this->images().create(draft, {});
  EXPECT_EQ(this->images().create(draft, {}).id, draft.id);
  EXPECT_EQ(this->names().size(), 1U);
  Draft other = draft;
  other.name = "other";
  EXPECT_EQ(this->error_of([&] { this->images().create(other, {}); }), EEXIST);
  this->images().remove(draft.id, {});
  EXPECT_EQ(this->error_of([&] { this->images().create(draft, {}); }), EEXIST)
      << "an id is never free again";
}

TYPED_TEST_P(ImagesContract, UploadsOnlyOnce) {
  const std::string id = this->service_.add("a", "12345");
  test::StringSource source("again");
  EXPECT_EQ(this->error_of([&] { this->images().upload(id, source, {}, {}); }), EPERM);
  EXPECT_EQ(this->error_of([&] { this->images().upload(new_uuid(), source, {}, {}); }), ESTALE);
  Draft draft = this->draft("formless");
  draft.disk_format.clear();
  this->images().create(draft, {});
  EXPECT_EQ(this->error_of([&] { this->images().upload(draft.id, source, {}, {}); }), EINVAL);
}

TYPED_TEST_P(ImagesContract, UploadsIntoAStore) {
  const Draft draft = this->draft("new");
  this->images().create(draft, {});
  test::StringSource source("data");
  EXPECT_EQ(this->error_of([&] { this->images().upload(draft.id, source, "nowhere", {}); }),
            EINVAL);
  this->images().upload(draft.id, source, "slow", {});
  EXPECT_EQ(*find_property(this->shown(draft.id).properties, "stores"), "slow");
}

TYPED_TEST_P(ImagesContract, KnowsWhatTheSiteOffers) {
  EXPECT_THAT(this->images().stores({}).value(), testing::ElementsAre("fast", "slow"));
  EXPECT_THAT(this->images().import_methods({}), testing::Contains("glance-direct"));
}

TYPED_TEST_P(ImagesContract, ImportsWhatWasStaged) {
  const std::vector<std::string> stores{"fast", "slow"};
  const std::string data = this->sample(200'000);
  const Draft draft = this->draft("new");
  this->images().create(draft, {});
  test::StringSource source(data);
  this->images().stage(draft.id, source, {});
  const Image staged = this->shown(draft.id);
  EXPECT_EQ(staged.status, Status::kUploading);
  EXPECT_EQ(staged.size, data.size());
  EXPECT_EQ(import_state(staged, stores).phase, ImportPhase::kNone);
  EXPECT_EQ(this->error_of([&] { this->images().stage(draft.id, source, {}); }), EBUSY);

  this->images().import_staged(draft.id, stores, {});
  const Image image = this->imported(draft.id, stores);
  EXPECT_EQ(image.size, data.size());
  EXPECT_EQ(image.hash.size(), 128U);
  test::StringSink sink;
  this->images().download(image, {0, data.size()}, sink, {});
  EXPECT_TRUE(sink.text() == data);
  const std::vector<Task> tasks = this->images().tasks(draft.id, {});
  ASSERT_EQ(tasks.size(), 1U);
  EXPECT_NE(tasks[0].status, "failure");
}

TYPED_TEST_P(ImagesContract, AnImportThatRunsNeverLooksLikeAFailure) {
  const Draft draft = this->draft("new");
  this->images().create(draft, {});
  test::StringSource source("data");
  this->images().stage(draft.id, source, {});
  this->images().import_staged(draft.id, {}, {});
  std::vector<ImportPhase> phases;
  EXPECT_EQ(this->imported(draft.id, {}, &phases).status, Status::kActive);
  EXPECT_THAT(phases, testing::Each(testing::AnyOf(ImportPhase::kWaiting, ImportPhase::kRunning)));
}

TYPED_TEST_P(ImagesContract, OnlyWhatIsStagedIsImported) {
  const Draft draft = this->draft("new");
  EXPECT_EQ(this->error_of([&] { this->images().import_staged(draft.id, {}, {}); }), ENOENT);
  EXPECT_THAT(this->error_of([&] { this->images().tasks(draft.id, {}); }),
              testing::AnyOf(0, ENOENT));
  this->images().create(draft, {});
  EXPECT_EQ(this->error_of([&] { this->images().import_staged(draft.id, {}, {}); }), EBUSY);
  EXPECT_THAT(this->images().tasks(draft.id, {}), testing::IsEmpty());
  const std::string foreign = this->service_.add_foreign("b", "public");
  test::StringSource source("data");
  EXPECT_EQ(this->error_of([&] { this->images().stage(foreign, source, {}); }), EACCES);
}

TYPED_TEST_P(ImagesContract, AnEmptyImage) {
  const Draft draft = this->draft("empty");
  this->images().create(draft, {});
  test::StringSource source("");
  this->images().upload(draft.id, source, {}, {});
  EXPECT_EQ(this->shown(draft.id).size, 0U);
  EXPECT_EQ(this->shown(draft.id).status, Status::kActive);
}

TYPED_TEST_P(ImagesContract, AnUploadThatStopsCanBeRepeated) {
  struct BrokenSource : test::StringSource {
    using StringSource::StringSource;
    std::size_t read(std::span<std::byte> into) override {
      if (++reads > 2) throw std::system_error(EDOM, std::generic_category());
      return StringSource::read(into.first(std::min<std::size_t>(into.size(), 1000)));
    }
    int reads = 0;
  } broken(this->sample(100'000));
  const Draft draft = this->draft("new");
  this->images().create(draft, {});
  EXPECT_EQ(this->error_of([&] { this->images().upload(draft.id, broken, {}, {}); }), EDOM);
  // The server finds out when the connection is gone.
  test::StringSource source("whole");
  int error = EBUSY;
  for (int i = 0; i < 100 && error == EBUSY; ++i) {
    source.restart();
    error = this->error_of([&] { this->images().upload(draft.id, source, {}, {}); });
  }
  EXPECT_EQ(error, 0);
  EXPECT_EQ(this->shown(draft.id).size, 5U);
}

TYPED_TEST_P(ImagesContract, UpdatesEveryKindOfField) {
  const std::string id = this->service_.add("a", "x");
  const Image image = this->images().update(id,
                                            {{"name", Value(Text("b/c"))},
                                             {"x~y/z", Value(Text("v"))},
                                             {"tags", Value(Tags{"t2", "t1"})},
                                             {"protected", Value(true)},
                                             {"min_ram", Value(std::int64_t{64})},
                                             {"visibility", Value(Text("shared"))}},
                                            {});
  EXPECT_EQ(image.name, "b/c");
  EXPECT_EQ(*find_property(image.properties, "x~y/z"), "v");
  EXPECT_THAT(image.tags, testing::ElementsAre("t1", "t2"));
  EXPECT_TRUE(image.is_protected);
  EXPECT_EQ(image.min_ram, 64U);
  EXPECT_EQ(image.visibility, Visibility::kShared);
  EXPECT_EQ(this->shown(id), image);
  EXPECT_EQ(find_property(this->images().update(id, {{"x~y/z", {}}}, {}).properties, "x~y/z"),
            nullptr);
}

TYPED_TEST_P(ImagesContract, RefusedUpdatesSayWhy) {
  const std::string id = this->service_.add("a", "x");
  const auto error_of_setting = [&](const std::string& key, Value value) {
    return this->error_of([&] { this->set(id, key, std::move(value)); });
  };
  EXPECT_EQ(error_of_setting("size", std::int64_t{5}), EPERM);
  EXPECT_EQ(error_of_setting("os_glance_x", Text("v")), EPERM);
  EXPECT_EQ(error_of_setting("disk_format", Text("qcow2")), EPERM);
  EXPECT_EQ(error_of_setting("visibility", Text("public")), EACCES);
  EXPECT_EQ(error_of_setting("visibility", Text("secret")), EINVAL);
  EXPECT_EQ(error_of_setting("protected", Text("true")), EINVAL);
  EXPECT_EQ(error_of_setting("member", Text("v")), EINVAL);
  EXPECT_EQ(error_of_setting("min_disk", std::int64_t{-1}), EINVAL);
  EXPECT_EQ(this->error_of([&] { this->images().update(id, {{"nothing", {}}}, {}); }), ENODATA);
  EXPECT_EQ(this->error_of([&] { this->images().update(id, {{"name", {}}}, {}); }), EPERM);
  EXPECT_EQ(this->error_of([&] { this->set(new_uuid(), "a", Text("v")); }), ENOENT);
  const std::string foreign = this->service_.add_foreign("b", "public");
  EXPECT_EQ(this->error_of([&] { this->set(foreign, "a", Text("v")); }), EACCES);
}

TYPED_TEST_P(ImagesContract, UpdatesAreAllOrNothing) {
  const std::string id = this->service_.add("a", "x");
  EXPECT_EQ(this->error_of([&] {
    this->images().update(id, {{"good", Value(Text("v"))}, {"nothing", std::nullopt}}, {});
  }),
            ENODATA);
  EXPECT_EQ(find_property(this->shown(id).properties, "good"), nullptr);
}

TYPED_TEST_P(ImagesContract, PropertiesAreLimited) {
  const std::string id = this->service_.add("a", "x");
  std::vector<Change> changes;
  for (int i = 0; i < 129; ++i) changes.push_back({"p" + std::to_string(i), Value(Text("v"))});
  EXPECT_EQ(this->error_of([&] { this->images().update(id, changes, {}); }), ENOSPC);
}

TYPED_TEST_P(ImagesContract, Removes) {
  const std::string id = this->service_.add("a", "x");
  this->set(id, "protected", true);
  EXPECT_EQ(this->error_of([&] { this->images().remove(id, {}); }), EPERM);
  this->set(id, "protected", false);
  this->images().remove(id, {});
  EXPECT_FALSE(this->images().show(id, {}));
  EXPECT_EQ(this->error_of([&] { this->images().remove(id, {}); }), ENOENT);
  const std::string foreign = this->service_.add_foreign("b", "public");
  EXPECT_EQ(this->error_of([&] { this->images().remove(foreign, {}); }), EACCES);
}

TYPED_TEST_P(ImagesContract, TellsWhatTheSiteTakes) {
  const Site site = this->images().site({});
  EXPECT_THAT(site.disk_formats, testing::IsSupersetOf({"raw", "qcow2", "iso"}));
  EXPECT_THAT(site.container_formats, testing::IsSupersetOf({"bare", "ova"}));
  EXPECT_EQ(site.api_minor, 15U);
}

TYPED_TEST_P(ImagesContract, NothingHappensAfterStop) {
  const std::string id = this->service_.add("a", "12345");
  const Image image = this->shown(id);
  std::stop_source stop;
  stop.request_stop();
  const std::stop_token token = stop.get_token();
  test::StringSink sink;
  Images& images = this->images();
  EXPECT_EQ(this->error_of([&] {
    images.list(
        {}, [](Image&&) {}, token);
  }),
            ECANCELED);
  EXPECT_EQ(this->error_of([&] { images.show(id, token); }), ECANCELED);
  EXPECT_EQ(this->error_of([&] { images.download(image, {0, 5}, sink, token); }), ECANCELED);
  EXPECT_EQ(this->error_of([&] { images.remove(id, token); }), ECANCELED);
  EXPECT_EQ(this->error_of([&] { images.site(token); }), ECANCELED);
  EXPECT_TRUE(images.show(id, {}));
}

REGISTER_TYPED_TEST_SUITE_P(ImagesContract, ListsWhatIsVisible, ListsHiddenOnesAlone, ListsByName,
                            ListsFromEitherEnd, ListsOneVisibilityOrOneOwner, ListsChanges,
                            ShowsARecord, DownloadsParts, SaysWhenRangesAreRefused,
                            LostDataIsNoEmptyFile, ADeletedImageIsStale,
                            TheSinksErrorsPassUnchanged, CreatesAndFills, UploadsIntoAStore,
                            KnowsWhatTheSiteOffers, ImportsWhatWasStaged,
                            AnImportThatRunsNeverLooksLikeAFailure, OnlyWhatIsStagedIsImported,
                            ACreateMayBeRepeated, UploadsOnlyOnce, AnEmptyImage,
                            AnUploadThatStopsCanBeRepeated, UpdatesEveryKindOfField,
                            RefusedUpdatesSayWhy, UpdatesAreAllOrNothing, PropertiesAreLimited,
                            Removes, TellsWhatTheSiteTakes, NothingHappensAfterStop);

}  // namespace glancefs::client
