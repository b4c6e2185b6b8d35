// SPDX-License-Identifier: GPL-2.0-only
#include "tests/nested/differential/run.h"

#include "payload/base/bytes.h"
#include "tools/xlp-qa/scenario/drive.h"

#include <algorithm>
#include <atomic>
#include <fmt/format.h>
#include <regex>
#include <sstream>
#include <thread>

namespace xlp::differential {

namespace {

using load::Outcome;

constexpr std::size_t cases_per_machine = 25;

// One step a case: `@OPERATION EXIT-CODE`, then what the tool says.
std::string script(const Tried& t, std::size_t number) {
    std::string s = fmt::format("n={} f=/xlp/cases/{}\n", t.name, number);
    s += "op() { out=$($XEN_LIVEPATCH \"$@\" 2>&1); r=$?; echo \"@$1 $r\"; echo \"$out\"; return "
         "$r; }\n"
         "if op upload $n $f; then\n";
    if (t.predicted.applied)
        s += "op apply $n && op revert $n\n";
    s += "op unload $n\nfi\ntrue";
    return s;
}

std::optional<int> errno_of(const std::string& output, const std::string& operation) {
    const std::size_t begin = output.find("@" + operation + " ");
    if (begin == output.npos)
        return std::nullopt;
    std::string part = output.substr(begin + 1);
    part = part.substr(0, part.find('@'));
    if (std::atoi(part.c_str() + operation.size() + 1) == 0)
        return 0;
    static const std::regex number("[Ee]rror:? -?(\\d+)");
    std::smatch match;
    if (std::regex_search(part, match, number)) // xen-livepatch's
        return std::stoi(match[1]);
    return qa::error_number_in(part);
}

qa::Scenario scenario_of(const std::vector<const Tried*>& cases, std::size_t first) {
    qa::Scenario s;
    for (std::size_t i = first; i < cases.size(); ++i) {
        const Bytes& b = cases[i]->test->bytes;
        s.files.push_back(
            qa::regular_file(fmt::format("xlp/cases/{}", i), std::string(b.begin(), b.end())));
        s.steps.push_back({cases[i]->name, "case", cases[i]->name, script(*cases[i], i), false});
    }
    return s;
}

// Xen's text on build-ids is indented with no-break spaces, and where an upload is kept while it is
// looked at (the vmap area, asm/config.h) is any address.
std::string plain(const std::string& line) {
    static const std::regex no_break("\xc2\xa0"), upload("ffff82c0[0-9a-f]{8}");
    return std::regex_replace(std::regex_replace(line, no_break, " "), upload, "UPLOAD");
}

Observed observe(const qa::StepResult& r, const std::optional<qa::Death>& death) {
    Observed o;
    o.ran = true;
    o.died = r.verdict == qa::Verdict::died;
    if (o.died && death)
        o.death = death->place + " " + death->reason;
    o.upload = errno_of(r.output, "upload");
    o.apply = errno_of(r.output, "apply");
    o.revert = errno_of(r.output, "revert");
    o.unload = errno_of(r.output, "unload");
    std::transform(r.log.begin(), r.log.end(), std::back_inserter(o.log), plain);
    return o;
}

bool logged(const Observed& o, const std::string& name, const std::string& log) {
    std::istringstream lines(plain(log));
    for (std::string line; std::getline(lines, line);)
        if (std::none_of(o.log.begin(), o.log.end(), [&](const std::string& l) {
                return l.find(line) != l.npos || l.find(name + ": " + line) != l.npos;
            }))
            return false;
    return true;
}

std::string words(Outcome o, int error) {
    return o == Outcome::refused ? load::errno_text(error) : load::name_of(o);
}

std::string words(const std::optional<int>& error) {
    if (!error)
        return "not done";
    return *error ? load::errno_text(*error) : "accepted";
}

std::string compare_answer(const char* what, const load::Answer& predicted,
                           const std::optional<int>& seen, const Tried& t, const Observed& o) {
    const bool same = predicted.outcome == Outcome::accepted ? seen == 0 : seen == -predicted.error;
    if (!same)
        return fmt::format("{}: predicted {} at {}, seen {}", what,
                           words(predicted.outcome, predicted.error), name_of(predicted.stage),
                           words(seen));
    if (!logged(o, t.name, predicted.log))
        return fmt::format("{}: predicted log `{}'", what, predicted.log);
    return {};
}

// In the order of `cases`.
Result<std::vector<Observed>> run(const qa::Testbed& bed, const std::vector<const Tried*>& cases) {
    std::vector<Observed> all;
    while (all.size() < cases.size()) {
        auto outcome = bed.run(scenario_of(cases, all.size()));
        if (!outcome)
            return fail(outcome);
        const std::size_t before = all.size();
        for (std::size_t i = 1; i < outcome->steps.size(); ++i) { // behind "boot"
            if (outcome->steps[i].verdict == qa::Verdict::skipped)
                break;
            all.push_back(observe(outcome->steps[i], outcome->death));
        }
        if (all.size() == before)
            return fail(environment("differential.boot", "The machine did not come up."));
    }
    return all;
}

std::string difference(const Tried& t, const Observed& o) {
    const Prediction& p = t.predicted;
    if (o.died != p.fatal())
        return fmt::format("{}{}; predicted: upload {}, apply {}, revert {}",
                           o.died ? "died: " : "lived", o.death,
                           words(p.upload.outcome, p.upload.error),
                           p.applied ? words(p.apply.outcome, p.apply.error) : "not done",
                           p.applied ? words(p.revert.outcome, p.revert.error) : "not done");
    if (o.died)
        return {};
    if (auto d = compare_answer("upload", t.predicted.upload, o.upload, t, o); !d.empty())
        return d;
    if (t.predicted.upload.outcome != Outcome::accepted)
        return {};
    if (t.predicted.applied) {
        if (auto d = compare_answer("apply", t.predicted.apply, o.apply, t, o); !d.empty())
            return d;
        if (o.apply == 0 && o.revert != 0)
            return fmt::format("revert: {}", words(o.revert));
    }
    return o.unload == 0 ? std::string() : fmt::format("unload: {}", words(o.unload));
}

// Those that shall die each alone, the others by the dozen.
std::vector<std::vector<const Tried*>> share_out(const std::vector<Tried>& tried) {
    std::vector<std::vector<const Tried*>> machines;
    std::vector<const Tried*> open;
    for (const Tried& t : tried) {
        if (t.predicted.fatal()) {
            machines.push_back({&t});
            continue;
        }
        open.push_back(&t);
        if (open.size() == cases_per_machine)
            machines.push_back(std::exchange(open, {}));
    }
    if (!open.empty())
        machines.push_back(std::move(open));
    return machines;
}

} // namespace

Result<sample::Target> target_of(const xen::Image& image) {
    sample::Target t{image.build_id(), "xen_compile_date", 0, "xen_compile_time", 0, {}};
    t.shape = sample::shape_of(image.version());
    for (auto [name, size] :
         {std::pair{&t.function, &t.function_size}, {&t.second, &t.second_size}}) {
        const auto found = image.find(*name);
        if (found.size() != 1 || found[0]->size < (image.has_ibt() ? 9 : 8))
            return fail(bad_input("differential.target",
                                  fmt::format("The hypervisor has no usable {}.", *name)));
        *size = static_cast<std::uint32_t>(found[0]->size);
    }
    return t;
}

Cases all_cases(const sample::Target& target, unsigned seed, unsigned random) {
    Cases cases(target);
    for (auto add : {add_header_cases, add_section_cases, add_symbol_cases, add_relocation_cases,
                     add_note_cases, add_record_cases, add_table_cases})
        add(cases);
    add_random_cases(cases, seed, random);
    return cases;
}

std::vector<Tried> predicted(const Cases& cases, const xen::Image& image, bool reduced,
                             std::string_view match) {
    std::vector<Tried> chosen;
    for (const Case& c : cases.all()) {
        if ((reduced && !c.reduced) || c.name.find(match) == c.name.npos)
            continue;
        Tried t{&c, fmt::format("case{}", chosen.size()), {}};
        t.predicted = predict(c, cases.target(), image, t.name);
        chosen.push_back(std::move(t));
    }
    return chosen;
}

Result<std::vector<Comparison>> compare(const qa::Testbed& bed, const std::vector<Tried>& tried,
                                        unsigned jobs) {
    const auto machines = share_out(tried);
    std::vector<std::optional<Result<std::vector<Observed>>>> seen(machines.size());
    std::atomic<std::size_t> next = 0;
    std::atomic<bool> stop = false;
    {
        std::vector<std::jthread> workers(std::max(1U, jobs));
        for (std::jthread& w : workers)
            w = std::jthread([&] {
                for (std::size_t i; !stop && (i = next++) < machines.size();) {
                    seen[i] = run(bed, machines[i]);
                    stop = stop || !*seen[i];
                }
            });
    }
    std::vector<Comparison> all;
    for (std::size_t m = 0; m < machines.size(); ++m) {
        if (!seen[m])
            continue; // not begun, because another could not be run
        if (!*seen[m])
            return tl::unexpected(std::move(seen[m]->error()));
        for (std::size_t i = 0; i < machines[m].size(); ++i) {
            Observed& o = (**seen[m])[i];
            std::string d = difference(*machines[m][i], o);
            all.push_back({machines[m][i], std::move(o), std::move(d)});
        }
    }
    return all;
}

} // namespace xlp::differential
