// One FetchScript call: a script's file in chunks, as fast as the agent takes them.
#pragma once
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <string>

#include "common/content_store.hpp"
#include "coordinator/server/core.hpp"
#include "coordinator/server/read_pool.hpp"
#include "rsg/v1/fleet.pb.h"

namespace rsg::server {

class ScriptDownload final : public grpc::ServerWriteReactor<v1::ScriptChunk> {
 public:
  struct Parts {
    Core* core;  ///< these outlive the call
    ReadPool* pool;
    ContentStore* store;
  };
  /// Refused at once unless `admitted` is OK. Deletes itself when the call is over, and then calls `over`; `moved`
  /// when the agent has taken a chunk.
  ScriptDownload(const Parts& parts, std::string credential_sha256, v1::FetchScriptRequest request,
                 const absl::Status& admitted, std::function<void()> moved, std::function<void()> over);
  ~ScriptDownload() override;

  void OnWriteDone(bool ok) override;
  void OnDone() override;

 private:
  void Ask();
  void Open();
  void WriteNext();

  const Parts parts_;
  const std::string credential_sha256_;
  const v1::FetchScriptRequest request_;
  const std::function<void()> moved_;
  const std::function<void()> over_;
  int fd_ = -1;
  v1::ScriptChunk chunk_;
};

}  // namespace rsg::server
