// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/index_file.h"

#include "tools/xlp/disk/records.h"
#include "tools/xlp/disk/reserve.h"
#include "tools/xlp/disk/state.h"
#include "tools/xlp/disk/strict.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::host {
namespace {

namespace fs = std::filesystem;

std::uint64_t number(const Json& j, const std::string& key) {
    return j.is_object() && j.contains(key) && j[key].is_number_unsigned()
               ? j[key].get<std::uint64_t>()
               : 0;
}

// What earlier indexes left.
struct Seen {
    std::uint64_t least_serial = 0; // that is believed for this build
    std::string time;               // the newest; empty when none was
};

Result<Seen> what_was_seen(const Paths& paths, const std::string& xen) {
    auto json = read_json_if_there(paths.serials());
    if (!json)
        return fail(json);
    if (!*json)
        return Seen();
    return Seen{std::max(number(**json, "minimum"), number((**json).value("serials", Json()), xen)),
                text_of(**json, "seen")};
}

Finding warn(std::string code, std::string why, std::string remedy, const fs::path& file) {
    return warning(std::move(code), std::move(why), std::move(remedy), {file, {}, {}, 0});
}

Finding expired(const manifest::Index& index, const std::string& now, const Seen& seen,
                const Paths& paths, const fs::path& file) {
    std::string why = fmt::format("The index was valid until {}.", index.valid_until);
    std::string remedy = "Download the current index.";
    if (!index.expired(now)) {
        why += fmt::format(" This host's clock says {}, but it has been {} here before: the clock "
                           "was set back.",
                           now, seen.time);
        remedy += fmt::format(" If the clock was wrong then, correct `seen' in {}.",
                              paths.serials().string());
    }
    return warn("index.expired", std::move(why), std::move(remedy), file);
}

// Whose it is; empty where nobody's word is demanded.
Result<std::string> check_signer(const std::string& text, const fs::path& file,
                                 const Trust& trust) {
    if (!trust.required()) {
        if (auto ours = only_ours(file); !ours)
            return fail(ours);
        return std::string();
    }
    const fs::path beside = file.string() + ".sig";
    auto signature = read_text_if_there(beside);
    if (!signature)
        return fail(signature);
    if (!*signature)
        return fail(refusal("signature.missing",
                            "The index is not signed, and this host requires a signature.",
                            "Download it together with its .sig.", {file, {}, {}, 0}));
    return manifest::verify_index(text, **signature, trust.keys, beside);
}

} // namespace

IndexFile read_index(const fs::path& folder, const std::string& xen, const Trust& trust,
                     const Paths& paths) {
    IndexFile f;
    const fs::path file = folder / "index.json";
    auto text = read_text_if_there(file, manifest::max_index_size);
    if (!text) {
        f.findings = text.error();
        return f;
    }
    if (!*text) {
        f.findings = {
            warn("index.missing",
                 "There is no index of what this hypervisor needs, so it is unknown whether the "
                 "host has everything.",
                 "Get it from the publisher of the payloads, or create one with `xlp index make'.",
                 file)};
        return f;
    }
    auto signer = check_signer(**text, file, trust);
    auto index = manifest::parse_index(**text, file);
    auto seen = what_was_seen(paths, xen);
    if (!signer)
        append(f.findings, signer.error());
    if (!index)
        append(f.findings, index.error());
    if (!seen)
        append(f.findings, seen.error());
    if (!f.findings.empty())
        return f;
    if (index->xen_build_id != xen)
        f.findings.push_back(refusal("index.other-xen", "The index is for another hypervisor.",
                                     "Download the index for this one.", {file, {}, {}, 0}));
    else if (index->serial < seen->least_serial)
        f.findings.push_back(refusal(
            "index.rollback",
            fmt::format(
                "The index has serial {}, but {} was already seen or required on this host.",
                index->serial, seen->least_serial),
            "Download the current index.", {file, {}, {}, 0}));
    if (!f.findings.empty())
        return f;
    const std::string now = utc_now();
    f.current = !index->expired(std::max(now, seen->time));
    if (!f.current)
        f.findings.push_back(expired(*index, now, *seen, paths, file));
    f.signer = *signer;
    f.index = std::move(*index);
    return f;
}

Result<void> remember_serial(const Paths& paths, const manifest::Index& index) {
    auto json = read_json_if_there(paths.serials());
    if (!json)
        return fail(json);
    Json j = *json ? std::move(**json) : Json::object();
    const Json before = j;
    Json serials = j.value("serials", Json::object());
    serials[index.xen_build_id] = std::max(number(serials, index.xen_build_id), index.serial);
    j["schema"] = "xlp.serials/1";
    j["minimum"] = std::max(number(j, "minimum"), index.minimum_serial);
    j["serials"] = serials;
    // to the hour: not every look at the host is worth a write
    const std::string now = utc_now(), seen = text_of(j, "seen");
    if (now.substr(0, 13) > seen.substr(0, 13))
        j["seen"] = now;
    return j == before ? Result<void>() : put_record(paths, paths.serials(), j);
}

} // namespace xlp::host
