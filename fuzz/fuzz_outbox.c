/* fuzz_outbox.c: any sequence of events, sends, losses, acknowledgements and resumes: the list stays whole, numbers have no
 * gaps, and a client that resumes hears every event it must hear once, in order, and the newest of every message.
 *
 * Each operation is two bytes. The client's side is a log of what has reached it; a loss takes the end of it away again.
 */
#include "api/outbox.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

#define MAX_LOG  131072
#define MESSAGES 4

typedef struct note {
    uint64_t seq;
    uint32_t id; /* of the event, 0: none (ready) */
    uint32_t message;
    outbox_kind kind;
} note;

static outbox box;
static note reached[MAX_LOG];  /* the client */
static uint32_t must[MAX_LOG]; /* ids of what may not be lost, in order */
static size_t n_reached, n_must;
static uint64_t acknowledged;
static uint32_t next_id, open_message;   /* messages open_message .. + MESSAGES are under way */
static uint32_t newest_partial[MAX_LOG]; /* by message: id of its newest partial, 0: none or ended */
static bool connected, dead;

static void begin(void) {
    outbox_free(&box);
    box = (outbox){0};
    memset(newest_partial, 0, sizeof(uint32_t) * (open_message + MESSAGES + 1));
    n_reached = n_must = 0;
    acknowledged = next_id = open_message = 0;
    connected = true;
    dead = false;
}

static bool is_state(const outbox_event *e) {
    return e->kind == OUTBOX_STATS || e->kind == OUTBOX_LOAD;
}

/* Nothing behind e makes it pointless. */
static void check_newest(const outbox_event *e) {
    for (const outbox_event *later = e->next; later; later = later->next) {
        if (is_state(e)) CHECK(later->kind != e->kind);
        if (e->kind == OUTBOX_PARTIAL && later->message == e->message)
            CHECK(later->kind != OUTBOX_PARTIAL && later->kind != OUTBOX_FINAL);
    }
}

static void check_list(bool thoroughly) {
    uint32_t n = 0, unsent = 0;
    size_t bytes = 0, unsent_bytes = 0;
    uint64_t seq = 0;
    const outbox_event *before = NULL;
    for (const outbox_event *e = box.first; e; before = e, e = e->next) {
        CHECK(e->prev == before);
        CHECK(e->seq ? e->seq > seq && !unsent && e->seq <= box.sent_seq : unsent || box.unsent == e);
        if (e->seq) seq = e->seq;
        n++;
        bytes += e->n;
        unsent += e->seq == 0;
        unsent_bytes += e->seq ? 0 : e->n;
        if (thoroughly) check_newest(e);
    }
    CHECK(box.last == before && n == box.n && bytes == box.bytes);
    CHECK(unsent == box.n_unsent && unsent_bytes == box.unsent_bytes && !box.unsent == !unsent);
    CHECK(n <= OUTBOX_KEPT_MAX && bytes <= OUTBOX_KEPT_BYTES_MAX && box.lost_seq <= box.sent_seq);
}

static void put(outbox_kind kind, uint32_t message, size_t n) {
    static char body[2048];
    uint32_t id = ++next_id;
    if (n < sizeof id) n = sizeof id;
    memcpy(body, &id, sizeof id);
    steno_err e = outbox_put(&box, kind, message, body, n);
    CHECK(e == STENO_OK || e == STENO_E_LIMIT || e == STENO_E_NOMEM);
    CHECK((e == STENO_OK) ==
          (e != STENO_E_NOMEM && box.n_unsent <= OUTBOX_UNSENT_MAX && box.unsent_bytes <= OUTBOX_UNSENT_BYTES_MAX));
    if (e == STENO_E_LIMIT) connected = false;
    dead = e == STENO_E_NOMEM; /* only when nobody reads for long */
    if (dead) return;
    if (kind == OUTBOX_KEEP || kind == OUTBOX_FINAL) must[n_must++] = id;
    if (kind == OUTBOX_PARTIAL) newest_partial[message] = id;
    if (kind == OUTBOX_FINAL) newest_partial[message] = 0;
}

static void reach(uint64_t seq, uint32_t id, uint32_t message, outbox_kind kind) {
    CHECK(n_reached == 0 || seq == reached[n_reached - 1].seq + 1);
    CHECK(n_reached < MAX_LOG);
    reached[n_reached++] = (note){seq, id, message, kind};
}

/* What the client has must be the front of what it had to get. */
static void check_reached(void) {
    static uint32_t shown[MAX_LOG];
    size_t n = 0;
    memset(shown, 0, sizeof(uint32_t) * (open_message + MESSAGES + 1));
    for (size_t i = 0; i < n_reached; i++) {
        const note *r = &reached[i];
        if (!r->id) continue;
        if (r->kind == OUTBOX_KEEP || r->kind == OUTBOX_FINAL) CHECK(n < n_must && must[n++] == r->id);
        if (r->kind == OUTBOX_PARTIAL) {
            CHECK(r->id > shown[r->message]);
            shown[r->message] = r->id;
        }
        if (r->kind == OUTBOX_FINAL) shown[r->message] = UINT32_MAX; /* nothing of it may come now */
    }
    if (box.unsent) return;
    CHECK(n == n_must);
    for (uint32_t m = 0; m < open_message + MESSAGES; m++)
        CHECK(newest_partial[m] == 0 || shown[m] == newest_partial[m]);
}

static void send_some(int count) {
    while (connected && count-- > 0) {
        const outbox_event *e = outbox_next(&box);
        uint32_t id;
        if (!e) return;
        memcpy(&id, e->body, sizeof id);
        reach(e->seq, id, e->message, e->kind);
        outbox_sent(&box);
    }
}

static uint64_t last_reached(void) {
    return n_reached ? reached[n_reached - 1].seq : 0;
}

/* Another connection; the last `gone` of what was sent never reached the client. */
static void lose_and_resume(size_t gone) {
    connected = false;
    while (gone-- > 0 && n_reached && last_reached() > acknowledged) n_reached--;
    uint64_t from = last_reached();
    steno_err e = outbox_check_resume(&box, from);
    CHECK(outbox_resume(&box, from) == e);
    CHECK(e == (from < box.lost_seq ? STENO_E_NOT_FOUND : STENO_OK));
    if (e != STENO_OK) {
        begin(); /* the client begins anew */
        return;
    }
    CHECK(box.sent_seq == from && box.n == box.n_unsent);
    acknowledged = from; /* resuming says so */
    connected = true;
    reach(outbox_number(&box), 0, 0, OUTBOX_KEEP); /* ready */
}

static void acknowledge(size_t back) {
    if (!n_reached) return;
    const note *r = &reached[back < n_reached ? n_reached - 1 - back : 0];
    outbox_acknowledge(&box, r->seq);
    if (r->seq > acknowledged) acknowledged = r->seq;
    CHECK(!box.first || box.first->seq == 0 || box.first->seq > r->seq);
}

static void operate(uint8_t what, uint8_t arg) {
    uint32_t message = open_message + arg % MESSAGES;
    size_t n = (size_t)(arg / MESSAGES) * (what & 0x80 ? 30 : 1);
    switch (what & 15) {
    case 0:
    case 1:
    case 2:
        put(OUTBOX_PARTIAL, message, n);
        break;
    case 3:
        put(OUTBOX_KEEP, UINT32_MAX, n);
        break;
    case 4:
        put(OUTBOX_SPEECH, open_message + MESSAGES - 1, n);
        break;
    case 5:
    case 6:
        put(OUTBOX_FINAL, open_message, n);
        if (!dead) open_message++;
        break;
    case 7:
        put(OUTBOX_STATS, 0, n);
        break;
    case 8:
        put(OUTBOX_LOAD, 0, n);
        break;
    case 9:
        lose_and_resume(arg);
        break;
    case 10:
        acknowledge(arg);
        break;
    case 11: /* many of one kind */
        for (int i = 0; i < arg && !dead; i++) put(OUTBOX_KEEP, UINT32_MAX, what & 0x80 ? 1200 : 8);
        break;
    case 12:
        CHECK(outbox_check_resume(&box, box.sent_seq + 1 + arg) == STENO_E_INVALID);
        break;
    default:
        send_some(1 + (what & 0x80 ? 8 : 1) * arg / 4);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 800) size = 800; /* long sequences say nothing that short ones do not, and take long */
    begin();
    for (size_t i = 0; i + 1 < size && !dead; i += 2) {
        operate(data[i], data[i + 1]);
        check_list(i % 64 == 0);
    }
    check_list(box.n < 200);
    if (!dead && !connected) lose_and_resume(0);
    if (!dead) send_some(OUTBOX_KEPT_MAX);
    if (!dead) check_reached();
    begin();
    return 0;
}
