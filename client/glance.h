// Images over HTTP: the Glance v2 API through a Session.
#pragma once

#include "client/images.h"
#include "client/session.h"

namespace glancefs::client {

struct ImportOrder;

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
  void set_active(std::string_view id, bool active, std::stop_token stop) override;
  void import_from(std::string_view id, std::string_view uri,
                   const std::vector<std::string>& stores, std::stop_token stop) override;
  void copy(std::string_view id, const std::vector<std::string>& stores,
            std::stop_token stop) override;
  void remove_from_store(std::string_view id, std::string_view store,
                         std::stop_token stop) override;
  Quota quota(std::stop_token stop) override;
  Site site(std::stop_token stop) override;
  std::optional<std::vector<std::string>> stores(std::stop_token stop) override;
  std::vector<std::string> import_methods(std::stop_token stop) override;

  std::vector<Member> members(std::string_view id, std::stop_token stop) override;
  void offer(std::string_view id, std::string_view project, std::stop_token stop) override;
  void withdraw(std::string_view id, std::string_view project, std::stop_token stop) override;
  void answer(std::string_view id, std::string_view project, MemberStatus status,
              std::stop_token stop) override;

  std::vector<PropertyDefinition> definitions(std::stop_token stop) override;

 private:
  void order_import(std::string_view id, const ImportOrder& order, std::stop_token stop);

  Session& session_;
};

}  // namespace glancefs::client
