// Guards between an answer to a download and the Sink that wants its bytes.
#pragma once

#include <cstdint>
#include <string>

#include "client/images.h"

namespace glancefs::client {

/// The store gives whole images only.
struct RangesRefused {};

/// The answer is not what was asked for; another try may bring a better one.
class WrongAnswer : public HttpError {
 public:
  using HttpError::HttpError;
};

/// Passes on exactly the bytes of one range of one image, over any number of answers: each is
/// checked before a byte of it passes, begins where the last one ended, and cannot give too much.
class TransferGuard : public Sink {
 public:
  /// `image` must have a size and outlive the guard, as must `sink`.
  TransferGuard(const Image& image, ByteRange range, Sink& sink);

  /// The next answer to come is to bring [position, end) of the image by a Range request.
  void expect_range() noexcept { ranged_ = true; }
  /// The next answer to come is to bring the whole image.
  void expect_whole() noexcept { ranged_ = false; }

  /// The byte of the image that `sink` needs next.
  std::uint64_t position() const noexcept { return range_.offset + passed_; }
  std::uint64_t end() const noexcept { return range_.offset + range_.length; }
  bool complete() const noexcept { return passed_ == range_.length; }
  /// What the requests are called in errors.
  const std::string& request() const noexcept { return request_; }

  /// Throws RangesRefused, WrongAnswer, system_error(ESTALE) when the image has another size now,
  /// and HttpError(204) when the data is lost.
  void begin(const Response& head) override;
  /// Throws WrongAnswer when more comes than was promised.
  void write(std::span<const std::byte> bytes) override;

 private:
  void check_part(const Response& head) const;
  void check_whole(const Response& head) const;
  void check_length(const Response& head, std::uint64_t length) const;
  [[noreturn]] void wrong(const Response& head, const std::string& what) const;

  const Image& image_;
  const ByteRange range_;
  Sink& sink_;
  const std::string request_;
  bool ranged_ = true;
  bool begun_ = false;
  std::uint64_t passed_ = 0;  // bytes of range_ that sink_ has
  std::uint64_t skip_ = 0;    // bytes of the present answer that sink_ does not want
};

}  // namespace glancefs::client
