#include "coordinator/cli/agents_token.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "common/duration.hpp"
#include "common/files.hpp"
#include "common/refusal.hpp"
#include "coordinator/cli/client.hpp"
#include "coordinator/cli/output.hpp"
#include "coordinator/cli/rows.hpp"

namespace rsg::cli {
namespace {

using Control = v1::Control::Stub;

struct Flags {
  OutputFlags output;
  std::string operator_file;
  std::uint32_t uses = 64;
  std::string valid = "7d";
  std::string out;
  bool print = false;
  std::string token_id;
};

constexpr const char* kFooter =
    R"(The join line is a secret: whoever has it can attach machines. It holds the coordinator's address, its
certificate and a token. An agent needs nothing else: RSG_JOIN in its environment, or --join-file.
It is printed on a terminal; elsewhere only with --print, or written to a file of mode 0600 with --out.

Examples:
  rsg agents token
  rsg agents token --uses 3 --valid 2h --out join.txt
  RSG_JOIN=$(rsg agents token --print) rsg-agent
  rsg agents token list
  rsg agents token revoke TOKEN)";

// The line on standard output stands alone, so that it can be captured; with --out it goes to the file only.
int Deliver(const v1::CreateTokenResponse& reply, const Flags& flags, const Output& output) {
  v1::CreateTokenResponse shown = reply;
  if (!flags.out.empty()) {
    if (const auto status = WriteFile(flags.out, reply.join_line() + "\n"); !status.ok()) return Report(status);
    shown.clear_join_line();
  }
  PrintReply(output, shown, {{.name = "token_id"}, {.name = "join_line"}}, {{shown.token_id(), shown.join_line()}});
  if (output.format == Format::kTable && flags.out.empty()) std::cout << reply.join_line() << '\n';
  const int written = FinishOutput();
  const std::string where = flags.out.empty() ? "" : fmt::format("; its join line is in {}", flags.out);
  Say(fmt::format("token {}: {} uses, valid for {}{}", reply.token_id(), flags.uses,
                  FormatDuration(ParseDuration(flags.valid).value_or(0)), where));
  return written;
}

int Create(const Flags& flags) {
  const auto output = MakeOutput(flags.output);
  if (!output.ok()) return Report(output.status());
  const auto valid = ParseDuration(flags.valid);
  if (!valid.ok() || *valid <= 0) return Report(Refuse("valid", Quote(flags.valid), "write a time such as 2h or 7d"));
  if (flags.uses < 1 || flags.uses > 100'000)
    return Report(Refuse("uses", fmt::format("{} is out of range", flags.uses), "use 1 to 100000"));
  if (flags.out.empty() && !flags.print && isatty(STDOUT_FILENO) != 1)
    return Report(absl::InvalidArgumentError(
        "the join line is a secret and standard output is no terminal; add --out FILE, or --print to print it there"));
  if (std::error_code error; std::filesystem::is_directory(flags.out, error))
    return Report(Refuse("out", fmt::format("{} is a folder", Quote(flags.out)), "name a file"));
  const auto client = Client::Find(flags.operator_file, output->config);
  if (!client.ok()) return Report(client.status());
  v1::CreateTokenRequest request;
  request.set_uses(flags.uses);
  request.set_valid_seconds(*valid);
  const auto reply = (*client)->Call(&Control::CreateToken, request);
  if (!reply.ok()) return Report(reply.status());
  return Deliver(*reply, flags, *output);
}

int List(const Flags& flags) {
  const auto output = MakeOutput(flags.output);
  if (!output.ok()) return Report(output.status());
  const auto client = Client::Find(flags.operator_file, output->config);
  if (!client.ok()) return Report(client.status());
  const auto reply = (*client)->Call(&Control::ListTokens, v1::ListTokensRequest());
  if (!reply.ok()) return Report(reply.status());
  const auto table = StandardTable(*output, TokenColumns());
  for (const v1::Token& token : reply->tokens()) table->Add(ToRow(token));
  table->Finish();
  if (reply->tokens().empty()) Say("no tokens; 'rsg agents token' makes one");
  return FinishOutput();
}

int Revoke(const Flags& flags) {
  const auto output = MakeOutput(flags.output);
  if (!output.ok()) return Report(output.status());
  const auto client = Client::Find(flags.operator_file, output->config);
  if (!client.ok()) return Report(client.status());
  v1::RevokeTokenRequest request;
  request.set_token_id(flags.token_id);
  const auto reply = (*client)->Call(&Control::RevokeToken, request);
  if (!reply.ok()) return Report(reply.status());
  Say(fmt::format("token {} is revoked; agents that have joined with it stay", flags.token_id));
  PrintReply(*output, *reply, {{.name = "token_id"}}, {{flags.token_id}});
  return FinishOutput();
}

void AddCommonFlags(CLI::App& app, const std::shared_ptr<Flags>& flags) {
  AddOutputFlags(app, &flags->output);
  AddClientFlags(app, &flags->operator_file);
}

void AddCreateFlags(CLI::App& app, const std::shared_ptr<Flags>& flags) {
  app.add_option("--uses", flags->uses, "So many agents may join with it, 1 to 100000")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--valid", flags->valid, "Good for this long")->type_name("TIME")->capture_default_str();
  auto* out = app.add_option("--out", flags->out, "Write the join line to this file, mode 0600")->type_name("FILE");
  app.add_flag("--print", flags->print, "Print the join line though standard output is no terminal")->excludes(out);
  AddCommonFlags(app, flags);
  app.footer(kFooter);
}

}  // namespace

void AddAgentsToken(CLI::App& agents, int& exit_code) {
  auto* token = agents.add_subcommand("token", "Make a join line for new agents; list and revoke tokens");
  token->require_subcommand(0, 1);
  const auto flags = std::make_shared<Flags>();
  AddCreateFlags(*token, flags);
  token->callback([token, flags, &exit_code] {
    if (token->get_subcommands().empty()) exit_code = Create(*flags);
  });

  auto* create = token->add_subcommand("create", "Make a join line for new agents; the same as 'rsg agents token'");
  const auto create_flags = std::make_shared<Flags>();
  AddCreateFlags(*create, create_flags);
  create->callback([create_flags, &exit_code] { exit_code = Create(*create_flags); });

  auto* list = token->add_subcommand("list", "List the tokens; no secrets");
  const auto list_flags = std::make_shared<Flags>();
  AddCommonFlags(*list, list_flags);
  list->callback([list_flags, &exit_code] { exit_code = List(*list_flags); });

  auto* revoke = token->add_subcommand("revoke", "Let no more agents join with a token");
  const auto revoke_flags = std::make_shared<Flags>();
  revoke->add_option("token", revoke_flags->token_id, "Its id, from 'rsg agents token list'")
      ->type_name("TOKEN")
      ->required();
  AddCommonFlags(*revoke, revoke_flags);
  revoke->callback([revoke_flags, &exit_code] { exit_code = Revoke(*revoke_flags); });
}

}  // namespace rsg::cli
