// One stop token for several.
#pragma once

#include <stop_token>

namespace glancefs::fs {

/// Ends when one of several does.
class AnyStop {
 public:
  AnyStop(const std::stop_token& a, const std::stop_token& b, const std::stop_token& c)
      : a_(a, Request{source_}),
        b_(b, Request{source_}),
        c_(c, Request{source_}) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  struct Request {
    mutable std::stop_source source;
    void operator()() const { source.request_stop(); }
  };
  std::stop_source source_;
  std::stop_callback<Request> a_, b_, c_;
};

}  // namespace glancefs::fs
