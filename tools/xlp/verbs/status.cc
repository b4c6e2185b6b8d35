// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "tools/xlp/disk/store.h"
#include "tools/xlp/hypervisor/errors.h"
#include "tools/xlp/hypervisor/names.h"
#include "tools/xlp/plan/assess.h"
#include "tools/xlp/plan/decide.h"
#include "tools/xlp/verbs/verbs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace xlp::host {
namespace {

namespace po = cli::po;

std::string words(const std::vector<std::string>& list) {
    return fmt::format("{}", fmt::join(list, " "));
}

Json entry(const Installed& i) {
    return {{"name", printable(i.payload.name)},
            {"state", to_string(i.payload.status.state)},
            {"rc", i.payload.status.rc},
            {"build_id", i.about.build_id},
            {"title", i.about.title},
            {"advisories", i.about.advisories},
            {"cves", i.about.cves},
            {"functions", i.about.functions},
            {"uploaded_at", i.uploaded},
            {"applied_at", i.applied}};
}

std::string line(const Installed& i) {
    std::string s = printable(i.payload.name);
    if (!i.about.advisories.empty())
        s += ": " + words(i.about.advisories);
    if (!i.about.cves.empty())
        s += " (" + words(i.about.cves) + ")";
    if (!i.about.title.empty())
        s += ", " + i.about.title;
    if (!i.about.functions.empty())
        s += fmt::format(", {} function{}", i.about.functions.size(),
                         i.about.functions.size() == 1 ? "" : "s");
    if (!i.applied.empty())
        s += ", since " + i.applied;
    return s;
}

struct StatusReport {
    const Machine& machine;
    const po::variables_map& vm;
    const cli::Output& out;
    Json& doc;
    Findings& findings;

    Result<void> run() {
        auto done = look();
        if (done || !vm.count("prometheus"))
            return done;
        // the reason is on stderr; the collector learns that there is one
        if (auto told = write_file(vm["prometheus"].as<std::string>(), prometheus_down()); !told)
            append(findings, told.error());
        return done;
    }

    Result<void> look() {
        doc["schema"] = "xlp.status/1";
        doc["protected"] = nullptr;
        auto config = read_config(machine.paths.config());
        if (!config)
            return fail(config);
        auto trust = read_trust(*config, machine.paths.keys());
        if (!trust)
            return fail(trust);
        auto settings = read_settings(vm, out);
        if (!settings)
            return fail(settings);
        auto s = open_session(machine, *settings);
        if (!s)
            return fail(s);
        doc["xen"] = describe(*s);
        auto listed = s->xen->list();
        if (!listed)
            return fail(explain_list(listed.error()));
        auto records = Records::read(machine.paths);
        if (!records)
            return fail(records);
        const Store store(store_folder(machine, *config, vm));
        const auto candidates = store.payloads(s->identity.build_id, *trust, findings);
        const Stack host = arrange(*listed, *records, candidates, s->identity);
        auto target = choose(candidates, s->identity.build_id, findings);
        if (!target)
            append(findings, target.error());
        const std::vector<const Bundle*> none;
        const Assessment a = assess(host, target ? *target : none, store.manifests());
        tell(s->identity, host, a);
        troubles();
        verdict(a, target.has_value());
        if (vm.count("prometheus"))
            return write_file(vm["prometheus"].as<std::string>(), prometheus(a, host, s->identity));
        return {};
    }

    void text(const std::string& s) const {
        if (!vm.count("monitor"))
            out.text(s);
    }

    void tell(const Identity& xen, const Stack& host, const Assessment& a) {
        text(fmt::format("Xen {}, build-id {}", xen.version(),
                         xen.build_id.empty() ? "unknown" : xen.build_id));
        doc["stack"] = Json::array();
        doc["idle"] = Json::array();
        if (host.applied.empty())
            text("No payload is in effect.");
        else
            text(host.order_known ? "In effect, bottom first:" : "In effect, order unknown:");
        for (const Installed& i : host.applied) {
            doc["stack"].push_back(entry(i));
            text("  " + line(i));
        }
        if (!host.idle.empty())
            text("Uploaded, without effect:");
        for (const Installed& i : host.idle) {
            doc["idle"].push_back(entry(i));
            text("  " + line(i));
        }
        doc["order_known"] = host.order_known;
        doc["fixed"] = a.fixed;
        doc["fixed_cves"] = a.fixed_cves;
        doc["open"] = a.open;
        doc["elsewhere"] = a.elsewhere;
        doc["missing"] = Json::array();
        for (const Bundle* b : a.missing) {
            doc["missing"].push_back({{"name", b->about.name},
                                      {"file", b->file.string()},
                                      {"advisories", b->about.advisories}});
            text(fmt::format("In the store and not in effect: {} {}", b->about.name,
                             words(b->about.advisories)));
        }
        if (!a.elsewhere.empty())
            text("In the store for other hypervisors only: " + words(a.elsewhere));
    }

    // Traces of operations that did not end.
    void troubles() {
        auto crash = Guard(machine.paths).crash();
        doc["crashed"] = crash && crash->has_value();
        if (crash && *crash)
            findings.push_back(warning("status.crash",
                                       fmt::format("The host went down while payloads were put "
                                                   "into effect ({}).",
                                                   (*crash)->when),
                                       "See xlp-sync(1), --after-crash."));
        std::error_code ec;
        doc["interrupted"] = std::filesystem::exists(machine.paths.journal(), ec);
        if (doc["interrupted"] == true)
            findings.push_back(warning("status.interrupted",
                                       "An operation was interrupted, or is under way.",
                                       "The next xlp that changes something repairs it."));
    }

    void verdict(const Assessment& a, bool chosen) {
        if (a.is_protected && chosen)
            doc["protected"] = *a.is_protected;
        if (!a.is_protected || !chosen) {
            findings.push_back(environment("status.unknown",
                                           "The store has nothing for this hypervisor to compare "
                                           "with, so it is not known whether the host is "
                                           "protected.",
                                           "`xlp install' puts payloads there."));
            text("Protected: unknown");
        } else if (!*a.is_protected) {
            findings.push_back(refusal("status.not-protected",
                                       a.open.empty()
                                           ? "Payloads of the store are not in effect."
                                           : "Not protected against " + words(a.open) + ".",
                                       "`xlp sync' puts them into effect."));
            text("Protected: no");
        } else {
            text("Protected: yes");
        }
    }
};

// As monitoring plugins do: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
int plugin_code(const Json& doc) {
    const auto is = [&](const char* key, bool value) {
        return doc.contains(key) && doc[key] == value;
    };
    if (is("protected", false))
        return 2;
    if (!is("protected", true))
        return 3;
    return is("crashed", true) || is("interrupted", true) ? 1 : 0;
}

std::string plugin_line(const Json& doc) {
    const char* const words_of[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    const int code = plugin_code(doc);
    std::string s = fmt::format("XLP {}", words_of[code]);
    const auto count = [&](const char* key) { return doc.contains(key) ? doc[key].size() : 0; };
    if (!doc.contains("stack"))
        return s + " - the hypervisor cannot be asked";
    if (code == 1)
        return s + " - an operation did not end well, see `xlp status'";
    s += fmt::format(" - {} payloads in effect", count("stack"));
    if (count("missing"))
        s += fmt::format(", {} missing", count("missing"));
    if (count("open"))
        s += ": " + words(doc["open"].get<std::vector<std::string>>());
    return s + fmt::format(" | payloads={} missing={}", count("stack"), count("missing"));
}

} // namespace

cli::Verb status_verb(const Machine& machine) {
    cli::Verb v{"status",
                "",
                "tell whether this host is protected, and by what",
                po::options_description("Status"),
                {},
                "  xlp status --prometheus /var/lib/prometheus/node-exporter/xlp.prom\n",
                {}};
    v.options.add_options()("monitor",
                            "one line and the exit codes of monitoring plugins: 0 protected, 1 "
                            "protected and something to look at, 2 not protected, 3 unknown")(
        "prometheus", po::value<std::string>()->value_name("FILE"),
        "also write the metrics for a textfile collector");
    add_store_option(v.options);
    add_connection_options(v.options);
    v.run = [&machine](const po::variables_map& vm, const cli::Output& out, Json& doc,
                       Findings& findings) {
        auto done = StatusReport{machine, vm, out, doc, findings}.run();
        if (vm.count("monitor"))
            out.text(plugin_line(doc));
        return done;
    };
    v.exit_code = [](const po::variables_map& vm, const Json& doc, Failure f) {
        return vm.count("monitor") ? plugin_code(doc) : static_cast<int>(f);
    };
    return v;
}

} // namespace xlp::host
