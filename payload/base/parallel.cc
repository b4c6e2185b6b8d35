// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>

namespace xlp {

Finding interrupted() {
    return environment("interrupted", "Interrupted; nothing was written.");
}

Result<void> for_each(std::size_t count, unsigned jobs, const std::stop_token& stop,
                      const std::function<Result<void>(std::size_t)>& work) {
    std::vector<Findings> failures(count);
    std::atomic<std::size_t> next = 0;
    auto worker = [&] {
        for (std::size_t i; (i = next++) < count && !stop.stop_requested();)
            if (auto r = work(i); !r)
                failures[i] = std::move(r.error());
    };
    {
        std::vector<std::jthread> threads;
        const std::size_t n = std::min<std::size_t>(std::max(1U, jobs), count);
        for (std::size_t i = 1; i < n; ++i)
            threads.emplace_back(worker);
        worker();
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
