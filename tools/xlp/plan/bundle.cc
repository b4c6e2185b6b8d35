// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/bundle.h"

#include "payload/base/file.h"
#include "tools/xlp/plan/blob.h"

namespace xlp::host {

Result<Bundle> read_bundle(const std::filesystem::path& payload) {
    auto blob = read_blob(payload);
    if (!blob)
        return fail(blob);
    auto itself = manifest::describe((*blob)->bytes, payload);
    if (!itself)
        return fail(itself);
    auto manifest_text = read_text_if_there(manifest::manifest_path(payload));
    auto signature_text = read_text_if_there(manifest::signature_path(payload));
    for (const auto* file : {&manifest_text, &signature_text})
        if (!*file)
            return tl::unexpected(file->error());
    Bundle b{
        payload, *blob, std::move(*itself), std::move(*manifest_text), std::move(*signature_text),
        {}};
    if (!b.manifest_text)
        return b;
    const std::string origin = manifest::manifest_path(payload);
    auto read = manifest::parse(*b.manifest_text, origin);
    if (!read)
        return fail(read);
    if (Findings wrong = manifest::compare(*read, b.blob->bytes, origin); has_errors(wrong))
        return tl::unexpected(wrong);
    b.about = std::move(*read);
    return b;
}

Result<Trust> read_trust(const Config& config, const std::filesystem::path& default_keys) {
    Trust t;
    t.policy = config.signatures;
    if (t.policy == Policy::off)
        return t;
    auto keys = manifest::read_trusted_keys(config.keys.empty() ? default_keys : config.keys);
    if (!keys)
        return fail(keys);
    t.keys = std::move(*keys);
    return t;
}

Findings check_signature(Bundle& b, const Trust& trust) {
    if (trust.policy == Policy::off)
        return {};
    const bool strict = trust.policy == Policy::require;
    const Where at{b.file, {}, {}, 0};
    if (!b.signature_text) {
        if (strict)
            return {refusal("signature.missing",
                            "The payload is not signed, and this host demands it.",
                            "Have its publisher sign it (`xlp-build sign'), or change `signatures' "
                            "in /etc/xlp/xlp.conf.",
                            at)};
        // a host where no key was ever installed has made no choice yet: do not nag
        if (trust.keys.empty())
            return {note("signature.missing", "The payload is not signed.", {}, at)};
        return {warning("signature.missing", "The payload is not signed.", {}, at)};
    }
    auto by = manifest::verify(b.blob->bytes, b.manifest_text.value_or(""), *b.signature_text,
                               trust.keys, manifest::signature_path(b.file));
    if (by) {
        b.signed_by = *by;
        return {};
    }
    Findings f = by.error();
    for (Finding& x : f)
        if (!strict && x.code == "signature.untrusted")
            x.severity = trust.keys.empty() ? Severity::note : Severity::warning;
    return f;
}

} // namespace xlp::host
