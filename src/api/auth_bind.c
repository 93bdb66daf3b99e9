/* auth_bind.c: where to listen while there is no key. See auth.h. Pure. */
#include "api/auth.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define ALONE "127.0.0.1"

/* A name is taken for one of the network's, whatever it leads to today. */
static bool is_loopback(const char *bind) {
    struct in_addr four;
    struct in6_addr six;
    if (strcasecmp(bind, "localhost") == 0) return true;
    if (inet_pton(AF_INET, bind, &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, bind, &six) != 1) return false;
    return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127);
}

auth_binding auth_bind(const char *wish, int keys, bool allow_anonymous) {
    auth_binding b = {.bind = wish, .loopback = is_loopback(wish)};
    if (b.loopback) return b;
    if (allow_anonymous) {
        snprintf(b.warning, sizeof b.warning,
                 "everybody who reaches %.100s may use this server without a key: allow_anonymous = yes", wish);
        return b;
    }
    if (keys > 0) return b;
    b = (auth_binding){.bind = ALONE, .loopback = true};
    snprintf(b.warning, sizeof b.warning,
             "not listening on %.100s but on " ALONE " only: %s, so everybody could use this server; make a key with "
             "'steno key create' and restart, or set allow_anonymous = yes",
             wish, keys < 0 ? "there is no data_dir, hence no API key" : "there is no API key yet");
    return b;
}
