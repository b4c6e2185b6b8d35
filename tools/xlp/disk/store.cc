// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/store.h"

#include "payload/base/bytes.h"
#include "payload/base/file.h"
#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::host {
namespace {

namespace fs = std::filesystem;

constexpr const char* chosen_link = "livepatch.livepatch";

// The payload files of a folder, each once, by name. A link by XenServer's name chooses one.
std::vector<fs::path> files_in(const fs::path& folder) {
    std::error_code ec;
    const fs::path link = folder / chosen_link;
    if (fs::is_symlink(link, ec)) {
        const fs::path target = fs::weakly_canonical(link, ec);
        return {ec ? link : target};
    }
    std::vector<fs::path> files;
    for (const auto& e : fs::directory_iterator(folder, ec))
        if (e.path().extension() == ".livepatch")
            files.push_back(e.path());
    std::sort(files.begin(), files.end());
    return files;
}

} // namespace

std::vector<Bundle> Store::payloads(const std::string& xen_build_id, const Trust& trust,
                                    Findings& findings) const {
    std::vector<Bundle> good;
    for (const fs::path& file : files_in(root_ / xen_build_id)) {
        auto bundle = read_bundle(file);
        if (!bundle) {
            append(findings, bundle.error());
            continue;
        }
        Findings against = check_signature(*bundle, trust);
        if (!bundle->about.xen_build_id.empty() && bundle->about.xen_build_id != xen_build_id)
            against.push_back(refusal("store.misplaced",
                                      "The payload is for another hypervisor than the folder that "
                                      "it is in.",
                                      "Put it there with `xlp install'.", {file, {}, {}, 0}));
        if (!has_errors(against))
            good.push_back(std::move(*bundle));
        append(findings, std::move(against));
    }
    return good;
}

std::vector<manifest::Manifest> Store::manifests() const {
    std::vector<manifest::Manifest> all;
    std::error_code ec;
    for (const auto& folder : fs::directory_iterator(root_, ec))
        for (const fs::path& file : files_in(folder.path()))
            if (auto bundle = read_bundle(file))
                all.push_back(std::move(bundle->about));
    return all;
}

fs::path Store::place(const Bundle& b) const {
    fs::path file = b.file.filename();
    if (file.extension() != ".livepatch")
        file += ".livepatch";
    return root_ / b.about.xen_build_id / file;
}

Result<bool> Store::install(const Bundle& b, bool overwrite) const {
    if (b.about.xen_build_id.empty())
        return fail(refusal("store.no-xen-id",
                            "The payload does not say which hypervisor it is for, so there is no "
                            "place for it in the store.",
                            "Build it with `xlp-build payload'.", {b.file, {}, {}, 0}));
    if (auto named = check_new_name(b.about.name); !named) // as sync will upload it
        return fail(named);
    const fs::path to = place(b);
    auto there = read_text_if_there(to);
    if (!there)
        return fail(there);
    auto manifest = read_text_if_there(manifest::manifest_path(to));
    auto signature = read_text_if_there(manifest::signature_path(to));
    if (*there && **there == as_text(b.blob->bytes) && manifest && *manifest == b.manifest_text
        && signature && *signature == b.signature_text)
        return false;
    if (*there && **there != as_text(b.blob->bytes) && !overwrite)
        return fail(refusal("store.taken", "Another payload of this name is in the store.",
                            "Rename the file, or use --force.", {to, {}, {}, 0}));
    // the payload comes last: until then nobody looks at what belongs to it
    const std::pair<fs::path, const std::optional<std::string>*> companions[] = {
        {manifest::manifest_path(to), &b.manifest_text},
        {manifest::signature_path(to), &b.signature_text}};
    for (const auto& [path, text] : companions)
        if (auto done = *text ? write_file(path, **text) : remove_file(path); !done)
            return fail(done);
    if (auto done = write_file(to, as_text(b.blob->bytes)); !done)
        return fail(done);
    return true;
}

} // namespace xlp::host
