/* auth_limits.c: see auth_limits.h. */
#include "api/auth_limits.h"

#include <arpa/inet.h>
#include <openssl/sha.h>

#include <string.h>

#define MINUTE_MS 60000

_Static_assert(AUTH_FAILS_BURST == AUTH_FAILS_PER_MINUTE, "one bucket holds a minute's worth");

/* What is still taken, in parts: a request is MINUTE_MS of them, and per_minute of them run back in a ms, so that nothing
 * is ever rounded. A limit may have been another one before. */
static int64_t taken_at(const auth_bucket *b, int per_minute, int64_t now_ms) {
    int64_t full = (int64_t)per_minute * MINUTE_MS, gone_ms = now_ms > b->at_ms ? now_ms - b->at_ms : 0;
    int64_t taken = b->taken > full ? full : b->taken;
    if (gone_ms >= MINUTE_MS) return 0;
    return taken > gone_ms * per_minute ? taken - gone_ms * per_minute : 0;
}

static int64_t ms_for(int64_t parts, int per_minute) {
    return parts <= 0 ? 0 : (parts + per_minute - 1) / per_minute;
}

int64_t auth_bucket_wait_ms(const auth_bucket *b, int per_minute, int64_t now_ms) {
    return ms_for(taken_at(b, per_minute, now_ms) + MINUTE_MS - (int64_t)per_minute * MINUTE_MS, per_minute);
}

int64_t auth_bucket_take(auth_bucket *b, int per_minute, int64_t now_ms) {
    int64_t wait_ms = auth_bucket_wait_ms(b, per_minute, now_ms);
    if (wait_ms > 0) return wait_ms;
    *b = (auth_bucket){.taken = taken_at(b, per_minute, now_ms) + MINUTE_MS, .at_ms = now_ms};
    return 0;
}

int auth_bucket_left(const auth_bucket *b, int per_minute, int64_t now_ms) {
    return (int)(((int64_t)per_minute * MINUTE_MS - taken_at(b, per_minute, now_ms)) / MINUTE_MS);
}

int64_t auth_bucket_full_ms(const auth_bucket *b, int per_minute, int64_t now_ms) {
    return ms_for(taken_at(b, per_minute, now_ms), per_minute);
}

/* ---- wrong keys ------------------------------------------------------------------------------------------------- */

void auth_fails_init(auth_fails *f, const unsigned char seed[16]) {
    memset(f, 0, sizeof *f);
    memcpy(f->seed, seed, sizeof f->seed);
}

/* What of an address says who it is: 4 bytes, 8 bytes, or a text that is neither as it stands. */
static size_t network_of(const char *peer, unsigned char out[64]) {
    struct in6_addr six;
    struct in_addr four;
    if (inet_pton(AF_INET, peer, &four) == 1) {
        memcpy(out, &four, 4);
        return 4;
    }
    if (inet_pton(AF_INET6, peer, &six) == 1) {
        bool mapped = IN6_IS_ADDR_V4MAPPED(&six);
        memcpy(out, six.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 8);
        return mapped ? 4 : 8;
    }
    size_t n = strlen(peer) < 64 ? strlen(peer) : 64;
    memcpy(out, peer, n);
    return n;
}

uint64_t auth_fails_who(const auth_fails *f, const char *peer, const char *id) {
    unsigned char text[16 + 64 + 1 + 16] = {0}, digest[SHA256_DIGEST_LENGTH];
    uint64_t who;
    memcpy(text, f->seed, 16);
    size_t n = 16 + network_of(peer, text + 16);
    text[n++] = '/';
    size_t id_n = strlen(id) < 16 ? strlen(id) : 16;
    memcpy(text + n, id, id_n);
    SHA256(text, n + id_n, digest);
    memcpy(&who, digest, sizeof who);
    return who ? who : 1; /* 0 is an entry of nobody */
}

static auth_fail *find(auth_fails *f, uint64_t who) {
    auth_fail *set = f->entries[who % AUTH_FAIL_SETS];
    for (int i = 0; i < AUTH_FAIL_WAYS; i++) {
        if (set[i].who == who) return &set[i];
    }
    return NULL;
}

int64_t auth_fails_wait_ms(const auth_fails *f, uint64_t who, int64_t now_ms) {
    const auth_fail *set = f->entries[who % AUTH_FAIL_SETS];
    for (int i = 0; i < AUTH_FAIL_WAYS; i++) {
        if (set[i].who == who) return auth_bucket_wait_ms(&set[i].bucket, AUTH_FAILS_PER_MINUTE, now_ms);
    }
    return 0;
}

void auth_fails_add(auth_fails *f, uint64_t who, int64_t now_ms) {
    auth_fail *entry = find(f, who), *set = f->entries[who % AUTH_FAIL_SETS];
    for (int i = 0; !entry && i < AUTH_FAIL_WAYS; i++) {
        if (!set[i].who) entry = &set[i];
    }
    if (!entry) {
        entry = set;
        for (int i = 1; i < AUTH_FAIL_WAYS; i++) {
            if (taken_at(&set[i].bucket, AUTH_FAILS_PER_MINUTE, now_ms) <
                taken_at(&entry->bucket, AUTH_FAILS_PER_MINUTE, now_ms))
                entry = &set[i];
        }
    }
    if (entry->who != who) *entry = (auth_fail){.who = who, .bucket.at_ms = now_ms};
    (void)auth_bucket_take(&entry->bucket, AUTH_FAILS_PER_MINUTE, now_ms);
}
