// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/executor/trail.h"

#include "payload/base/descriptor.h"
#include "payload/base/file.h"
#include "tools/xlp/hypervisor/names.h"

#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

namespace xlp::host {
namespace {

std::string login_of(const Paths& paths) {
    auto text = read_text_if_there(paths.loginuid());
    if (!text || !*text || (*text)->starts_with("4294967295")) // a service: nobody logged in
        return {};
    return (*text)->substr(0, (*text)->find('\n'));
}

// sd_journal_send(3)'s protocol; no value holds a newline, since printable() writes it out.
bool to_journal(const std::string& entry) {
    const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strcpy(to.sun_path, "/run/systemd/journal/socket");
    return socket
           && ::sendto(socket.get(), entry.data(), entry.size(), MSG_NOSIGNAL,
                       reinterpret_cast<const sockaddr*>(&to), sizeof(to))
                  == static_cast<ssize_t>(entry.size());
}

} // namespace

void leave_trail(const Paths& paths, const Event& event) {
    std::string entry = "MESSAGE=" + printable(event.message)
                        + "\nPRIORITY=5\nSYSLOG_IDENTIFIER=xlp"
                        + "\nMESSAGE_ID=" + change_message_id + "\n";
    for (const auto& [key, value] : event.fields)
        if (!value.empty())
            entry += key + "=" + printable(value) + "\n";
    if (const std::string uid = login_of(paths); !uid.empty())
        entry += "XLP_LOGINUID=" + uid + "\n";
    if (to_journal(entry))
        return;
    std::string line = printable(event.message);
    for (const auto& [key, value] : event.fields)
        if (!value.empty())
            line += " " + key + "=" + printable(value);
    ::syslog(LOG_DAEMON | LOG_NOTICE, "%s", line.c_str());
}

} // namespace xlp::host
