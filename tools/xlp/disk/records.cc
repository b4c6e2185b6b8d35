// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/records.h"

#include "payload/base/bytes.h"
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "tools/xlp/disk/state.h"
#include "tools/xlp/hypervisor/names.h"
#include "tools/xlp/plan/blob.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

namespace xlp::host {
namespace {

namespace fs = std::filesystem;

fs::path spool_file(const Paths& paths, const std::string& sha256) {
    return paths.spool() / (sha256 + ".livepatch");
}

} // namespace

std::string utc_now() {
    const std::time_t now = std::time(nullptr);
    std::tm tm{};
    ::gmtime_r(&now, &tm);
    char text[32];
    std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    return text;
}

std::string boot_id(const Paths& paths) {
    auto text = read_text_if_there(paths.boot_id());
    if (!text || !*text)
        return {};
    std::string id = **text;
    id.erase(std::remove(id.begin(), id.end(), '\n'), id.end());
    return id;
}

Result<Records> Records::read(const Paths& paths) {
    Records r;
    r.paths_ = paths;
    r.boot_ = boot_id(paths);
    auto json = read_json_if_there(paths.loaded());
    if (!json && json.error().front().code != "file.damaged")
        return fail(json);
    if (!json || !*json || text_of(**json, "boot") != r.boot_)
        return r;
    const Json& payloads = (**json)["payloads"];
    if (!payloads.is_object())
        return r;
    for (const auto& [name, p] : payloads.items())
        r.records_[decode_name(name)] = {text_of(p, "sha256"),   text_of(p, "build_id"),
                                         text_of(p, "depends"),  decode_name(text_of(p, "origin")),
                                         text_of(p, "uploaded"), text_of(p, "applied"),
                                         text_of(p, "manifest"), text_of(p, "signer"),
                                         text_of(p, "metadata"), p.value("ran", Json()) == true};
    return r;
}

const Record* Records::find(const std::string& name) const {
    auto it = records_.find(name);
    return it == records_.end() ? nullptr : &it->second;
}

std::shared_ptr<const Blob> Records::blob(const std::string& sha256) const {
    if (sha256.empty() || sha256.find('/') != sha256.npos)
        return nullptr;
    auto read = read_blob(spool_file(paths_, sha256));
    if (!read || (*read)->sha256 != sha256)
        return nullptr;
    return *read;
}

Result<void> Records::keep_bytes(const Blob& b) {
    return put(spool_file(paths_, b.sha256), as_text(b.bytes), {.mode = 0600});
}

Result<void> Records::uploading(const std::string& name, const Blob& b) {
    records_[name] = {b.sha256,   b.build_id, b.depends,
                      b.origin,   utc_now(),  {},
                      b.manifest, b.signer,   hex(as_bytes(b.metadata)),
                      false};
    return write();
}

Result<void> Records::adopt(const std::string& name, const Blob& b, bool is_applied) {
    if (auto kept = keep_bytes(b); !kept)
        return kept;
    if (auto noted = uploading(name, b); !noted)
        return noted;
    records_[name].uploaded.clear(); // by somebody else, nobody knows when
    records_[name].ran = is_applied;
    return write();
}

Result<void> Records::applied(const std::string& name, bool now) {
    auto it = records_.find(name);
    if (it == records_.end())
        return {};
    it->second.applied = now ? utc_now() : "";
    it->second.ran = it->second.ran || now;
    return write();
}

Result<void> Records::applied_alone(const std::string& name) {
    for (auto& [other, r] : records_)
        r.applied.clear();
    return applied(name, true);
}

Result<void> Records::forget(const std::string& name) {
    return records_.erase(name) ? write() : Result<void>();
}

Result<void> Records::forget_all_but(const Snapshot& host) {
    const std::size_t before = records_.size();
    std::erase_if(records_, [&](const auto& r) { return !host.find(r.first); });
    if (records_.size() != before)
        if (auto done = write(); !done)
            return done;
    std::error_code ec;
    for (const auto& file : fs::directory_iterator(paths_.spool(), ec)) {
        const std::string sha256 = file.path().stem();
        const bool used = std::any_of(records_.begin(), records_.end(),
                                      [&](const auto& r) { return r.second.sha256 == sha256; });
        if (!used)
            if (auto done = remove_file(file.path()); !done)
                return done;
    }
    return {};
}

void Records::complete(Snapshot& s) const {
    for (Snapshot::Entry& e : s.entries)
        if (const Record* r = find(e.name))
            e.sha256 = r->sha256;
}

Result<void> Records::write() const {
    Json payloads = Json::object();
    for (const auto& [name, r] : records_)
        payloads[encode_name(name)] = {{"sha256", r.sha256},     {"build_id", r.build_id},
                                       {"depends", r.depends},   {"origin", encode_name(r.origin)},
                                       {"uploaded", r.uploaded}, {"applied", r.applied},
                                       {"manifest", r.manifest}, {"signer", r.signer},
                                       {"metadata", r.metadata}, {"ran", r.ran}};
    const Json whole = {{"schema", "xlp.loaded/1"}, {"boot", boot_}, {"payloads", payloads}};
    return put_json(paths_.loaded(), whole);
}

} // namespace xlp::host
