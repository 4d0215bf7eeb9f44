// The real program, mounted by the kernel, on a development cloud within the test.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "tests/devcloud/devcloud.h"
#include "tests/mount/command.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::mount_test {

/// Unmounts and ends everything also when a test fails. Skips visibly where nothing can be mounted.
class MountedCloud : public testing::Test {
 protected:
  explicit MountedCloud(devcloud::Config config = {});
  ~MountedCloud() override;
  void SetUp() override;

  /// As an openrc of demo would set it; admin is a member of everything.
  Environment openrc(const devcloud::Account& account) const;

  /// Mounts with `options` (besides directories and log), and waits until it is usable.
  void mount(const std::string& options = {});
  void mount_as(const devcloud::Account& account, const std::string& options = {});
  /// umount(8), and waits until the daemon has ended.
  void unmount();
  /// kill -9, and clears the dead mount away.
  void kill_daemon();

  /// `line` with $M as the mount point and $D as a directory of the test's own.
  Result sh(const std::string& line, std::chrono::seconds limit = std::chrono::seconds(30));
  /// The output of sh(), which must succeed; without the last newline.
  std::string out(const std::string& line);
  /// The reason kept for a path below the mount point.
  std::string reason(const std::string& path);
  /// Whether `holds` comes true within 20 s; for what only the mount itself can tell.
  static bool eventually(const std::function<bool()>& holds);
  /// What .glancefs/pending says.
  std::string pending();
  /// `size` bytes that repeat nowhere.
  static std::string pattern(std::size_t size);
  void write_file(const std::string& path, const std::string& text);
  std::string read_file(const std::string& path);
  /// An active image of demo's.
  std::string add(const std::string& name, const std::string& data);
  /// The id of the only image of that name; "" otherwise.
  std::string id_of(const std::string& name);

  test::TemporaryDirectory directory_;
  std::string mount_point_ = directory_ / "images";
  devcloud::DevCloud cloud_;
  Environment daemon_environment_;  ///< goes before what openrc() says
  std::unique_ptr<Background> daemon_;
};

}  // namespace glancefs::mount_test
