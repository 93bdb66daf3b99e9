/* document.c: a transcript kept in memory. See recording.h. */
#include "api/recording.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define DOCUMENT_FIRST_ROOM 16

static steno_err make_room(document *d) {
    if (d->n < d->room) return STENO_OK;
    size_t room = d->room ? 2 * d->room : DOCUMENT_FIRST_ROOM;
    document_segment *more = mem_alloc(room, sizeof *more);
    if (!more) return err_fail(STENO_E_NOMEM, "no memory for %zu segments", room);
    if (d->n) memcpy(more, d->segments, d->n * sizeof *more);
    mem_free(d->segments);
    d->segments = more;
    d->room = room;
    return STENO_OK;
}

steno_err document_add(document *d, int channel, const released_segment *s) {
    document_segment copy = {.channel = channel};
    size_t bytes;
    ERR_TRY(make_room(d));
    ERR_TRY(released_copy(&copy.segment, s, &bytes));
    if (d->bytes + bytes > DOCUMENT_BYTES_MAX) {
        released_free(&copy.segment);
        return err_fail(STENO_E_LIMIT, "the transcript is longer than %zu bytes", DOCUMENT_BYTES_MAX);
    }
    d->segments[d->n++] = copy;
    d->bytes += bytes;
    return STENO_OK;
}

static bool is_segment(const document_segment *at, int channel, uint32_t id) {
    return at->channel == channel && at->segment.id == id;
}

void document_label(document *d, int channel, const released_segment *labels) {
    for (size_t i = 0; i < d->n; i++) {
        size_t at = (d->labelled + i) % d->n;
        if (!is_segment(&d->segments[at], channel, labels->id)) continue;
        released_label(&d->segments[at].segment, labels);
        d->labelled = at;
        return;
    }
}

steno_err document_add_turns(document *d, int channel, const steno_turn *turns, uint32_t n) {
    if (d->n_turns + n > d->turns_room) {
        size_t room = 2 * (d->n_turns + n);
        if (room * sizeof *d->turns > DOCUMENT_BYTES_MAX)
            return err_fail(STENO_E_LIMIT, "the transcript has more than %zu turns", d->n_turns);
        document_turn *more = mem_resize(d->turns, d->turns_room * sizeof *more, room * sizeof *more);
        if (!more) return err_fail(STENO_E_NOMEM, "no memory for %zu turns", room);
        d->turns = more;
        d->turns_room = room;
    }
    for (uint32_t i = 0; i < n; i++) d->turns[d->n_turns++] = (document_turn){channel, turns[i]};
    return STENO_OK;
}

static int earlier(const void *a, const void *b) {
    const document_segment *x = a, *y = b;
    if (x->segment.start_s != y->segment.start_s) return x->segment.start_s < y->segment.start_s ? -1 : 1;
    if (x->channel != y->channel) return x->channel < y->channel ? -1 : 1;
    return x->segment.id < y->segment.id ? -1 : x->segment.id > y->segment.id;
}

void document_sort(document *d) {
    if (d->n) qsort(d->segments, d->n, sizeof *d->segments, earlier);
}

void document_free(document *d) {
    for (size_t i = 0; i < d->n; i++) released_free(&d->segments[i].segment);
    mem_free(d->segments);
    mem_free(d->turns);
    *d = (document){0};
}
