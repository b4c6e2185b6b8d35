// SPDX-License-Identifier: GPL-2.0-only
// Random programs, random patches to them, and whether a patched program does what a new one does.
#include "edits.h"
#include "trial.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace xlp::generator;

const char* const help = R"(Usage: generator [OPTION...]

Makes batches of small C programs and patches to them, builds a payload for each batch, loads it by
the loader's model and runs patched and newly built programs side by side.

  --seeds FIRST-LAST  the batches to run (default: 1-20)
  --seeds FILE        lines of `SEED' or `SEED CASE'
  --cases N           programs in a batch (default: 24)
  --case I            only this one of each batch
  --edit KIND         edits of one kind only, as the table that ends a run names them
  --seconds N         no new batch is begun after that time
  --jobs N            batches at a time (default: 1)
  --keep DIR          write each faulty case there, made as small as can be
  --verbose           say what became of each case
  --show              print the sources of --case

Exit status: 0 if no fault was found, 1 if one was, 2 for wrong usage.
)";

struct Options {
    std::vector<std::pair<std::uint64_t, int>> seeds; // and the only case, or -1
    int cases = 24, jobs = 1, only = -1, seconds = 0;
    std::string keep, edit;
    bool verbose = false, show = false;
};

struct Tally {
    long tried = 0, batches = 0, replaced = 0;
    std::map<Outcome, long> outcomes;
    std::map<std::string, std::map<Outcome, long>> kinds;
    std::map<std::string, long> refusals;
};

std::string joined(const std::vector<std::string>& list) {
    std::string s;
    for (const std::string& x : list)
        s += (s.empty() ? "" : ", ") + x;
    return s;
}

void report_fault(const Options& o, std::uint64_t seed, const Case& c, const Result& r,
                  const Style& style) {
    std::string text =
        fmt::format("FAULT {} (seed {}, case {}; {}): {}\n  reproduce: generator "
                    "--seeds {}-{} --cases {} --case {}{}\n",
                    name_of(r.outcome), seed, c.index, joined(c.edits), r.text, seed, seed, o.cases,
                    c.index, o.edit.empty() ? "" : " --edit '" + o.edit + "'");
    if (!o.keep.empty()) {
        const auto folder =
            std::filesystem::path(o.keep) / fmt::format("seed-{}-case-{}", seed, c.index);
        const Case small = shrink(seed, c, style, 80);
        write_case(folder, small, style, fmt::format("{}: {}", name_of(r.outcome), r.text));
        text += fmt::format("  sources: {}\n", folder.string());
    }
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
}

void run_seed(const Options& o, std::uint64_t seed, int only, Tally& tally) {
    const Style style = random_style(seed);
    std::vector<Case> cases;
    for (int i = 0; i < o.cases; ++i)
        if (only < 0 || i == only)
            if (Case c = make_case(seed, i, o.edit); !c.edits.empty())
                cases.push_back(std::move(c));
    if (o.show)
        for (const Case& c : cases)
            for (int u = 0; u < units; ++u)
                fmt::print("// unit {} before\n{}\n// unit {} after ({})\n{}\n", u,
                           c.before.render(u), u, joined(c.edits), c.after.render(u));
    const auto results = run_batch(seed, cases, style);
    ++tally.batches;
    for (const Case& c : cases) {
        const auto it = results.find(c.index);
        if (it == results.end())
            continue;
        const Result& r = it->second;
        ++tally.tried;
        tally.replaced += r.replaced;
        ++tally.outcomes[r.outcome];
        for (const std::string& e : c.edits)
            ++tally.kinds[e][r.outcome];
        if (r.outcome == Outcome::refused)
            ++tally.refusals[r.codes.front()];
        if (o.verbose)
            fmt::print("seed {} case {}: {} ({}) {} [{}]\n", seed, c.index, name_of(r.outcome),
                       joined(c.edits), r.text, joined(r.codes));
        if (is_fault(r.outcome))
            report_fault(o, seed, c, r, style);
    }
}

// A worker's tally, as lines that its parent adds up.
void write_tally(const std::string& path, const Tally& t) {
    std::ofstream out(path);
    out << "t " << t.tried << ' ' << t.batches << ' ' << t.replaced << '\n';
    for (auto [o, n] : t.outcomes)
        out << "o " << static_cast<int>(o) << ' ' << n << '\n';
    for (const auto& [kind, list] : t.kinds)
        for (auto [o, n] : list)
            out << "k " << static_cast<int>(o) << ' ' << n << ' ' << kind << '\n';
    for (const auto& [code, n] : t.refusals)
        out << "r " << n << ' ' << code << '\n';
}

void read_tally(const std::string& path, Tally& t) {
    std::ifstream in(path);
    for (std::string tag; in >> tag;) {
        long n = 0, x = 0, y = 0;
        std::string name;
        if (tag == "t" && in >> n >> x >> y)
            t.tried += n, t.batches += x, t.replaced += y;
        else if (tag == "o" && in >> x >> n)
            t.outcomes[static_cast<Outcome>(x)] += n;
        else if (tag == "k" && in >> x >> n && std::getline(in >> std::ws, name))
            t.kinds[name][static_cast<Outcome>(x)] += n;
        else if (tag == "r" && in >> n >> name)
            t.refusals[name] += n;
    }
}

void print(const Tally& t, double seconds) {
    fmt::print("\n{} programs in {} batches, {:.0f} s, {:.0f} a minute; {} with code replaced\n",
               t.tried, t.batches, seconds, static_cast<double>(t.tried) * 60 / seconds,
               t.replaced);
    for (auto [o, n] : t.outcomes)
        fmt::print("  {:8} {}\n", name_of(o), n);
    fmt::print("\n{:28} {:>6} {:>8} {:>6} {:>7} {:>8}\n", "edit", "good", "refused", "told",
               "fault", "invalid");
    for (const auto& [kind, list] : t.kinds) {
        auto n = [&of = list](Outcome o) { return of.contains(o) ? of.at(o) : 0; };
        fmt::print("{:28} {:>6} {:>8} {:>6} {:>7} {:>8}\n", kind, n(Outcome::good),
                   n(Outcome::refused), n(Outcome::told),
                   n(Outcome::differs) + n(Outcome::crash) + n(Outcome::broken),
                   n(Outcome::invalid));
    }
    fmt::print("\nrefused for\n");
    for (const auto& [code, n] : t.refusals)
        fmt::print("  {:28} {}\n", code, n);
}

bool parse(int argc, char** argv, Options& o) {
    std::string seeds = "1-20";
    for (int i = 1; i < argc; ++i) {
        const std::string a = argv[i];
        auto value = [&]() -> std::string { return ++i < argc ? argv[i] : ""; };
        if (a == "--seeds")
            seeds = value();
        else if (a == "--cases")
            o.cases = std::atoi(value().c_str());
        else if (a == "--case")
            o.only = std::atoi(value().c_str());
        else if (a == "--seconds")
            o.seconds = std::atoi(value().c_str());
        else if (a == "--jobs")
            o.jobs = std::atoi(value().c_str());
        else if (a == "--edit")
            o.edit = value();
        else if (a == "--keep")
            o.keep = value();
        else if (a == "--verbose")
            o.verbose = true;
        else if (a == "--show")
            o.show = true;
        else
            return false;
    }
    unsigned long long first = 0, last = 0;
    if (std::sscanf(seeds.c_str(), "%llu-%llu", &first, &last) == 2) {
        for (; first <= last; ++first)
            o.seeds.emplace_back(first, o.only);
    } else {
        std::ifstream in(seeds);
        for (std::string line; std::getline(in, line);) {
            int only = -1;
            if (std::sscanf(line.c_str(), "%llu %d", &first, &only) >= 1)
                o.seeds.emplace_back(first, only);
        }
    }
    return !o.seeds.empty() && o.cases > 0 && o.jobs > 0;
}

} // namespace

int main(int argc, char** argv) {
    Options o;
    if (!parse(argc, argv, o)) {
        std::fputs(help, stderr);
        return 2;
    }
    const auto begin = std::chrono::steady_clock::now();
    auto seconds = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    Folder folder;
    std::vector<pid_t> workers;
    for (int j = 0; j < o.jobs; ++j) {
        std::fflush(stdout);
        const pid_t pid = fork();
        if (pid) {
            workers.push_back(pid);
            continue;
        }
        Tally tally;
        int status = 0;
        for (std::size_t i = static_cast<std::size_t>(j); i < o.seeds.size();
             i += static_cast<std::size_t>(o.jobs)) {
            if (o.seconds && seconds() > o.seconds)
                break;
            try {
                run_seed(o, o.seeds[i].first, o.seeds[i].second, tally);
            } catch (const std::exception& e) {
                fmt::print("seed {}: {}\n", o.seeds[i].first, e.what());
                status = 3;
            }
        }
        write_tally((folder.path() / std::to_string(j)).string(), tally);
        std::fflush(stdout);
        _exit(status);
    }
    bool failed = false;
    Tally tally;
    for (std::size_t j = 0; j < workers.size(); ++j) {
        int status = -1;
        waitpid(workers[j], &status, 0);
        failed |= status != 0;
        read_tally((folder.path() / std::to_string(j)).string(), tally);
    }
    print(tally, seconds());
    for (auto [outcome, n] : tally.outcomes)
        failed |= is_fault(outcome) && n;
    return failed ? 1 : 0;
}
