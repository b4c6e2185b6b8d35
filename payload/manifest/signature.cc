// SPDX-License-Identifier: GPL-2.0-only
#include "payload/manifest/signature.h"

#include "payload/base/bytes.h"
#include "payload/base/hash.h"
#include "payload/base/json.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

namespace xlp::manifest {

void FreeKey::operator()(evp_pkey_st* k) const {
    EVP_PKEY_free(k);
}

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* schema = "xlp.signature/1";
constexpr std::size_t max_signatures = 64;
constexpr std::size_t max_file_size = 64u << 10;

Bytes message(View payload, std::string_view manifest) {
    constexpr char domain[] = "xlp-signature-1"; // with its NUL
    Bytes m(domain, domain + sizeof(domain));
    m.resize(m.size() + 2 * SHA256_DIGEST_LENGTH);
    std::uint8_t* at = m.data() + sizeof(domain);
    SHA256(payload.data(), payload.size(), at);
    SHA256(reinterpret_cast<const unsigned char*>(manifest.data()), manifest.size(),
           at + SHA256_DIGEST_LENGTH);
    return m;
}

Bytes index_message(std::string_view index) {
    constexpr char domain[] = "xlp-index-1"; // with its NUL
    Bytes m(domain, domain + sizeof(domain));
    const Bytes digest = sha256(as_bytes(index));
    m.insert(m.end(), digest.begin(), digest.end());
    return m;
}

std::string key_id(EVP_PKEY* key) {
    unsigned char raw[32], digest[SHA256_DIGEST_LENGTH];
    std::size_t size = sizeof(raw);
    if (EVP_PKEY_get_raw_public_key(key, raw, &size) != 1)
        return {};
    SHA256(raw, size, digest);
    return hex({digest, 8});
}

struct CloseFile {
    void operator()(std::FILE* f) const { std::fclose(f); }
};

// Never asks for a pass phrase: an encrypted key is not read.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

using File = std::unique_ptr<std::FILE, CloseFile>;

Result<File> open_key(const fs::path& path) {
    File f(std::fopen(path.c_str(), "re"));
    if (!f)
        return fail(bad_input("key.unreadable",
                              fmt::format("The key cannot be read: {}.", std::strerror(errno)), {},
                              {path, {}, {}, 0}));
    return f;
}

Finding malformed_key(const fs::path& path, bool is_private) {
    return bad_input("key.malformed",
                     fmt::format("This is not an unencrypted Ed25519 {} key in PEM form.",
                                 is_private ? "private" : "public"),
                     is_private ? "Create one with `openssl genpkey -algorithm ed25519'."
                                : "Create one with `openssl pkey -in KEY -pubout'.",
                     {path, {}, {}, 0});
}

// The key in the next PEM block; null where that holds none. `end`: there is no further block.
KeyHandle next_public_key(std::FILE* f, bool& end) {
    char *name = nullptr, *header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read(f, &name, &header, &data, &size) != 1) {
        const unsigned long error = ERR_peek_last_error();
        end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
        ERR_clear_error();
        return nullptr;
    }
    const unsigned char* at = data;
    KeyHandle key;
    if (std::string_view(name) == PEM_STRING_PUBLIC && *header == 0)
        key.reset(d2i_PUBKEY(nullptr, &at, size));
    for (void* p : {static_cast<void*>(name), static_cast<void*>(header), static_cast<void*>(data)})
        OPENSSL_free(p);
    return key;
}

struct Entry {
    std::string key;
    Bytes signature;
};

Result<std::vector<Entry>> parse_file(std::string_view text, const std::string& origin) {
    const auto malformed = [&](const char* why) {
        return fail(
            bad_input("signature.malformed", why, "Sign the payload again.", {origin, {}, {}, 0}));
    };
    if (text.size() > max_file_size)
        return malformed("The signature file is larger than 64 KiB.");
    const Json j = Json::parse(text, nullptr, false);
    if (!j.is_object() || !j.contains("schema") || j["schema"] != schema
        || !j.contains("signatures") || !j["signatures"].is_array())
        return malformed("The signature file does not hold what `xlp-build sign' writes.");
    if (j["signatures"].size() > max_signatures)
        return malformed("The signature file holds more than 64 signatures.");
    std::vector<Entry> entries;
    for (const Json& s : j["signatures"]) {
        if (!s.is_object() || !s.contains("key") || !s["key"].is_string() || !s.contains("ed25519")
            || !s["ed25519"].is_string())
            return malformed("The signature file holds a signature without a key or value.");
        auto bytes = from_hex(s["ed25519"].get<std::string>());
        if (!bytes || bytes->size() != 64)
            return malformed("The signature file holds a signature that is not 64 bytes.");
        entries.push_back({s["key"], std::move(*bytes)});
    }
    return entries;
}

struct FreeContext {
    void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

bool fits(const Key& key, const Bytes& signature, const Bytes& signed_bytes) {
    Context c(EVP_MD_CTX_new());
    return c && EVP_DigestVerifyInit(c.get(), nullptr, nullptr, nullptr, key.handle.get()) == 1
           && EVP_DigestVerify(c.get(), signature.data(), signature.size(), signed_bytes.data(),
                               signed_bytes.size())
                  == 1;
}

} // namespace

Result<Key> read_private_key(const fs::path& path) {
    auto f = open_key(path);
    if (!f)
        return fail(f);
    KeyHandle key(PEM_read_PrivateKey(f->get(), nullptr, no_passphrase, nullptr));
    if (!key || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519)
        return fail(malformed_key(path, true));
    std::string id = key_id(key.get());
    return Key{std::move(key), std::move(id), path};
}

Result<std::vector<Key>> read_public_keys(const fs::path& path) {
    auto f = open_key(path);
    if (!f)
        return fail(f);
    std::vector<Key> keys;
    ERR_clear_error();
    for (;;) {
        bool end = false;
        KeyHandle key = next_public_key(f->get(), end);
        if (end && !keys.empty())
            return keys;
        if (!key || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519)
            return fail(malformed_key(path, false));
        std::string id = key_id(key.get());
        keys.push_back({std::move(key), std::move(id), path});
    }
}

Result<std::vector<Key>> read_trusted_keys(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code ec;
    for (const auto& e : fs::directory_iterator(folder, ec))
        if (e.path().extension() == ".pem")
            files.push_back(e.path());
    if (ec && ec != std::errc::no_such_file_or_directory)
        return fail(environment(
            "key.folder",
            fmt::format("The directory of trusted keys cannot be read: {}.", ec.message()), {},
            {folder, {}, {}, 0}));
    std::sort(files.begin(), files.end());
    std::vector<Key> keys;
    Findings wrong;
    for (const fs::path& file : files) {
        auto read = read_public_keys(file);
        if (read)
            std::move(read->begin(), read->end(), std::back_inserter(keys));
        else
            append(wrong, read.error());
    }
    if (has_errors(wrong))
        return tl::unexpected(wrong);
    return keys;
}

fs::path signature_path(fs::path payload) {
    return payload += ".sig";
}

namespace {

Result<std::string> sign_message(const Bytes& what, const Key& key, std::string_view existing) {
    std::vector<Entry> entries;
    if (!existing.empty()) {
        auto parsed = parse_file(existing, "the existing signature");
        if (!parsed)
            return fail(parsed);
        entries = std::move(*parsed);
        std::erase_if(entries, [&](const Entry& e) { return e.key == key.id; });
    }
    Bytes signature(64);
    std::size_t size = signature.size();
    Context c(EVP_MD_CTX_new());
    if (!c || EVP_DigestSignInit(c.get(), nullptr, nullptr, nullptr, key.handle.get()) != 1
        || EVP_DigestSign(c.get(), signature.data(), &size, what.data(), what.size()) != 1)
        return fail(internal_fault("signature.openssl", "OpenSSL could not sign."));
    entries.push_back({key.id, std::move(signature)});
    Json list = Json::array();
    for (const Entry& e : entries)
        list.push_back({{"key", e.key}, {"ed25519", hex(e.signature)}});
    return Json{{"schema", schema}, {"signatures", list}}.dump(2) + "\n";
}

// `it`: what was signed, for people.
Result<std::string> verify_message(const Bytes& what, std::string_view signature_file,
                                   const std::vector<Key>& trusted, const std::string& origin,
                                   const char* it, const char* changed) {
    auto entries = parse_file(signature_file, origin);
    if (!entries)
        return fail(entries);
    std::string unfit;
    for (const Entry& e : *entries)
        for (const Key& key : trusted) {
            if (key.id != e.key)
                continue;
            if (fits(key, e.signature, what))
                return key.id;
            unfit = key.id;
        }
    if (!unfit.empty())
        return fail(refusal(
            "signature.wrong",
            fmt::format("The signature by key {} does not match this {}.", unfit, changed),
            fmt::format("Download the {} again from its publisher.", it), {origin, {}, {}, 0}));
    return fail(refusal("signature.untrusted", fmt::format("No trusted key signed this {}.", it),
                        "Verify the publisher's public key, then put it into /etc/xlp/keys.d/.",
                        {origin, {}, {}, 0}));
}

} // namespace

Result<std::string> sign(View payload, std::string_view manifest, const Key& key,
                         std::string_view existing) {
    return sign_message(message(payload, manifest), key, existing);
}

Result<std::string> verify(View payload, std::string_view manifest, std::string_view signature_file,
                           const std::vector<Key>& trusted, const std::string& origin) {
    return verify_message(message(payload, manifest), signature_file, trusted, origin, "payload",
                          "payload and manifest: one of them was changed");
}

Result<std::string> sign_index(std::string_view index, const Key& key, std::string_view existing) {
    return sign_message(index_message(index), key, existing);
}

Result<std::string> verify_index(std::string_view index, std::string_view signature_file,
                                 const std::vector<Key>& trusted, const std::string& origin) {
    return verify_message(index_message(index), signature_file, trusted, origin, "index",
                          "index: it was changed");
}

} // namespace xlp::manifest
