// The wire for scripts: Fleet.FetchScript, and nothing decided here. Beside the agent's stream, over a channel of its
// own. gRPC's threads only put what happened into a bounded mailbox; one chunk is read ahead.
#pragma once
#include <memory>
#include <vector>

#include "agent/script/script_source.hpp"
#include "common/join.hpp"

namespace rsg::agent {

class ScriptLink final : public ScriptSource {
 public:
  /// Address, CA and the agent's credential.
  explicit ScriptLink(JoinLine coordinator);
  /// Cuts what is under way and waits for its end.
  ~ScriptLink() override;

  int fd() const override;
  void Ask(const v1::FetchScriptRequest& request) override;
  void Cancel() override;
  std::vector<Report> Take() override;

 private:
  struct Wire;
  class Call;
  std::unique_ptr<Wire> wire_;
  std::unique_ptr<Call> call_;
};

}  // namespace rsg::agent
