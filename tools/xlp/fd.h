// SPDX-License-Identifier: GPL-2.0-only
// A file descriptor that is closed with its owner.
#pragma once

#include <unistd.h>
#include <utility>

namespace xlp::host {

class Fd {
public:
    explicit Fd(int fd = -1) : fd_(fd) {}
    Fd(Fd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
    Fd& operator=(Fd&& o) noexcept {
        std::swap(fd_, o.fd_);
        return *this;
    }
    ~Fd() { reset(); }
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    // Closes; for files written to, look at the result.
    int reset() { return fd_ < 0 ? 0 : ::close(std::exchange(fd_, -1)); }

private:
    int fd_;
};

} // namespace xlp::host
