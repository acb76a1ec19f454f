// The server's certificate comes to its end: it is renewed while the coordinator runs, and a client that sees one that
// is not good says why.
#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "common/channel.hpp"
#include "common/files.hpp"
#include "common/tls.hpp"
#include "test_agent.hpp"

namespace rsg::server {
namespace {

using testing::HasSubstr;

template <typename Object, typename Reader>
Object* Parse(const std::filesystem::path& file, Reader read) {
  FILE* stream = std::fopen(file.c_str(), "re");
  if (stream == nullptr) return nullptr;
  Object* object = read(stream, nullptr, nullptr, nullptr);
  std::fclose(stream);
  return object;
}

// The server certificate in the folder, as if it had been made that much earlier or later; signed by its CA.
std::string ShiftCertificate(const std::filesystem::path& folder, long days, const char* ca_key = "ca.key") {
  X509* certificate = Parse<X509>(folder / "server.pem", PEM_read_X509);
  EVP_PKEY* ca = Parse<EVP_PKEY>(folder / ca_key, PEM_read_PrivateKey);
  EXPECT_TRUE(certificate != nullptr && ca != nullptr);
  X509_gmtime_adj(X509_getm_notBefore(certificate), (days - 1) * 86400);
  X509_gmtime_adj(X509_getm_notAfter(certificate), (days + 365) * 86400);
  EXPECT_NE(X509_sign(certificate, ca, EVP_sha256()), 0);
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  const std::string pem(text, static_cast<std::size_t>(size));
  EXPECT_TRUE(WriteFile(folder / "server.pem", pem, 0644).ok());
  BIO_free(bio);
  X509_free(certificate);
  EVP_PKEY_free(ca);
  return pem;
}

// The certificate that a client is shown.
std::string Served(const std::string& address) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  BIO* connection = BIO_new_ssl_connect(context);
  BIO_set_conn_hostname(connection, address.c_str());
  std::string pem;
  if (BIO_do_handshake(connection) == 1) {
    SSL* ssl = nullptr;
    BIO_get_ssl(connection, &ssl);
    X509* certificate = SSL_get1_peer_certificate(ssl);
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio, &text);
    pem.assign(text, static_cast<std::size_t>(size));
    BIO_free(bio);
    X509_free(certificate);
  }
  BIO_free_all(connection);
  SSL_CTX_free(context);
  return pem;
}

template <typename Done>
bool Eventually(Done done) {
  for (int i = 0; i < 500; ++i) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

class Identity : public ServerTest {
 protected:
  std::filesystem::path Folder() const { return Options().state_folder / "tls"; }
  std::unique_ptr<Server> StartLooking(double every_seconds) const {
    ServerOptions options = Options();
    options.renew_check_seconds = every_seconds;
    auto server = Server::Start(options);
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }
};

TEST_F(Identity, CertificateIsRenewedWhileTheServerRuns) {
  const auto server = StartLooking(0.2);
  const std::string key = *ReadFile(Folder() / "server.key");
  const std::string old = ShiftCertificate(Folder(), -350);
  const auto renewed = [&] {
    const std::string now = Served(server->address());
    return now != old && now == *ReadFile(Folder() / "server.pem");
  };
  EXPECT_TRUE(Eventually(renewed));
  EXPECT_EQ(*ReadFile(Folder() / "server.key"), key);
  TestAgent agent(server->join_line(), "one", 1);
  EXPECT_TRUE(agent.Enrol().ok());
}

TEST_F(Identity, RunningServerNeverMakesAnotherCa) {
  const auto server = StartLooking(0.05);
  const std::string served = Served(server->address());
  std::filesystem::rename(Folder() / "ca.key", Folder() / "elsewhere");
  ShiftCertificate(Folder(), -350, "elsewhere");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // several looks; there is nothing to wait for
  EXPECT_FALSE(std::filesystem::exists(Folder() / "ca.key"));
  std::filesystem::rename(Folder() / "elsewhere", Folder() / "ca.key");
  EXPECT_TRUE(Eventually([&] { return Served(server->address()) != served; })) << "renewed as soon as it is back";
  TestAgent agent(server->join_line(), "one", 1);
  EXPECT_TRUE(agent.Enrol().ok()) << "by the same CA";
}

TEST_F(Identity, RefusedCertificateIsExplained) {
  const auto server = StartLooking(3600);
  const JoinLine line = *ParseJoinLine(server->join_line(), JoinKind::kAgent);
  for (const auto& [days, text] : {std::pair{-400L, "has expired by this machine's clock, which says 20"},
                                   {100L, "is not valid yet by this machine's clock, which says 20"}}) {
    const std::string shown = ShiftCertificate(Folder(), days);
    ASSERT_TRUE(Eventually([&] { return Served(server->address()) == shown; }));
    TestAgent agent(server->join_line(), "one", 1);
    const grpc::Status refused = agent.Enrol();
    ASSERT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE) << refused.error_message();
    EXPECT_THAT(std::string(ToAbsl(refused, line).message()), HasSubstr(text));
  }
}

TEST_F(Identity, CertificateThatExpiredWhileTheServerWasAwayIsRenewedAtItsStart) {
  Start();
  const std::string join = server_->join_line();
  Stop();
  ShiftCertificate(Folder(), -400);
  Start();
  EXPECT_EQ(server_->join_line(), join) << "the CA is the same, and so are all lines";
  TestAgent agent(join, "one", 1);
  EXPECT_TRUE(agent.Enrol().ok());
}

}  // namespace
}  // namespace rsg::server
