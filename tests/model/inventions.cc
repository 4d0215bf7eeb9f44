#include "tests/model/inventions.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/xattr.h>

#include <array>

#include "tests/model/file_names.h"

namespace glancefs::model {
namespace {

constexpr std::array<std::uint64_t, 8> kSizes{0, 1, 100, 4096, 5000, 8192, 20000, 70000};
constexpr int kSlots = 4;

Operation on_file(Inventor& in, const char* verb, std::initializer_list<const char*> faults) {
  Operation op;
  op.verb = verb;
  in.choose_file(op.directory, op.name);
  if (faults.size() > 0 && in.sometimes(8)) op.fault = *(faults.begin() + in.below(faults.size()));
  return op;
}

Operation on_slot(Inventor& in, const char* verb) {
  Operation op;
  op.slot = in.open_slot();
  if (op.slot != 0) op.verb = verb;
  return op;
}

constexpr std::array kKeys{"os_distro", "os_distro", "tags",        "tags",      "min_disk",
                           "min_ram",   "name",      "visibility",  "protected", "os_hidden",
                           "a b/c~d",   "stores",    "disk_format", "id",        "status",
                           "context",   "base",      "os_glance_x", " blank",    "h\xc3\xa9"};

std::string value_for(Inventor& in, const std::string& key) {
  if (key == "tags")
    return in.any_of(std::array{"b,a", "a,b", "", ",", "a\\,b", "x", "\\\\,x", "z"});
  if (key.starts_with("min_")) return in.any_of(std::array{"0", "5", "7", "-1", "x", "3000000000"});
  if (key == "visibility") return in.any_of(std::array{"private", "public", "shared", "x"});
  if (key == "protected" || key == "os_hidden") {
    return in.any_of(std::array{"true", "false", "1", "No", "perhaps", "false"});
  }
  if (key == "stores") return in.any_of(std::array{"fast", "slow", "nowhere"});
  if (key == "disk_format") return in.any_of(std::array{"raw", "qcow2", "iso", "floppy"});
  if (key == "name") return in.new_name();
  return in.any_of(std::array{"debian", "", "two\nlines", "\xff", "\xf0\x9f\x98\x80", "x"});
}

Operation invent_upload(Inventor& in) {
  Operation op = on_file(in, "setxattr", {"503", "quota"});
  op.key = "glancefs.upload";
  op.value = in.sometimes(5) ? "0" : "1";
  return op;
}

}  // namespace

Operation invent_open(Inventor& in) {
  Operation op;
  op.verb = "open";
  op.slot = static_cast<int>(in.below(kSlots)) + 1;
  if (in.model().handles.contains(op.slot)) return {};
  static constexpr std::array kFlags{O_RDONLY,
                                     O_RDONLY,
                                     O_WRONLY,
                                     O_RDWR,
                                     O_WRONLY | O_TRUNC,
                                     O_WRONLY | O_CREAT | O_TRUNC,
                                     O_WRONLY | O_CREAT | O_EXCL,
                                     O_RDWR | O_CREAT};
  op.flags = in.any_of(kFlags);
  in.choose_file(op.directory, op.name);
  if ((op.flags & O_CREAT) != 0) {
    op.number = in.number();
    if (!in.sometimes(4)) {
      op.directory = in.sometimes(30) ? kOffers : in.directory();
      op.name = in.new_name();
    }
  }
  return op;
}

Operation invent_write(Inventor& in) {
  Operation op = on_slot(in, "write");
  static constexpr std::array<std::uint64_t, 5> kOffsets{0, 0, 1000, 4096, 30000};
  op.offset = in.any_of(kOffsets);
  op.size = 1 + in.any_of(kSizes);  // the kernel keeps empty ones to itself
  op.seed = in.below(1U << 30U);
  return op;
}

Operation invent_read(Inventor& in) {
  Operation op = on_slot(in, "read");
  op.offset = in.sometimes(2) ? 0 : in.any_of(kSizes);
  op.size = in.sometimes(2) ? 1U << 20U : in.any_of(kSizes);
  if (in.sometimes(8)) op.fault = in.sometimes(2) ? "401" : "503 once";
  return op;
}

Operation invent_resize_open(Inventor& in) {
  Operation op = on_slot(in, "ftruncate");
  op.size = in.any_of(kSizes);
  if (!op.verb.empty() && !in.model().handles.at(op.slot).writable) return {};
  return op;
}

Operation invent_close(Inventor& in) {
  Operation op = on_slot(in, "close");
  static constexpr std::array kFaults{"503",   "503 once",  "quota", "store full",
                                      "reset", "too large", "lost",  "401"};
  if (in.sometimes(4)) op.fault = in.any_of(kFaults);
  return op;
}

Operation invent_rename(Inventor& in) {
  Operation op = on_file(in, "rename", {"503", "503 once", "lost", "401"});
  op.to_directory = in.sometimes(2) ? op.directory : in.directory();
  if (op.to_directory == "by-id" && !in.sometimes(8)) op.to_directory = in.directory();
  op.to_name = in.sometimes(3) ? op.name : in.new_name();
  if (in.sometimes(6)) in.choose_file(op.to_directory, op.to_name);
  const bool answers = op.directory == kOffers ? in.sometimes(2) : in.sometimes(16);
  if (answers) {
    op.to_directory = op.directory == kOffers ? "shared" : kOffers;
    op.to_name = op.name;
  }
  if (in.sometimes(6)) op.flags = in.sometimes(2) ? RENAME_NOREPLACE : RENAME_EXCHANGE;
  return op;
}

Operation invent_chmod(Inventor& in) {
  Operation op = on_file(in, "chmod", {"503", "503 once", "lost"});
  op.flags = in.sometimes(3) ? 0444 : 0644;
  return op;
}

Operation invent_set_xattr(Inventor& in) {
  if (in.sometimes(6)) return invent_upload(in);
  Operation op = on_file(in, "setxattr", {"503", "503 once", "lost", "401"});
  op.key = in.any_of(kKeys);
  op.value = value_for(in, op.key);
  if (in.sometimes(4)) op.flags = in.sometimes(2) ? XATTR_CREATE : XATTR_REPLACE;
  if (in.sometimes(12)) op.key = "xdg.origin.url";
  if (in.sometimes(20)) op.key = "glancefs.error";
  return op;
}

Operation invent_remove_xattr(Inventor& in) {
  Operation op = on_file(in, "removexattr", {"503", "503 once", "lost", "401"});
  op.key = in.any_of(kKeys);
  return op;
}

Operation invent_get_xattr(Inventor& in) {
  static constexpr std::array kAsked{"os_distro",  "tags",    "min_disk", "name",
                                     "visibility", "a b/c~d", "id",       "none"};
  Operation op = on_file(in, "getxattr", {});
  op.key = in.any_of(kAsked);
  return op;
}

Operation invent_resize(Inventor& in) {
  Operation op = on_file(in, "truncate", {});
  op.size = in.any_of(kSizes);
  return op;
}

Operation invent_chown(Inventor& in) {
  Operation op = on_file(in, "chown", {});
  op.flags = in.sometimes(2) ? 1 : 0;
  return op;
}

Operation invent_refresh(Inventor& in) {
  Operation op;
  op.verb = "refresh";
  if (in.sometimes(10)) op.fault = in.sometimes(2) ? "503" : "401";
  return op;
}

Operation invent_remount(Inventor& in) {
  Operation op;
  op.verb = "remount";
  op.value = in.any_of(std::array{"finish", "", "crash"});
  return op;
}

Operation invent_sync(Inventor& in) { return on_file(in, "sync", {"503", "quota", "lost"}); }

Operation invent_unlink(Inventor& in) {
  return on_file(in, "unlink", {"503", "503 once", "lost", "401"});
}

Operation invent_touch(Inventor& in) { return on_file(in, "touch", {}); }

Operation invent_stat(Inventor& in) { return on_file(in, "stat", {}); }

}  // namespace glancefs::model
