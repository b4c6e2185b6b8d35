// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/hash.h"

#include <openssl/evp.h>

namespace xlp {

struct KeyHash::State {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    ~State() { EVP_MD_CTX_free(context); }
};

KeyHash::KeyHash() : state_(std::make_unique<State>()) {
    EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr);
}

KeyHash::~KeyHash() = default;

void KeyHash::add(std::string_view part) {
    const std::uint64_t size = part.size();
    EVP_DigestUpdate(state_->context, &size, sizeof size);
    EVP_DigestUpdate(state_->context, part.data(), part.size());
}

std::string KeyHash::hex() {
    Bytes digest(32);
    EVP_DigestFinal_ex(state_->context, digest.data(), nullptr);
    return xlp::hex(digest);
}

std::string key_of(std::initializer_list<std::string_view> parts) {
    KeyHash hash;
    for (std::string_view part : parts)
        hash.add(part);
    return hash.hex();
}

Bytes sha256(View bytes) {
    Bytes digest(32);
    EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    return digest;
}

std::string sha256_hex(View bytes) {
    return hex(sha256(bytes));
}

} // namespace xlp
