#include "coordinator/wandb/http.hpp"

#include <curl/curl.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/version.hpp"

namespace rsg::wandb {
namespace {

constexpr std::size_t kMostBytes = 4 << 20;

struct Headers {
  ~Headers() { curl_slist_free_all(list); }
  void Add(const std::string& header) { list = curl_slist_append(list, header.c_str()); }
  curl_slist* list = nullptr;
};

// A short count makes curl give up.
std::size_t Take(const char* bytes, std::size_t size, std::size_t count, void* into) {
  auto& body = *static_cast<std::string*>(into);
  if (body.size() + size * count > kMostBytes) return 0;
  body.append(bytes, size * count);
  return size * count;
}

int MayGoOn(void* aborted, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(aborted)->load() ? 1 : 0;
}

bool InitOnce() {
  static const bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

}  // namespace

struct HttpTransport::Handle {
  CURL* curl = nullptr;
  ~Handle() { curl_easy_cleanup(curl); }
};

absl::StatusOr<std::unique_ptr<HttpTransport>> HttpTransport::Make(Options options) {
  auto handle = std::make_unique<Handle>();
  if (InitOnce()) handle->curl = curl_easy_init();
  if (handle->curl == nullptr) return absl::InternalError("libcurl cannot be started");
  return std::unique_ptr<HttpTransport>(new HttpTransport(std::move(options), std::move(handle)));
}

HttpTransport::HttpTransport(Options options, std::unique_ptr<Handle> handle)
    : options_(std::move(options)), handle_(std::move(handle)) {}
HttpTransport::~HttpTransport() = default;

HttpAnswer HttpTransport::Send(const HttpRequest& request) {
  HttpAnswer answer;
  CURL* curl = handle_->curl;
  curl_easy_reset(curl);  // connections and TLS sessions stay
  const bool put = request.call == Call::kPutFile;
  const std::string url = put ? request.address : absl::StrCat(options_.base_url, request.address);
  Headers headers;
  for (const std::string& header : request.headers) headers.Add(header);
  headers.Add("Expect:");
  if (put) {
    headers.Add("Content-Type:");
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT");
  } else {
    headers.Add("Content-Type: application/json");
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(curl, CURLOPT_USERNAME, "api");
    curl_easy_setopt(curl, CURLOPT_PASSWORD, options_.key.c_str());
  }
  char error[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.list);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, absl::StrCat("rsg/", kVersion).c_str());
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_seconds * 1000));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.seconds * 1000));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, MayGoOn);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &aborted_);

  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) {
    // What has come so far is of no use: it may be cut anywhere.
    answer.body.clear();
    answer.error = absl::StrCat("no answer from ", put ? "the storage" : options_.base_url, ": ",
                                error[0] != '\0' ? error : curl_easy_strerror(code));
    return answer;
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  curl_off_t seconds = 0;  // from a date, too
  if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
    answer.retry_after = static_cast<double>(seconds);
  return answer;
}

}  // namespace rsg::wandb
