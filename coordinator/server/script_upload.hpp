// One UploadScript call: the operator brings a script's file, piece by piece, to its place in the state folder.
#pragma once
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "common/content_store.hpp"
#include "coordinator/server/core.hpp"
#include "rsg/v1/control.pb.h"

namespace rsg::server {

/// Well-formed checksum and size; INVALID_ARGUMENT otherwise.
absl::Status CheckPrepare(const v1::PrepareScriptRequest& request);

class ScriptUpload final : public grpc::ServerReadReactor<v1::UploadScriptRequest> {
 public:
  /// Refused at once unless `admitted` is OK. Deletes itself when the call is over, and then calls `over`. `core` and
  /// `store` outlive it.
  ScriptUpload(Core* core, ContentStore* store, const absl::Status& admitted, std::function<void()> over);

  void OnReadDone(bool ok) override;
  void OnDone() override;

 private:
  void Begin();
  absl::Status Take();
  absl::Status Open();

  // One operation at a time is under way, a read or a question to the core, so nothing needs a lock.
  Core* const core_;
  ContentStore* const store_;
  const std::function<void()> over_;
  v1::UploadScriptRequest message_;
  v1::PrepareScriptRequest script_;
  std::shared_ptr<std::set<std::string>> keep_;  // null before the first message
  std::unique_ptr<Incoming> incoming_;
};

}  // namespace rsg::server
