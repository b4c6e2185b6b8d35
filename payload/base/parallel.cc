// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <sys/eventfd.h>
#include <thread>

namespace xlp {

Finding interrupted() {
    return environment("interrupted", "Interrupted; nothing was written.");
}

namespace {

// Readable from the moment at which nobody needs to wait for a token any more.
class Over {
public:
    explicit Over(bool needed) : event_(needed ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1) {}
    const Descriptor& event() const { return event_; }
    void say() {
        const std::uint64_t one = 1;
        if (event_) [[maybe_unused]]
            ssize_t n = write(event_.get(), &one, sizeof one);
    }

private:
    Descriptor event_;
};

} // namespace

Result<void> for_each(std::size_t count, const Jobs& jobs, const std::stop_token& stop,
                      const std::function<Result<void>(std::size_t)>& work) {
    std::vector<Findings> failures(count);
    std::atomic<std::size_t> next = 0;
    Over over(jobs.is_shared());
    const std::stop_callback on_stop(stop, [&] { over.say(); });
    // false: there is nothing left to do
    auto one = [&] {
        const std::size_t i = next++;
        if (i + 1 >= count)
            over.say();
        if (i >= count || stop.stop_requested())
            return false;
        if (auto r = work(i); !r)
            failures[i] = std::move(r.error());
        return true;
    };
    auto worker = [&] {
        if (!jobs.is_shared())
            while (one())
                ;
        else
            while (auto token = jobs.take(over.event()))
                if (!one())
                    break;
    };
    {
        std::vector<std::jthread> threads;
        const std::size_t n = std::min<std::size_t>(jobs.most(), count);
        for (std::size_t i = 1; i < n; ++i)
            threads.emplace_back(worker);
        while (one()) // by this process's own right
            ;
    }
    if (stop.stop_requested())
        return fail(interrupted());
    Findings all;
    for (Findings& f : failures)
        append(all, std::move(f));
    if (!all.empty())
        return fail(std::move(all));
    return {};
}

} // namespace xlp
