// What a process that holds passwords does for itself first.
#pragma once

#include "fs/mount/options.h"

namespace glancefs::fs {

/// Keeps passwords and tokens out of core dumps, debuggers and /proc/PID/environ and mem of other
/// processes of the user. Throws system_error.
void harden_process();

/// Keeps the allocator from giving each of some eighty threads a heap of its own, which holds on to
/// what it once needed. Measured with 50 cold images read at once: 51 MiB resident instead of 64 to
/// 79, at the same speed. And what is large (the listing of 100,000 images, say) goes back to the
/// system when it is let go: 182 MiB instead of 199. Before the first thread.
void share_heaps() noexcept;

/// Opens /dev/null for those of the descriptors 0, 1 and 2 that are closed. Otherwise the next
/// socket or database would take their place, and the next message be written into it.
void fill_standard_streams();

/// The variables of the process.
Environment current_environment();

/// The variables as they count: those of `environment`, changed by the env.* options.
Environment effective_environment(Environment environment, const Options& options);

/// Overwrites and removes the variables that hold secrets (OS_PASSWORD …) and sets those of env.*
/// options that hold none, such as https_proxy. After the cloud was loaded, before any thread.
void settle_environment(const Options& options);

}  // namespace glancefs::fs
