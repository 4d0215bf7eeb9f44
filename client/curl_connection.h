// One connection to one host, kept between exchanges.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

namespace glancefs::client {

/// An easy handle and the multi handle that drives it alone, whose connection cache holds one
/// connection. Private to the thread that uses it, except for wake().
class CurlConnection {
 public:
  /// `origin`: scheme://host:port of every request it will make.
  explicit CurlConnection(std::string origin);
  ~CurlConnection();
  CurlConnection(const CurlConnection&) = delete;
  CurlConnection& operator=(const CurlConnection&) = delete;

  const std::string& origin() const noexcept { return origin_; }
  CURL* easy() const noexcept { return easy_.get(); }
  CURLM* multi() const noexcept { return multi_.get(); }

  /// Forgets the options of the last exchange; the connection stays open.
  void reset();
  /// `line` is "Name: value". Throws system_error(EINVAL) when it would be more than one line.
  void add_header(const std::string& line);
  /// Hands the collected header lines to the easy handle, and that to the multi handle.
  void start();
  /// Takes the easy handle back.
  void finish() noexcept;
  /// Ends a wait in curl_multi_poll(), from any thread.
  void wake() const noexcept { curl_multi_wakeup(multi_.get()); }

  template <typename Value>
  void set(CURLoption option, Value value) {
    check(curl_easy_setopt(easy_.get(), option, value));
  }

 private:
  struct Cleanup {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
  };
  struct MultiCleanup {
    void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
  };
  static void check(CURLcode code);

  std::string origin_;
  // Destroyed in reverse: curl wants the easy handle gone before the multi handle.
  std::unique_ptr<curl_slist, Cleanup> headers_;
  std::unique_ptr<CURLM, MultiCleanup> multi_;
  std::unique_ptr<CURL, Cleanup> easy_;
  bool started_ = false;
};

}  // namespace glancefs::client
