// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/index_file.h"

#include "tools/xlp/disk/records.h"
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

// The least serial that is believed for this build.
Result<std::uint64_t> least_serial(const Paths& paths, const std::string& xen) {
    auto json = read_json_if_there(paths.serials());
    if (!json)
        return fail(json);
    if (!*json)
        return 0;
    return std::max(number(**json, "minimum"), number((**json).value("serials", Json()), xen));
}

Finding warn(std::string code, std::string why, std::string remedy, const fs::path& file) {
    return warning(std::move(code), std::move(why), std::move(remedy), {file, {}, {}, 0});
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
    auto least = least_serial(paths, xen);
    if (!signer)
        append(f.findings, signer.error());
    if (!index)
        append(f.findings, index.error());
    if (!least)
        append(f.findings, least.error());
    if (!f.findings.empty())
        return f;
    if (index->xen_build_id != xen)
        f.findings.push_back(refusal("index.other-xen", "The index is for another hypervisor.",
                                     "Download the index for this one.", {file, {}, {}, 0}));
    else if (index->serial < *least)
        f.findings.push_back(refusal(
            "index.rollback",
            fmt::format(
                "The index has serial {}, but {} was already seen or required on this host.",
                index->serial, *least),
            "Download the current index.", {file, {}, {}, 0}));
    if (!f.findings.empty())
        return f;
    f.current = !index->expired(utc_now());
    if (!f.current)
        f.findings.push_back(warn("index.expired",
                                  fmt::format("The index was valid until {}.", index->valid_until),
                                  "Download the current index.", file));
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
    return j == before ? Result<void>() : put_json(paths.serials(), j);
}

} // namespace xlp::host
