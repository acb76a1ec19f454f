// `rsg agents list|drain|revoke`; token is in agents_token.cpp.
#include <fmt/format.h>

#include <algorithm>

#include "absl/strings/str_join.h"
#include "coordinator/cli/agents_token.hpp"
#include "coordinator/cli/client.hpp"
#include "coordinator/cli/output.hpp"
#include "coordinator/cli/rows.hpp"

namespace rsg::cli {
namespace {

using Control = v1::Control::Stub;

struct Flags {
  OutputFlags output;
  std::string operator_file;
  std::string agent;
};

int List(const Flags& flags) {
  const auto output = MakeOutput(flags.output);
  if (!output.ok()) return Report(output.status());
  const auto client = Client::Find(flags.operator_file, output->config);
  if (!client.ok()) return Report(client.status());
  const auto reply = (*client)->Call(&Control::ListAgents, v1::ListAgentsRequest());
  if (!reply.ok()) return Report(reply.status());
  const auto table = StandardTable(*output, AgentColumns());
  for (const v1::Agent& agent : reply->agents()) table->Add(ToRow(agent));
  table->Finish();
  if (reply->agents().empty()) Say("no agents yet; 'rsg agents token' makes a join line for them");
  return FinishOutput();
}

int Drain(const Flags& flags) {
  const auto output = MakeOutput(flags.output);
  if (!output.ok()) return Report(output.status());
  const auto client = Client::Find(flags.operator_file, output->config);
  if (!client.ok()) return Report(client.status());
  v1::DrainAgentRequest request;
  request.set_agent(flags.agent);
  const auto reply = (*client)->Call(&Control::DrainAgent, request);
  if (!reply.ok()) return Report(reply.status());
  std::vector<Row> rows;
  for (const std::string& id : reply->agent_ids()) {
    const bool away = std::find(reply->away_ids().begin(), reply->away_ids().end(), id) != reply->away_ids().end();
    Say(fmt::format("{} {}", id,
                    away ? "is not attached; it drains if the same process comes back, and one started anew takes work"
                         : "finishes what is in hand, takes nothing new, then ends"));
    rows.push_back({id, away});
  }
  PrintReply(*output, *reply, {{.name = "agent_id"}, {.name = "away"}}, rows);
  return FinishOutput();
}

int Revoke(const Flags& flags) {
  const auto output = MakeOutput(flags.output);
  if (!output.ok()) return Report(output.status());
  const auto client = Client::Find(flags.operator_file, output->config);
  if (!client.ok()) return Report(client.status());
  v1::RevokeAgentRequest request;
  request.set_agent(flags.agent);
  const auto reply = (*client)->Call(&Control::RevokeAgent, request);
  if (!reply.ok()) return Report(reply.status());
  Say(fmt::format("{} is shut out; what was in hand there is queued again", absl::StrJoin(reply->agent_ids(), ", ")));
  for (const std::string& token : reply->token_ids())
    Say(fmt::format("who has its join line can still join anew; 'rsg agents token revoke {}' ends that", token));
  PrintReply(*output, *reply, {{.name = "agent_ids"}, {.name = "token_ids"}},
             {{absl::StrJoin(reply->agent_ids(), " "), absl::StrJoin(reply->token_ids(), " ")}});
  return FinishOutput();
}

}  // namespace

void AddAgents(CLI::App& parent, int& exit_code) {
  auto* agents = parent.add_subcommand("agents", "See the machines and let new ones join");
  agents->require_subcommand(1);
  agents->footer(
      "Examples:\n  rsg agents list\n  rsg agents token --out join.txt\n  rsg agents drain laptop\n  rsg agents revoke "
      "a-1f2e3d4c5b\n");

  auto* list = agents->add_subcommand("list", "List the agents, attached or not");
  const auto list_flags = std::make_shared<Flags>();
  AddOutputFlags(*list, &list_flags->output);
  AddClientFlags(*list, &list_flags->operator_file);
  list->footer("Examples:\n  rsg agents list\n  rsg agents list -o json | jq '.[] | select(.state == \"LOST\")'\n");
  list->callback([list_flags, &exit_code] { exit_code = List(*list_flags); });

  AddAgentsToken(*agents, exit_code);

  auto* drain = agents->add_subcommand("drain", "Let an agent finish what is in hand and end");
  const auto drain_flags = std::make_shared<Flags>();
  drain->add_option("agent", drain_flags->agent, "Its name or id")->type_name("AGENT")->required();
  AddOutputFlags(*drain, &drain_flags->output);
  AddClientFlags(*drain, &drain_flags->operator_file);
  drain->footer("Example:\n  rsg agents drain laptop\n");
  drain->callback([drain_flags, &exit_code] { exit_code = Drain(*drain_flags); });

  auto* revoke = agents->add_subcommand("revoke", "Shut an agent out for good");
  const auto revoke_flags = std::make_shared<Flags>();
  revoke->add_option("agent", revoke_flags->agent, "Its name or id")->type_name("AGENT")->required();
  AddOutputFlags(*revoke, &revoke_flags->output);
  AddClientFlags(*revoke, &revoke_flags->operator_file);
  revoke->footer(
      "Its credential is refused from now on. Results that it has delivered stay.\n\n"
      "Example:\n  rsg agents revoke a-1f2e3d4c5b\n");
  revoke->callback([revoke_flags, &exit_code] { exit_code = Revoke(*revoke_flags); });
}

}  // namespace rsg::cli
