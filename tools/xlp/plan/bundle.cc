// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/bundle.h"

#include "payload/base/file.h"
#include "payload/manifest/signature.h"
#include "tools/xlp/plan/blob.h"

namespace xlp::host {

Result<Bundle> read_bundle(const std::filesystem::path& payload) {
    auto blob = read_blob(payload);
    if (!blob)
        return fail(blob);
    if (!(*blob)->object) // for its words
        return fail(elf::Object::parse((*blob)->bytes, payload));
    auto itself =
        manifest::describe(*(*blob)->object, (*blob)->sha256, (*blob)->bytes.size(), payload);
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
    if (Findings wrong = manifest::compare(*read, b.about, origin); has_errors(wrong))
        return tl::unexpected(wrong);
    b.about = std::move(*read);
    (*blob)->manifest = *b.manifest_text;
    return b;
}

} // namespace xlp::host
