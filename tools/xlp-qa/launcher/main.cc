// SPDX-License-Identifier: GPL-2.0-only
// xlp-qa-guest, in xlp-qa's dom0: starts guests, looks after them, runs tests in them. Needs
// neither xenstore nor daemons: xen-privcmd and xenfs are enough.
#include "tools/xlp-qa/launcher/window.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>
#include <vector>

namespace launcher {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto patience = 60s; // on a machine that emulates, and is busy
constexpr char list_file[] = "/run/xlp-guests";

constexpr char usage[] =
    "xlp-qa-guest start KIND KERNEL [KEY=NUMBER...]   start a guest that stays\n"
    "xlp-qa-guest check                               each is alive and beats; its longest pause\n"
    "xlp-qa-guest await TEXT                          until each sees this extra version\n"
    "xlp-qa-guest destroy                             end them all\n"
    "xlp-qa-guest run KIND KERNEL [KEY=NUMBER...]     run one to its end; its console\n"
    "keys: memory (MiB), vcpus, hap, nested, viridian, event-channels, seconds; cmdline=TEXT\n";

struct Order {
    Wish wish;
    std::chrono::seconds limit = patience;
};

Order parse(const std::vector<std::string>& words) {
    if (words.size() < 2)
        throw std::runtime_error(usage);
    Order order;
    order.wish.kind = kind_of(words[0]);
    order.wish.kernel = words[1];
    for (std::size_t i = 2; i < words.size(); ++i) {
        const std::size_t equals = words[i].find('=');
        const std::string key = words[i].substr(0, equals);
        if (key == "cmdline" && equals != std::string::npos) {
            order.wish.command_line = words[i].substr(equals + 1);
            continue;
        }
        const unsigned value = equals == std::string::npos
                                   ? 1
                                   : static_cast<unsigned>(std::stoul(words[i].substr(equals + 1)));
        if (key == "memory")
            order.wish.memory_mib = value;
        else if (key == "vcpus")
            order.wish.vcpus = value;
        else if (key == "hap")
            order.wish.hap = value;
        else if (key == "nested")
            order.wish.nested = value;
        else if (key == "viridian")
            order.wish.viridian = value;
        else if (key == "event-channels")
            order.wish.event_channels = value;
        else if (key == "seconds")
            order.limit = std::chrono::seconds(value);
        else
            throw std::runtime_error("Unknown: " + words[i]);
    }
    return order;
}

std::vector<Domain> guests() {
    std::vector<Domain> all;
    std::ifstream in(list_file);
    std::string kind;
    for (Domain d; in >> d.id >> kind >> d.beat_frame;) {
        d.kind = kind_of(kind);
        all.push_back(d);
    }
    return all;
}

bool until(const std::function<bool()>& holds, Clock::duration limit = patience) {
    for (const auto end = Clock::now() + limit; !holds();) {
        if (Clock::now() > end)
            return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

// One guest and its record, if it keeps one.
class Watch {
public:
    Watch(Xen& xen, const Domain& d) : xen_(xen), domain_(d), page_(d.id, d.beat_frame) {}

    std::string name() const {
        return "guest " + std::to_string(domain_.id) + " (" + to_string(domain_.kind) + ")";
    }
    bool tells() const { return page_ && std::memcmp(page_.get(), beat_magic, 8) == 0; }
    Beat read() const {
        Beat b;
        std::memcpy(&b, page_.get(), sizeof b);
        return b;
    }
    void forget_longest() const { static_cast<volatile Beat*>(page_.get())->longest = 0; }

    void check_alive() const {
        const auto s = xen_.state(domain_.id);
        if (!s)
            throw std::runtime_error(name() + " is gone");
        if (!s->running)
            throw std::runtime_error(
                name() + " has ended"
                + (s->shut ? ", with reason " + std::to_string(s->reason) : ""));
    }
    // Rounds of one that tells, else nanoseconds of processor time.
    std::uint64_t progress() const {
        if (tells())
            return read().rounds;
        const auto s = xen_.state(domain_.id);
        return s ? s->cpu_ns : 0;
    }
    void check_beat() const {
        const std::uint64_t then = progress();
        const bool beats = until([&] {
            check_alive();
            return progress() > then;
        });
        if (!beats)
            throw std::runtime_error(name() + " missed its heartbeat");
    }

private:
    Xen& xen_;
    Domain domain_;
    Page page_;
};

void start(Xen& xen, const Order& order) {
    const Domain d = xen.start(order.wish);
    std::ofstream(list_file, std::ios::app)
        << d.id << ' ' << to_string(d.kind) << ' ' << d.beat_frame << '\n';
    const Watch watch(xen, d);
    watch.check_beat();
    if (watch.tells())
        watch.forget_longest();
    std::printf("%s runs\n", watch.name().c_str());
}

void check(Xen& xen) {
    const double per_ms = static_cast<double>(xen.cycles_per_ms());
    for (const Domain& d : guests()) {
        const Watch watch(xen, d);
        watch.check_beat();
        if (!watch.tells()) {
            std::printf("%s goes on\n", watch.name().c_str());
            continue;
        }
        const Beat b = watch.read();
        watch.forget_longest();
        std::printf("%s goes on, rounds %lu, changes %lu, longest pause %.3f ms\n",
                    watch.name().c_str(), b.rounds, b.changes,
                    static_cast<double>(b.longest) / per_ms);
    }
}

void await(Xen& xen, const std::string& text) {
    for (const Domain& d : guests()) {
        const Watch watch(xen, d);
        const bool seen = until([&] {
            watch.check_alive();
            const Beat b = watch.read();
            return std::string(b.seen, strnlen(b.seen, sizeof b.seen)) == text;
        });
        if (!seen)
            throw std::runtime_error(watch.name() + " does not see " + text);
        watch.check_beat();
    }
}

void destroy(Xen& xen) {
    for (const Domain& d : guests())
        xen.destroy(d.id);
    fs::remove(list_file);
}

void run(Xen& xen, const Order& order) {
    const Domain d = xen.start(order.wish);
    {
        const Page ring(d.id, d.console_frame);
        std::optional<State> s;
        const bool ended = until(
            [&] {
                std::fputs(drain_console(ring).c_str(), stdout);
                std::fflush(stdout);
                s = xen.state(d.id);
                return !s || s->shut;
            },
            order.limit);
        std::fputs(drain_console(ring).c_str(), stdout);
        if (!ended)
            std::printf("\nend: none\n");
        else
            std::printf("\nend: %u\n", s ? s->reason : 0);
    }
    xen.destroy(d.id);
}

int work(const std::string& verb, const std::vector<std::string>& words) {
    Xen xen;
    if (verb == "start")
        start(xen, parse(words));
    else if (verb == "run")
        run(xen, parse(words));
    else if (verb == "check" && words.empty())
        check(xen);
    else if (verb == "await" && words.size() == 1)
        await(xen, words[0]);
    else if (verb == "destroy" && words.empty())
        destroy(xen);
    else {
        std::fputs(usage, stderr);
        return 2;
    }
    return 0;
}

} // namespace

} // namespace launcher

int main(int argc, char** argv) {
    try {
        return launcher::work(argc > 1 ? argv[1] : "", {argv + std::min(argc, 2), argv + argc});
    } catch (const std::exception& e) {
        std::printf("error: %s\n", e.what());
        return 1;
    }
}
