/* vosk_replies.h: what a vosk-server says to what it is sent: one reply to each message but `config`.
 *
 * Owner      the network thread, one a connection. Pure: messages and engine events in, JSON out; no clock, no network.
 * Purpose    vosk recognises while its client waits for the reply; we recognise beside it. So a reply carries what is known
 *            when it is made: what has been finished since the last result, else the newest partial.
 * Invariants never more replies than messages, in their order; no word of a final is lost or said twice: what was finished
 *            between two replies comes joined in the next; the reply to `reset` and `eof` waits for what they end.
 */
#ifndef STENO_API_VOSK_REPLIES_H
#define STENO_API_VOSK_REPLIES_H

#include "base/err.h"
#include "privacy/released.h"

#include <jansson.h>

#define VOSK_DEFAULT_HZ        8000 /* as vosk-server's */
#define VOSK_ALTERNATIVES_MAX  100
#define VOSK_WORDS_MAX         1024 /* that may wait for a reply */
#define VOSK_PARTIAL_BYTES_MAX 4096
#define VOSK_WARNING_BYTES_MAX 512
#define VOSK_TURNS_MAX         8 /* runs of messages without a reply; only resets nobody waits for make more than two */

typedef struct vosk_options {
    int rate_hz;
    bool rate_given;
    bool words;
    int alternatives; /* 0: the shape without */
} vosk_options;

typedef enum vosk_kind { VOSK_AUDIO, VOSK_CONFIG, VOSK_RESET, VOSK_EOF, VOSK_UNKNOWN } vosk_kind;

typedef struct vosk_turn {
    vosk_kind kind;
    bool ready;
    uint32_t n; /* messages of this kind in a row */
} vosk_turn;

typedef struct vosk_replies {
    vosk_options options;
    json_t *words; /* of finals no reply has carried yet */
    bool ended;    /* an utterance has ended that no reply has told of yet */
    char *partial; /* [VOSK_PARTIAL_BYTES_MAX], of the open utterance; NULL: none yet */
    uint32_t partial_id;
    char warning[VOSK_WARNING_BYTES_MAX]; /* for the next reply; "" */
    vosk_turn turns[VOSK_TURNS_MAX];
    unsigned n_turns;
    bool over; /* the last reply was made */
} vosk_replies;

void vosk_replies_init(vosk_replies *r);
void vosk_replies_free(vosk_replies *r);

/* A text message. `config` changes the options at once, but for the rate once audio has come (`started`); what it asks for
 * that is not done is kept for the next reply's `warning`. STENO_E_FORMAT, STENO_E_INVALID: a `config` that makes no sense;
 * the connection ends, as with vosk. */
STENO_CHECK steno_err vosk_read(vosk_replies *r, const char *text, size_t n, const char *model, bool started,
                                vosk_kind *kind);
/* One option by name, as in a query. */
STENO_CHECK steno_err vosk_option(vosk_replies *r, const char *name, const json_t *value, const char *model,
                                  bool started);
void vosk_warn(vosk_replies *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A message that is to be answered has come. STENO_E_LIMIT: too many resets wait. */
STENO_CHECK steno_err vosk_owe(vosk_replies *r, vosk_kind kind);
/* SEGMENT, PARTIAL, FINALIZED, DONE. STENO_E_LIMIT: more than VOSK_WORDS_MAX wait; STENO_E_NOMEM. */
STENO_CHECK steno_err vosk_hear(vosk_replies *r, const released_event *e);

/* How many replies could be made now. */
uint32_t vosk_owed(const vosk_replies *r);
/* Whether the next of them answers the only message, which is audio: its sender may wait for it before it sends more. */
bool vosk_awaited(const vosk_replies *r);
/* The next reply; NULL: none is due, or there is no memory (then vosk_owed() still says so). */
json_t *vosk_reply(vosk_replies *r);

#endif
