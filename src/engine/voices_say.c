/* voices_say.c: from the timeline to events: labels of what is handed out, revisions, turns, and a stream's end.
 *
 * SPEAKERS and TURNS ride on segments of the pool. When there is none to spare a stream waits in the queue with all it has to
 * say, and what is said then is what is known then. A stream that has come to its end goes through its phases: the rest of its
 * rows, a pass over all of them (REVISE), what has changed; its DONE comes after that. Owner: the stream's home shard.
 */
#include "engine/voices_int.h"

#include "speakers/turns.h"

#include <assert.h>
#include <string.h>

#define SAY_WORDS       4096 /* looked at in one tick, of all streams: well under 1 ms */
#define TURN_LAG_BLOCKS 2    /* live turns are told so much later: the first look at a person is so long */

_Static_assert(BOOK_MESSAGE_WORDS >= TRANSCRIPT_MAX_TOKENS, "a message of any segment fits into a book");

/* ---- what is handed out ------------------------------------------------------------------------------------------- */

static void set_labels(segment *g, const book_label *l) {
    g->speaker = l->speaker;
    g->speaker_margin = l->margin;
    g->speaker_fixed = l->fixed;
}

/* Words that lie in the part of the text that is not taken back. */
static uint32_t stable_words(const segment *g) {
    uint32_t n = 0;
    while (n < g->text.n_words && g->text.words[n].text_offset + g->text.words[n].text_bytes <= g->stable_bytes) n++;
    return n;
}

void voices_label_partial(stream *t, segment *g) {
    voices *v = t->voices;
    book_label l;
    book_partial(v->said, &v->line, &v->shown, g->id, g->text.words, g->text.n_words, stable_words(g), &l);
    set_labels(g, &l);
}

void voices_label_final(shard *s, stream *t, segment *g) {
    voices *v = t->voices;
    book_label l;
    book_add(v->said, &v->line, v->is_live ? &v->shown : NULL, g->id, g->rev, g->text.words, g->text.n_words, &l);
    set_labels(g, &l);
    if (!l.fixed) voices_tell(s, v);
}

/* ---- what comes later --------------------------------------------------------------------------------------------- */

void voices_tell(shard *s, voices *v) {
    if (v->telling) return;
    v->telling = true;
    slot_queue_push(&s->voices_say, v->slot);
}

/* A segment for an event, or NULL: the shard is woken when there is one. */
static segment *take_segment(shard *s, const voices *v) {
    segment *g = segment_pool_take(&s->engine->segments, VOICE_SPARE);
    if (!g) {
        segment_pool_want(&s->engine->segments);
        return NULL;
    }
    g->stream = v->slot;
    g->generation = atomic_load(&voices_stream(s, v)->generation);
    g->error = STENO_OK;
    g->frames_n = 0;
    g->stable_bytes = 0;
    g->end = STENO_END_NONE;
    g->heard_s = (double)v->line.end * SPEAKERS_BLOCK_MS / 1000.0;
    g->due_s = g->done_s = 0.0;
    segment_unlabelled(g);
    return g;
}

static void emit(shard *s, segment *g, steno_event_kind kind) {
    event_message m = {.kind = kind, .stream = g->stream, .generation = g->generation, .id = g->id, .segment = g};
    engine_emit(s->engine, &m);
}

static void emit_speakers(shard *s, voices *v, segment *g) {
    book_label l;
    transcript *x = &g->text;
    book_say(v->said, &l, x->words);
    g->id = l.id;
    g->rev = l.rev;
    set_labels(g, &l);
    x->n_words = l.n_words;
    x->text[0] = '\0';
    x->text_bytes = 0;
    x->looped = false;
    x->confidence = 0.0f;
    x->start_s = x->words[0].start_s;
    x->end_s = x->words[x->n_words - 1].end_s;
    counter_add(&s->count.revisions, 1);
    emit(s, g, STENO_EVENT_SPEAKERS);
}

typedef enum say_result { SAY_NOTHING, SAY_MORE, SAY_WAIT } say_result;

/* Messages whose labels have changed. MORE: *work is used up; WAIT: there is no segment. */
static say_result say_messages(shard *s, voices *v, int *work) {
    book_touch(v->said, v->line.changed_first, v->line.changed_end);
    timeline_unchanged(&v->line);
    if (v->merged) book_insist(v->said);
    v->merged = false;
    for (;;) {
        book_found found = book_find(v->said, &v->line, work);
        if (found == BOOK_NOTHING) return SAY_NOTHING;
        if (found == BOOK_TIRED) return SAY_MORE;
        segment *g = take_segment(s, v);
        if (!g) return SAY_WAIT;
        emit_speakers(s, v, g);
    }
}

/* Blocks whose turns may be told: of a recording none before the end. */
static int64_t turns_until(const voices *v) {
    if (!v->opt.turns || (!v->is_live && v->phase != VOICE_TELLING)) return v->told;
    return v->phase == VOICE_TELLING ? v->line.end : v->line.end - TURN_LAG_BLOCKS;
}

static say_result say_turns(shard *s, voices *v) {
    int64_t until = turns_until(v);
    while (v->told < until && timeline_at(&v->line, v->told).speaker == SPEAKERS_SILENCE) v->told++;
    while (v->told < until) {
        segment *g = take_segment(s, v);
        if (!g) return SAY_WAIT;
        g->id = g->rev = 0;
        g->n_turns = (uint32_t)turns_of(&v->line, &v->told, until, g->turns, SEGMENT_TURNS);
        emit(s, g, STENO_EVENT_TURNS);
        while (v->told < until && timeline_at(&v->line, v->told).speaker == SPEAKERS_SILENCE) v->told++;
    }
    return SAY_NOTHING;
}

static say_result say(shard *s, voices *v, int *work) {
    say_result r = say_messages(s, v, work);
    return r == SAY_NOTHING ? say_turns(s, v) : r;
}

bool voices_say_step(shard *s) {
    int work = SAY_WORDS;
    bool moved = false;
    for (int turns = s->voices_say.count; turns > 0; turns--) {
        int slot = slot_queue_pop(&s->voices_say);
        voices *v = s->engine->streams[slot].voices;
        double start_s = thread_cpu_s();
        say_result r = say(s, v, &work);
        voices_stream(s, v)->stats.speakers_cpu_s += thread_cpu_s() - start_s;
        v->telling = false;
        if (r != SAY_NOTHING) voices_tell(s, v);
        if (r != SAY_WAIT) moved = true;
        if (r == SAY_NOTHING && v->phase == VOICE_TELLING) voices_next_phase(s, v);
    }
    return moved;
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

static bool wants_whole(const voices *v) {
    return v->opt.contract == STENO_SPEAKERS_REVISE;
}

/* Whom somebody has said to be one person stays so, whatever the pass over all of it thinks. */
static void keep_merges(voices *v) {
    for (int i = 0; i < STENO_SPEAKERS_MAX; i++) timeline_rename(&v->line, i, tracker_shown(v->track, i));
}

void voices_next_phase(shard *s, voices *v) {
    switch (v->phase) {
    case VOICE_HEARING:
        v->phase = VOICE_REST;
        voices_end_rows(s, v);
        return;
    case VOICE_REST:
        v->phase = wants_whole(v) ? VOICE_WHOLE : VOICE_TELLING;
        if (!wants_whole(v)) break;
        slot_queue_push(&s->voices_whole, v->slot);
        return;
    case VOICE_WHOLE:
        v->phase = VOICE_TELLING;
        keep_merges(v);
        break;
    default:
        v->phase = VOICE_OVER;
        listen_hand_out(s, v->slot); /* its DONE */
        return;
    }
    book_finish(v->said);
    voices_tell(s, v);
}

bool voices_are_over(shard *s, stream *t) {
    if (t->voices->phase == VOICE_HEARING) voices_next_phase(s, t->voices);
    return t->voices->phase == VOICE_OVER;
}

void voices_leave(shard *s, stream *t) {
    slot_queue *const queues[] = {&s->voices_live, &s->voices_bulk, &s->voices_whole, &s->voices_say};
    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++) slot_queue_remove(queues[i], t->voices->slot);
    if (s->whole_slot == t->voices->slot) s->whole_slot = -1;
    t->voices = NULL; /* who opens a stream next may get it */
}

void voices_merge(shard *s, const message *m) {
    stream *t = &s->engine->streams[m->stream];
    voices *v = t->voices;
    if (m->generation != atomic_load(&t->generation)) return; /* the stream has ended since */
    atomic_fetch_sub(&t->merges, 1);
    if (!v || v->phase > VOICE_HEARING) return;
    tracker_merge_speakers(v->track, m->u.merge.from, m->u.merge.into, &v->line);
    v->merged = true;
    voices_tell(s, v);
}
