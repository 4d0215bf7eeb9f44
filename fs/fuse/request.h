// The kernel's requests, each answered exactly once: the only place that replies.
//
//   serve      runs an operation here and answers with what it returns or throws
//   dispatch   the same on an Executor, interruptible: for operations that may wait
//   park       hands the request to Filesystem::read(), which answers later
#pragma once

#include <fuse_lowlevel.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

#include "fs/executor.h"
#include "fs/filesystem.h"
#include "fs/fuse/backing.h"
#include "fs/fuse/interrupts.h"
#include "fs/fuse/listings.h"
#include "fs/fuse/notifier.h"
#include "fs/fuse/open_table.h"
#include "fs/fuse/passthrough.h"
#include "fs/metrics/operation_counters.h"

namespace glancefs::fs {

/// An open file as the kernel knows it.
struct OpenFile {
  NodeId node = 0;
  std::unique_ptr<Handle> handle;
  bool writable = false;  ///< opened for writing; else its FLUSH has nothing to do
  /// What Backings gave it; nullopt: not counted there.
  std::optional<std::int32_t> backing;
};

/// An open directory: its entries as they were when reading last began at its start. The kernel
/// lets one thread at a time read a file description, so there is no lock.
struct OpenDirectory {
  NodeId node = 0;
  NodeId parent = kRootNode;
  std::shared_ptr<const Listing> entries;
  bool kept = false;  ///< the kernel may remember what it gets
};

/// What the operations of one session share; libfuse's user data.
struct Shell {
  Shell(Filesystem& all, Executor& waiting, Executor& uploads, OperationCounters& counted)
      : files(all),
        metadata(waiting),
        transfers(uploads),
        counters(counted),
        notifier(std::make_shared<Notifier>(listings)),
        backings(all) {}

  /// The open file that the kernel has let go of; null: there is none.
  std::unique_ptr<OpenFile> take(std::uint64_t fh) noexcept;

  Filesystem& files;
  Executor& metadata;   ///< for everything that may wait, but
  Executor& transfers;  ///< for flush, which may take as long as an upload
  OperationCounters& counters;
  Listings listings;
  const std::shared_ptr<Notifier> notifier;
  std::function<void()> ready;
  int connection = -1;    ///< to the kernel
  unsigned max_read = 0;  ///< the mount option; libfuse wants to hear it at INIT once more
  Interrupts interrupts;
  Passthrough passthrough;
  Backings backings;
  OpenTable<OpenFile> opened;
  OpenTable<OpenDirectory> directories;
};

/// Nothing to tell but success.
struct Done {};

/// Bytes taken by write(2).
struct Written {
  std::size_t size = 0;
};

/// What lseek(2) found.
struct Position {
  std::uint64_t offset = 0;
};

/// What open() answers; `flags` as open(2).
struct OpenAnswer {
  NodeId node = 0;
  int flags = 0;
  Opened opened;
};

struct CreateAnswer {
  Entry entry;
  int flags = 0;
  Opened opened;
};

/// An extended attribute or the list of names, for a caller with room for so many bytes; 0 asks for
/// the size only.
struct Sized {
  std::string_view value;
  std::size_t room = 0;
};

/// A request of the kernel. Its destructor answers EIO if nobody has answered. Answering ends it;
/// another answer, or one after it was moved from, does nothing. Not thread-safe.
///
/// No answer is undone when the kernel does not want it any more (it says ENOENT to the answer of
/// a request whose caller died) except that of an open, whose handle is then released, because no
/// release will come. Entries need nothing: nodes are not counted, so there is nothing to forget.
class Request {
 public:
  Request(fuse_req_t request, OperationName operation, NodeId node) noexcept;
  Request(Request&& other) noexcept;
  Request& operator=(Request&&) = delete;
  ~Request();

  Shell& shell() const noexcept { return *shell_; }
  Filesystem& files() const noexcept { return shell_->files; }
  NodeId node() const noexcept { return node_; }

  /// Makes the request end by FUSE_INTERRUPT and with the session, through the token returned.
  /// REQUIRES not answered, not called before.
  std::stop_token wait();

  /// Before the answer to what has changed something: see Notifier::settle().
  void settle() noexcept { shell_->notifier->settle(); }

  /// The caller, with its process looked up from its thread, which is all the kernel tells.
  Caller caller() const;

  void answer(Done done) noexcept;
  void answer(Written written) noexcept;
  void answer(Position position) noexcept;
  void answer(const Entry& entry) noexcept;
  void answer(const Attributes& attributes);
  void answer(const Statistics& statistics) noexcept;
  void answer(const Sized& sized) noexcept;
  void answer(std::span<const std::byte> bytes) noexcept;
  void answer(OpenAnswer answer);
  void answer(CreateAnswer answer);
  void answer(std::unique_ptr<OpenDirectory> directory);

  /// `error` is an errno.
  void fail(int error) noexcept;
  /// Answers with Filesystem::explain().
  void fail(std::exception_ptr reason) noexcept;

 private:
  /// Answers by `reply`, which gets the raw request; `error` is what it answers.
  template <typename Reply>
  void finish(Reply&& reply, int error = 0) noexcept;
  /// Null: the kernel reads the file by itself at present and would refuse this open, which only we
  /// could serve; answered ESTALE, at which it looks the name up and opens once more.
  std::optional<fuse_file_info> keep(NodeId node, int flags, Opened opened);
  /// The kernel did not take the open and will not send its release.
  void drop(const fuse_file_info& info) noexcept;

  fuse_req_t request_;
  Shell* shell_;
  OperationName operation_;
  NodeId node_;
  std::chrono::steady_clock::time_point began_;
  std::optional<Interrupts::Ticket> ticket_;
};

/// Runs `operation`, which answers `request` or hands it on; answers with what it throws.
template <typename Operation>
void attempt(Request& request, Operation&& operation) noexcept {
  try {
    std::forward<Operation>(operation)();
  } catch (...) {
    request.fail(std::current_exception());
  }
}

/// Answers with what `operation` returns or throws. It must not wait.
template <typename Operation>
void serve(fuse_req_t raw, OperationName name, NodeId node, Operation&& operation) noexcept {
  Request request(raw, name, node);
  attempt(request, [&] { request.answer(operation(request)); });
}

/// Answers with what `operation(request, stop)` returns or throws on a thread of `executor`. It
/// must own or copy what it uses: libfuse's arguments are gone by then.
template <typename Operation>
void dispatch(Executor& executor, Request request, Operation operation) {
  const std::stop_token stop = request.wait();
  const auto shared = std::make_shared<Request>(std::move(request));  // std::function wants copies
  executor.run(
      [shared, stop, operation = std::move(operation)]() mutable {
        attempt(*shared, [&] { shared->answer(operation(*shared, stop)); });
      },
      stop);
}

/// dispatch() for a request as libfuse brought it.
template <typename Operation>
void dispatch(Executor& executor, fuse_req_t raw, OperationName name, NodeId node,
              Operation operation) noexcept {
  Request request(raw, name, node);
  attempt(request, [&] { dispatch(executor, std::move(request), std::move(operation)); });
}

/// dispatch() for what changes something: the kernel has forgotten what it knew of it by the
/// answer.
template <typename Operation>
void dispatch_change(Executor& executor, fuse_req_t raw, OperationName name, NodeId node,
                     Operation operation) noexcept {
  dispatch(executor, raw, name, node,
           [operation = std::move(operation)](Request& request, std::stop_token stop) mutable {
             auto answer = operation(request, std::move(stop));
             request.settle();
             return answer;
           });
}

/// A read that Filesystem answers when it can. done() and fail() may be called on any thread, also
/// inside a stop_callback and with locks held. Destroying it unanswered answers EIO.
std::unique_ptr<PendingRead> park(Request request);

/// The Shell of a request as libfuse brought it.
inline Shell& shell_of(fuse_req_t request) noexcept {
  return *static_cast<Shell*>(fuse_req_userdata(request));
}

/// As stat(2) shows them.
struct stat to_stat(const Attributes& attributes) noexcept;
/// As libfuse wants an entry that may be remembered so long; for node 0 one that the kernel
/// remembers as absent for a second.
fuse_entry_param to_entry(const Entry& entry, std::chrono::milliseconds valid) noexcept;

}  // namespace glancefs::fs
