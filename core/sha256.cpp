#include "core/sha256.h"

#include <openssl/evp.h>

#include <array>

#include "core/check.h"

namespace incipit {

struct Sha256::Context {
  Context() : evp(EVP_MD_CTX_new(), &EVP_MD_CTX_free) { INCIPIT_CHECK(evp != nullptr); }
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> evp;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  INCIPIT_CHECK(EVP_DigestInit_ex(context_->evp.get(), EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
  INCIPIT_CHECK(EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() const {
  const Context copy;  // finishing ends a context; the original may be updated further
  INCIPIT_CHECK(EVP_MD_CTX_copy_ex(copy.evp.get(), context_->evp.get()) == 1);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  INCIPIT_CHECK(EVP_DigestFinal_ex(copy.evp.get(), digest.data(), &size) == 1);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

}  // namespace incipit
