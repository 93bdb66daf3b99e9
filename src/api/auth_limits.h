/* auth_limits.h: what may be done how often: a token bucket, and wrong keys by address. Time is passed in: a clock that
 * never goes back.
 *
 * Owner: one thread. Memory is bounded: AUTH_FAILS entries, whoever comes.
 */
#ifndef STENO_API_AUTH_LIMITS_H
#define STENO_API_AUTH_LIMITS_H

#include "base/err.h"

/* Holds a minute's worth: after a quiet minute all of it may come at once. All zero: full. */
typedef struct auth_bucket {
    int64_t taken, at_ms; /* parts of requests that were taken, and when */
} auth_bucket;

/* Takes one, and returns 0; or takes nothing and returns in how many ms there is one. */
int64_t auth_bucket_take(auth_bucket *b, int per_minute, int64_t now_ms);
/* In how many ms one could be taken, without taking it. */
int64_t auth_bucket_wait_ms(const auth_bucket *b, int per_minute, int64_t now_ms);
/* How many could be taken now, and in how many ms it will be full. */
int auth_bucket_left(const auth_bucket *b, int per_minute, int64_t now_ms);
int64_t auth_bucket_full_ms(const auth_bucket *b, int per_minute, int64_t now_ms);

/* ---- wrong keys ------------------------------------------------------------------------------------------------- */

#define AUTH_FAILS_BURST      10 /* wrong keys an address may send at once */
#define AUTH_FAILS_PER_MINUTE 10 /* and then */
#define AUTH_FAIL_WAYS        4
#define AUTH_FAIL_SETS        256
#define AUTH_FAILS            (AUTH_FAIL_WAYS * AUTH_FAIL_SETS)

typedef struct auth_fail {
    uint64_t who; /* a hash: no address is kept */
    auth_bucket bucket;
} auth_fail;

typedef struct auth_fails {
    unsigned char seed[16]; /* so that nobody can choose whom to share a set with */
    auth_fail entries[AUTH_FAIL_SETS][AUTH_FAIL_WAYS];
} auth_fails;

void auth_fails_init(auth_fails *f, const unsigned char seed[16]);

/* An address (of IPv6 the /64 that one customer has) and the id of the key that is tried at it ("": of no key there is).
 * So a wrong secret for one key locks that key for that address, and nobody else's anywhere. */
uint64_t auth_fails_who(const auth_fails *f, const char *peer, const char *id);
/* In how many ms it may try again; 0: now. */
int64_t auth_fails_wait_ms(const auth_fails *f, uint64_t who, int64_t now_ms);
/* One more wrong key. In a full set the one that has recovered most makes room. */
void auth_fails_add(auth_fails *f, uint64_t who, int64_t now_ms);

#endif
