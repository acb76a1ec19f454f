#include "common/tls.hpp"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/files.hpp"
#include "common/secret.hpp"

namespace rsg {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

constexpr long kDay = 24 * 60 * 60;
constexpr long kCaDays = 3650;
constexpr long kServerDays = 365;
constexpr int kRenewBeforeDays = 30;

struct Pair {
  Key key;
  Certificate certificate;
};

std::string Text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::string Pem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return Text(bio.get());
}

std::string Pem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return Text(bio.get());
}

bool Extend(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool SetCommonName(X509* certificate, const std::string& name) {
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0) == 1;
}

// A certificate for `key`, or for a fresh P-256 key when that is null; signed by `issuer`, or by itself when that is
// null.
absl::StatusOr<Pair> Make(const std::string& common_name, long days, const Pair* issuer, Key key = nullptr) {
  Pair made{key ? std::move(key) : Key(EVP_EC_gen("P-256")), Certificate(X509_new())};
  X509* certificate = made.certificate.get();
  X509* signer = issuer != nullptr ? issuer->certificate.get() : certificate;
  EVP_PKEY* signing_key = issuer != nullptr ? issuer->key.get() : made.key.get();
  BIGNUM* serial = nullptr;
  BN_hex2bn(&serial, RandomHex(15).c_str());
  BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate));
  BN_free(serial);
  X509_set_version(certificate, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -kDay);  // a rented machine's clock may be slow
  X509_gmtime_adj(X509_getm_notAfter(certificate), days * kDay);
  bool ok = made.key != nullptr && SetCommonName(certificate, common_name) &&
            X509_set_issuer_name(certificate, X509_get_subject_name(signer)) == 1 &&
            X509_set_pubkey(certificate, made.key.get()) == 1;
  ok = ok && Extend(certificate, signer, NID_subject_key_identifier, "hash");
  if (issuer == nullptr) {
    ok = ok && Extend(certificate, signer, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
         Extend(certificate, signer, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    ok = ok && Extend(certificate, signer, NID_basic_constraints, "critical,CA:FALSE") &&
         Extend(certificate, signer, NID_key_usage, "critical,digitalSignature") &&
         Extend(certificate, signer, NID_ext_key_usage, "serverAuth") &&
         Extend(certificate, signer, NID_subject_alt_name, absl::StrCat("DNS:", common_name).c_str()) &&
         Extend(certificate, signer, NID_authority_key_identifier, "keyid:always");
  }
  if (!ok || X509_sign(certificate, signing_key, EVP_sha256()) == 0)
    return absl::InternalError("OpenSSL could not make the certificate of " + common_name);
  return made;
}

absl::StatusOr<Pair> Load(const std::filesystem::path& folder, const std::string& name) {
  const auto certificate_text = ReadFile(folder / (name + ".pem"));
  if (!certificate_text.ok()) return certificate_text.status();
  const auto key_text = ReadSecretFile(folder / (name + ".key"));
  if (!key_text.ok()) return key_text.status();
  const Bio certificate_bio(BIO_new_mem_buf(certificate_text->data(), static_cast<int>(certificate_text->size())));
  const Bio key_bio(BIO_new_mem_buf(key_text->data(), static_cast<int>(key_text->size())));
  Pair pair{Key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr)),
            Certificate(PEM_read_bio_X509(certificate_bio.get(), nullptr, nullptr, nullptr))};
  if (!pair.key || !pair.certificate || X509_check_private_key(pair.certificate.get(), pair.key.get()) != 1)
    return absl::DataLossError(absl::StrCat((folder / name).string(),
                                            ".pem and .key are damaged or do not belong "
                                            "together; restore them, or move both away (agents must then join anew)"));
  return pair;
}

absl::Status Save(const std::filesystem::path& folder, const std::string& name, const Pair& pair) {
  // The certificate last: while it is absent the pair counts as absent, so an interruption leaves nothing half made.
  if (auto status = WriteFile(folder / (name + ".key"), Pem(pair.key.get()), 0600); !status.ok()) return status;
  return WriteFile(folder / (name + ".pem"), Pem(pair.certificate.get()), 0644);
}

absl::StatusOr<Pair> LoadOrMake(const std::filesystem::path& folder, const std::string& name,
                                const std::string& common_name, long days, const Pair* issuer) {
  auto loaded = Load(folder, name);
  Key key;
  if (loaded.ok() && issuer != nullptr) {
    int days_left = 0;
    int seconds_left = 0;
    ASN1_TIME_diff(&days_left, &seconds_left, nullptr, X509_get0_notAfter(loaded->certificate.get()));
    const bool ours = X509_verify(loaded->certificate.get(), issuer->key.get()) == 1;
    if (ours && days_left >= kRenewBeforeDays) return loaded;
    // The same key: who reads the two files while they are replaced always finds a pair.
    if (ours) key = std::move(loaded->key);
  } else if (loaded.ok() || !absl::IsNotFound(loaded.status())) {
    return loaded;
  }
  auto made = Make(common_name, days, issuer, std::move(key));
  if (!made.ok()) return made;
  if (auto status = Save(folder, name, *made); !status.ok()) return status;
  return made;
}

}  // namespace

std::string ValidUntil(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  std::tm end{};
  if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) return "";
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &end));
}

absl::StatusOr<ServerIdentity> LoadOrMakeIdentity(const std::filesystem::path& folder) {
  if (auto status = MakeStateFolder(folder); !status.ok()) return status;
  // The CA's name is its own, so that two coordinators' CAs are told apart in an error text.
  const auto ca = LoadOrMake(folder, "ca", "rsg CA " + RandomHex(4), kCaDays, nullptr);
  if (!ca.ok()) return ca.status();
  const auto server = LoadOrMake(folder, "server", kServerName, kServerDays, &*ca);
  if (!server.ok()) return server.status();
  return ServerIdentity{.ca_pem = Pem(ca->certificate.get()),
                        .certificate_pem = Pem(server->certificate.get()),
                        .key_pem = Pem(server->key.get())};
}

}  // namespace rsg
