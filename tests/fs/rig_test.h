// What tests of writing have in common: a mounted Rig and the words for looking at it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/fs/rig.h"

namespace glancefs::fs {

/// Who creates, writes and closes.
inline constexpr Caller kWriter{.uid = 0, .gid = 0, .pid = 100};

/// Not mounted before a derived class says rig_.start(), so that it can configure first.
class RigTest : public testing::Test {
 protected:
  Filesystem& files() { return rig_.files(); }
  /// As kernel requests of one program's open file.
  void write(Opened& file, std::uint64_t offset, const std::string& text) {
    files().write(*file.handle, offset, std::as_bytes(std::span(text)));
  }
  /// The errno of cp(1) to private/a.
  int copy_error(const std::string& data = "data") {
    return errno_thrown([&] { rig_.copy_in("private", "a", data); });
  }
  /// The only image of that name at Glance; an empty one when there is none.
  client::Image image(const std::string& name) {
    return rig_.images.find(rig_.images.id_of(name)).value_or(client::Image());
  }
  std::string pending() {
    const NodeId control = files().find(kRootNode, ".glancefs")->node;
    return rig_.read_all(files().find(control, "pending")->node);
  }

  /// An image of ours without data, called q; not at Glance before it is put there.
  client::Image queued_image() {
    client::Image queued;
    queued.id = client::new_uuid();
    queued.name = "q";
    queued.owner = rig_.images.project();
    queued.status = client::Status::kQueued;
    queued.status_word = "queued";
    return queued;
  }

  Rig rig_;
};

}  // namespace glancefs::fs
