/* openai_turns.c: items of a Realtime session. See openai_realtime_int.h. */
#include "api/openai_realtime_int.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- texts ------------------------------------------------------------------------------------------------------ */

static bool append(text_buffer *t, const char *text, size_t n) {
    if (!t->bytes || t->n + n + 1 > t->room) {
        size_t room = 2 * (t->n + n + 32);
        char *more = mem_resize(t->bytes, t->room, room);
        if (!more) return false;
        t->bytes = more;
        t->room = room;
    }
    memcpy(t->bytes + t->n, text, n);
    t->n += n;
    t->bytes[t->n] = 0;
    return true;
}

static void free_item(openai_item *i) {
    mem_free(i->text.bytes);
    mem_free(i->said.bytes);
    json_decref(i->logprobs);
    *i = (openai_item){0};
}

void openai_turns_free(openai_live *l) {
    for (int i = 0; i < OPENAI_ITEMS_MAX; i++) free_item(&l->open[i]);
}

/* ---- finding them ----------------------------------------------------------------------------------------------- */

static openai_item *find_message(openai_live *l, uint32_t message) {
    for (openai_item *i = l->open; i < l->open + OPENAI_ITEMS_MAX; i++)
        if (i->number && i->bound && i->message == message) return i;
    return NULL;
}

static openai_item *find_number(openai_live *l, uint32_t number) {
    for (openai_item *i = l->open; number && i < l->open + OPENAI_ITEMS_MAX; i++)
        if (i->number == number) return i;
    return NULL;
}

static openai_item *oldest(openai_live *l) {
    openai_item *first = NULL;
    for (openai_item *i = l->open; i < l->open + OPENAI_ITEMS_MAX; i++)
        if (i->number && (!first || i->number < first->number)) first = i;
    return first;
}

/* The commit or clear to which audio at this time belongs; NULL: to what is spoken now. */
static openai_cut *cut_over(openai_live *l, double at_s) {
    for (int i = 0; i < l->n_cuts; i++)
        if (at_s < l->cuts[i].at_s) return &l->cuts[i];
    return NULL;
}

/* ---- what is said ----------------------------------------------------------------------------------------------- */

typedef struct item_name {
    char text[40];
} item_name;

static item_name item_id(const openai_live *l, uint32_t number) {
    item_name out;
    snprintf(out.text, sizeof out.text, "item_%s%06x", l->tag, number);
    return out;
}

static json_t *item_event(const openai_live *l, const openai_item *i, const char *type) {
    return json_pack("{s:s, s:s}", "type", type, "item_id", item_id(l, i->number).text);
}

static json_t *content_event(const openai_live *l, const openai_item *i, const char *type) {
    return json_pack("{s:s, s:s, s:i}", "type", type, "item_id", item_id(l, i->number).text, "content_index", 0);
}

static void say_started(wire *w, openai_live *l, openai_item *i) {
    double ms = round(i->start_s * 1000) - l->session.prefix_padding_ms;
    json_t *o = item_event(l, i, "input_audio_buffer.speech_started");
    if (o) json_object_set_new(o, "audio_start_ms", json_integer(ms > 0 ? (json_int_t)ms : 0));
    openai_say(w, l, o);
    i->started = true;
}

static void say_stopped(wire *w, openai_live *l, const openai_item *i, double heard_s) {
    json_t *o = item_event(l, i, "input_audio_buffer.speech_stopped");
    if (o) json_object_set_new(o, "audio_end_ms", json_integer((json_int_t)round(heard_s * 1000)));
    openai_say(w, l, o);
}

static json_t *before_json(const openai_live *l) {
    return l->last_item ? json_string(item_id(l, l->last_item).text) : json_null();
}

static void say_item(wire *w, openai_live *l, const openai_item *i, const char *type) {
    openai_say(w, l,
               json_pack("{s:s, s:o, s:{s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:n}]}}", "type", type, "previous_item_id",
                         before_json(l), "item", "id", item_id(l, i->number).text, "object", "realtime.item", "type",
                         "message", "status", "completed", "role", "user", "content", "type", "input_audio",
                         "transcript"));
}

static void commit_item(wire *w, openai_live *l, openai_item *i) {
    json_t *o = item_event(l, i, "input_audio_buffer.committed");
    if (o) json_object_set_new(o, "previous_item_id", before_json(l));
    openai_say(w, l, o);
    if (l->session.flat) {
        say_item(w, l, i, "conversation.item.created");
    } else {
        say_item(w, l, i, "conversation.item.added");
        say_item(w, l, i, "conversation.item.done");
    }
    i->committed = true;
    l->last_item = i->number;
}

static void say_delta(wire *w, openai_live *l, openai_item *i, const char *text, size_t n) {
    json_t *o = content_event(l, i, "conversation.item.input_audio_transcription.delta");
    json_t *delta = json_stringn(text, n);
    if (o && delta) json_object_set(o, "delta", delta);
    json_decref(delta);
    openai_say(w, l, o);
}

/* Deltas only ever add: what is behind those said so far, if they are the front of the text. */
static void say_more(wire *w, openai_live *l, openai_item *i, const char *text, size_t n) {
    if (n <= i->said.n || (i->said.n && memcmp(text, i->said.bytes, i->said.n) != 0)) return;
    const char *more = text + i->said.n;
    size_t bytes = n - i->said.n;
    if (append(&i->said, more, bytes)) say_delta(w, l, i, more, bytes);
}

static void complete(wire *w, openai_live *l, openai_item *i) {
    if (!i->committed) commit_item(w, l, i);
    if (i->text.n) say_more(w, l, i, i->text.bytes, i->text.n);
    json_t *o = content_event(l, i, "conversation.item.input_audio_transcription.completed");
    if (o) {
        json_object_set_new(o, "transcript", openai_string(i->text.n ? i->text.bytes : ""));
        json_object_set_new(o, "usage", openai_duration_usage(fmax(0, i->end_s - i->start_s)));
        if (i->logprobs) json_object_set(o, "logprobs", i->logprobs);
    }
    openai_say(w, l, o);
    free_item(i);
}

static openai_item *new_item(wire *w, openai_live *l, double start_s) {
    openai_item *i = NULL;
    for (openai_item *at = l->open; at < l->open + OPENAI_ITEMS_MAX && !i; at++)
        if (!at->number) i = at;
    if (!i) {
        i = oldest(l);
        complete(w, l, i);
    }
    *i = (openai_item){.number = ++l->items, .start_s = start_s, .end_s = start_s};
    return i;
}

/* ---- what the engine says --------------------------------------------------------------------------------------- */

static openai_item *current(wire *w, openai_live *l) {
    openai_item *i = find_number(l, l->current);
    if (i) return i;
    i = new_item(w, l, l->boundary_s);
    l->current = i->number;
    return i;
}

static openai_item *begin_turn(wire *w, openai_live *l, const released_segment *s) {
    openai_item *i = new_item(w, l, s->start_s);
    i->bound = true;
    i->message = s->id;
    say_started(w, l, i);
    return i;
}

/* Whose words these are; NULL: nobody's, they were cleared. */
static openai_item *owner_of(wire *w, openai_live *l, const released_segment *s) {
    openai_cut *cut = cut_over(l, s->start_s);
    openai_item *i = find_message(l, s->id);
    if (cut && cut->clear) {
        if (i) free_item(i);
        return NULL;
    }
    if (i) return i;
    if (cut && (i = find_number(l, cut->item)) && !i->bound) return i;
    return l->session.turns == OPENAI_TURNS_NONE ? current(w, l) : begin_turn(w, l, s);
}

static void add_logprobs(openai_item *i, const released_segment *s, bool spaced) {
    json_t *some = openai_logprobs(s, spaced);
    if (!i->logprobs)
        i->logprobs = some;
    else {
        json_array_extend(i->logprobs, some);
        json_decref(some);
    }
}

/* The text so far and `n` bytes of another behind it: as it would go on. */
static void say_stable(wire *w, openai_live *l, openai_item *i, const char *text, size_t n) {
    text_buffer all = {0};
    bool good = !i->text.n || (append(&all, i->text.bytes, i->text.n) && append(&all, " ", 1));
    if (good && append(&all, text, n)) say_more(w, l, i, all.bytes, all.n);
    mem_free(all.bytes);
}

static bool says_live(const openai_live *l) {
    return strcmp(l->session.model, "whisper-1") != 0;
}

static void on_partial(wire *w, openai_live *l, const released_segment *s) {
    openai_item *i = owner_of(w, l, s);
    if (i && s->stable_bytes && says_live(l)) say_stable(w, l, i, s->text, s->stable_bytes);
}

static void on_words(const openai_live *l, openai_item *i, const released_segment *s) {
    bool spaced = i->text.n > 0;
    i->end_s = fmax(i->end_s, s->end_s);
    if (!s->text[0]) return;
    if (l->session.logprobs) add_logprobs(i, s, spaced);
    if (spaced && !append(&i->text, " ", 1)) return;
    (void)append(&i->text, s->text, strlen(s->text));
}

/* One of several of an item. Where its final is not what deltas said, they go on behind it all the same: the completed
 * event has the text as it should be. */
static void say_utterance(wire *w, openai_live *l, openai_item *i) {
    if (!i->text.n) return;
    say_more(w, l, i, i->text.bytes, i->text.n);
    i->said.n = 0;
    (void)append(&i->said, i->text.bytes, i->text.n);
}

/* Every utterance that was announced has one, in order, maybe an empty one. */
static void on_final(wire *w, openai_live *l, const released_event *e) {
    const released_segment *s = &e->segment;
    openai_item *i = owner_of(w, l, s);
    if (!i) return;
    on_words(l, i, s);
    l->boundary_s = fmax(l->boundary_s, i->bound ? e->heard_s : 0);
    if (i->bound) {
        if (!i->committed) say_stopped(w, l, i, e->heard_s);
        complete(w, l, i);
    } else if (!i->committed && i->text.n > OPENAI_ITEM_BYTES_MAX) {
        openai_turns_close_current(w, l);
    } else if (says_live(l)) {
        say_utterance(w, l, i);
    }
}

/* The commit or clear that came first has come to its place. */
static void on_finalized(wire *w, openai_live *l) {
    if (!l->n_cuts) return;
    openai_cut cut = l->cuts[0];
    memmove(l->cuts, l->cuts + 1, (size_t)--l->n_cuts * sizeof *l->cuts);
    for (openai_item *i = l->open; i < l->open + OPENAI_ITEMS_MAX; i++) {
        bool before = i->number && i->bound && !i->committed && i->start_s < cut.at_s;
        if (before && cut.clear) free_item(i);
    }
    openai_item *i = find_number(l, cut.item);
    if (!i) return;
    i->end_s = fmax(i->end_s, i->bound ? 0 : cut.at_s);
    complete(w, l, i);
}

static void on_failed(wire *w, openai_live *l) {
    openai_failure why;
    openai_failure_of(&why, STENO_E_INTERNAL, "");
    for (openai_item *i; (i = oldest(l));) {
        json_t *o = content_event(l, i, "conversation.item.input_audio_transcription.failed");
        if (o) json_object_set_new(o, "error", openai_error(&why));
        openai_say(w, l, o);
        free_item(i);
    }
    openai_say_error(w, l, &why, NULL);
    wire_close(w, 1011, "recognition failed");
}

/* The server goes away: what was understood is said. */
static void on_done(wire *w, openai_live *l) {
    for (openai_item *i; (i = oldest(l));) {
        if (i->text.n || i->committed)
            complete(w, l, i);
        else
            free_item(i);
    }
    l->n_cuts = 0;
}

void openai_turns_event(wire *w, openai_live *l, const released_event *e) {
    switch (e->kind) {
    case STENO_EVENT_SPEECH:
        if (l->session.turns != OPENAI_TURNS_NONE && !cut_over(l, e->segment.start_s))
            (void)owner_of(w, l, &e->segment);
        return;
    case STENO_EVENT_PARTIAL:
        on_partial(w, l, &e->segment);
        return;
    case STENO_EVENT_SEGMENT:
        on_final(w, l, e);
        return;
    case STENO_EVENT_FINALIZED:
        on_finalized(w, l);
        return;
    case STENO_EVENT_ERROR:
        on_failed(w, l);
        return;
    case STENO_EVENT_DONE:
        on_done(w, l);
        return;
    default:
        return;
    }
}

/* ---- what the client wants -------------------------------------------------------------------------------------- */

static bool cut(wire *w, openai_live *l, bool clear, uint32_t item) {
    if (l->n_cuts == OPENAI_CUTS_MAX) return false;
    l->boundary_s = wire_audio_s(w, 0);
    l->cuts[l->n_cuts++] = (openai_cut){.clear = clear, .item = item, .at_s = l->boundary_s};
    wire_finalize(w);
    return true;
}

/* With turn detection: the utterance that is being spoken, if any. */
static openai_item *spoken(openai_live *l) {
    openai_item *last = NULL;
    for (openai_item *i = l->open; i < l->open + OPENAI_ITEMS_MAX; i++)
        if (i->number && i->bound && !i->committed && (!last || i->number > last->number)) last = i;
    return last;
}

void openai_turns_commit(wire *w, openai_live *l, const char *client_event) {
    openai_failure why;
    double ms = (wire_audio_s(w, 0) - l->boundary_s) * 1000;
    if (ms < OPENAI_COMMIT_MIN_MS) {
        openai_fail(
            &why, "input_audio_buffer_commit_empty", NULL,
            "Error committing input audio buffer: buffer too small. Expected at least %dms of audio, but buffer "
            "only has %.2fms of audio.",
            OPENAI_COMMIT_MIN_MS, fmax(ms, 0));
        openai_say_error(w, l, &why, client_event);
        return;
    }
    openai_item *i = l->session.turns == OPENAI_TURNS_NONE ? current(w, l) : spoken(l);
    if (!i) i = new_item(w, l, l->boundary_s);
    l->current = 0;
    commit_item(w, l, i);
    if (!cut(w, l, false, i->number)) complete(w, l, i);
}

void openai_turns_clear(wire *w, openai_live *l) {
    openai_item *i = find_number(l, l->current);
    if (i) free_item(i);
    l->current = 0;
    if (wire_audio_s(w, 0) > l->boundary_s) (void)cut(w, l, true, 0);
    openai_say(w, l, json_pack("{s:s}", "type", "input_audio_buffer.cleared"));
}

void openai_turns_close_current(wire *w, openai_live *l) {
    openai_item *i = find_number(l, l->current);
    l->current = 0;
    if (!i) return;
    if (i->text.n)
        complete(w, l, i);
    else
        free_item(i);
}
