/* gate_int.h: the insides of a gate: the text it looks at, what waits, how drafts become released segments. See gate.h.
 *
 *   gate.c          events in their order; when a final waits, and for how long
 *   gate_chain.c    the text that is looked through: finals of which the last may go on, behind what was said before
 *   gate_queue.c    copies of events that wait
 *   gate_begun.c    utterances that began before the finals of those before them came
 *   gate_compose.c  a draft and what was found in it -> a released segment
 *   gate_spans.c    what of a text is written otherwise, and where it then stands
 *   gate_labels.c   SPEAKERS events, whose labels are of the draft's words
 *   gate_number.c   [PHONE_1]: the same again has the same number
 *
 * Owner: the gate's thread.
 */
#ifndef STENO_PRIVACY_GATE_INT_H
#define STENO_PRIVACY_GATE_INT_H

#include "privacy/gate.h"
#include "privacy/itn.h"
#include "privacy/mask.h"

#include "base/err.h"

#define GATE_BEGUN_MAX   16  /* utterances that began and have no final yet */
#define GATE_QUEUE_MAX   96  /* events that wait, finals included; then all leave */
#define GATE_EDITS_MAX   512 /* numbers written in digits, a text */
#define GATE_FIGURES_MAX 64 /* runs of figures in a message that is forced out; then the last grows over what follows */
#define GATE_MAPS_MAX    2048 /* messages with words made one, whose labels can still be revised */
#define GATE_MERGES_MAX  8192
#define GATE_NUMBERS_MAX 512 /* masks with a number, a stream */
#define GATE_CHAIN_MAX_BYTES                                                                                           \
    8192 /* of finals of which each may go on in the next; then they are looked at as they are */
#define GATE_ROOM_MAX_BYTES 65536 /* of a waiting event, kept for the next */
/* Instead of a text that cannot be looked at: too long, or no memory. */
#define GATE_WITHHELD "[REDACTED]"

/* ---- memory that grows and is kept ---------------------------------------------------------------------------------- */

typedef struct gate_room {
    void *at;
    size_t bytes;
} gate_room;

/* At least `bytes`, what was there stays. STENO_E_NOMEM. */
STENO_CHECK steno_err gate_grow(gate_room *r, size_t bytes);

/* ---- what waits ------------------------------------------------------------------------------------------------------ */

typedef struct gate_held {
    steno_event event; /* text, words and turns stand in `room` */
    gate_room room;
    int64_t since_ms;
    size_t at, n;     /* a member of the chain: its text there */
    bool member;      /* a final in the chain; else it only waits for what stands before it */
    bool front_shown; /* as a partial of its own: its rev is one higher */
} gate_held;

typedef struct gate_queue {
    gate_held *items[GATE_QUEUE_MAX]; /* a ring; those behind the last are kept for the next */
    uint32_t first, n;
    uint32_t members, finals;
} gate_queue;

STENO_CHECK steno_err gate_queue_push(gate_queue *q, const steno_event *draft, int64_t now_ms, gate_held **out);
gate_held *gate_queue_head(const gate_queue *q);
/* The oldest leaves; the result is the queue's, until its next push. */
gate_held *gate_queue_pop(gate_queue *q);
/* The partial that waits, or NULL: there is one at most. */
gate_held *gate_queue_partial(const gate_queue *q);
void gate_queue_drop_partial(gate_queue *q);
void gate_queue_make_member(gate_queue *q, gate_held *h, size_t at, size_t n);
void gate_queue_free(gate_queue *q);

/* ---- the text that is looked through --------------------------------------------------------------------------------- */

typedef struct gate_chain {
    gate_room room;
    size_t n;           /* bytes of: context, then members, TOKEN_BREAK_CHAR between all */
    size_t first;       /* where the first member begins; n without */
    uint32_t n_members; /* finals, gone or waiting, of which the last may go on */
    double end_s;       /* of the last member */
    uint32_t last_id;
    int speaker;    /* who said its end */
    size_t forced;  /* members up to here left before it was known what they belong to */
    bool following; /* somebody has gone on speaking in time: utterance `follower` belongs here */
    bool joined;    /* and its words have been seen: it stays so */
    uint32_t follower;
    int64_t follow_ms;     /* since when that is known */
    int64_t hold_until_ms; /* if nobody goes on; INT64_MAX of a recording */
} gate_chain;

/* Puts a text behind what is there. *at: where; STENO_E_LIMIT, STENO_E_NOMEM: it is not there. */
STENO_CHECK steno_err gate_chain_add(gate_chain *c, const char *text, size_t n, size_t *at);
/* Takes away what was added last. */
void gate_chain_cut(gate_chain *c, size_t n, size_t first);
/* All that is there becomes context of what comes. */
void gate_chain_close(gate_chain *c);
/* Whether an utterance may be the rest of the last member: soon enough, and not of another known speaker. */
bool gate_chain_joins(const gate_chain *c, const steno_segment *s, int hold_ms);
void gate_chain_note(gate_chain *c, const steno_segment *s);
/* "okay", "mm-hmm", "对": between the halves of a number it means nothing. */
bool gate_is_backchannel(const char *text, size_t n);
/* It may yet become one: empty, "ok", "mm". */
bool gate_begins_backchannel(const char *text, size_t n);

/* ---- who has begun --------------------------------------------------------------------------------------------------- */

/* Utterances that began and whose finals have not come: people go on while the words before are still being recognised, so that the next
 * may be known of before this one's final is here. */
typedef struct gate_begun {
    struct {
        uint32_t id;
        double start_s;
        bool worded; /* a partial of it came: a final will */
    } of[GATE_BEGUN_MAX];
    uint32_t n;
} gate_begun;

/* SPEECH, PARTIAL, SEGMENT. What is beyond GATE_BEGUN_MAX is not known. */
void gate_begun_note(gate_begun *b, const steno_event *d);
/* The first one behind utterance `id`; false: nobody. */
bool gate_begun_behind(const gate_begun *b, uint32_t id, uint32_t *next, double *start_s);
/* Whether the words of one before `id` are still to come. */
bool gate_begun_before(const gate_begun *b, uint32_t id);

/* ---- what is written otherwise --------------------------------------------------------------------------------------- */

typedef struct gate_span {
    uint32_t at, end;         /* bytes of the draft's text … */
    uint32_t out_at, out_end; /* … and of what is shown */
    const finding *found;     /* NULL: an edit */
    const text_edit *edit;
    uint32_t before_at, before_n; /* bytes of the chain: what of the finding stands in earlier messages */
    bool split;                   /* it goes over messages */
    bool keep;                    /* it is only said that it is there */
} gate_span;

/* What is to be made of a draft. */
typedef struct gate_view {
    const find_result *found; /* NULL: nobody looked for anything */
    size_t at;                /* where the draft's text stands in the chain's */
    size_t shown;             /* bytes of the draft's text */
    bool partial;
    bool forced;    /* it leaves before it is known what its end belongs to … */
    size_t settled; /* … which is what stands behind this byte of the chain: figures there are not shown at all */
} gate_view;

/* ---- labels ---------------------------------------------------------------------------------------------------------- */

/* Words [first, first + n) of the draft are one. */
typedef struct gate_merge {
    uint16_t first, n;
} gate_merge;

typedef struct gate_map {
    uint32_t id, rev_add, n_merges;
    uint64_t merges; /* the number of its first one */
} gate_map;

typedef struct gate_labels {
    gate_room maps, merges; /* rings, by number */
    uint64_t maps_first, maps_end, merges_end;
    bool forgot;
    uint32_t forgotten; /* messages up to this one may have had a map */
} gate_labels;

/* Remembers what became of message `id`. */
void gate_labels_note(gate_labels *l, uint32_t id, uint32_t rev_add, const gate_merge *merges, uint32_t n);
/* Words of a SPEAKERS event as they were shown, into `words` [s->n_words]: returns how many; *rev_add. False: it is not known any more. */
bool gate_labels_apply(const gate_labels *l, const steno_segment *s, steno_word *words, uint32_t *n, uint32_t *rev_add);
void gate_labels_free(gate_labels *l);
/* The word that words [0, n) are together, but for its text. */
steno_word gate_one_word(const steno_word *words, uint32_t n);

/* ---- numbers --------------------------------------------------------------------------------------------------------- */

typedef struct gate_numbers {
    gate_room table; /* GATE_NUMBERS_MAX hashes and numbers */
    uint32_t n;
    unsigned last[ENTITY_TYPES];
} gate_numbers;

/* From 1; 0: there is no room for more. The text is only hashed. */
unsigned gate_number(gate_numbers *t, entity_type type, uint32_t custom, const char *text, size_t n);

/* ---- the gate -------------------------------------------------------------------------------------------------------- */

struct gate {
    gate_policy policy, next;
    bool has_next;
    gate_sink *sink;
    void *user;
    privacy *privacy;
    finder *finder;
    gate_counts counts;
    gate_chain chain;
    gate_queue queue;
    gate_labels labels;
    gate_numbers numbers;
    /* composing */
    gate_room spans, figures, edits, words, entities, merges, text;
    uint32_t n_spans, n_words, n_merges;
    size_t text_n;
    steno_word withheld;
    /* the utterance that is open */
    gate_begun begun;
    bool has_open, partials_seen, has_shown;
    uint32_t open_id, shown_id;
    size_t shown_bytes; /* of the draft's text */
    int64_t now_ms;
    int busy;
    bool dead; /* freed while it hands something on */
};

/* Spans of the draft into g->spans, in order. STENO_E_NOMEM. */
STENO_CHECK steno_err gate_find_spans(gate *g, const steno_segment *s, const gate_view *v);
/* Writes g->text and where spans stand in it. */
STENO_CHECK steno_err gate_write_text(gate *g, const steno_segment *s, const gate_view *v);
/* A byte of the draft's text in what is shown; inside a span: its end (`up`) or its beginning. */
uint32_t gate_map_byte(const gate *g, size_t at, bool up);

/* How much of a partial may be shown: bytes before `settled`, without a part of a word or of a finding. */
size_t gate_shown(const steno_segment *s, const gate_view *v, size_t settled);
/* Text, words and entities are the gate's, until it composes again. STENO_E_NOMEM. */
STENO_CHECK steno_err gate_compose(gate *g, const steno_segment *s, const gate_view *v, released_segment *out);
/* A final of which nothing may be shown. */
void gate_withhold(gate *g, const steno_segment *s, released_segment *out);
released_segment gate_as_it_is(const steno_segment *s);

/* ---- what leaves ----------------------------------------------------------------------------------------------------- */

void gate_pass(gate *g, const steno_event *d);
/* What carries no words, and labels. */
void gate_put_other(gate *g, const steno_event *d);
/* `v` NULL: nothing may be shown of it. */
void gate_put_final(gate *g, const steno_event *d, const gate_view *v, uint32_t rev_add);
/* False: there was nothing to show. */
bool gate_put_partial(gate *g, const steno_event *d, const gate_view *v);

#endif
