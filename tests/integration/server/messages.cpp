#include "messages.hpp"

#include <fmt/format.h>

#include "common/version.hpp"

namespace rsg::server {

v1::AgentMessage MakeHello(const std::string& name, int number) {
  v1::AgentMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_protocol_version(kProtocolVersion);
  hello.set_agent_version(kVersion);
  hello.set_name(name);
  hello.set_instance_id(fmt::format("{:032x}", number));
  hello.mutable_machine()->set_machine_id(fmt::format("{:016x}", number));
  hello.mutable_machine()->add_models("resnet18");
  v1::Device& device = *hello.mutable_machine()->add_devices();
  device.set_id(fmt::format("CPU-{:012x}", number));
  device.set_kind(v1::DEVICE_KIND_CPU);
  device.set_name("Test CPU");
  device.add_precisions(v1::PRECISION_FP32);
  return message;
}

v1::AgentMessage MakeStarted(const v1::Assign& assign) {
  v1::AgentMessage message;
  message.mutable_attempt_started()->set_attempt_id(assign.attempt_id());
  message.mutable_attempt_started()->set_lease_token(assign.lease_token());
  return message;
}

v1::AgentMessage MakeWindows(const v1::Assign& assign, std::uint32_t first, std::uint32_t last) {
  v1::AgentMessage message;
  v1::WindowBatch& batch = *message.mutable_window_batch();
  batch.set_attempt_id(assign.attempt_id());
  batch.set_lease_token(assign.lease_token());
  for (std::uint32_t sequence = first; sequence <= last; ++sequence) {
    v1::Window& window = *batch.add_windows();
    window.set_sequence(sequence);
    window.set_steps(1);
    window.set_samples(assign.cell().batch_size());
    window.set_seconds(0.5);
    window.set_wall_seconds(0.5);
    window.set_start_seconds(0.5 * sequence);
  }
  return message;
}

v1::AgentMessage MakeFinished(const v1::Assign& assign, std::uint32_t windows, v1::Outcome outcome) {
  v1::AgentMessage message;
  v1::AttemptFinished& finished = *message.mutable_attempt_finished();
  finished.set_attempt_id(assign.attempt_id());
  finished.set_lease_token(assign.lease_token());
  finished.set_outcome(outcome);
  finished.set_final_sequence(windows);
  if (outcome != v1::OUTCOME_COMPLETED) {
    finished.set_error("it did not work");
    return message;
  }
  v1::Result& result = *finished.mutable_result();
  result.set_windows(windows);
  result.set_steps(windows);
  result.set_samples(windows * assign.cell().batch_size());
  result.set_seconds(0.5 * windows);
  result.set_wall_seconds(0.5 * windows);
  result.set_throughput(2.0 * assign.cell().batch_size());
  result.set_stop_reason(v1::STOP_REASON_SECONDS);
  return message;
}

v1::SubmitSweepRequest MakeSubmit(const std::string& request_id, std::uint32_t batch_sizes) {
  v1::SubmitSweepRequest request;
  request.set_request_id(request_id);
  request.mutable_spec()->add_models("resnet18");
  request.mutable_spec()->set_control(false);
  for (std::uint32_t i = 0; i < batch_sizes; ++i) request.mutable_spec()->add_batch_sizes(2 + i);
  return request;
}

}  // namespace rsg::server
