// What is tried: a mount, by whichever way it is used. The errno of each call is its answer.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/model/operation.h"

namespace glancefs::model {

/// Names are below the four directories, or in by-id; "" is the root.
struct Place {
  std::string directory, name;
};

/// One thread. Slots number open files.
class Subject {
 public:
  virtual ~Subject() = default;

  /// Lets a minute pass for its login, so that another one may be tried. False: it cannot.
  virtual bool skip_minute() = 0;
  /// Whether one process opens all files: its close(2) of one then says nothing of another.
  virtual bool is_one_program() const = 0;
  /// Whether it is patient enough for servers that do not answer: not in tests of a minute.
  virtual bool takes_outages() const = 0;

  virtual Outcome open(int slot, const Place& place, int flags) = 0;
  virtual int write(int slot, std::uint64_t offset, const std::string& bytes) = 0;
  virtual Outcome read(int slot, std::uint64_t offset, std::uint64_t size) = 0;
  virtual int resize(int slot, std::uint64_t size) = 0;
  virtual int close(int slot) = 0;
  virtual int sync(const Place& place) = 0;

  virtual int unlink(const Place& place) = 0;
  virtual int rename(const Place& place, const Place& to, unsigned flags) = 0;
  virtual int chmod(const Place& place, unsigned mode) = 0;
  /// To the owner that is shown, or to another.
  virtual int chown(const Place& place, bool another) = 0;
  virtual int touch(const Place& place) = 0;
  virtual int resize(const Place& place, std::uint64_t size) = 0;
  virtual int set_xattr(const Place& place, const std::string& name, const std::string& value,
                        int flags) = 0;
  virtual int remove_xattr(const Place& place, const std::string& name) = 0;
  virtual Outcome xattr(const Place& place, const std::string& name) = 0;
  virtual int refresh() = 0;
  /// Closes all slots, ends the mount and begins it anew; returns when what the journal held to be
  /// sent has been tried. `way`: "finish", which waits for uploads first, "", or "crash". Answers
  /// the one that was gone.
  virtual std::string remount(const std::string& way) = 0;

  /// Everything there is, as Model::tree() says it.
  virtual std::map<std::string, std::string> tree() = 0;
  /// Names and numbers of by-id, and of the directories.
  virtual std::string text(const std::string& control_file) = 0;
};

}  // namespace glancefs::model
