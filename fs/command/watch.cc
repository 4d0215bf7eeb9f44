#include "fs/command/watch.h"

#include <unistd.h>

#include <ostream>

#include "fs/command/mount_commands.h"

namespace glancefs::fs {

void show_or_watch(const CommandCall& call, const Interrupt& interrupt,
                   const std::function<std::string()>& show) {
  constexpr std::chrono::seconds kPace{1};
  const bool watched = call.arguments.has(kWatchOption.name);
  const bool terminal = watched && ::isatty(STDOUT_FILENO) == 1;
  do {
    const std::string text = show();
    if (terminal) call.out << "\033[H\033[2J";
    call.out << text << std::flush;
    if (watched) interrupt.pause(kPace);
  } while (watched && call.out);
}

}  // namespace glancefs::fs
