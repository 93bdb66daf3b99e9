/* gate.h: the door between the engine and everything that shows, keeps or sends words: drafts in, released events out.
 *
 * Purpose    one gate a stream. Finals and partials are looked through for personal data (find.h), which is masked, cut or tagged as
 *            the policy says, in text and words alike; partials show what no continuation can turn into personal data; a final
 *            that ends in what the next utterance may go on with (the first half of a telephone number) waits for it, hold_ms
 *            at most, and while somebody goes on until his words settle it, GATE_FOLLOW_MS at most; all that comes behind it
 *            waits too. With itn, what is left is written in digits (itn.h).
 * Owner      the thread that handles the stream's events. With mode OFF and no itn nothing is allocated, copied or held.
 * Invariants events leave in the order they came; every final leaves, once; after DONE or ERROR nothing is held; what is held is
 *            bounded (GATE_HELD_MAX finals: then the oldest leaves, masked as far as is known, and figures of which nothing is known
 *            as numbers).
 *            Of drafts cut anywhere into partials, what was ever shown holds no character of what the whole masks, as long as
 *            the recogniser does not change words that it called stable. What cannot be looked at (too long, no memory) is
 *            withheld. The sink may free the gate.
 */
#ifndef STENO_PRIVACY_GATE_H
#define STENO_PRIVACY_GATE_H

#include "privacy/find.h"
#include "privacy/policy.h"
#include "privacy/released.h"

#define GATE_HELD_MAX 8 /* finals waiting for what comes next */
/* Once somebody goes on speaking within hold_ms, his partials have so long to tell what the final ends in … */
#define GATE_FOLLOW_MS 6000
/* … and all who go on together, or without partials, so long. */
#define GATE_FOLLOW_MAX_MS 15000

typedef struct gate gate;
typedef void gate_sink(void *user, const released_event *e);

/* `p` is shared (privacy_share()); NULL is allowed where the policy is off and without itn. */
STENO_CHECK steno_err gate_open(privacy *p, const gate_policy *policy, gate_sink *sink, void *user, gate **out);
void gate_free(gate *g); /* what is held is lost; NULL is allowed */
const gate_policy *gate_get_policy(const gate *g);
/* From the next utterance on. Only ever stricter than what is forced: the caller has joined it. */
void gate_set_policy(gate *g, const gate_policy *policy);

/* Hands on none, one or several events; the sink is called within. The draft is the caller's, and is released by it. */
void gate_event(gate *g, const steno_event *draft, int64_t now_ms);
/* When gate_tick() is due, in ms from now; -1: nothing is held. */
int gate_wait_ms(const gate *g, int64_t now_ms);
/* What has waited long enough leaves. */
void gate_tick(gate *g, int64_t now_ms);

/* What gates did, for metrics: never what they saw. */
typedef struct gate_counts {
    uint64_t segments, entities[ENTITY_TYPES], held, held_ms, forced_out;
} gate_counts;
void gate_get_counts(const gate *g, gate_counts *out);

#endif
