// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/assess.h"

#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace xlp::host {
namespace {

std::vector<std::string> minus(const std::set<std::string>& from, const std::set<std::string>& a) {
    std::vector<std::string> rest;
    std::set_difference(from.begin(), from.end(), a.begin(), a.end(), std::back_inserter(rest));
    return rest;
}

// As a label's value: backslash, quote and newline escaped.
std::string label(const std::string& text) {
    std::string s;
    for (char c : printable(text))
        s += c == '\\' || c == '"' ? std::string{'\\', c} : std::string(1, c);
    return s;
}

struct Metrics {
    std::string text;
    void head(const char* name, const char* help) {
        text += fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n", name, help);
    }
};

} // namespace

Assessment assess(const Stack& host, const std::vector<const Bundle*>& target,
                  const std::vector<manifest::Manifest>& whole_store) {
    Assessment a;
    std::set<std::string> fixed, cves, in_effect, wanted, known;
    for (const Installed& i : host.applied) {
        fixed.insert(i.about.advisories.begin(), i.about.advisories.end());
        cves.insert(i.about.cves.begin(), i.about.cves.end());
        in_effect.insert(i.about.build_id);
        in_effect.insert(i.about.supersedes.begin(), i.about.supersedes.end());
    }
    for (const Bundle* b : target) {
        wanted.insert(b->about.advisories.begin(), b->about.advisories.end());
        if (!in_effect.count(b->about.build_id))
            a.missing.push_back(b);
    }
    for (const manifest::Manifest& m : whole_store)
        known.insert(m.advisories.begin(), m.advisories.end());
    a.fixed.assign(fixed.begin(), fixed.end());
    a.fixed_cves.assign(cves.begin(), cves.end());
    std::set<std::string> covered = fixed;
    covered.insert(wanted.begin(), wanted.end());
    a.open = minus(wanted, fixed);
    a.elsewhere = minus(known, covered);
    if (!target.empty())
        a.is_protected = a.missing.empty();
    return a;
}

std::string prometheus(const Assessment& a, const Stack& host, const Identity& xen) {
    Metrics m;
    m.head("xlp_up", "Whether the hypervisor could be asked.");
    m.text += "xlp_up 1\n";
    m.head("xlp_xen_info", "The running hypervisor.");
    m.text += fmt::format("xlp_xen_info{{version=\"{}\",build_id=\"{}\"}} 1\n",
                          label(xen.version()), label(xen.build_id));
    m.head("xlp_protected",
           "1: all payloads of the store for this hypervisor are in effect; 0: not; -1: unknown.");
    m.text += fmt::format("xlp_protected {}\n", a.is_protected ? int(*a.is_protected) : -1);
    m.head("xlp_payload_applied", "Payloads in the hypervisor; 1 when in effect.");
    for (const auto* list : {&host.applied, &host.idle})
        for (const Installed& i : *list)
            m.text +=
                fmt::format("xlp_payload_applied{{name=\"{}\",build_id=\"{}\"}} {}\n",
                            label(i.payload.name), label(i.about.build_id), int(i.is_applied()));
    m.head("xlp_advisory_fixed", "1: fixed by a payload in effect; 0: a payload is in the store "
                                 "and not in effect.");
    for (const std::string& advisory : a.fixed)
        m.text += fmt::format("xlp_advisory_fixed{{advisory=\"{}\"}} 1\n", label(advisory));
    for (const std::string& advisory : a.open)
        m.text += fmt::format("xlp_advisory_fixed{{advisory=\"{}\"}} 0\n", label(advisory));
    return m.text;
}

std::string prometheus_down() {
    Metrics m;
    m.head("xlp_up", "Whether the hypervisor could be asked.");
    m.text += "xlp_up 0\n";
    return m.text;
}

} // namespace xlp::host
