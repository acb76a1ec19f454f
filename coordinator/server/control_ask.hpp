// ControlService::Ask, for the sources that use it.
#pragma once
#include <memory>
#include <utility>

#include "coordinator/server/control_service.hpp"

namespace rsg::server {

template <typename Response>
void ControlService::Ask(
    std::function<absl::StatusOr<Response>(schedule::Coordinator&, const schedule::Now&, schedule::Effects&)> ask,
    Response* response, Reply reply) {
  auto answer = std::make_shared<absl::StatusOr<Response>>(absl::UnknownError(""));
  core_->Post([ask = std::move(ask), answer](schedule::Coordinator& coordinator, const schedule::Now& now,
                                             schedule::Effects& effects) { *answer = ask(coordinator, now, effects); },
              [answer, response, reply = std::move(reply)](const absl::Status& committed) {
                if (!committed.ok()) return reply(committed);
                if (!answer->ok()) return reply(answer->status());
                *response = *std::move(*answer);
                reply(absl::OkStatus());
              });
}

}  // namespace rsg::server
