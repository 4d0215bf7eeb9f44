// The real program, mounted by the kernel; operations are system calls of this process.
#pragma once

#include <functional>
#include <memory>

#include "tests/devcloud/devcloud.h"
#include "tests/model/subject.h"
#include "tests/mount/command.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::model {

class MountSubject : public Subject {
 public:
  /// Mounts. `options` go beside those that the model needs.
  MountSubject(const devcloud::DevCloud& cloud, const std::string& options);
  ~MountSubject() override;
  MountSubject(const MountSubject&) = delete;
  MountSubject& operator=(const MountSubject&) = delete;

  bool skip_minute() override { return false; }
  bool is_one_program() const override { return true; }
  bool takes_outages() const override { return false; }
  Outcome open(int slot, const Place& place, int flags) override;
  int write(int slot, std::uint64_t offset, const std::string& bytes) override;
  Outcome read(int slot, std::uint64_t offset, std::uint64_t size) override;
  int resize(int slot, std::uint64_t size) override;
  int close(int slot) override;
  int sync(const Place& place) override;
  int unlink(const Place& place) override;
  int rename(const Place& place, const Place& to, unsigned flags) override;
  int chmod(const Place& place, unsigned mode) override;
  int chown(const Place& place, bool another) override;
  int touch(const Place& place) override;
  int resize(const Place& place, std::uint64_t size) override;
  int set_xattr(const Place& place, const std::string& name, const std::string& value,
                int flags) override;
  int remove_xattr(const Place& place, const std::string& name) override;
  Outcome xattr(const Place& place, const std::string& name) override;
  int refresh() override;
  std::string remount(const std::string& way) override;
  std::map<std::string, std::string> tree() override;
  std::string text(const std::string& control_file) override;

 private:
  std::string path(const Place& place) const;
  std::string describe(const std::string& path) const;
  void mount();

  test::TemporaryDirectory directory_;
  const std::string mount_point_ = directory_ / "images";
  const std::string options_;
  mount_test::Environment environment_;
  std::unique_ptr<mount_test::Background> daemon_;
  std::map<int, int> slots_;
};

}  // namespace glancefs::model
