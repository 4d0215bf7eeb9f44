// The real client, logged in to a development cloud.
#pragma once

#include <string>

#include "base/clock.h"
#include "client/cloud.h"
#include "client/curl_transport.h"
#include "client/glance.h"
#include "client/session.h"
#include "tests/devcloud/devcloud.h"

namespace glancefs::test {

inline client::Cloud cloud_of(const devcloud::DevCloud& cloud, const devcloud::Account& account) {
  client::Cloud made;
  made.name = "devcloud";
  made.auth_url = cloud.auth_url();
  made.user = {.id = account.user_id, .name = {}, .domain_id = {}, .domain_name = {}};
  made.password = account.password;
  made.project = {.id = account.project_id, .name = {}, .domain_id = {}, .domain_name = {}};
  return made;
}

/// Impatient, so that tests of failures are quick.
struct CloudClient {
  explicit CloudClient(const devcloud::DevCloud& cloud) : CloudClient(cloud, cloud.demo()) {}
  CloudClient(const devcloud::DevCloud& cloud, const devcloud::Account& account)
      : transport(config()),
        session(cloud_of(cloud, account), transport, clock,
                client::RetryPolicy{.attempts = 4,
                                    .first_pause = std::chrono::milliseconds(5),
                                    .longest_pause = std::chrono::milliseconds(20)}),
        glance(session) {}

  static client::TransportConfig config() {
    client::TransportConfig quick;
    quick.connect_timeout = std::chrono::milliseconds(5000);
    quick.silence_timeout = std::chrono::milliseconds(5000);
    quick.upload_answer_timeout = std::chrono::milliseconds(5000);
    return quick;
  }

  Clock clock;
  client::CurlTransport transport;
  client::Session session;
  client::Glance glance;
};

}  // namespace glancefs::test
