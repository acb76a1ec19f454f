#include "common/tls.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstdlib>

#include "common/files.hpp"

namespace rsg {
namespace {

namespace fs = std::filesystem;

X509* Parse(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return certificate;
}

class Tls : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "rsg-tls-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(Tls, ServerCertificateIsSignedByTheCaForTheFixedName) {
  const auto identity = LoadOrMakeIdentity(folder_ / "tls");
  ASSERT_TRUE(identity.ok()) << identity.status();
  X509* ca = Parse(identity->ca_pem);
  X509* server = Parse(identity->certificate_pem);
  ASSERT_TRUE(ca != nullptr && server != nullptr);
  EXPECT_EQ(X509_check_host(server, kServerName, 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_purpose(server, X509_PURPOSE_SSL_SERVER, 0), 1);
  EXPECT_EQ(X509_check_purpose(server, X509_PURPOSE_SSL_CLIENT, 0), 0);
  EXPECT_EQ(X509_check_ca(server), 0);
  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, ca);
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, server, nullptr);
  EXPECT_EQ(X509_verify_cert(context), 1);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  X509_free(ca);
  X509_free(server);
}

TEST_F(Tls, IsKeptAcrossStartsAndKeysAreOurs) {
  const auto first = LoadOrMakeIdentity(folder_ / "tls");
  const auto second = LoadOrMakeIdentity(folder_ / "tls");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->ca_pem, second->ca_pem);
  EXPECT_EQ(first->certificate_pem, second->certificate_pem);
  for (const char* name : {"ca.key", "server.key"}) {
    struct stat info {};
    ASSERT_EQ(stat((folder_ / "tls" / name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
  }
}

TEST_F(Tls, LostServerCertificateIsMadeAnewUnderTheSameCa) {
  const auto first = LoadOrMakeIdentity(folder_ / "tls");
  ASSERT_TRUE(first.ok());
  fs::remove(folder_ / "tls" / "server.pem");
  const auto second = LoadOrMakeIdentity(folder_ / "tls");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(first->ca_pem, second->ca_pem);
  EXPECT_NE(first->certificate_pem, second->certificate_pem);
}

TEST_F(Tls, DamagedCaIsNeverReplaced) {
  ASSERT_TRUE(LoadOrMakeIdentity(folder_ / "tls").ok());
  ASSERT_TRUE(WriteFile(folder_ / "tls" / "ca.key", "nonsense").ok());
  EXPECT_EQ(LoadOrMakeIdentity(folder_ / "tls").status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace rsg
