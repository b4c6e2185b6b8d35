// SPDX-License-Identifier: GPL-2.0-only
// How many jobs may run at once. A budget can be shared by processes, in the way of GNU make's
// jobserver (GNU make's manual, "POSIX Jobserver Interaction"): each process may run one job by its
// own right; for each further one it takes a byte from a pipe, and puts it back when the job ends.
// A process that is killed keeps what it took: the others then go on with less, never with nothing.
#pragma once

#include "payload/base/descriptor.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xlp {

class Jobs {
public:
    // A budget of this process alone.
    Jobs(unsigned most = 1) : most_(most ? most : 1) {} // NOLINT(google-explicit-constructor)

    // A budget of `most` jobs to share with children. Without descriptors for it: as above.
    static Jobs to_share(unsigned most);
    // The budget that `makeflags` (a MAKEFLAGS of our parent) offers, or, where it offers none that
    // is open, one of this process alone.
    static Jobs offered(std::string_view makeflags, unsigned most);

    unsigned most() const { return most_; } // at least 1
    bool is_shared() const { return pool_ != nullptr; }

    // For a child that takes part: these become its descriptors 3 and 4, and MAKEFLAGS says so.
    // Both are empty if the budget is not shared.
    std::vector<int> descriptors() const;
    std::string makeflags() const;

    // The right to run one job more; goes back when it is destroyed.
    class Token {
    public:
        Token(Token&&) noexcept = default;
        Token& operator=(Token&&) = delete;
        ~Token();

    private:
        friend class Jobs;
        Token(std::shared_ptr<const Descriptor> home, char byte)
            : home_(std::move(home)), byte_(byte) {}
        std::shared_ptr<const Descriptor> home_;
        char byte_;
    };
    // Waits for a job more than the one that each process has; nothing once `over` is readable.
    // Not for a budget that is not shared.
    std::optional<Token> take(const Descriptor& over) const;

private:
    struct Pool;
    static Jobs with(std::shared_ptr<const Descriptor> read,
                     std::shared_ptr<const Descriptor> write, unsigned most);

    unsigned most_;
    std::shared_ptr<const Pool> pool_;
};

} // namespace xlp
