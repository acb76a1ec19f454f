#include "hosts.hpp"

#include <sched.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace rsg::e2e {
namespace {

const std::string& Tool(const std::string& name, std::string* path) {
  for (const char* folder : {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"})
    if (std::filesystem::exists(folder + name)) return *path = folder + name;
  return *path = name;
}

Output Do(std::vector<std::string> command) {
  std::string path;
  command.front() = Tool(command.front(), &path);
  return RunCommand(command, {}, 10);
}

bool Run(const std::vector<std::string>& command) { return Do(command).exit_code == 0; }

std::vector<std::string> Words(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char c : text)
    if (c == ' ')
      words.emplace_back();
    else
      words.back() += c;
  return words;
}

}  // namespace

std::unique_ptr<Hosts> Hosts::Make(const std::string& folder, std::string* why) {
  for (const char* tool : {"ip", "iptables", "tc", "nsenter", "unshare"}) {
    std::string path;
    if (Tool(tool, &path) != tool) continue;
    *why = std::string(tool) + " is not installed";
    return nullptr;
  }
  if (unshare(CLONE_NEWNET) != 0) {
    *why = std::string("network namespaces are not permitted here: ") + std::strerror(errno);
    return nullptr;
  }
  std::unique_ptr<Hosts> hosts(new Hosts);
  std::string path;
  hosts->keeper_ = std::make_unique<Process>(std::vector<std::string>{Tool("unshare", &path), "-n", "sleep", "600"},
                                             Environment{}, folder + "/keeper.log");
  const std::string pid = std::to_string(hosts->keeper_->pid());
  const auto own = [](const std::string& of) {
    std::error_code none;
    return std::filesystem::read_symlink("/proc/" + of + "/ns/net", none);
  };
  if (!Eventually(5, [&] { return own(pid) != own("self"); })) {
    *why = "a second network namespace could not be made";
    return nullptr;
  }
  // In order: a pair of devices, one end on the agent's host, addresses, up.
  for (const std::string& command :
       {std::string("ip link set lo up"), std::string("ip link add rsg0 type veth peer name rsg1"),
        "ip link set rsg1 netns " + pid, "ip addr add " + hosts->coordinator + "/24 dev rsg0",
        std::string("ip link set rsg0 up"), "nsenter -t " + pid + " -n ip link set lo up",
        "nsenter -t " + pid + " -n ip addr add " + hosts->agent + "/24 dev rsg1",
        "nsenter -t " + pid + " -n ip link set rsg1 up", std::string("iptables -w -L -n")}) {
    const Output done = Do(Words(command));
    if (done.exit_code == 0) continue;
    *why = command + ": " + done.err;
    return nullptr;
  }
  return hosts;
}

std::vector<std::string> Hosts::OnAgentHost() const {
  std::string path;
  return {Tool("nsenter", &path), "-t", std::to_string(keeper_->pid()), "-n"};
}

bool Hosts::Drop(bool on) const {
  bool done = true;
  for (const std::string chain : {"INPUT -s ", "OUTPUT -d "})
    done = Run(Words(std::string("iptables -w ") + (on ? "-I " : "-D ") + chain + agent + " -j DROP")) && done;
  return done;
}

bool Hosts::Throttle(int kbit_per_second) const {
  std::vector<std::string> command = OnAgentHost();
  const std::string rate = std::to_string(kbit_per_second) + "kbit";
  const auto words = kbit_per_second > 0
                         ? Words("tc qdisc replace dev rsg1 root tbf rate " + rate + " burst 4kb latency 2s")
                         : Words("tc qdisc del dev rsg1 root");
  command.insert(command.end(), words.begin(), words.end());
  return Run(command);
}

}  // namespace rsg::e2e
