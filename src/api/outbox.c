/* outbox.c: see outbox.h. */
#include "api/outbox.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

static void count(outbox *o, const outbox_event *e) {
    if (e->kind == OUTBOX_REVISION) {
        o->n_revisions++;
        o->revision_bytes += e->n;
        return;
    }
    o->n++;
    o->bytes += e->n;
}

static void uncount(outbox *o, const outbox_event *e) {
    if (e->kind == OUTBOX_REVISION) {
        o->n_revisions--;
        o->revision_bytes -= e->n;
        return;
    }
    o->n--;
    o->bytes -= e->n;
}

static void count_unsent(outbox *o, const outbox_event *e) {
    if (e->kind == OUTBOX_REVISION) return;
    o->n_unsent++;
    o->unsent_bytes += e->n;
}

static void uncount_unsent(outbox *o, const outbox_event *e) {
    if (e->kind == OUTBOX_REVISION) return;
    o->n_unsent--;
    o->unsent_bytes -= e->n;
}

static void remove_event(outbox *o, outbox_event *e) {
    if (e->prev)
        e->prev->next = e->next;
    else
        o->first = e->next;
    if (e->next)
        e->next->prev = e->prev;
    else
        o->last = e->prev;
    if (o->unsent == e) o->unsent = e->next;
    uncount(o, e);
    if (e->seq == 0) uncount_unsent(o, e);
    mem_free(e);
}

static bool of_state(outbox_kind kind) {
    return kind == OUTBOX_STATS || kind == OUTBOX_LOAD;
}

/* Whether an event of this kind and message makes an older one pointless. */
static bool overtakes(outbox_kind kind, uint32_t message, const outbox_event *old) {
    if (of_state(kind)) return old->kind == kind;
    if (old->message != message) return false;
    if (old->kind == OUTBOX_REVISION) return kind == OUTBOX_REVISION || kind == OUTBOX_PARTIAL || kind == OUTBOX_FINAL;
    if (kind == OUTBOX_FINAL) return old->kind == OUTBOX_PARTIAL || (old->kind == OUTBOX_SPEECH && old->seq);
    return kind == OUTBOX_PARTIAL && old->kind == OUTBOX_PARTIAL;
}

static void remove_overtaken(outbox *o, outbox_kind kind, uint32_t message) {
    for (outbox_event *e = o->last, *before; e; e = before) {
        before = e->prev;
        if (!overtakes(kind, message, e)) continue;
        if (e->kind == OUTBOX_PARTIAL && e->seq == 0) o->coalesced++;
        remove_event(o, e);
    }
}

/* Sent events go, the oldest first, when too many are kept. */
static void make_room(outbox *o) {
    while ((o->n > OUTBOX_KEPT_MAX || o->bytes > OUTBOX_KEPT_BYTES_MAX || o->n_revisions > OUTBOX_REVISIONS_MAX ||
            o->revision_bytes > OUTBOX_REVISION_BYTES_MAX) &&
           o->first && o->first->seq) {
        o->lost_seq = o->first->seq;
        remove_event(o, o->first);
    }
}

/* Whether what waits already leaves room for n more bytes. */
static bool has_room(const outbox *o, outbox_kind kind, size_t n) {
    bool all_unsent = o->first == o->unsent; /* else sent ones make room */
    if (kind == OUTBOX_REVISION)
        return !all_unsent ||
               (o->n_revisions < OUTBOX_REVISIONS_MAX && o->revision_bytes + n <= OUTBOX_REVISION_BYTES_MAX);
    return o->n_unsent < OUTBOX_KEPT_MAX && o->unsent_bytes + n <= OUTBOX_KEPT_BYTES_MAX;
}

steno_err outbox_put(outbox *o, outbox_kind kind, uint32_t message, const char *body, size_t n) {
    if (!has_room(o, kind, n)) return err_fail(STENO_E_NOMEM, "more than %d events wait to be sent", o->n_unsent);
    outbox_event *e = mem_alloc(1, sizeof *e + n);
    if (!e) return err_fail(STENO_E_NOMEM, "no memory for an event of %zu bytes", n);
    remove_overtaken(o, kind, message);
    *e = (outbox_event){.prev = o->last, .message = message, .n = (uint32_t)n, .kind = kind};
    memcpy(e->body, body, n);
    if (o->last)
        o->last->next = e;
    else
        o->first = e;
    o->last = e;
    if (!o->unsent) o->unsent = e;
    count(o, e);
    count_unsent(o, e);
    make_room(o);
    if (o->n_unsent > OUTBOX_UNSENT_MAX || o->unsent_bytes > OUTBOX_UNSENT_BYTES_MAX)
        return err_fail(STENO_E_LIMIT, "%u events wait to be read", o->n_unsent);
    return STENO_OK;
}

uint64_t outbox_number(outbox *o) {
    return ++o->sent_seq;
}

const outbox_event *outbox_next(outbox *o) {
    outbox_event *e = o->unsent;
    if (!e) return NULL;
    e->seq = outbox_number(o);
    uncount_unsent(o, e);
    o->unsent = e->next;
    return e;
}

void outbox_sent(outbox *o) {
    outbox_event *e = o->unsent ? o->unsent->prev : o->last;
    if (e && e->kind == OUTBOX_STATS) remove_event(o, e); /* the next one says it all again */
}

void outbox_acknowledge(outbox *o, uint64_t seq) {
    while (o->first && o->first->seq && o->first->seq <= seq) remove_event(o, o->first);
}

steno_err outbox_check_resume(const outbox *o, uint64_t last_seq) {
    if (last_seq > o->sent_seq)
        return err_fail(STENO_E_INVALID, "last_seq: no event of this session has a number above %" PRIu64, o->sent_seq);
    if (last_seq < o->lost_seq)
        return err_fail(STENO_E_NOT_FOUND, "last_seq: events after %" PRIu64 " are no longer kept", last_seq);
    return STENO_OK;
}

steno_err outbox_resume(outbox *o, uint64_t last_seq) {
    ERR_TRY(outbox_check_resume(o, last_seq));
    outbox_acknowledge(o, last_seq);
    o->unsent = o->first;
    o->n_unsent = o->n;
    o->unsent_bytes = o->bytes;
    for (outbox_event *e = o->first; e; e = e->next) e->seq = 0;
    o->sent_seq = last_seq;
    return STENO_OK;
}

void outbox_free(outbox *o) {
    while (o->first) remove_event(o, o->first);
}
