#include "standin_process.hpp"

#include <curl/curl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rsg::wandb {
namespace {

std::size_t Append(const char* bytes, std::size_t size, std::size_t count, void* into) {
  static_cast<std::string*>(into)->append(bytes, size * count);
  return size * count;
}

// GET without a body, else POST.
std::string Request(const std::string& url, const std::string& body) {
  std::string answer;
  CURL* curl = curl_easy_init();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  if (!body.empty()) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.c_str());
  EXPECT_EQ(curl_easy_perform(curl), CURLE_OK) << url;
  curl_easy_cleanup(curl);
  return answer;
}

}  // namespace

StandinProcess::StandinProcess(int port) {
  int ends[2];
  if (pipe(ends) != 0) return;
  const std::string number = std::to_string(port);
  child_ = fork();
  if (child_ == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    execl(RSG_PYTHON, "python3", "-B", RSG_STANDIN, "--port", number.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  output_ = ends[0];
  for (char letter = 0; read(output_, &letter, 1) == 1 && letter != '\n';) url_ += letter;
  EXPECT_NE(url_, "") << "the stand-in did not start";
}

StandinProcess::~StandinProcess() {
  kill(child_, SIGTERM);
  waitpid(child_, nullptr, 0);
  close(output_);
}

int StandinProcess::port() const { return std::stoi(url_.substr(url_.rfind(':') + 1)); }

nlohmann::json StandinProcess::Get(const std::string& what) {
  return nlohmann::json::parse(Request(url_ + "/standin/" + what, ""));
}

void StandinProcess::Set(const nlohmann::json& faults) { Request(url_ + "/standin/faults", faults.dump()); }

nlohmann::json StandinProcess::Run(const std::string& name) {
  for (const auto& run : Get("state")["runs"])
    if (run["name"].get<std::string>().starts_with(name)) return run;
  return nullptr;
}

}  // namespace rsg::wandb
