// SPDX-License-Identifier: GPL-2.0-only
// A file descriptor that is closed with its owner.
#pragma once

#include <unistd.h>
#include <utility>

namespace xlp {

class Descriptor {
public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    Descriptor(Descriptor&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& o) noexcept {
        std::swap(fd_, o.fd_);
        return *this;
    }
    ~Descriptor() { close(); }

    int get() const { return fd_; } // -1: none
    explicit operator bool() const { return fd_ >= 0; }
    // The result of close(2); 0 when there is none. Matters for files that were written to.
    int close() { return fd_ < 0 ? 0 : ::close(std::exchange(fd_, -1)); }
    // Gives the descriptor away.
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_;
};

} // namespace xlp
