#include "common/untrusted.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/clock.hpp"
#include "common/tls.hpp"

namespace rsg {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Connection = std::unique_ptr<BIO, Deleter<BIO_free_all>>;

bool Trust(SSL_CTX* context, const std::string& ca_pem) {
  const std::unique_ptr<BIO, Deleter<BIO_free_all>> bio(
      BIO_new_mem_buf(ca_pem.data(), static_cast<int>(ca_pem.size())));
  const std::unique_ptr<X509, Deleter<X509_free>> ca(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  return ca && X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get()) == 1;
}

// The handshake goes as far as the certificate; what OpenSSL thinks of it, X509_V_OK when it did not get to see one.
long Verify(const JoinLine& line, double seconds) {
  const Context context(SSL_CTX_new(TLS_client_method()));
  if (!context || !Trust(context.get(), line.ca_pem)) return X509_V_OK;
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const Connection connection(BIO_new_ssl_connect(context.get()));
  SSL* ssl = nullptr;
  if (!connection || BIO_get_ssl(connection.get(), &ssl) != 1) return X509_V_OK;
  SSL_set1_host(ssl, kServerName);
  BIO_set_conn_hostname(connection.get(), line.address.c_str());
  BIO_set_nbio(connection.get(), 1);
  const double end = SystemClock().Monotonic() + seconds;
  while (BIO_do_handshake(connection.get()) != 1 && BIO_should_retry(connection.get())) {
    const double left = end - SystemClock().Monotonic();
    if (left <= 0) break;
    int fd = -1;
    BIO_get_fd(connection.get(), &fd);
    constexpr double kLook = 0.05;  // a socket in the middle of its connect may not tell what it waits for
    const bool writes = BIO_should_write(connection.get()) || BIO_should_io_special(connection.get());
    pollfd entry{.fd = fd, .events = static_cast<short>(writes ? POLLOUT : POLLIN), .revents = 0};
    poll(&entry, 1, static_cast<int>(1000 * std::min(left, kLook)) + 1);
  }
  return SSL_get_verify_result(ssl);
}

std::string ThisClock() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts));
}

}  // namespace

std::string WhyUntrusted(const JoinLine& line, double seconds) {
  switch (Verify(line, seconds)) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return absl::StrCat("the coordinator's certificate has expired by this machine's clock, which says ", ThisClock(),
                          ": set the clock if it is wrong; if it is right, restart 'rsg serve', which renews it");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return absl::StrCat("the coordinator's certificate is not valid yet by this machine's clock, which says ",
                          ThisClock(), ": set the clock");
    case X509_V_OK:
      return "a second look at its certificate found nothing wrong, or did not come to see it";
    default:
      return "the coordinator there has another CA than this line: get a new line from it";
  }
}

}  // namespace rsg
