// SPDX-License-Identifier: GPL-2.0-only
// Detached Ed25519 signatures over a payload together with its manifest. What is signed is
//     "xlp-signature-1" NUL sha256(payload) sha256(manifest file)
// so that neither can be exchanged under the other, and no signature made for another purpose fits.
// The file beside the payload is JSON (docs/manifest.md) and may hold several, by different keys.
#pragma once

#include "payload/base/bytes.h"
#include "payload/base/result.h"
#include "payload/elf/object.h"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st; // OpenSSL's EVP_PKEY

namespace xlp::manifest {

struct FreeKey {
    void operator()(evp_pkey_st*) const;
};
using KeyHandle = std::unique_ptr<evp_pkey_st, FreeKey>;

// An Ed25519 key; private ones sign and verify.
struct Key {
    KeyHandle handle;
    std::string id;     // first 16 hex digits of the SHA-256 of the raw public key
    std::string origin; // the file it came from
};

// PEM, unencrypted, as `openssl genpkey -algorithm ed25519` writes it. Errors: key.* .
Result<Key> read_private_key(const std::filesystem::path&);
// Every public key of a file.
Result<std::vector<Key>> read_public_keys(const std::filesystem::path&);
// Every key of every *.pem in a folder, by name; none when there is no folder. A file that holds
// anything else is an error, not silence: a key that one believes to be trusted must not be
// skipped.
Result<std::vector<Key>> read_trusted_keys(const std::filesystem::path& folder);

// `patch.livepatch.sig` beside `patch.livepatch`.
std::filesystem::path signature_path(std::filesystem::path payload);

// The signature file's new contents: `existing` (may be empty) with this key's signature added, or
// renewed.
Result<std::string> sign(View payload, std::string_view manifest, const Key& private_key,
                         std::string_view existing = {});

// The id of the trusted key whose signature fits. Errors: signature.malformed (input),
// signature.untrusted (no signature by a trusted key), signature.wrong (a trusted key's signature,
// but not of these bytes); both refusals.
Result<std::string> verify(View payload, std::string_view manifest, std::string_view signature_file,
                           const std::vector<Key>& trusted, const std::string& origin);

// The same for an index (index.h), over
//     "xlp-index-1" NUL sha256(index file)
Result<std::string> sign_index(std::string_view index, const Key& private_key,
                               std::string_view existing = {});
Result<std::string> verify_index(std::string_view index, std::string_view signature_file,
                                 const std::vector<Key>& trusted, const std::string& origin);

} // namespace xlp::manifest
