// SPDX-License-Identifier: GPL-2.0-only
// Makes the index of one build (docs/index.md) from payloads and a few words: for tests, and for
// hosts whose payloads nobody publishes.
#include "payload/manifest/index.h"
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "payload/manifest/signature.h"
#include "tools/xlp/disk/records.h"
#include "tools/xlp/hypervisor/errors.h"
#include "tools/xlp/hypervisor/names.h"
#include "tools/xlp/plan/bundle.h"
#include "tools/xlp/plan/choose.h"
#include "tools/xlp/plan/decide.h"
#include "tools/xlp/verbs/verbs.h"

#include <algorithm>
#include <ctime>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::host {
namespace {

namespace po = cli::po;
using manifest::Answer;
using Words = std::vector<std::string>;

std::string in_days(unsigned days) {
    const std::time_t at = std::time(nullptr) + std::time_t(days) * 24 * 3600;
    std::tm tm{};
    ::gmtime_r(&at, &tm);
    char text[32];
    std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    return text;
}

class Maker {
public:
    explicit Maker(const po::variables_map& vm) : vm_(vm) {}

    Result<manifest::Index> run() {
        index_.serial = vm_["serial"].as<std::uint64_t>();
        index_.minimum_serial = vm_["minimum-serial"].as<std::uint64_t>();
        index_.valid_until = in_days(vm_["days"].as<unsigned>());
        index_.revoked = cli::strings(vm_, "revoke");
        if (vm_.count("xen"))
            index_.xen_build_id = vm_["xen"].as<std::string>();
        if (auto read = read_payloads(); !read)
            return fail(read);
        for (const std::string& a : cli::strings(vm_, "in-build"))
            answer({a, {}, Answer::Kind::in_build});
        if (auto given = with_reason("not-concerned", Answer::Kind::not_concerned); !given)
            return fail(given);
        if (auto given = with_reason("reboot", Answer::Kind::reboot); !given)
            return fail(given);
        if (index_.xen_build_id.empty())
            return fail(
                wrong_usage("No hypervisor specified: pass payloads, or its build-id with --xen."));
        return std::move(index_);
    }

private:
    // Where several payloads fix one advisory, that which stands for the others is asked for.
    Result<void> read_payloads() {
        std::vector<Bundle> bundles;
        for (const std::string& file : cli::strings(vm_, "file")) {
            auto b = read_bundle(file);
            if (!b)
                return fail(b);
            if (!index_.xen_build_id.empty() && index_.xen_build_id != b->about.xen_build_id)
                return fail(refusal("index.other-xen", "It is for a different hypervisor.", {},
                                    {file, {}, {}, 0}));
            index_.xen_build_id = b->about.xen_build_id;
            index_.xen_version = b->about.xen_version;
            bundles.push_back(std::move(*b));
        }
        Claims claims;
        for (const Bundle& b : bundles)
            claims.add(b.about);
        std::stable_sort(bundles.begin(), bundles.end(), [&](const Bundle& a, const Bundle& b) {
            return claims.of(b.about).count(a.about.build_id) > 0;
        });
        for (const Bundle& b : bundles)
            for (const std::string& advisory : fixed_by({&b.about}))
                answer({advisory,
                        {},
                        Answer::Kind::payload,
                        b.blob->sha256,
                        b.about.build_id,
                        b.about.name});
        return {};
    }

    Result<void> with_reason(const char* option, Answer::Kind kind) {
        for (const std::string& word : cli::strings(vm_, option)) {
            const std::size_t equals = word.find('=');
            if (equals == word.npos || equals + 1 == word.size())
                return fail(wrong_usage(fmt::format("--{} takes ADVISORY=TEXT.", option)));
            Answer a{word.substr(0, equals), {}, kind};
            (kind == Answer::Kind::reboot ? a.version : a.why) = word.substr(equals + 1);
            answer(std::move(a));
        }
        return {};
    }

    void answer(Answer a) {
        std::erase_if(index_.answers, [&](const Answer& o) { return o.advisory == a.advisory; });
        index_.answers.push_back(std::move(a));
    }

    const po::variables_map& vm_;
    manifest::Index index_;
};

Result<void> make(const po::variables_map& vm, const cli::Output& out, Json& doc) {
    if (vm["action"].as<std::string>() != "make")
        return fail(wrong_usage("`xlp index' takes make."));
    auto index = Maker(vm).run();
    if (!index)
        return fail(index);
    std::sort(index->answers.begin(), index->answers.end(),
              [](const Answer& a, const Answer& b) { return a.advisory < b.advisory; });
    const std::string text = manifest::to_text(*index);
    const std::string file = vm["output"].as<std::string>();
    if (vm.count("key")) {
        auto key = manifest::read_private_key(vm["key"].as<std::string>());
        if (!key)
            return fail(key);
        auto signature = manifest::sign_index(text, *key);
        if (!signature)
            return fail(signature);
        if (auto done = write_file(file + ".sig", *signature); !done)
            return done;
    }
    if (auto done = write_file(file, text); !done)
        return done;
    doc["schema"] = "xlp.index-made/1";
    doc["file"] = file;
    doc["index"] = manifest::to_json(*index);
    out.text(fmt::format("{}: {} advisories, serial {}, valid until {}", printable(file),
                         index->answers.size(), index->serial, index->valid_until));
    return {};
}

} // namespace

cli::Verb index_verb(const Machine&) {
    cli::Verb v{"index",
                "make [PAYLOAD...] --serial N -o FILE",
                "write the index of what one hypervisor needs",
                po::options_description("Index"),
                {"action", "file..."},
                "  xlp index make *.livepatch --serial 1 --not-concerned 'XSA-9=Arm only' "
                "--key private.pem -o index.json\n",
                {}};
    v.options.add_options()("action", po::value<std::string>()->required())("file",
                                                                            po::value<Words>())(
        "output,o", po::value<std::string>()->default_value("index.json")->value_name("FILE"),
        "output file; the signature goes to FILE.sig")(
        "serial", po::value<std::uint64_t>()->required()->value_name("N"),
        "serial number, greater than the previous index's")(
        "minimum-serial", po::value<std::uint64_t>()->default_value(0)->value_name("N"),
        "lowest serial that hosts accept once they have seen this index")(
        "days", po::value<unsigned>()->default_value(30)->value_name("N"),
        "validity in days")("xen", po::value<std::string>()->value_name("BUILD_ID"),
                            "build-id of the hypervisor, if no payload is given")(
        "in-build", po::value<Words>()->value_name("ADVISORY"),
        "advisory that is fixed in this build")("not-concerned",
                                                po::value<Words>()->value_name("ADVISORY=WHY"),
                                                "advisory that does not affect this build")(
        "reboot", po::value<Words>()->value_name("ADVISORY=VERSION"),
        "advisory that cannot be live-patched, and the version that fixes it")(
        "revoke", po::value<Words>()->value_name("SHA256"), "payload that must not be applied")(
        "key", po::value<std::string>()->value_name("FILE"), "private key to sign it with");
    v.run = [](const po::variables_map& vm, const cli::Output& out, Json& doc, Findings&) {
        return make(vm, out, doc);
    };
    return v;
}

} // namespace xlp::host
