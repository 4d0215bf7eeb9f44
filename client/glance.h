// Images over HTTP: the Glance v2 API through a Session.
#pragma once

#include "client/images.h"
#include "client/session.h"

namespace glancefs::client {

/// Thread-safe. `session` must outlive it.
class Glance : public Images {
 public:
  explicit Glance(Session& session) : session_(session) {}

  void list(const ListQuery& query, const std::function<void(Image&&)>& each,
            std::stop_token stop) override;
  std::optional<Image> show(std::string_view id, std::stop_token stop) override;
  Delivery download(const Image& image, ByteRange range, Sink& sink, std::stop_token stop) override;
  void stream(const Image& image, Sink& sink, std::stop_token stop) override;
  Image create(const Draft& draft, std::stop_token stop) override;
  void upload(std::string_view id, Source& data, std::string_view store,
              std::stop_token stop) override;
  void stage(std::string_view id, Source& data, std::stop_token stop) override;
  void import_staged(std::string_view id, const std::vector<std::string>& stores,
                     std::stop_token stop) override;
  std::vector<Task> tasks(std::string_view id, std::stop_token stop) override;
  Image update(std::string_view id, const std::vector<Change>& changes,
               std::stop_token stop) override;
  void remove(std::string_view id, std::stop_token stop) override;
  Quota quota(std::stop_token stop) override;
  Site site(std::stop_token stop) override;
  std::optional<std::vector<std::string>> stores(std::stop_token stop) override;
  std::vector<std::string> import_methods(std::stop_token stop) override;

 private:
  Session& session_;
};

}  // namespace glancefs::client
