// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/trust.h"

#include "tools/xlp/disk/strict.h"

namespace xlp::host {

Result<Trust> read_trust(const Config& config, const std::filesystem::path& default_keys) {
    Trust t;
    t.policy = config.signatures;
    if (t.policy == Policy::off)
        return t;
    const std::filesystem::path folder = config.keys.empty() ? default_keys : config.keys;
    if (auto ours = only_ours(folder); !ours)
        return fail(ours);
    auto keys = manifest::read_trusted_keys(folder);
    if (!keys)
        return fail(keys);
    for (const manifest::Key& k : *keys)
        if (auto ours = only_ours(k.origin); !ours)
            return fail(ours);
    t.keys = std::move(*keys);
    return t;
}

Findings check_signature(Bundle& b, const Trust& trust) {
    if (trust.policy == Policy::off)
        return {};
    const Where at{b.file, {}, {}, 0};
    if (!b.signature_text) {
        if (trust.required())
            return {refusal("signature.missing",
                            "The payload is not signed, and this host requires a signature: a "
                            "trusted key is installed, or xlp.conf says so.",
                            "Have its publisher sign it (`xlp-build sign').", at)};
        return {note("signature.missing", "The payload is not signed.", {}, at)};
    }
    auto by = manifest::verify(b.blob->bytes, b.manifest_text.value_or(""), *b.signature_text,
                               trust.keys, manifest::signature_path(b.file));
    if (by) {
        b.signed_by = *by;
        b.blob->signer = *by;
        return {};
    }
    Findings f = by.error();
    for (Finding& x : f)
        if (!trust.required() && x.code == "signature.untrusted")
            x.severity = Severity::note; // no key was ever installed: no choice made yet
    return f;
}

} // namespace xlp::host
