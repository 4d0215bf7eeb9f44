#include "fs/fuse/xattrs.h"

#include <sys/xattr.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "fs/fuse/request.h"

namespace glancefs::fs {
namespace {

constexpr std::size_t kXattrListMax = 65536;  // of the VFS; a longer list is E2BIG as a whole

// Only user.* can have a value. Programs ask for the others of every file (cp for capabilities,
// several times each), so they are answered before anything else happens, without a lock or an
// allocation of ours.
constexpr std::string_view kUser = "user.";

// "ls -l" asks for label and ACL of each file until it hears that a file system has none at all,
// which makes the difference between a request or two and 200,000. getcap(8), on the other hand,
// complains of a file system without capabilities, once for each file.
int absent(std::string_view key) {
  const bool supported = key.starts_with("security.") && key != "security.selinux";
  return supported ? ENODATA : ENOTSUP;
}

void getxattr(fuse_req_t raw, fuse_ino_t node, const char* name, std::size_t size) {
  const std::string_view key(name);
  if (!key.starts_with(kUser)) {
    Request(raw, "getxattr", node).fail(absent(key));
    return;
  }
  if (Filesystem::asks_for_xattr(key)) {
    dispatch(shell_of(raw).metadata, raw, "getxattr", node,
             [node, size, asked = std::string(key)](Request& request, std::stop_token stop) {
               const auto value = request.files().ask_xattr(node, asked, std::move(stop));
               if (value) request.answer(Sized{*value, size});
               // Does nothing to a request that is answered.
               request.fail(ENODATA);
               return Done{};
             });
    return;
  }
  Request request(raw, "getxattr", node);
  attempt(request, [&] {
    const auto value = request.files().xattr(node, key);
    if (!value) return request.fail(ENODATA);
    request.answer(Sized{*value, size});
  });
}

void listxattr(fuse_req_t raw, fuse_ino_t node, std::size_t size) {
  Request request(raw, "listxattr", node);
  attempt(request, [&] {
    std::string names;
    for (const std::string& name : request.files().xattr_names(node)) {
      if (names.size() + name.size() + 1 > kXattrListMax) break;
      names.append(name).push_back('\0');
    }
    request.answer(Sized{names, size});
  });
}

XattrMode xattr_mode(int flags) {
  if ((flags & XATTR_CREATE) != 0) return XattrMode::kCreate;
  return (flags & XATTR_REPLACE) != 0 ? XattrMode::kReplace : XattrMode::kSet;
}

void setxattr(fuse_req_t raw, fuse_ino_t node, const char* name, const char* value,
              std::size_t size, int flags) {
  if (!std::string_view(name).starts_with(kUser)) {
    Request(raw, "setxattr", node).fail(ENOTSUP);
    return;
  }
  // An upload or a copy may take hours; it must not hold up what else is changed.
  Shell& shell = shell_of(raw);
  const std::string_view key(name);
  const bool transfers = key == "user.glancefs.upload" || key == "user.glance.stores";
  Executor& executor = transfers ? shell.transfers : shell.metadata;
  dispatch_change(executor, raw, "setxattr", node,
                  [node, name = std::string(name), value = std::string(value, size),
                   mode = xattr_mode(flags)](Request& request, std::stop_token stop) {
                    request.files().set_xattr(node, name, value, mode, std::move(stop));
                    return Done{};
                  });
}

void removexattr(fuse_req_t raw, fuse_ino_t node, const char* name) {
  if (!std::string_view(name).starts_with(kUser)) {
    Request(raw, "removexattr", node).fail(ENOTSUP);
    return;
  }
  dispatch_change(shell_of(raw).metadata, raw, "removexattr", node,
                  [node, name = std::string(name)](Request& request, std::stop_token stop) {
                    request.files().remove_xattr(node, name, std::move(stop));
                    return Done{};
                  });
}

}  // namespace

void add_xattr_operations(fuse_lowlevel_ops& all) noexcept {
  all.setxattr = setxattr;
  all.getxattr = getxattr;
  all.listxattr = listxattr;
  all.removexattr = removexattr;
}

}  // namespace glancefs::fs
