// A cloud, a mount on it, and the model of both: performs a step on all and compares.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tests/devcloud/devcloud.h"
#include "tests/model/model.h"
#include "tests/model/subject.h"

namespace glancefs::model {

class World {
 public:
  using Maker = std::function<std::unique_ptr<Subject>(devcloud::DevCloud&)>;
  explicit World(const Maker& make_subject);
  ~World();

  /// One step. nullopt: all is as it must be; else what is not.
  std::optional<std::string> step(const Operation& operation);
  /// Closes and removes everything of ours; what is then left over.
  std::optional<std::string> finish();

  const Model& model() const { return model_; }
  Subject& subject() { return *subject_; }
  devcloud::DevCloud& cloud() { return *cloud_; }

 private:
  void arm(const Operation& operation);
  /// Whether `next` is what is there now; else why not. Takes over what only the cloud decides.
  std::string compare(Model& next);
  std::string adopt(Model& next);
  bool may_be(const Model& next, int number, const std::string& id) const;
  std::string compare_cloud(Model& next);
  bool same_bytes(const Bytes& wanted, const std::shared_ptr<const devcloud::Blob>& found);

  std::unique_ptr<devcloud::DevCloud> cloud_;
  std::unique_ptr<Subject> subject_;
  Model model_;
  std::map<std::string, std::string> tree_;  ///< of the mount, after the step
  std::map<std::string, devcloud::Image> records_;
  std::set<std::pair<Bytes, std::shared_ptr<const devcloud::Blob>>> equal_;
};

}  // namespace glancefs::model
