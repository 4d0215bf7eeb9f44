#include "tests/devcloud/faults.h"

#include <algorithm>
#include <utility>

namespace glancefs::devcloud {

Fault answer_fault(int status, std::string body, Fields headers) {
  Fault fault;
  fault.kind = Fault::Kind::kAnswer;
  fault.status = status;
  fault.body = std::move(body);
  fault.headers = std::move(headers);
  return fault;
}

Fault redirect_fault(std::string url) {
  return answer_fault(302, "", {{"Location", std::move(url)}});
}

ActiveFault::ActiveFault(int id, Fault fault)
    : id_(id),
      fault_(std::move(fault)),
      path_(fault_.path, std::regex::optimize) {}

bool ActiveFault::matches(Service service, const Request& request) const {
  if (fault_.service != Service::kAny && fault_.service != service) return false;
  if (!fault_.method.empty() && fault_.method != request.method) return false;
  return std::regex_search(request.target, path_);
}

bool ActiveFault::take() {
  const Lock lock(mutex_);
  if (++seen_ <= fault_.skip) return false;
  if (fault_.times >= 0 && hits_ >= fault_.times) return false;
  ++hits_;
  return true;
}

bool ActiveFault::released() const {
  const Lock lock(mutex_);
  return released_;
}

void ActiveFault::release() {
  const Lock lock(mutex_);
  released_ = true;
}

int ActiveFault::hits() const {
  const Lock lock(mutex_);
  return hits_;
}

int FaultTable::add(Fault fault) {
  const Lock lock(mutex_);
  const int id = next_id_++;
  faults_.push_back(std::make_shared<ActiveFault>(id, std::move(fault)));
  return id;
}

void FaultTable::remove(int id) {
  const Lock lock(mutex_);
  std::erase_if(faults_, [id](const auto& active) {
    if (active->id() == id) active->release();
    return active->id() == id;
  });
}

void FaultTable::clear() {
  const Lock lock(mutex_);
  for (const auto& active : faults_) active->release();
  faults_.clear();
}

void FaultTable::release(int id) {
  const Lock lock(mutex_);
  for (const auto& active : faults_)
    if (active->id() == id) active->release();
}

int FaultTable::hits(int id) const {
  const Lock lock(mutex_);
  for (const auto& active : faults_)
    if (active->id() == id) return active->hits();
  return 0;
}

FaultList FaultTable::for_request(Service service, const Request& request) const {
  const Lock lock(mutex_);
  FaultList met;
  for (const auto& active : faults_)
    if (active->matches(service, request) && active->take()) met.push_back(active);
  return met;
}

const Fault* find_fault(const FaultList& faults, Fault::Kind kind) {
  const auto found = std::find_if(faults.begin(), faults.end(),
                                  [kind](const auto& f) { return f->fault().kind == kind; });
  return found == faults.end() ? nullptr : &(*found)->fault();
}

}  // namespace glancefs::devcloud
