// SPDX-License-Identifier: GPL-2.0-only
#include "trial.h"

#include "bodies.h"
#include "edits.h"
#include "engine.h"
#include "run.h"

#include <algorithm>
#include <fmt/format.h>
#include <regex>
#include <set>
#include <stdexcept>

namespace xlp::generator {

namespace fs = std::filesystem;

namespace {

// Findings of these codes say that the patched hypervisor may not do all that a new one does.
bool excuses(const Finding& f) {
    static const char* const codes[] = {"data.", "state.", "init.", "types.", "account."};
    return f.severity == Severity::warning
           && std::any_of(std::begin(codes), std::end(codes),
                          [&](const char* c) { return f.code.starts_with(c); });
}

// An alias keeps an address of its own, of which the engine warns.
bool compares_addresses(const Program& p) {
    static const std::regex comparison("== @f[0-9]+@");
    return std::any_of(p.functions.begin(), p.functions.end(), [](const Function& f) {
        return std::any_of(f.body.begin(), f.body.end(), [](const std::string& statement) {
            return std::regex_search(statement, comparison);
        });
    });
}

std::set<int> cases_in(const std::string& text) {
    static const std::regex prefix("\\bk([0-9]+)_");
    std::set<int> found;
    for (std::sregex_iterator it(text.begin(), text.end(), prefix), end; it != end; ++it)
        found.insert(std::stoi((*it)[1]));
    return found;
}

std::string unit_name(int u) {
    return fmt::format("unit{}", u);
}

std::string unit_text(int u, const std::vector<const Program*>& programs) {
    std::string s = prelude;
    for (const Program* p : programs)
        s += p->render(u);
    return s;
}

class Batch {
public:
    Batch(std::uint64_t seed, const std::vector<Case>& cases, const Style& style)
        : seed_(seed), style_(style) {
        for (const Case& c : cases)
            active_.push_back(&c);
    }

    std::map<int, Result> run() {
        build_old();
        for (int round = 0; round < 40 && !active_.empty(); ++round)
            if (attempt())
                break;
        return std::move(results_);
    }

private:
    void settle(const Case& c, Outcome o, std::string text, std::string code = {}) {
        Result& r = results_[c.index];
        r.outcome = o;
        r.text = std::move(text);
        if (!code.empty())
            r.codes.push_back(std::move(code));
        std::erase(active_, &c);
    }
    const Case* active(int index) const {
        for (const Case* c : active_)
            if (c->index == index)
                return c;
        return nullptr;
    }
    // The cases that a compiler's message names cannot be compiled.
    void drop_invalid(const std::string& message) {
        bool any = false;
        for (int i : cases_in(message))
            if (const Case* c = active(i)) {
                settle(*c, Outcome::invalid, message.substr(0, 600));
                any = true;
            }
        if (!any)
            throw std::runtime_error(message);
    }

    void build_old();
    bool build_new();
    bool attempt();
    void refuse(const Findings&);
    void execute(const Made*);

    std::uint64_t seed_;
    const Style& style_;
    Folder folder_;
    std::vector<const Case*> all_, active_; // all_: those of the old image
    std::optional<xen::Image> old_;
    std::map<int, Result> results_;
    std::string before_[units], after_[units];
};

void Batch::build_old() {
    const fs::path home = folder_.path() / "before";
    fs::create_directory(home);
    write_text(home / "base.c", std::string(prelude) + base_unit);
    for (;;) {
        std::vector<const Program*> programs;
        for (const Case* c : active_)
            programs.push_back(&c->before);
        std::vector<std::string> sources = {"base.c"};
        std::vector<fs::path> objects = {home / "base.o"};
        for (int u = 0; u < units; ++u) {
            before_[u] = unit_text(u, programs);
            write_text(home / (unit_name(u) + ".c"), before_[u]);
            sources.push_back(unit_name(u) + ".c");
            objects.push_back(home / (unit_name(u) + ".o"));
        }
        try {
            compile(home, sources, style_);
            link(home / "xen-syms", objects, old_base);
            break;
        } catch (const std::runtime_error& e) {
            drop_invalid(e.what());
        }
    }
    all_ = active_;
    auto image = xen::Image::read(home / "xen-syms", xen::Version{4, 17, 5});
    if (!image)
        throw std::runtime_error(image.error().front().why);
    old_ = std::move(*image);
}

// The new build of the programs that are still active; the others stay as they are.
bool Batch::build_new() {
    const fs::path home = folder_.path() / "after";
    fs::create_directory(home);
    std::vector<const Program*> programs;
    for (const Case* c : all_)
        programs.push_back(active(c->index) ? &c->after : &c->before);
    std::vector<std::string> sources;
    std::vector<fs::path> objects = {folder_.path() / "before" / "base.o"};
    for (int u = 0; u < units; ++u) {
        const std::string text = unit_text(u, programs);
        const std::string name = unit_name(u);
        if (text == before_[u]) {
            objects.push_back(folder_.path() / "before" / (name + ".o"));
        } else {
            objects.push_back(home / (name + ".o"));
            if (text != after_[u]) {
                write_text(home / (name + ".c"), text);
                sources.push_back(name + ".c");
            }
        }
        after_[u] = text;
    }
    try {
        compile(home, sources, style_);
        link(home / "xen-syms", objects, new_base);
        return true;
    } catch (const std::runtime_error& e) {
        for (std::string& s : after_)
            s.clear();
        drop_invalid(e.what());
        return false;
    }
}

// True when the batch is done.
bool Batch::attempt() {
    if (!build_new())
        return false;
    std::vector<Pair> pairs;
    for (int u = 0; u < units; ++u)
        if (after_[u] != before_[u])
            pairs.push_back({unit_name(u) + ".o", unit_name(u) + ".c",
                             folder_.path() / "before" / (unit_name(u) + ".o"),
                             folder_.path() / "after" / (unit_name(u) + ".o")});
    if (pairs.empty()) {
        execute(nullptr);
        return true;
    }
    const Made made = make_payload(pairs, *old_);
    if (made.payload.empty() && !made.nothing_changed) {
        refuse(made.findings);
        return false;
    }
    execute(made.payload.empty() ? nullptr : &made);
    return true;
}

void Batch::refuse(const Findings& why) {
    bool any = false;
    for (const Finding& f : why) {
        if (f.severity != Severity::error)
            continue;
        std::set<int> named = cases_in(f.where.function);
        if (named.empty())
            named = cases_in(f.why);
        for (int i : named) {
            if (const Case* c = active(i)) {
                settle(*c, Outcome::refused, f.where.function + ": " + f.why, f.code);
                any = true;
            } else if (results_.contains(i) && results_[i].outcome == Outcome::refused) {
                results_[i].codes.push_back(f.code);
            }
        }
    }
    if (any)
        return;
    // Nobody is named. Alone, the case is meant; among others, each is tried on its own.
    std::string text;
    for (const Finding& f : why)
        if (f.severity == Severity::error)
            text += fmt::format("{}: {} ({}) ", f.code, f.why, f.where.function);
    const std::vector<const Case*> rest = active_;
    if (all_.size() == 1) {
        settle(*rest[0], Outcome::broken, text);
        return;
    }
    for (const Case* c : rest) {
        const std::vector<Case> alone = {*c};
        auto result = run_batch(seed_, alone, style_);
        results_[c->index] = result[c->index];
        std::erase(active_, c);
    }
}

void Batch::execute(const Made* made) {
    std::shared_ptr<const load::Loaded> loaded;
    if (made) {
        // another payload is there already, and so this one goes to a random place
        Random r(mix(seed_, 0x91ace));
        load::Loaded other;
        other.name = "other";
        other.base = old_base + (r.below(0x3000) << 12) + 0x1000000;
        other.pages = 1;
        load::Options options;
        options.name = "generated";
        options.below = {&other};
        options.check_stack_dependency = false;
        auto verdict = load::load(made->payload, *old_, options);
        if (verdict.upload.outcome != load::Outcome::accepted
            || verdict.apply.outcome != load::Outcome::accepted) {
            const std::string text = verdict.findings.empty() ? "" : verdict.findings[0].why;
            for (const Case* c : std::vector(active_))
                settle(*c, Outcome::broken, "the loader's model: " + text);
            return;
        }
        loaded = verdict.loaded;
    }
    auto image = xen::Image::read(folder_.path() / "after" / "xen-syms", xen::Version{4, 17, 5});
    if (!image)
        throw std::runtime_error(image.error().front().why);
    std::vector<Subject> subjects;
    const std::vector<const Case*> cases = active_;
    for (const Case* c : cases) {
        Subject s;
        s.seed = mix(seed_, static_cast<std::uint64_t>(c->index));
        s.before = &c->before;
        s.after = &c->after;
        for (std::size_t f = 0; f < c->before.functions.size(); ++f) {
            const Function& o = c->before.functions[f];
            const Function& n = c->after.functions[f];
            s.warm = s.warm && (!o.exists || n.exists);
            if (!o.exists || !n.exists || o.outlined || !o.section.empty() || o.name != n.name
                || c->before.is_static(o) || c->after.is_static(n))
                continue;
            const std::uint64_t a = address_of(o, *old_), b = address_of(n, *image);
            if (!a || !b)
                continue;
            s.entries.emplace_back(a, b);
            s.entry_names.push_back(o.name);
        }
        s.pieces = pieces(c->before, *old_, c->after, *image);
        subjects.push_back(std::move(s));
    }
    const auto verdicts = run_side_by_side(*old_, loaded.get(), *image, subjects);
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const Case& c = *cases[i];
        Result& r = results_[c.index];
        bool told = false;
        if (made) {
            for (const Finding& f : made->findings)
                if (cases_in(f.where.function).contains(c.index)
                    || cases_in(f.why).contains(c.index)) {
                    r.codes.push_back(f.code);
                    told |= excuses(f) || (f.code == "select.alias" && compares_addresses(c.after));
                }
            for (const std::string& name : made->replaced)
                r.replaced |= cases_in(name).contains(c.index);
        }
        switch (verdicts[i].kind) {
        case Verdict::Kind::good:
            settle(c, Outcome::good, {});
            break;
        case Verdict::Kind::undetermined:
            settle(c, Outcome::unknown, {});
            break;
        case Verdict::Kind::differs:
            settle(c, told ? Outcome::told : Outcome::differs, verdicts[i].text);
            break;
        case Verdict::Kind::crash:
            settle(c, Outcome::crash, verdicts[i].text);
            break;
        }
    }
}

} // namespace

const char* name_of(Outcome o) {
    static const char* const names[] = {"invalid", "good",    "refused", "unknown",
                                        "told",    "differs", "crash",   "broken"};
    return names[static_cast<int>(o)];
}

Case make_case(std::uint64_t seed, int index, const std::string& kind) {
    Random r(mix(seed, static_cast<std::uint64_t>(index) + 1000));
    Case c;
    c.index = index;
    c.before = random_program(r, fmt::format("k{}_", index));
    // some edits that shape the original, such as aliases, are made before the patch
    if (r.chance(25))
        edit(r, c.before, r.chance(50) ? "make alias" : "outline");
    c.after = c.before;
    const int wanted = !kind.empty() || r.chance(60) ? 1 : r.between(2, 3);
    for (int tries = 0; tries < 20 && static_cast<int>(c.edits.size()) < wanted; ++tries) {
        std::string made = kind.empty() ? edit(r, c.after) : edit(r, c.after, kind);
        if (!made.empty())
            c.edits.push_back(std::move(made));
    }
    // both have the same list, so that one index means the same in both
    while (c.before.functions.size() < c.after.functions.size()) {
        c.before.functions.push_back(c.after.functions[c.before.functions.size()]);
        c.before.functions.back().exists = false;
    }
    while (c.before.variables.size() < c.after.variables.size()) {
        c.before.variables.push_back(c.after.variables[c.before.variables.size()]);
        c.before.variables.back().exists = false;
    }
    return c;
}

std::map<int, Result> run_batch(std::uint64_t seed, const std::vector<Case>& cases,
                                const Style& style) {
    return Batch(seed, cases, style).run();
}

void write_case(const fs::path& folder, const Case& c, const Style& style,
                const std::string& seen) {
    std::string edits;
    for (const std::string& e : c.edits)
        edits += (edits.empty() ? "" : ", ") + e;
    for (const bool after : {false, true}) {
        const fs::path side = folder / (after ? "after" : "before");
        fs::create_directories(side);
        for (int u = 0; u < units; ++u)
            write_text(side / (unit_name(u) + ".c"), unit_text(u, {after ? &c.after : &c.before}));
    }
    write_text(folder / "base.c", std::string(prelude) + base_unit);
    const std::string compile_all = compile_command("*.c", style);
    write_text(folder / "reproduce.sh",
               fmt::format("#!/bin/sh\n# {}: {}\nset -e\ncd \"$(dirname \"$0\")\"\n"
                           "cp base.c before/\n(cd before && {})\n(cd after && {})\n"
                           "rm -f before/base.c\n"
                           "ld -T ../xen.lds --build-id=sha1 -o xen-syms before/*.o\n"
                           "mv before/base.o .\n"
                           "${{XLP_BUILD:-xlp-build}} diff before after --xen-syms xen-syms "
                           "--xen-version 4.17.5 -o fix.livepatch -v\n",
                           edits, seen, compile_all, compile_all));
}

Case shrink(std::uint64_t seed, Case c, const Style& style, int attempts) {
    auto outcome = [&](const Case& x) { return run_batch(seed, {x}, style)[x.index].outcome; };
    const Outcome wanted = outcome(c);
    if (!is_fault(wanted))
        return c; // only among others
    auto keep_if_same = [&](Case smaller) {
        if (attempts-- <= 0)
            return false;
        try {
            if (outcome(smaller) != wanted)
                return false;
        } catch (const std::runtime_error&) {
            return false;
        }
        c = std::move(smaller);
        return true;
    };
    for (std::size_t f = 0; f < c.before.functions.size(); ++f)
        for (std::size_t s = c.before.functions[f].body.size(); s-- > 0;) {
            Case smaller = c;
            auto& old_body = smaller.before.functions[f].body;
            const std::string statement = old_body[s];
            old_body.erase(old_body.begin() + static_cast<std::ptrdiff_t>(s));
            for (Function& g : smaller.after.functions)
                std::erase(g.body, statement);
            keep_if_same(std::move(smaller));
        }
    auto remove = [&](auto list) {
        for (std::size_t i = 0; i < (c.before.*list).size(); ++i) {
            if (!(c.before.*list)[i].exists && !(c.after.*list)[i].exists)
                continue;
            Case smaller = c;
            (smaller.before.*list)[i].exists = false;
            (smaller.after.*list)[i].exists = false;
            keep_if_same(std::move(smaller));
        }
    };
    remove(&Program::variables);
    remove(&Program::functions);
    return c;
}

} // namespace xlp::generator
