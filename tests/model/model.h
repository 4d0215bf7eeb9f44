// What the mount means: doc/SEMANTICS.md once more, in plain code and as a value. It knows the
// cloud (what Glance holds: `truth`), what the mount has heard of it (`seen`), and the files that
// are being written here. Nothing of fs/ is used.
//
// Each operation answers the errno and changes the model as it must change the mount. Where the
// semantics leave a choice (a name that is not known is asked for at most once a second) the model
// asks choose(); the runner tries the choices until one fits.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/model/fields.h"
#include "tests/model/operation.h"

namespace glancefs::model {

using Bytes = std::shared_ptr<const std::string>;

/// A record at Glance at one time, and its data.
struct Version {
  Image image;
  Bytes bytes;        ///< null: none
  bool fresh = true;  ///< times and hashes are still to be told by the cloud
};
using VersionPtr = std::shared_ptr<Version>;

/// A file being written.
struct Local {
  Image wanted;        ///< what it is to become
  bool found = false;  ///< fills an image that somebody else had queued
  std::string bytes;
  std::set<std::uint64_t> blocks;  ///< of 4096 bytes, that hold more than a hole
  Texts here;                      ///< what was set on it
  int writers = 0;
  bool changed = true;  ///< since the last attempt to send it
  bool failed = false;  ///< the last attempt
  bool whole = false;   ///< the journal takes it for whole
  bool held = false;    ///< kept until asked for
  bool queued = false;  ///< sent after the delay
  bool moved = false;   ///< has got another name here
  bool removed = false, done = false;
};

/// An image or a file on its way to become one.
struct File {
  std::string id;
  VersionPtr truth = {};  ///< at Glance; null: not (or no more) there
  VersionPtr seen = {};   ///< as the mount last heard; null: not
  int local = 0;          ///< in Model::locals; 0: none
  bool cached = false;
  bool offered = false;  ///< by another project, as the mount last heard
};

struct Handle {
  int file = 0;
  int local = 0;            ///< 0: of an image
  VersionPtr version = {};  ///< then
  std::string id = {};      ///< of the image when it was opened; another try may take another
  bool readable = false, writable = false, sends = false, exclusive = false;
  bool unlinked = false;  ///< somebody meant to remove it: it can still be looked at
};

class Model {
 public:
  /// `one_program`: all files are opened by the same process.
  explicit Model(std::string project, bool one_program = false)
      : project_(std::move(project)),
        one_program_(one_program) {}

  // What is shown.

  /// Path → what stat(2) and getxattr(2) say, one text.
  std::map<std::string, std::string> tree() const;
  std::string name_of(int file) const;
  std::string directory_of(int file) const;  ///< that lists it; "": none
  /// Where it is found by its id, also when it is hidden; "": nowhere.
  std::string home_of(int file) const;
  const Image& shown(int file) const;
  const std::string& project() const { return project_; }
  bool is_ours(const Image& image) const { return image.owner == project_; }
  /// Ids in place of <n> and <n.8>, and the other way round.
  std::string with_ids(const std::string& text) const;
  std::string without_ids(const std::string& text) const;
  std::size_t pending() const;
  /// Whether the name leads to a file being written.
  bool is_written_here(const std::string& directory, const std::string& name) const;

  // Open files.

  Outcome open(const Operation& op, const Outcome& seen);
  Outcome write(const Operation& op, const std::string& bytes);
  Outcome read(const Operation& op);
  Outcome resize_open(const Operation& op);
  Outcome close(const Operation& op);
  /// open for reading, fsync, close.
  Outcome sync(const Operation& op);

  // Changes.

  Outcome unlink(const Operation& op);
  Outcome rename(const Operation& op);
  Outcome chmod(const Operation& op);
  Outcome chown(const Operation& op);
  Outcome touch(const Operation& op);
  Outcome resize(const Operation& op);
  Outcome set_xattr(const Operation& op);
  Outcome remove_xattr(const Operation& op);
  Outcome get_xattr(const Operation& op);
  Outcome stat(const Operation& op);

  // Elsewhere and in all.

  void made_elsewhere(const Operation& op, const Image& image, Bytes bytes);
  void changed_elsewhere(int number, const Image& image);
  void deleted_elsewhere(int number);
  Outcome refresh(const Operation& op);
  /// `finish`: waits for uploads first. `crash`: as after kill -9.
  Outcome remount(bool finish, bool crash);
  /// What a mount does by itself, at any time: it asks which images are offered, if choose().
  void in_the_background();

  std::map<int, File> files;
  std::map<int, Local> locals;
  std::map<int, Handle> handles;  ///< by slot

  /// The choices of this step: those that were made, and those to be made.
  std::vector<bool> choices;
  std::size_t chosen = 0;
  std::string fault;  ///< of this step
  /// Our token has been declared void, and perhaps no request has found that out yet.
  bool token_is_void = false;

 private:
  bool choose();
  /// A request to the cloud: its errno. `repeatable`: the client asks again after a failure.
  int request(bool repeatable = true);
  bool take_fault(const std::string& kind);
  bool listed(const Version& version) const;
  bool visible(const Version& version) const;

  std::vector<int> group(const std::string& directory, const std::string& key) const;
  int winner(const std::vector<int>& group) const;
  std::string key_of(int file) const;
  int find(const std::string& directory, const std::string& name) const;
  int find_alias(const std::string& directory, const std::string& name) const;
  /// 0: there is no such name.
  int lookup(const std::string& directory, const std::string& name);
  /// What a lookup that finds nothing is answered with.
  static int missing(const std::string& name);

  Local& local_of(int file) { return locals.at(files.at(file).local); }
  Handle& open_slot(const Operation& op) { return handles.at(op.slot); }
  int check_new_name(const std::string& directory, const std::string& name) const;
  int look_again(int file);
  /// Asks for the record: EIO, ENOENT.
  int ask_for(int file);
  int answer(int file, const std::string& status);
  int move_offer(int file, int target, const Operation& op);
  int open_existing(int file, const Operation& op);
  void open_local(int file, const Operation& op);
  static void resize_bytes(Local& local, std::uint64_t size);
  static void rewritten(Local& local);
  void fill(int file);
  /// The upload, as close(2) waits for it: its errno.
  int send(int number);
  int send_created(File& file, Local& local, Image image);
  int send_found(File& file, Local& local, Image image);
  int put(File& file, Local& local, VersionPtr version);
  int patch(int file, const Image& wanted, const std::set<std::string>& keys, bool removes);
  int patched(const File& file, const Image& wanted, const std::set<std::string>& keys,
              bool removes, Version& version) const;
  int rename_local(int file, const std::string& directory, const std::string& name);
  int set_local_xattr(int file, const std::string& key, const std::string& value);
  int set_upload(int file, const std::string& value);
  void take_up(int file, Local& local);

  std::string project_;
  bool one_program_;
  bool offers_due_ = false;
  bool site_known_ = false;  ///< the schema has been asked for since the mount
};

}  // namespace glancefs::model
