/* webhook_net.c: see webhook_net.h. */
#include "api/webhook_net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V4_BITS 96 /* of the prefix ::ffff:0:0 */

/* What answers there trusts whoever can reach it (clouds' metadata), or is no single host. Private networks and loopback
 * are not here: this server stands among the machines it is to tell. */
static const char never[] = "0.0.0.0/8, 169.254.0.0/16, 100.100.100.200, 192.0.0.192, 224.0.0.0/4, 240.0.0.0/4,"
                            " ::/128, fe80::/10, fec0::/10, ff00::/8, fd00:ec2::254";

static void map_v4(unsigned char out[16], const void *four) {
    memset(out, 0, 10);
    out[10] = out[11] = 0xff;
    memcpy(out + 12, four, 4);
}

static bool parse_one(const char *word, webhook_network *out) {
    char address[INET6_ADDRSTRLEN + 1];
    unsigned char four[4];
    const char *slash = strchr(word, '/');
    size_t n = slash ? (size_t)(slash - word) : strlen(word);
    if (n == 0 || n >= sizeof address) return false;
    memcpy(address, word, n);
    address[n] = 0;
    bool v4 = inet_pton(AF_INET, address, four) == 1;
    if (v4)
        map_v4(out->address, four);
    else if (inet_pton(AF_INET6, address, out->address) != 1)
        return false;
    int most = v4 ? 32 : 128;
    char *end = NULL;
    long bits = slash ? strtol(slash + 1, &end, 10) : most;
    if (slash && (end == slash + 1 || *end || bits < 0 || bits > most)) return false;
    out->bits = (int)bits + (v4 ? V4_BITS : 0);
    return true;
}

steno_err webhook_networks_parse(webhook_networks *w, const char *text) {
    *w = (webhook_networks){0};
    for (const char *at = text + strspn(text, ", "); *at; at += strspn(at, ", ")) {
        char word[64];
        size_t n = strcspn(at, ", ");
        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word), at);
        if (w->n == WEBHOOK_NETWORKS_MAX)
            return err_fail(STENO_E_INVALID, "more than %d networks", WEBHOOK_NETWORKS_MAX);
        if (n >= sizeof word || !parse_one(word, &w->allowed[w->n]))
            return err_fail(STENO_E_INVALID, "'%.60s' is no network: want 10.0.0.0/8, fd00::/8 or an address", word);
        w->n++;
        at += n;
    }
    return STENO_OK;
}

static bool within(const unsigned char address[16], const webhook_network *n) {
    int whole = n->bits / 8, rest = n->bits % 8;
    if (memcmp(address, n->address, (size_t)whole) != 0) return false;
    if (rest == 0) return true;
    unsigned mask = 0xffU << (8 - rest) & 0xffU;
    return ((address[whole] ^ n->address[whole]) & mask) == 0;
}

static bool within_any(const unsigned char address[16], const webhook_networks *w) {
    for (int i = 0; i < w->n; i++) {
        if (within(address, &w->allowed[i])) return true;
    }
    return false;
}

/* An IPv4 address that is dressed as IPv6 (NAT64, 6to4) is what it reaches. */
static void undress(unsigned char a[16]) {
    static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
    unsigned char four[4];
    if (memcmp(a, nat64, sizeof nat64) == 0)
        memcpy(four, a + 12, 4);
    else if (a[0] == 0x20 && a[1] == 0x02)
        memcpy(four, a + 2, 4);
    else
        return;
    map_v4(a, four);
}

bool webhook_networks_allow(const webhook_networks *w, const struct sockaddr *address) {
    unsigned char a[16];
    webhook_networks refused;
    if (address->sa_family == AF_INET)
        map_v4(a, &((const struct sockaddr_in *)(const void *)address)->sin_addr);
    else if (address->sa_family == AF_INET6)
        memcpy(a, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, sizeof a);
    else
        return false;
    undress(a);
    if (w->n > 0) return within_any(a, w);
    if (webhook_networks_parse(&refused, never) != STENO_OK) return false;
    return !within_any(a, &refused);
}
