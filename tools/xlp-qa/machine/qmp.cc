// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/machine/qmp.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>

namespace xlp::qa {

using nlohmann::json;

namespace {
Finding monitor_fault(std::string_view why) {
    return environment("qa.monitor", fmt::format("QEMU's monitor: {}.", why),
                       "Try --no-snapshot; see QEMU's message with -v.");
}
} // namespace

Result<bool> wait_readable(int fd, int cancel, Monitor::Clock::time_point deadline) {
    for (;;) {
        auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Monitor::Clock::now())
                .count();
        if (left < 0)
            left = 0;
        std::array<pollfd, 2> fds{{{fd, POLLIN, 0}, {cancel, POLLIN, 0}}};
        int n = poll(fds.data(), fds.size(),
                     static_cast<int>(std::min<long long>(left + 1, 3'600'000)));
        if (n < 0 && errno != EINTR)
            return fail(internal_fault("qa.poll", "poll(2) failed."));
        if (n > 0 && fds[1].revents)
            return fail(environment("qa.interrupted", "Interrupted; QEMU was stopped."));
        if (n > 0 && fds[0].revents)
            return true;
        if (left == 0)
            return false;
    }
}

void Monitor::note_event(const json& message) {
    if (message.value("event", "") == "SHUTDOWN")
        shutdown_reason_ = message.value("/data/reason"_json_pointer, std::string());
}

Result<json> Monitor::next(Clock::time_point deadline) {
    for (;;) {
        if (std::size_t end = received_.find('\n'); end != received_.npos) {
            json message = json::parse(received_.substr(0, end), nullptr, false);
            received_.erase(0, end + 1);
            if (!message.is_object())
                return fail(monitor_fault("a reply is not a JSON object"));
            note_event(message);
            return message;
        }
        auto ready = wait_readable(socket_.get(), cancel_, deadline);
        if (!ready)
            return fail(ready);
        if (!*ready)
            return fail(monitor_fault("no reply in time"));
        std::array<char, 4096> buffer;
        ssize_t n = recv(socket_.get(), buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(monitor_fault("QEMU closed the connection"));
        received_.append(buffer.data(), static_cast<std::size_t>(n));
    }
}

Result<void> Monitor::greet(Clock::time_point deadline) {
    if (auto hello = next(deadline); !hello)
        return fail(hello);
    if (auto done = command("qmp_capabilities", json::object(), deadline); !done)
        return fail(done);
    return {};
}

Result<json> Monitor::command(const char* name, json arguments, Clock::time_point deadline) {
    json request = {{"execute", name}};
    if (!arguments.empty())
        request["arguments"] = std::move(arguments);
    std::string text = request.dump() + '\n';
    for (std::size_t done = 0; done < text.size();) {
        ssize_t n = send(socket_.get(), text.data() + done, text.size() - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return fail(monitor_fault("QEMU closed the connection"));
        done += static_cast<std::size_t>(std::max<ssize_t>(n, 0));
    }
    for (;;) {
        auto message = next(deadline);
        if (!message)
            return message;
        if (message->contains("error"))
            return fail(monitor_fault(fmt::format(
                "{}: {}", name, message->value("/error/desc"_json_pointer, std::string()))));
        if (message->contains("return"))
            return (*message)["return"];
    }
}

std::string Monitor::shutdown_reason() {
    // what is still in the socket; QEMU is gone, so that this ends at once
    while (next(Clock::now()))
        ;
    return shutdown_reason_;
}

} // namespace xlp::qa
