// SPDX-License-Identifier: GPL-2.0-only
// xlp-build sign: a detached signature over a payload and its manifest.
#include "payload/base/bytes.h"
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "payload/elf/writer.h"
#include "payload/manifest/manifest.h"
#include "payload/manifest/signature.h"
#include "tools/xlp-build/verbs/verbs.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::build {

namespace fs = std::filesystem;
namespace po = cli::po;

namespace {

std::string_view text_of(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<void> run_sign(const po::variables_map& vm, const cli::Output& out, Json& doc,
                      Findings& findings) {
    const fs::path payload_path = vm["payload"].as<std::string>();
    auto key = manifest::read_private_key(vm["key"].as<std::string>());
    if (!key)
        return fail(key);
    auto payload = read_file(payload_path);
    if (!payload)
        return fail(payload);
    const fs::path manifest_path = manifest::manifest_path(payload_path);
    auto about = read_file(manifest_path);
    if (!about)
        return fail(about);
    auto parsed = manifest::parse(text_of(*about), manifest_path.string());
    if (!parsed)
        return fail(parsed);
    append(findings, manifest::compare(*parsed, *payload, manifest_path.string()));
    if (has_errors(findings))
        return {}; // a manifest of other bytes is not to be signed
    const fs::path signature_path = manifest::signature_path(payload_path);
    Bytes existing;
    if (std::error_code error; fs::exists(signature_path, error)) {
        auto read = read_file(signature_path);
        if (!read)
            return fail(read);
        existing = std::move(*read);
    }
    auto signature = manifest::sign(*payload, text_of(*about), *key, text_of(existing));
    if (!signature)
        return fail(signature);
    if (auto ok =
            write_file(signature_path, {reinterpret_cast<const std::uint8_t*>(signature->data()),
                                        signature->size()});
        !ok)
        return ok;
    doc["signature"] = signature_path.string();
    doc["key"] = key->id;
    out.text(fmt::format("{}: signed by key {}", signature_path.string(), key->id));
    return {};
}

} // namespace

cli::Verb sign_verb() {
    cli::Verb v;
    v.name = "sign";
    v.arguments = "PAYLOAD --key FILE";
    v.summary = "sign a payload together with its manifest";
    v.options.add_options()("payload", po::value<std::string>()->required(),
                            "")("key", po::value<std::string>()->required()->value_name("FILE"),
                                "private Ed25519 key, PEM");
    v.positional = {"payload"};
    v.examples = "  openssl genpkey -algorithm ed25519 -out key.pem\n"
                 "  xlp-build sign xsa480.livepatch --key key.pem\n";
    v.run = run_sign;
    return v;
}

} // namespace xlp::build
