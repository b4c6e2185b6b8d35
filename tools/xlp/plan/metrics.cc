// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/metrics.h"

#include "tools/xlp/hypervisor/names.h"

#include <ctime>
#include <fmt/format.h>

namespace xlp::host {
namespace {

// As a label's value: backslash, quote and newline escaped.
std::string label(const std::string& text) {
    std::string s;
    for (char c : printable(text))
        s += c == '\\' || c == '"' ? std::string{'\\', c} : std::string(1, c);
    return s;
}

std::int64_t seconds_of(const std::string& utc) {
    std::tm tm{};
    return ::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%SZ", &tm) ? ::timegm(&tm) : 0;
}

struct Metrics {
    std::string text;
    void head(const char* name, const char* help) {
        text += fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n", name, help);
    }
    template <class Number>
    void one(const char* name, const char* help, Number value) {
        head(name, help);
        text += fmt::format("{} {}\n", name, value);
    }
};

void payloads(Metrics& m, const Stack& host) {
    m.head("xlp_payload_applied", "Payloads in the hypervisor; 1 when applied.");
    for (const auto* list : {&host.applied, &host.idle})
        for (const Installed& i : *list)
            m.text +=
                fmt::format("xlp_payload_applied{{name=\"{}\",build_id=\"{}\"}} {}\n",
                            label(i.payload.name), label(i.about.build_id), int(i.is_applied()));
}

void advisories(Metrics& m, const Assessment& a) {
    m.head("xlp_advisory_fixed", "1: this host is safe from it; 0: not; -1: unknown.");
    for (const Standing& s : a.standings)
        m.text += fmt::format("xlp_advisory_fixed{{advisory=\"{}\"}} {}\n", label(s.advisory),
                              s.state == Standing::State::safe      ? 1
                              : s.state == Standing::State::unknown ? -1
                                                                    : 0);
}

} // namespace

std::string prometheus(const Vitals& v) {
    Metrics m;
    const Assessment& a = v.assessment;
    m.one("xlp_up", "Whether the hypervisor could be queried.", 1);
    m.head("xlp_xen_info", "The running hypervisor.");
    m.text += fmt::format("xlp_xen_info{{version=\"{}\",build_id=\"{}\"}} 1\n",
                          label(v.xen.version()), label(v.xen.build_id));
    m.one("xlp_protected", "1: everything the index requires is applied; 0: not; -1: unknown.",
          a.is_protected ? int(*a.is_protected) : -1);
    m.one("xlp_reboot_needed", "1: a fix needs a reboot into another hypervisor.",
          int(!a.reboot.empty()));
    m.one("xlp_store_errors", "Payloads in the store that cannot be used or reached.",
          v.store_errors);
    m.one("xlp_crashed",
          "1: payloads are held back because the host went down in their trial period.",
          int(v.crashed));
    m.one("xlp_interrupted", "1: an operation did not finish.", int(v.interrupted));
    m.one("xlp_went_down",
          "Settled payloads in whose last trial period the host went down: once more holds them.",
          v.went_down);
    m.one("xlp_held", "Payloads that are held back.", v.held);
    m.one("xlp_on_trial", "Applied payloads in their trial period.", v.on_trial);
    if (v.index) {
        m.one("xlp_index_serial", "Serial number of the index.", v.index->serial);
        m.one("xlp_index_valid_until_timestamp_seconds", "When the index expires.",
              seconds_of(v.index->valid_until));
    }
    if (v.last_sync) {
        m.one("xlp_last_sync_timestamp_seconds", "When the last sync finished.",
              seconds_of(v.last_sync->when));
        m.one("xlp_last_sync_result", "Exit code of the last sync; 0 is success.",
              v.last_sync->result);
    }
    payloads(m, v.stack);
    advisories(m, a);
    return m.text;
}

std::string prometheus_down() {
    Metrics m;
    m.one("xlp_up", "Whether the hypervisor could be queried.", 0);
    return m.text;
}

} // namespace xlp::host
