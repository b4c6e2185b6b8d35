// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "tools/xlp/disk/last_sync.h"
#include "tools/xlp/disk/settled.h"
#include "tools/xlp/disk/store.h"
#include "tools/xlp/hypervisor/errors.h"
#include "tools/xlp/hypervisor/names.h"
#include "tools/xlp/plan/assess.h"
#include "tools/xlp/plan/choose.h"
#include "tools/xlp/plan/metrics.h"
#include "tools/xlp/verbs/monitor.h"
#include "tools/xlp/verbs/offered.h"
#include "tools/xlp/verbs/verbs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace xlp::host {
namespace {

namespace po = cli::po;

std::string words(const std::vector<std::string>& list) {
    return printable(fmt::format("{}", fmt::join(list, " ")));
}

Json entry(const Installed& i) {
    return {{"name", printable(i.payload.name)},
            {"state", to_string(i.payload.status.state)},
            {"rc", i.payload.status.rc},
            {"build_id", i.about.build_id},
            {"sha256", i.sha256},
            {"signed_by", i.signer},
            {"certain", i.certain},
            {"partial", i.about.partial},
            {"title", printable(i.about.title)},
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
        s += ", " + printable(i.about.title);
    if (!i.about.functions.empty())
        s += fmt::format(", {} function{}", i.about.functions.size(),
                         i.about.functions.size() == 1 ? "" : "s");
    if (!i.applied.empty())
        s += ", since " + i.applied;
    return s;
}

// Everything that is read before anything is said.
struct Facts {
    Session session;
    Offered offered;
    Stack host;
    Choice choice;
    std::vector<manifest::Manifest> whole_store;
};

Evidence evidence_of(const Facts& f) {
    Evidence e;
    const IndexFile& index = f.offered.index;
    e.index = index.index ? &*index.index : nullptr;
    e.current = index.current;
    e.target = f.choice.chain;
    e.unreachable = f.choice.unreachable;
    e.rejected = f.offered.offer.rejected.size();
    e.ambiguous = f.choice.ambiguous;
    return e;
}

class StatusReport {
public:
    StatusReport(const Machine& machine, const po::variables_map& vm, const cli::Output& out,
                 Json& doc, Findings& findings)
        : machine_(machine), vm_(vm), out_(out), doc_(doc), findings_(findings) {}

    Result<void> run() {
        doc_["schema"] = "xlp.status/1";
        doc_["protected"] = nullptr;
        auto facts = look();
        if (!facts && vm_.count("prometheus"))
            // the reason is on stderr; the collector learns that there is one
            if (auto told = write_metrics(prometheus_down()); !told)
                append(findings_, told.error());
        if (!facts)
            return fail(facts);
        const Assessment a = assess(facts->host, evidence_of(*facts), facts->whole_store);
        tell(*facts, a);
        troubles(*facts);
        if (vm_.count("advisory"))
            answer(a, vm_["advisory"].as<std::string>());
        else
            verdict(a);
        return vm_.count("prometheus") ? write_metrics(metrics(*facts, a)) : Result<void>();
    }

private:
    Result<void> write_metrics(const std::string& text) const {
        return write_file(vm_["prometheus"].as<std::string>(), text);
    }

    Result<Facts> look() {
        auto prelude = read_prelude(machine_, vm_, out_);
        if (!prelude)
            return fail(prelude);
        auto s = open_session(machine_, prelude->settings);
        if (!s)
            return fail(s);
        doc_["xen"] = describe(*s);
        auto listed = s->xen->list();
        if (!listed)
            return fail(explain_list(listed.error()));
        auto records = Records::read(machine_.paths);
        if (!records)
            return fail(records);
        const Store store(store_folder(machine_, prelude->config, vm_));
        auto offered =
            what_is_offered(machine_.paths, store, prelude->trust, s->identity, findings_);
        if (!offered)
            return fail(offered);
        for (const Finding& f : offered->index.findings)
            if (f.code == "index.missing")
                findings_.push_back(f);
        if (offered->index.index) // by root only; no harm where it cannot be
            (void)remember_serial(machine_.paths, *offered->index.index);
        Facts f{std::move(*s), std::move(*offered), {}, {}, store.manifests()};
        f.host = arrange(*listed, *records, f.offered.offer.good, f.session.identity);
        f.choice = choose(f.offered.offer, f.session.identity.build_id);
        append(findings_, f.choice.findings);
        // what the store lacks, or cannot give, is no failure of looking
        for (Finding& x : findings_)
            if (x.severity == Severity::error)
                x.severity = Severity::warning;
        return f;
    }

    void text(const std::string& s) const {
        if (!vm_.count("monitor") && !vm_.count("advisory"))
            out_.text(s);
    }

    void tell(const Facts& f, const Assessment& a) {
        const Identity& xen = f.session.identity;
        text(fmt::format("Xen {}, build-id {}", xen.version(),
                         xen.build_id.empty() ? "unknown" : xen.build_id));
        tell_stack(f.host);
        tell_standings(a);
        doc_["fixed"] = a.fixed;
        doc_["fixed_cves"] = a.fixed_cves;
        doc_["open"] = a.open;
        doc_["reboot"] = a.reboot;
        doc_["doubts"] = a.doubts;
        doc_["elsewhere"] = a.elsewhere;
        doc_["store_errors"] = store_errors(f);
        doc_["index"] = nullptr;
        if (const auto& index = f.offered.index.index)
            doc_["index"] = {{"serial", index->serial},
                             {"valid_until", index->valid_until},
                             {"current", f.offered.index.current},
                             {"signed_by", f.offered.index.signer}};
        doc_["missing"] = Json::array();
        for (const Bundle* b : a.missing) {
            doc_["missing"].push_back({{"name", printable(b->about.name)},
                                       {"file", b->file.string()},
                                       {"advisories", b->about.advisories}});
            text(fmt::format("In the store but not applied: {} {}", printable(b->about.name),
                             words(b->about.advisories)));
        }
        if (!a.elsewhere.empty())
            text("In the store for other hypervisors only: " + words(a.elsewhere));
    }

    void tell_stack(const Stack& host) {
        doc_["stack"] = Json::array();
        doc_["idle"] = Json::array();
        if (host.applied.empty())
            text("No payload is applied.");
        else
            text(host.order_known ? "Applied, bottom first:" : "Applied, order unknown:");
        for (const Installed& i : host.applied) {
            doc_["stack"].push_back(entry(i));
            text("  " + line(i));
        }
        if (!host.idle.empty())
            text("Uploaded, not applied:");
        for (const Installed& i : host.idle) {
            doc_["idle"].push_back(entry(i));
            text("  " + line(i));
        }
        doc_["order_known"] = host.order_known;
    }

    void tell_standings(const Assessment& a) {
        doc_["advisories"] = Json::array();
        if (!a.standings.empty())
            text(fmt::format("{:<12} {:<8} {}", "ADVISORY", "STATE", ""));
        for (const Standing& s : a.standings) {
            doc_["advisories"].push_back({{"advisory", printable(s.advisory)},
                                          {"cves", s.cves},
                                          {"state", to_string(s.state)},
                                          {"how", printable(s.how)}});
            text(row(s));
        }
    }

    static std::string row(const Standing& s) {
        return fmt::format("{:<12} {:<8} {}", printable(s.advisory), to_string(s.state),
                           printable(s.how));
    }

    static std::size_t store_errors(const Facts& f) {
        return f.offered.offer.rejected.size() + f.choice.unreachable.size()
               + (f.choice.ambiguous ? 1 : 0);
    }

    // Traces of operations that did not end, and of what has to prove itself.
    void troubles(const Facts& f) {
        const Holds& holds = f.offered.holds;
        doc_["crashed"] = holds.after_crash();
        doc_["held"] = Json::array();
        for (const Hold& h : holds.all())
            doc_["held"].push_back({{"id", printable(h.id)},
                                    {"name", printable(h.name)},
                                    {"when", printable(h.when)}});
        if (holds.after_crash())
            findings_.push_back(warning(
                "status.crash",
                "The host went down during the trial period of payloads, so they are held back.",
                "Find out why: a power cut, or a crash? To apply them "
                "again: `xlp sync --after-crash'."));
        doc_["went_down"] = Json::array();
        if (auto settled = Settled::read(machine_.paths))
            for (const std::string& name : settled->down_once(f.session.identity.build_id))
                doc_["went_down"].push_back(printable(name));
        if (!doc_["went_down"].empty())
            findings_.push_back(warning(
                "host.went-down",
                "The host went down without a shutdown in the last trial period of payloads that "
                "had settled before. A second time in a row holds them back.",
                "Find out why: a power cut, or a crash?"));
        std::error_code ec;
        doc_["interrupted"] = std::filesystem::exists(machine_.paths.journal(), ec);
        if (doc_["interrupted"] == true)
            findings_.push_back(warning("status.interrupted",
                                        "An operation was interrupted or is in progress.",
                                        "The next xlp command that changes the host repairs it."));
        doc_["on_trial"] = Json::array();
        if (auto trial = Trial(machine_.paths).current(); trial && *trial)
            for (const OnTrial& p : (*trial)->payloads) {
                doc_["on_trial"].push_back(printable(p.name));
                text("In trial period: " + printable(p.name));
            }
        doc_["last_sync"] = nullptr;
        if (const auto last = last_sync(machine_.paths))
            tell_last_sync(*last);
    }

    void tell_last_sync(const LastSync& last) {
        doc_["last_sync"] = {{"when", printable(last.when)},
                             {"result", last.result},
                             {"reason", printable(last.reason)}};
        if (last.result != 0 || !last.reason.empty())
            text(fmt::format("The last sync ({}) {}: {}", printable(last.when),
                             last.result ? "failed" : "did nothing", printable(last.reason)));
    }

    std::string metrics(const Facts& f, const Assessment& a) const {
        const auto& index = f.offered.index.index;
        return prometheus({a, f.host, f.session.identity, store_errors(f), doc_["crashed"] == true,
                           doc_["interrupted"] == true, doc_["went_down"].size(),
                           f.offered.holds.all().size(), doc_["on_trial"].size(),
                           index ? &*index : nullptr, last_sync(machine_.paths)});
    }

    // For one advisory: safe 0, not 1, nobody knows 4.
    void answer(const Assessment& a, const std::string& advisory) {
        const Standing* s = a.find(advisory);
        Standing nothing{
            advisory, {}, Standing::State::unknown, "no information about it on this host"};
        if (!s)
            s = &nothing;
        doc_["asked"] = {{"advisory", printable(s->advisory)},
                         {"state", to_string(s->state)},
                         {"how", printable(s->how)}};
        out_.text(row(*s));
        if (s->state == Standing::State::unknown)
            findings_.push_back(
                environment("status.unknown", "It is not known whether this host is safe from "
                                                  + printable(advisory) + "."));
        else if (s->state != Standing::State::safe)
            findings_.push_back(refusal("status.not-protected", "Not protected against "
                                                                    + printable(advisory) + ": "
                                                                    + printable(s->how) + "."));
    }

    void verdict(const Assessment& a) {
        if (a.is_protected)
            doc_["protected"] = *a.is_protected;
        if (!a.is_protected) {
            findings_.push_back(
                environment("status.unknown",
                            "It is not known whether this host is protected. "
                                + printable(fmt::format("{}", fmt::join(a.doubts, " "))),
                            "docs/operating.md says what to do about each."));
            text("Protected: unknown");
        } else if (!*a.is_protected) {
            findings_.push_back(not_protected(a));
            text("Protected: no");
        } else {
            text("Protected: yes");
        }
    }

    static Finding not_protected(const Assessment& a) {
        const bool only_reboot = !a.open.empty() && a.open.size() == a.reboot.size();
        return refusal("status.not-protected",
                       a.open.empty() ? "Payloads in the store are not applied."
                                      : "Not protected against " + words(a.open) + ".",
                       only_reboot ? "Reboot into a hypervisor that has the fix."
                                   : "`xlp sync' applies what the store has.");
    }

    const Machine& machine_;
    const po::variables_map& vm_;
    const cli::Output& out_;
    Json& doc_;
    Findings& findings_;
};

} // namespace

cli::Verb status_verb(const Machine& machine) {
    cli::Verb v{"status",
                "[ADVISORY]",
                "show whether this host is protected, and by what",
                po::options_description("Status"),
                {"advisory"},
                "  xlp status --prometheus /var/lib/prometheus/node-exporter/xlp.prom\n",
                {}};
    v.options.add_options()("advisory", po::value<std::string>())(
        "monitor", "print one line, with monitoring-plugin exit codes: 0 protected, 1 protected "
                   "but needs attention, 2 not protected, 3 unknown")(
        "prometheus", po::value<std::string>()->value_name("FILE"),
        "also write metrics for a textfile collector");
    add_store_option(v.options);
    add_connection_options(v.options);
    v.run = [&machine](const po::variables_map& vm, const cli::Output& out, Json& doc,
                       Findings& findings) {
        auto done = StatusReport(machine, vm, out, doc, findings).run();
        if (vm.count("monitor"))
            out.text(plugin_line(doc, done ? Findings() : done.error()));
        return done;
    };
    v.exit_code = [](const po::variables_map& vm, const Json& doc, Failure f) {
        return vm.count("monitor") ? plugin_code(doc) : static_cast<int>(f);
    };
    return v;
}

} // namespace xlp::host
