#include "fs/command/interrupt.h"

#include <poll.h>

#include <array>

namespace glancefs::fs {

void Interrupt::pause(std::chrono::milliseconds time) const { wait_readable(-1, time); }

bool Interrupt::wait_readable(int fd, std::chrono::milliseconds time) const {
  std::array<pollfd, 2> fds{pollfd{signals_.arrivals(), POLLIN, 0}, pollfd{fd, POLLIN, 0}};
  const int count = ::poll(fds.data(), fds.size(), static_cast<int>(time.count()));
  if (fds[0].revents != 0) throw Interrupted();
  return count > 0;
}

}  // namespace glancefs::fs
