// The catalogue's listing, page by page.
#pragma once

#include <functional>
#include <stop_token>

#include "client/images.h"
#include "client/session.h"

namespace glancefs::client {

/// As Images::list.
void list_images(Session& session, const ListQuery& query, const std::function<void(Image&&)>& each,
                 const std::stop_token& stop);

}  // namespace glancefs::client
