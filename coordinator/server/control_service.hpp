// The operator's service, as wires only: who calls, how many at once, and every request to the core or to the readers.
#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "common/content_store.hpp"
#include "coordinator/server/core.hpp"
#include "coordinator/server/read_pool.hpp"
#include "coordinator/wandb/service.hpp"
#include "rsg/v1/control.grpc.pb.h"

namespace rsg::server {

class ControlService final : public v1::Control::CallbackService {
 public:
  struct Options {
    std::string operator_sha256;                               ///< of the operator's credential
    std::function<std::string(const std::string&)> join_line;  ///< around a join token
    std::filesystem::path database;
    wandb::Settings wandb;                ///< its key is not looked at
    wandb::Service* forwarder = nullptr;  ///< null: nothing is forwarded; outlives all calls
  };
  /// `core`, `pool` and `scripts` outlive all calls.
  ControlService(Core* core, ReadPool* pool, ContentStore* scripts, Options options);
  /// Calls are refused until then: what `join_line` needs is known only when the port is bound.
  void LetIn() { open_ = true; }

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;
  Unary* PrepareScript(Context*, const v1::PrepareScriptRequest*, v1::PrepareScriptResponse*) override;
  grpc::ServerReadReactor<v1::UploadScriptRequest>* UploadScript(Context*, v1::UploadScriptResponse*) override;
  Unary* SubmitSweep(Context*, const v1::SubmitSweepRequest*, v1::SubmitSweepResponse*) override;
  Unary* ListSweeps(Context*, const v1::ListSweepsRequest*, v1::ListSweepsResponse*) override;
  Unary* CancelSweep(Context*, const v1::CancelSweepRequest*, v1::CancelSweepResponse*) override;
  Unary* RetrySweep(Context*, const v1::RetrySweepRequest*, v1::RetrySweepResponse*) override;
  Unary* ListAgents(Context*, const v1::ListAgentsRequest*, v1::ListAgentsResponse*) override;
  Unary* DrainAgent(Context*, const v1::DrainAgentRequest*, v1::DrainAgentResponse*) override;
  Unary* RevokeAgent(Context*, const v1::RevokeAgentRequest*, v1::RevokeAgentResponse*) override;
  Unary* CreateToken(Context*, const v1::CreateTokenRequest*, v1::CreateTokenResponse*) override;
  Unary* ListTokens(Context*, const v1::ListTokensRequest*, v1::ListTokensResponse*) override;
  Unary* RevokeToken(Context*, const v1::RevokeTokenRequest*, v1::RevokeTokenResponse*) override;
  Unary* ShowWandb(Context*, const v1::ShowWandbRequest*, v1::ShowWandbResponse*) override;
  Unary* ReviseWandb(Context*, const v1::ReviseWandbRequest*, v1::ReviseWandbResponse*) override;
  Unary* BackfillWandb(Context*, const v1::BackfillWandbRequest*, v1::BackfillWandbResponse*) override;
  grpc::ServerWriteReactor<v1::SweepStatus>* WatchSweep(Context*, const v1::WatchSweepRequest*) override;
  grpc::ServerWriteReactor<v1::Job>* ListJobs(Context*, const v1::ListJobsRequest*) override;
  grpc::ServerWriteReactor<v1::ResultRow>* QueryResults(Context*, const v1::QueryResultsRequest*) override;

 private:
  // How a call ends: with the response filled in, or not at all.
  using Reply = std::function<void(const absl::Status&)>;
  // Lets the operator in, within the limit of calls; the returned function ends the call. Null when refused.
  Reply Admit(Context* context, Unary* reactor);
  absl::Status Admit(Context* context);

  // Asks the state machine; replies after the commit.
  template <typename Response>
  void Ask(
      std::function<absl::StatusOr<Response>(schedule::Coordinator&, const schedule::Now&, schedule::Effects&)> ask,
      Response* response, Reply reply);
  // Asks the database on a reader's thread.
  void Read(std::function<absl::Status(store::Reader&)> read, Reply reply);

  struct Backfill;

  absl::Status CheckScripts(const v1::SubmitSweepRequest& request);
  void CancelEnded(std::int64_t sweep, Reply reply);
  void RetryEnded(std::int64_t sweep, v1::RetrySweepResponse* response, Reply reply);
  void Submit(const v1::SubmitSweepRequest* request, v1::SubmitSweepResponse* response, Reply reply);
  void OverlayLive(v1::ListSweepsResponse* response, Reply reply);
  void BackfillNext(std::shared_ptr<Backfill> backfill);
  void WatchStored(std::int64_t sweep, const std::shared_ptr<Watcher>& watcher);

  Core* const core_;
  ReadPool* const pool_;
  ContentStore* const scripts_;
  const Options options_;
  std::atomic<bool> open_{false};
  std::atomic<int> calls_{0};
};

}  // namespace rsg::server
