// SPDX-License-Identifier: GPL-2.0-only
#include "payload/report/align.h"

#include <algorithm>

namespace xlp::report {

namespace {

// furthest[d][k + d]: the x that d edits reach on diagonal k = x - y.
using Trace = std::vector<std::vector<std::ptrdiff_t>>;

class Myers {
public:
    Myers(const std::vector<std::string>& a, const std::vector<std::string>& b)
        : a_(a), b_(b), n_(static_cast<std::ptrdiff_t>(a.size())),
          m_(static_cast<std::ptrdiff_t>(b.size())) {}

    // The number of edits, or nothing if it takes more than `limit`.
    std::optional<std::ptrdiff_t> search(std::ptrdiff_t limit) {
        for (std::ptrdiff_t d = 0; d <= limit; ++d) {
            std::vector<std::ptrdiff_t>& now = trace_.emplace_back(2 * d + 1, -1);
            for (std::ptrdiff_t k = -d; k <= d; k += 2) {
                std::ptrdiff_t x = start(d, k);
                while (x < n_ && x - k < m_ && x - k >= 0 && a_[x] == b_[x - k])
                    ++x;
                now[k + d] = x;
                if (x >= n_ && x - k >= m_)
                    return d;
            }
        }
        return std::nullopt;
    }

    std::vector<Row> rows(std::ptrdiff_t d) const {
        std::vector<Row> rows;
        std::ptrdiff_t x = n_, y = m_;
        for (; d >= 0; --d) {
            const std::ptrdiff_t from = start(d, x - y); // where this diagonal was entered
            while (x > from && x > 0 && y > 0) {
                --x, --y;
                rows.push_back({static_cast<std::size_t>(x), static_cast<std::size_t>(y)});
            }
            if (d == 0)
                break;
            if (down(d, x - y))
                rows.push_back({std::nullopt, static_cast<std::size_t>(--y)});
            else
                rows.push_back({static_cast<std::size_t>(--x), std::nullopt});
        }
        std::reverse(rows.begin(), rows.end());
        return rows;
    }

private:
    std::ptrdiff_t reached(std::ptrdiff_t d, std::ptrdiff_t k) const {
        return d < 0 || k < -d || k > d ? -1 : trace_[d][k + d];
    }
    // The d-th edit on diagonal k is an insertion (from diagonal k + 1).
    bool down(std::ptrdiff_t d, std::ptrdiff_t k) const {
        return k == -d || (k != d && reached(d - 1, k - 1) < reached(d - 1, k + 1));
    }
    std::ptrdiff_t start(std::ptrdiff_t d, std::ptrdiff_t k) const {
        if (d == 0)
            return 0;
        return down(d, k) ? reached(d - 1, k + 1) : reached(d - 1, k - 1) + 1;
    }

    const std::vector<std::string>& a_;
    const std::vector<std::string>& b_;
    const std::ptrdiff_t n_, m_;
    Trace trace_;
};

} // namespace

std::vector<Row> align(const std::vector<std::string>& left, const std::vector<std::string>& right,
                       std::size_t max_edits) {
    Myers myers(left, right);
    if (auto edits = myers.search(static_cast<std::ptrdiff_t>(max_edits)))
        return myers.rows(*edits);
    std::vector<Row> rows;
    for (std::size_t i = 0; i < left.size(); ++i)
        rows.push_back({i, std::nullopt});
    for (std::size_t i = 0; i < right.size(); ++i)
        rows.push_back({std::nullopt, i});
    return rows;
}

} // namespace xlp::report
