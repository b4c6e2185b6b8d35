// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/jobs.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>

namespace xlp {

// The pipe's ends as they are given to children, and our own way of reading: children may rely on
// reads that block, or on reads that do not, so that ours is a description of its own.
struct Jobs::Pool {
    std::shared_ptr<const Descriptor> read, write;
    Descriptor take;
};

Jobs::Token::~Token() {
    if (home_)
        while (write(home_->get(), &byte_, 1) < 0 && errno == EINTR)
            ;
}

Jobs Jobs::with(std::shared_ptr<const Descriptor> read, std::shared_ptr<const Descriptor> write,
                unsigned most) {
    Jobs jobs(most);
    Descriptor take(open(fmt::format("/proc/self/fd/{}", read->get()).c_str(),
                         O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (take)
        jobs.pool_ = std::shared_ptr<const Pool>(
            new Pool{std::move(read), std::move(write), std::move(take)});
    return jobs;
}

Jobs Jobs::to_share(unsigned most) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return Jobs(most);
    auto read = std::make_shared<const Descriptor>(ends[0]);
    auto write = std::make_shared<const Descriptor>(ends[1]);
    most = std::clamp(most, 1U, 4096U); // a pipe holds that many
    const std::string tokens(most - 1, '+');
    if (::write(write->get(), tokens.data(), tokens.size()) != static_cast<ssize_t>(tokens.size()))
        return Jobs(most);
    return with(std::move(read), std::move(write), most);
}

namespace {

bool is_pipe(int fd) {
    struct stat what {};
    return fstat(fd, &what) == 0 && S_ISFIFO(what.st_mode);
}

// A copy of our parent's descriptor that no child gets unasked. Where make does not let us take
// part, the number may be closed, or be something else by now.
std::shared_ptr<const Descriptor> adopt(int fd, int mode) {
    if (!is_pipe(fd) || (fcntl(fd, F_GETFL) & O_ACCMODE) != mode)
        return nullptr;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return std::make_shared<const Descriptor>(fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

} // namespace

Jobs Jobs::offered(std::string_view makeflags, unsigned most) {
    constexpr std::string_view option = "--jobserver-auth=";
    const std::size_t at = makeflags.rfind(option); // make lets the last one count
    if (at == makeflags.npos)
        return Jobs(most);
    std::string_view value = makeflags.substr(at + option.size());
    value = value.substr(0, value.find(' '));
    if (value.starts_with("fifo:")) { // make 4.4
        const std::string path(value.substr(5));
        auto both =
            std::make_shared<const Descriptor>(open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
        if (!is_pipe(both->get()))
            return Jobs(most);
        return with(both, both, most);
    }
    int fds[2] = {-1, -1};
    const char* const end = value.data() + value.size();
    const auto first = std::from_chars(value.data(), end, fds[0]);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != ',')
        return Jobs(most);
    if (std::from_chars(first.ptr + 1, end, fds[1]).ptr != end || fds[0] < 0 || fds[1] < 0)
        return Jobs(most);
    auto read = adopt(fds[0], O_RDONLY), write = adopt(fds[1], O_WRONLY);
    return read && write ? with(std::move(read), std::move(write), most) : Jobs(most);
}

std::vector<int> Jobs::descriptors() const {
    return pool_ ? std::vector<int>{pool_->read->get(), pool_->write->get()} : std::vector<int>{};
}

std::string Jobs::makeflags() const {
    // the space: make takes a first word without one for options of a letter
    return pool_ ? fmt::format(" -j{} --jobserver-auth=3,4", most_) : "";
}

std::optional<Jobs::Token> Jobs::take(const Descriptor& over) const {
    for (;;) {
        pollfd fds[] = {{pool_->take.get(), POLLIN, 0}, {over.get(), POLLIN, 0}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return std::nullopt;
        if (fds[1].revents)
            return std::nullopt;
        char byte = 0;
        const ssize_t n = read(pool_->take.get(), &byte, 1);
        if (n == 1)
            return Token(pool_->write, byte);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return std::nullopt; // whoever shared it has gone
    }
}

} // namespace xlp
