#include "fs/write/staged_import.h"

namespace glancefs::fs {

void StagedImport::send(client::Source& data, std::stop_token stop) {
  const std::string id = upload_.id();
  images_.stage(id, data, stop);
  images_.import_staged(id, stores_, std::move(stop));
  runs_ = true;
}

std::optional<client::Image> StagedImport::wait(std::stop_token stop) {
  runs_ = true;
  std::optional<client::Image> image = watch_.wait(
      upload_.id(), [this](const std::string& news) { upload_.importing(news); }, stop);
  runs_ = false;
  return image;
}

void StagedImport::fail(const client::Image& image, std::stop_token stop) const {
  watch_.fail(image, "it has been removed", stop);
}

}  // namespace glancefs::fs
