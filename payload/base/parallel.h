// SPDX-License-Identifier: GPL-2.0-only
// Independent pieces of work on several threads, and how work is cancelled: by a std::stop_token
// that is passed down to it.
#pragma once

#include "payload/base/jobs.h"
#include "payload/base/result.h"

#include <cstddef>
#include <functional>
#include <stop_token>

namespace xlp {

// What cancelled work returns: `interrupted` (environment).
Finding interrupted();

// Runs `work(i)` for every i < count on as many threads as `jobs` allows at each moment. Continues
// after a failure, so that every reason is found, but starts nothing more once `stop` is requested.
// Returns all failures in the order of i, whatever the order in which they happened.
Result<void> for_each(std::size_t count, const Jobs& jobs, const std::stop_token& stop,
                      const std::function<Result<void>(std::size_t)>& work);

} // namespace xlp
