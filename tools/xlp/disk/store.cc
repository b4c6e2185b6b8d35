// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/store.h"

#include "payload/base/bytes.h"
#include "payload/base/file.h"
#include "tools/common/lock.h"
#include "tools/xlp/disk/strict.h"
#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <set>
#include <stdio.h>
#include <unistd.h>

namespace xlp::host {
namespace {

namespace fs = std::filesystem;

constexpr const char* chosen_link = "livepatch.livepatch";
constexpr const char* unfinished = ".new-"; // head of a folder's name while it is written

bool is_payload(const fs::path& p) {
    return p.extension() == ".livepatch";
}

bool is_hash(const std::string& name) {
    return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == name.npos;
}

// The payload files of a build's folder, by file name. A link by XenServer's name chooses one. A
// payload that has a folder of its own hides a file of the same name without.
std::vector<fs::path> files_in(const fs::path& folder, std::error_code& ec) {
    const fs::path link = folder / chosen_link;
    if (fs::is_symlink(link, ec)) {
        const fs::path target = fs::weakly_canonical(link, ec);
        return {ec ? link : target};
    }
    ec.clear();
    std::vector<fs::path> files, loose;
    std::set<fs::path> names;
    for (const auto& e : fs::directory_iterator(folder, ec)) {
        if (is_payload(e.path()))
            loose.push_back(e.path());
        if (!is_hash(e.path().filename()))
            continue;
        std::error_code inner;
        for (const auto& f : fs::directory_iterator(e.path(), inner))
            if (is_payload(f.path()) && names.insert(f.path().filename()).second)
                files.push_back(f.path());
        if (inner)
            ec = inner; // something may be in it that we do not see
    }
    for (const fs::path& f : loose)
        if (!names.count(f.filename()))
            files.push_back(f);
    std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
        return a.filename() < b.filename() || (a.filename() == b.filename() && a < b);
    });
    return files;
}

// Files that somebody else could have written prove nothing, unless a trusted key signed them.
void check_owner(const Bundle& b, Findings& against) {
    if (!b.signed_by.empty())
        return;
    for (const fs::path& f : {b.file, manifest::manifest_path(b.file)})
        if (auto ours = only_ours(f); !ours) {
            append(against, ours.error());
            return;
        }
}

bool holds(const fs::path& file, const std::optional<std::string>& text) {
    auto there = read_text_if_there(file);
    return there && *there == text;
}

fs::path file_name(const Bundle& b) {
    fs::path name = b.file.filename();
    if (!is_payload(name))
        name += ".livepatch";
    return name;
}

Finding not_moved(const fs::path& to) {
    return unwritable(to, errno);
}

} // namespace

Offer Store::offer(const std::string& xen_build_id, const Trust& trust, Findings& findings) const {
    Offer o;
    std::error_code ec;
    const std::vector<fs::path> files = files_in(folder(xen_build_id), ec);
    o.folder = !xen_build_id.empty() && !ec;
    if (ec && ec != std::errc::no_such_file_or_directory) {
        findings.push_back(environment("store.unreadable",
                                       fmt::format("The store cannot be read: {}.", ec.message()),
                                       {}, {folder(xen_build_id), {}, {}, 0}));
        o.rejected.push_back("a part that cannot be read");
    }
    for (const fs::path& file : files) {
        auto bundle = read_bundle(file);
        if (!bundle) {
            append(findings, bundle.error());
            o.rejected.push_back(printable(file.filename().string()));
            continue;
        }
        Findings against = check_signature(*bundle, trust);
        if (!has_errors(against) && trust.policy != Policy::off)
            check_owner(*bundle, against);
        if (!bundle->about.xen_build_id.empty() && bundle->about.xen_build_id != xen_build_id)
            against.push_back(refusal(
                "store.misplaced", "The payload is for a different hypervisor than its directory.",
                "Add it with `xlp install'.", {file, {}, {}, 0}));
        if (has_errors(against))
            o.rejected.push_back(printable(file.filename().string()));
        else
            o.good.push_back(std::move(*bundle));
        append(findings, std::move(against));
    }
    return o;
}

std::vector<manifest::Manifest> Store::manifests() const {
    std::vector<manifest::Manifest> all;
    std::error_code ec;
    for (const auto& build : fs::directory_iterator(root_, ec)) {
        std::error_code inner;
        for (const fs::path& file : files_in(build.path(), inner))
            if (auto bundle = read_bundle(file))
                all.push_back(std::move(bundle->about));
    }
    return all;
}

fs::path Store::place(const Bundle& b) const {
    return folder(b.about.xen_build_id) / b.blob->sha256 / file_name(b);
}

Result<bool> Store::install(const Bundle& b, bool overwrite) const {
    if (b.about.xen_build_id.empty())
        return fail(
            refusal("store.no-xen-id",
                    "The payload does not say which hypervisor it is for, so it cannot be stored.",
                    "Build it with `xlp-build payload'.", {b.file, {}, {}, 0}));
    if (auto named = check_new_name(b.about.name); !named) // as sync will upload it
        return fail(named);
    if (auto made = make_folder(folder(b.about.xen_build_id)); !made)
        return fail(made);
    auto lock =
        FileLock::take(folder(b.about.xen_build_id) / ".lock", FileLock::Mode::exclusive, {});
    if (!lock)
        return fail(lock);
    fs::path same_name;
    std::error_code ec;
    for (const fs::path& f : files_in(folder(b.about.xen_build_id), ec)) {
        if (f.filename() != file_name(b))
            continue;
        if (holds(f, std::string(as_text(b.blob->bytes)))
            && holds(manifest::manifest_path(f), b.manifest_text)
            && holds(manifest::signature_path(f), b.signature_text))
            return false;
        same_name = f;
    }
    const bool other = !same_name.empty() && !holds(same_name, std::string(as_text(b.blob->bytes)));
    if (other && !overwrite)
        return fail(refusal("store.taken", "The store already has another payload of this name.",
                            "Rename the file, or use --force.", {same_name, {}, {}, 0}));
    if (auto done = put_folder(b, same_name); !done)
        return fail(done);
    return true;
}

// The new folder takes the place of the old one in one step, so that whoever looks finds one of the
// two, whole.
Result<void> Store::put_folder(const Bundle& b, const fs::path& instead_of) const {
    const fs::path build = folder(b.about.xen_build_id);
    const fs::path to = build / b.blob->sha256;
    const fs::path fresh = build / (unfinished + b.blob->sha256);
    std::error_code ec;
    fs::remove_all(fresh, ec); // of an install that was killed
    if (auto made = make_folder(fresh); !made)
        return made;
    const fs::path file = fresh / file_name(b);
    const auto give_up = [&](Result<void> failed) {
        fs::remove_all(fresh, ec);
        return failed;
    };
    if (auto done = write_file(file, as_text(b.blob->bytes)); !done)
        return give_up(done);
    if (b.manifest_text)
        if (auto done = write_file(manifest::manifest_path(file), *b.manifest_text); !done)
            return give_up(done);
    if (b.signature_text)
        if (auto done = write_file(manifest::signature_path(file), *b.signature_text); !done)
            return give_up(done);
    const bool own_folder = !instead_of.empty() && instead_of.parent_path() != build;
    const fs::path old = own_folder ? instead_of.parent_path() : to;
    const unsigned exchange = fs::exists(old, ec) ? RENAME_EXCHANGE : 0;
    if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, old.c_str(), exchange) != 0)
        return give_up(fail(not_moved(to)));
    if (old != to && ::rename(old.c_str(), to.c_str()) != 0)
        return fail(not_moved(to));
    const Descriptor parent(::open(build.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent || ::fsync(parent.get()) != 0)
        return fail(not_moved(to));
    fs::remove_all(fresh, ec);              // the old one, after an exchange
    if (!instead_of.empty() && !own_folder) // it is hidden already
        for (const fs::path& f : {instead_of, manifest::manifest_path(instead_of),
                                  manifest::signature_path(instead_of)})
            if (auto gone = remove_file(f); !gone)
                return gone;
    return {};
}

} // namespace xlp::host
