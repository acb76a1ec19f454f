#include "coordinator/server/script_upload.hpp"

#include <utility>

#include "common/script.hpp"
#include "common/validate.hpp"
#include "coordinator/server/bearer.hpp"

namespace rsg::server {

absl::Status CheckPrepare(const v1::PrepareScriptRequest& request) {
  v1::Script script;
  script.set_name("any");
  script.set_sha256(request.sha256());
  script.set_bytes(request.bytes());
  return Validate(script);
}

ScriptUpload::ScriptUpload(Core* core, ContentStore* store, const absl::Status& admitted, std::function<void()> over)
    : core_(core), store_(store), over_(std::move(over)) {
  if (admitted.ok()) {
    StartRead(&message_);
  } else {
    Finish(ToGrpc(admitted));
  }
}

void ScriptUpload::OnDone() {
  incoming_.reset();  // frees the file for the next call
  over_();
  delete this;
}

void ScriptUpload::OnReadDone(bool ok) {
  if (ok && keep_ == nullptr) return Begin();
  absl::Status taken = Take();
  if (ok && taken.ok()) return StartRead(&message_);
  if (!ok && taken.ok()) taken = incoming_->Finish();
  Finish(ToGrpc(taken));
}

// Which files must stay is the core's to say. The disk is touched only by gRPC's threads, with the next message.
void ScriptUpload::Begin() {
  script_ = message_.script();
  message_.Clear();
  if (const auto valid = CheckPrepare(script_); !valid.ok()) return Finish(ToGrpc(valid));
  keep_ = std::make_shared<std::set<std::string>>();
  core_->Post([keep = keep_](schedule::Coordinator& coordinator, const schedule::Now&,
                             schedule::Effects&) { *keep = coordinator.LiveScripts(); },
              [this](const absl::Status& asked) {
                if (!asked.ok()) return Finish(ToGrpc(asked));
                StartRead(&message_);
              });
}

absl::Status ScriptUpload::Take() {
  if (keep_ == nullptr) return absl::InvalidArgumentError("script: absent; the first message says which file comes");
  if (incoming_ == nullptr)
    if (auto opened = Open(); !opened.ok()) return opened;
  if (!message_.has_chunk()) return absl::OkStatus();
  const absl::Status kept = incoming_->Append(message_.chunk().offset(), message_.chunk().data());
  message_.Clear();
  return kept;
}

absl::Status ScriptUpload::Open() {
  auto incoming = store_->Receive(script_.sha256(), script_.bytes(), *keep_);
  if (incoming.ok()) incoming_ = *std::move(incoming);
  return incoming.status();
}

}  // namespace rsg::server
