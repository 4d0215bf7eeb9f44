// fs::Filesystem without a kernel: what the kernel does before it asks is done here.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "client/images.h"
#include "fs/filesystem.h"
#include "tests/model/subject.h"

namespace glancefs::model {

class FilesystemSubject : public Subject {
 public:
  /// Spools go to `directory`.
  FilesystemSubject(fs::Config config, client::Images& images, const std::string& directory);

  bool is_one_program() const override { return false; }
  bool takes_outages() const override { return true; }
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
  using Node = fs::NodeId;
  Node directory(const std::string& name) const;
  /// 0: there is no such name.
  Node lookup(const Place& place);
  /// The errno of `action`, as the shell would answer it; checks that a reason is kept, explained()
  /// also that the directory has it.
  int explained(Node parent, Node node, const std::function<void()>& action);
  int answered(Node node, Node also, const std::function<void()>& action);
  /// answered(), of the file at `place`.
  int at(const Place& place, const std::function<void(Node)>& action);
  Outcome read_handle(fs::Handle& handle, std::uint64_t offset, std::uint64_t size);
  std::string describe(Node node) const;
  std::string id_of(Node node) const;
  void start();
  void end(bool finish);

  const fs::Config config_;
  client::Images& images_;
  const std::string directory_;
  std::unique_ptr<cache::Store> store_;
  std::unique_ptr<cache::Spools> spools_;
  std::optional<fs::Filesystem> files_;
  struct Slot {
    fs::Opened opened;
    Node node;
    fs::Caller caller;
  };
  std::map<int, Slot> slots_;
  pid_t programs_ = 0;  ///< each opens one file
  int missing_ = 0;     ///< what the last lookup that found nothing was answered with
};

}  // namespace glancefs::model
