// A file in the mount beside what it should be: every operation is done on both and compared.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/devcloud/devcloud.h"

namespace glancefs::mount_test {

/// Random numbers that a seed gives again.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  /// 0 … limit - 1; 0 for limit 0.
  std::uint64_t below(std::uint64_t limit) { return limit == 0 ? 0 : random_() % limit; }
  bool one_in(std::uint64_t chances) { return below(chances) == 0; }
  std::string bytes(std::size_t size);

 private:
  std::mt19937_64 random_;
};

/// One name in the mount and what is behind it: nothing, a file being written, or an image. One
/// thread at a time. What differs from the model is thrown as runtime_error, with the operations
/// that led there.
class ExercisedFile {
 public:
  /// `name` must be this object's alone; dot names and others are made of it.
  ExercisedFile(std::string mount_point, std::string name, devcloud::DevCloud& cloud, Dice& dice);
  ~ExercisedFile();
  ExercisedFile(const ExercisedFile&) = delete;
  ExercisedFile& operator=(const ExercisedFile&) = delete;

  /// One operation, chosen and filled by the dice.
  void step();
  /// Closes all, waits until Glance has what it should have, and compares it byte by byte.
  void finish();

 private:
  struct Handle {
    int fd = -1;
    int flags = 0;
    bool exclusive = false;
  };

  void create();
  void reopen();
  void write();
  void write_at_once();
  void read();
  void resize();
  void resize_by_path();
  void allocate();
  void write_mapped();
  void read_mapped();
  void sync();
  void sync_by_path();
  void close_one();
  void rename();
  void set_property();
  void unlink();
  void check_size();

  std::string path() const { return mount_point_ + "/" + directory_ + "/" + name_; }
  bool dot() const { return name_.starts_with('.'); }
  bool has_writers() const;
  Handle* choose(bool writing, bool reading);
  bool sends_at_close(const Handle& handle) const;
  void put(std::uint64_t offset, const std::string& bytes);
  void size_changed(std::uint64_t size);
  void close(std::size_t index);
  void became_image();
  void wait_for_image();
  bool refused_as_image(int error);
  void check_image();
  std::string id_at_glance() const;
  void note(const std::string& text);
  void expect(bool right, const std::string& what) const;

  const std::string mount_point_, own_name_;
  devcloud::DevCloud& cloud_;
  Dice& dice_;
  std::deque<std::string> done_;

  bool exists_ = false;
  bool image_ = false;  ///< at Glance for good: no byte may change
  bool dirty_ = false;  ///< something is there that a close by a writer would send
  /// Where the blocks are that somebody wrote; all others are holes. A file without one only has a
  /// size, and is not sent by close.
  std::set<std::uint64_t> data_;
  static constexpr std::uint64_t kBlock = 4096;  ///< of file systems
  std::string directory_ = "private", name_, bytes_;
  std::map<std::string, std::string> properties_;
  std::vector<Handle> handles_;
};

}  // namespace glancefs::mount_test
