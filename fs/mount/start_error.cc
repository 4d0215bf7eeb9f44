#include "fs/mount/start_error.h"

#include <cerrno>
#include <new>

#include "base/log.h"
#include "client/cloud.h"
#include "client/session.h"

namespace glancefs::fs {
namespace {

Failure failure(const std::string& program, ExitCode code, const std::string& what,
                const std::string& hint = {}) {
  std::string text = fmt::format("{}: {}\n", program, log::printable(what));
  if (!hint.empty()) text += fmt::format("  hint: {}\n", log::printable(hint));
  return {code, text};
}

ExitCode code_of(int error) {
  const bool lacking = error == ENOMEM || error == EMFILE || error == ENFILE;
  return lacking ? ExitCode::kSystem : ExitCode::kMountFailed;
}

}  // namespace

std::string failure_line(const std::exception_ptr& error) {
  const std::string text = describe_failure("", error).text;
  return text.substr(2, text.find('\n') - 2);  // after ": "
}

Failure describe_failure(const std::string& program, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const StartError& e) {
    return failure(program, e.code(), e.what(), e.hint());
  } catch (const client::CloudError& e) {
    return failure(program, ExitCode::kUsage, e.what(), e.hint());
  } catch (const client::LoginError& e) {
    return failure(program, ExitCode::kMountFailed, e.text(), e.hint());
  } catch (const std::system_error& e) {
    return failure(program, code_of(e.code().value()), e.what());
  } catch (const std::bad_alloc&) {
    return failure(program, ExitCode::kSystem, "out of memory");
  } catch (const std::exception& e) {
    return failure(program, ExitCode::kBug, fmt::format("internal error: {}", e.what()));
  } catch (...) {
    return failure(program, ExitCode::kBug, "internal error");
  }
}

}  // namespace glancefs::fs
