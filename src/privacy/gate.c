/* gate.c: events in their order; when a final waits, and for how long. See gate.h, gate_int.h.
 *
 * A final that ends in what may go on is a member of the chain and waits in the queue, and so does all that comes behind it. The
 * next utterance's words are looked at behind the chain's text: as soon as no continuation can change what a member holds, it leaves. When
 * nobody goes on in time the chain's text is whole.
 */
#include "privacy/gate_int.h"

#include "base/mem.h"

#include <string.h>

#define NOTICE_MS 300 /* until speech that has begun is known to have */

static void ignore(steno_err e) {
    (void)e;
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

/* Results are the finder's, until it looks again. False: it cannot. */
static bool look(gate *g, size_t stable, bool whole, find_result *out) {
    gate_chain *c = &g->chain;
    find_text text = {.text = c->room.at, .n = c->n, .context = c->first, .stable = stable, .whole = whole};
    *out = (find_result){0};
    if (!g->finder) return false;
    return find_run(g->finder, &text, g->policy.types, g->policy.min_confidence, out) == STENO_OK;
}

static bool is_looking(const gate *g) {
    return g->policy.mode != REDACT_OFF;
}

/* ---- what leaves ------------------------------------------------------------------------------------------------ */

/* `found` NULL: nobody could look. */
static void put_member(gate *g, gate_held *h, const find_result *found, const gate_view *how) {
    gate_view v = *how;
    v.found = found;
    v.at = h->at;
    v.shown = h->n;
    g->counts.held_ms += (uint64_t)(g->now_ms > h->since_ms ? g->now_ms - h->since_ms : 0);
    gate_put_final(g, &h->event, found ? &v : NULL, h->front_shown);
}

/* A final that nothing personal can stand in: "okay", or no words at all. */
static void put_aside(gate *g, const steno_event *d) {
    gate_view v = {.shown = strlen(d->segment.text)};
    gate_put_final(g, d, &v, 0);
}

/* Bytes of a partial that the finder may call stable: a word in which the recogniser stops being sure may yet grow ("it", "it's"). */
static size_t sure_bytes(const steno_segment *s) {
    size_t n = strlen(s->text), stable = s->stable_bytes < n ? s->stable_bytes : n, at = stable;
    if (stable == 0 || stable == n) return stable;
    while (at > 0 && s->text[at - 1] != ' ' && !(s->text[at - 1] & 0x80)) at--;
    return at < stable ? at : stable - (s->text[stable - 1] != ' ');
}

/* The open utterance's text, behind what may go on in it. */
static void show(gate *g, const steno_event *d) {
    gate_chain *c = &g->chain;
    size_t n = c->n, first = c->first, text_n = strlen(d->segment.text);
    gate_view v = {.partial = true, .shown = text_n};
    find_result found;
    if (!is_looking(g)) {
        gate_put_partial(g, d, &v);
        return;
    }
    if (gate_chain_add(c, d->segment.text, text_n, &v.at) != STENO_OK) return;
    if (look(g, v.at + sure_bytes(&d->segment), false, &found)) {
        v.found = &found;
        v.shown = gate_shown(&d->segment, &v, found.settled);
        gate_put_partial(g, d, &v);
    }
    gate_chain_cut(c, n, first);
}

static void put_waiting(gate *g, gate_held *h) {
    if (h->event.kind == STENO_EVENT_PARTIAL)
        show(g, &h->event);
    else if (h->event.kind == STENO_EVENT_SEGMENT)
        put_aside(g, &h->event);
    else
        gate_put_other(g, &h->event);
}

/* What waits behind members that have left. */
static void put_rest(gate *g) {
    while (g->queue.n > 0 && g->queue.members == 0 && !g->dead) put_waiting(g, gate_queue_pop(&g->queue));
}

/* Events leave until `members` of the chain have; returns where the last of them ends. */
static size_t put_members(gate *g, uint32_t members, const find_result *found, const gate_view *how) {
    size_t end = 0;
    while (members > 0 && g->queue.n > 0 && !g->dead) {
        gate_held *h = gate_queue_pop(&g->queue);
        if (h->member) {
            end = h->at + h->n;
            put_member(g, h, found, how);
        } else
            put_waiting(g, h);
        members -= h->member;
    }
    return end;
}

/* Of a member that waits for itself only, and not for those before it: what is known of it, as a partial. */
static void show_front(gate *g, const find_result *found) {
    gate_held *h = gate_queue_head(&g->queue);
    if (!h || !h->member || h->front_shown || !g->partials_seen) return;
    const steno_segment *s = &h->event.segment;
    gate_view v = {.found = found, .at = h->at, .partial = true};
    v.shown = gate_shown(s, &v, found->settled);
    bool more = !g->has_shown || g->shown_id != s->id || g->shown_bytes < v.shown;
    if (v.shown > 0 && more) h->front_shown = gate_put_partial(g, &h->event, &v);
}

/* Members leave that no continuation changes any more. */
static void put_settled(gate *g, const find_result *found) {
    static const gate_view how = {0};
    while (g->queue.members > 0 && !g->dead) {
        gate_held *h = gate_queue_head(&g->queue);
        if (h->member && h->at + h->n > found->settled) break;
        gate_queue_pop(&g->queue);
        if (h->member)
            put_member(g, h, found, &how);
        else
            put_waiting(g, h);
    }
    if (g->queue.members > 0) show_front(g, found);
}

/* Nobody goes on: the chain's text is whole. */
static void finish_chain(gate *g) {
    static const gate_view how = {0};
    find_result found;
    if (g->queue.members > 0) {
        bool seen = look(g, g->chain.n, true, &found);
        put_members(g, g->queue.members, seen ? &found : NULL, &how);
    }
    gate_chain_close(&g->chain);
    put_rest(g);
}

/* The oldest members leave although somebody goes on: by all that is known of the words that are being said, and without the figures
 * of which nothing is known. */
static void force_out(gate *g, uint32_t members) {
    gate_chain *c = &g->chain;
    size_t n = c->n, first = c->first, at;
    gate_view how = {.forced = true};
    find_result found;
    if (look(g, n, false, &found)) how.settled = found.settled;
    const gate_held *open = gate_queue_partial(&g->queue);
    if (open) ignore(gate_chain_add(c, open->event.segment.text, strlen(open->event.segment.text), &at));
    bool seen = look(g, c->n, true, &found);
    gate_chain_cut(c, n, first);
    g->counts.forced_out += members;
    size_t end = put_members(g, members, seen ? &found : NULL, &how);
    if (end > c->forced) c->forced = end;
    put_rest(g);
}

/* All that waits leaves. */
static void let_out(gate *g) {
    if (g->chain.following)
        force_out(g, g->queue.members);
    else
        finish_chain(g);
}

/* ---- what waits ------------------------------------------------------------------------------------------------- */

/* Members leave, for want of memory to keep what comes behind them; what goes on in the next is known to. */
static void withhold_members(gate *g) {
    static const gate_view how = {0};
    put_members(g, g->queue.members, NULL, &how);
    g->chain.forced = g->chain.n;
    put_rest(g);
}

/* False: there is no room, and nothing waits any more. */
static bool wait(gate *g, const steno_event *d) {
    steno_err e = gate_queue_push(&g->queue, d, g->now_ms, NULL);
    if (e == STENO_OK) return true;
    if (e == STENO_E_NOMEM)
        withhold_members(g);
    else
        let_out(g);
    return false;
}

static void wait_or_pass(gate *g, const steno_event *d) {
    if (g->queue.n == 0 || !wait(g, d)) gate_put_other(g, d);
}

static bool is_in_time(const gate *g, double start_s) {
    return start_s - g->chain.end_s <= g->policy.hold_ms / 1000.0;
}

static void follow(gate *g, uint32_t id) {
    gate_chain *c = &g->chain;
    if (c->following && c->follower == id) return;
    c->following = true;
    c->joined = false;
    c->follower = id;
    c->follow_ms = g->now_ms;
}

/* Whether an utterance goes on what the chain holds: decided at its first words, and kept. If it does not, the chain is whole. */
static bool belongs(gate *g, const steno_segment *s) {
    gate_chain *c = &g->chain;
    if (c->n_members == 0) return false;
    if (c->following && c->joined && c->follower == s->id) return true;
    if (!gate_chain_joins(c, s, g->policy.hold_ms)) {
        finish_chain(g);
        return false;
    }
    follow(g, s->id);
    c->joined = true;
    return true;
}

/* When nobody goes on any more, or who does has had his time: all leave. */
static int64_t chain_due_ms(const gate *g) {
    const gate_chain *c = &g->chain;
    if (!c->following || c->hold_until_ms == INT64_MAX) return c->hold_until_ms;
    int64_t due = c->follow_ms + (g->partials_seen ? GATE_FOLLOW_MS : GATE_FOLLOW_MAX_MS);
    return due > c->hold_until_ms ? due : c->hold_until_ms;
}

/* When the oldest has waited as long as any may. */
static int64_t oldest_due_ms(const gate *g) {
    const gate_held *oldest = gate_queue_head(&g->queue);
    if (!oldest || g->chain.hold_until_ms == INT64_MAX) return INT64_MAX;
    return oldest->since_ms + g->policy.hold_ms + GATE_FOLLOW_MAX_MS;
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

/* Who goes on first behind the chain's end: it may have begun before the final there came. */
static void look_for_follower(gate *g) {
    const gate_chain *c = &g->chain;
    uint32_t next;
    double start_s;
    if (g->queue.members == 0 || c->following || !gate_begun_behind(&g->begun, c->last_id, &next, &start_s)) return;
    if (is_in_time(g, start_s))
        follow(g, next);
    else
        finish_chain(g);
}

static void on_speech(gate *g, const steno_event *d) {
    look_for_follower(g);
    wait_or_pass(g, d);
}

/* The part of a partial that will not be taken back may tell what the chain's end is. */
static void settle_by(gate *g, const steno_segment *s) {
    gate_chain *c = &g->chain;
    size_t n = c->n, first = c->first, at;
    find_result found;
    if (gate_chain_add(c, s->text, sure_bytes(s), &at) != STENO_OK) return;
    if (look(g, c->n, false, &found)) put_settled(g, &found);
    gate_chain_cut(c, n, first);
    put_rest(g);
}

/* A partial behind a final that waits: true when it waits as well. */
static bool on_partial_behind(gate *g, const steno_event *d) {
    const steno_segment *s = &d->segment;
    size_t n = strlen(s->text), stable = s->stable_bytes < n ? s->stable_bytes : n;
    gate_queue_drop_partial(&g->queue);
    if (gate_begun_before(&g->begun, s->id)) { /* whose words go on what waits, perhaps, and this may go on theirs */
        (void)!wait(g, d);
        return true;
    }
    if (!is_in_time(g, s->start_s) && !(g->chain.following && g->chain.follower == s->id))
        finish_chain(g);
    else if (gate_begins_backchannel(s->text, stable))
        follow(g, s->id);
    else if (belongs(g, s))
        settle_by(g, s);
    if (g->queue.members == 0 || g->dead) return false;
    return wait(g, d);
}

static void on_partial(gate *g, const steno_event *d) {
    g->partials_seen = true;
    if (is_looking(g) && g->queue.members == 0 && gate_begun_before(&g->begun, d->segment.id)) return;
    if (g->queue.members > 0) {
        if (on_partial_behind(g, d)) return;
    } else if (is_looking(g))
        belongs(g, &d->segment);
    if (!g->dead) show(g, d);
}

/* "Okay" behind a final that waits: true when it has been dealt with. */
static bool on_backchannel(gate *g, const steno_event *d) {
    const steno_segment *s = &d->segment;
    gate_chain *c = &g->chain;
    bool begun = c->following && c->follower == s->id;
    if (g->queue.members == 0 || (begun && c->joined)) return false;
    if (!gate_is_backchannel(s->text, strlen(s->text)) || (!begun && !is_in_time(g, s->start_s))) return false;
    if (begun) c->following = false;
    if (g->queue.finals >= GATE_HELD_MAX) force_out(g, 1);
    if (g->queue.n == 0 || !wait(g, d)) put_aside(g, d);
    return true;
}

/* A final whose end nothing changes any more, or that cannot wait: with it all that waits for it. */
static void put_final(gate *g, const steno_event *d, size_t at, const find_result *found) {
    static const gate_view how = {0};
    gate_view v = {.found = found, .at = at, .shown = strlen(d->segment.text)};
    put_members(g, g->queue.members, found, &how);
    put_rest(g);
    gate_put_final(g, d, found ? &v : NULL, 0);
    gate_chain_close(&g->chain);
}

static void hold_time(gate *g, const steno_event *d) {
    gate_chain *c = &g->chain;
    int64_t hold = g->policy.hold_ms, since_end = (int64_t)((d->heard_s - d->segment.end_s) * 1000.0);
    int64_t left = hold - (since_end > 0 ? since_end : 0) + NOTICE_MS;
    c->hold_until_ms = g->now_ms + (left < 0 ? 0 : left < hold ? left : hold);
    if (d->segment.end == STENO_END_NONE) c->hold_until_ms = INT64_MAX; /* of a recording: its own time counts */
}

static void put_withheld(gate *g, const steno_event *d) {
    withhold_members(g);
    gate_put_final(g, d, NULL, 0);
    g->chain.forced = g->chain.n;
}

static void hold(gate *g, const steno_event *d, size_t at, const find_result *found) {
    gate_held *h;
    put_settled(g, found);
    put_rest(g);
    if (g->dead) return;
    if (gate_queue_push(&g->queue, d, g->now_ms, &h) != STENO_OK) {
        put_withheld(g, d);
        return;
    }
    gate_queue_make_member(&g->queue, h, at, strlen(d->segment.text));
    g->counts.held++;
    hold_time(g, d);
    show_front(g, found);
    look_for_follower(g);
}

/* Room for one more final in queue and text. False: nothing can be said of it. */
static bool add_final(gate *g, const steno_event *d, size_t *at) {
    const steno_segment *s = &d->segment;
    gate_chain *c = &g->chain;
    size_t n = strlen(s->text);
    if (g->queue.n == GATE_QUEUE_MAX) force_out(g, g->queue.members);
    if (g->queue.finals >= GATE_HELD_MAX) force_out(g, 1);
    if (c->n_members > 0 && c->n + n > GATE_CHAIN_MAX_BYTES) finish_chain(g);
    if (gate_chain_add(c, s->text, n, at) != STENO_OK) {
        finish_chain(g);
        return false;
    }
    gate_chain_note(c, s);
    return true;
}

static void on_final(gate *g, const steno_event *d) {
    find_result found;
    size_t at;
    gate_queue_drop_partial(&g->queue);
    if (!is_looking(g)) {
        put_aside(g, d);
        return;
    }
    if (on_backchannel(g, d)) return;
    belongs(g, &d->segment);
    if (g->dead) return;
    if (!add_final(g, d, &at) || !look(g, g->chain.n, false, &found)) {
        put_final(g, d, 0, NULL);
        return;
    }
    bool open = found.digits_open && found.settled < g->chain.n && g->policy.hold_ms > 0;
    if (open) {
        hold(g, d, at, &found);
        return;
    }
    bool seen = look(g, g->chain.n, true, &found);
    put_final(g, d, at, seen ? &found : NULL);
}

static void on_other(gate *g, const steno_event *d) {
    gate_chain *c = &g->chain;
    const steno_segment *s = &d->segment;
    bool labels = d->kind == STENO_EVENT_SPEAKERS && g->queue.members > 0 && s->id == c->last_id;
    if (labels && s->n_words > 0) c->speaker = s->words[s->n_words - 1].speaker;
    double late_s = c->end_s + (g->policy.hold_ms + NOTICE_MS) / 1000.0;
    if (g->queue.members > 0 && !c->following && d->heard_s > late_s) finish_chain(g);
    wait_or_pass(g, d);
}

static void on_end(gate *g, const steno_event *d) {
    finish_chain(g);
    gate_put_other(g, d);
}

static void dispatch(gate *g, const steno_event *d) {
    switch (d->kind) {
    case STENO_EVENT_SPEECH:
        on_speech(g, d);
        return;
    case STENO_EVENT_PARTIAL:
        on_partial(g, d);
        return;
    case STENO_EVENT_SEGMENT:
        on_final(g, d);
        return;
    case STENO_EVENT_DONE:
    case STENO_EVENT_ERROR:
        on_end(g, d);
        return;
    default:
        on_other(g, d);
    }
}

/* ---- policies --------------------------------------------------------------------------------------------------- */

/* What cannot be looked at is withheld, so a finder that cannot be opened shows in the words, and not as a leak. */
static steno_err adopt(gate *g, const gate_policy *policy) {
    g->policy = *policy;
    g->has_next = false;
    if (g->policy.mode == REDACT_OFF || g->finder) return STENO_OK;
    if (!g->privacy) return err_fail(STENO_E_INVALID, "a privacy gate that masks was opened without rules");
    return finder_open(g->privacy, &g->finder);
}

static bool begins_utterance(gate *g, const steno_event *d) {
    bool words = d->kind == STENO_EVENT_SPEECH || d->kind == STENO_EVENT_PARTIAL || d->kind == STENO_EVENT_SEGMENT;
    if (!words || (g->has_open && g->open_id == d->segment.id)) return false;
    g->has_open = true;
    g->open_id = d->segment.id;
    return true;
}

static bool is_off(const gate *g) {
    return g->policy.mode == REDACT_OFF && !g->policy.itn && !g->has_next;
}

/* ---- the gate --------------------------------------------------------------------------------------------------- */

steno_err gate_open(privacy *p, const gate_policy *policy, gate_sink *sink, void *user, gate **out) {
    gate *g = mem_alloc(1, sizeof *g);
    if (!g) return err_fail(STENO_E_NOMEM, "no memory for a privacy gate");
    g->sink = sink;
    g->user = user;
    if (p) g->privacy = privacy_share(p);
    steno_err e = adopt(g, policy);
    if (e != STENO_OK) {
        gate_free(g);
        return e;
    }
    *out = g;
    return STENO_OK;
}

static void destroy(gate *g) {
    gate_room *const rooms[] = {&g->chain.room, &g->spans,  &g->figures, &g->edits,        &g->words,
                                &g->entities,   &g->merges, &g->text,    &g->numbers.table};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) mem_free(rooms[i]->at);
    gate_queue_free(&g->queue);
    gate_labels_free(&g->labels);
    finder_free(g->finder);
    privacy_close(g->privacy);
    mem_free(g);
}

void gate_free(gate *g) {
    if (!g) return;
    g->dead = true;
    if (!g->busy) destroy(g);
}

const gate_policy *gate_get_policy(const gate *g) {
    return g->has_next ? &g->next : &g->policy;
}

void gate_set_policy(gate *g, const gate_policy *policy) {
    g->next = *policy;
    g->has_next = true;
}

static void enter(gate *g, int64_t now_ms) {
    g->busy++;
    if (now_ms > g->now_ms) g->now_ms = now_ms;
}

static void leave(gate *g) {
    if (--g->busy == 0 && g->dead) destroy(g);
}

void gate_event(gate *g, const steno_event *draft, int64_t now_ms) {
    enter(g, now_ms);
    if (begins_utterance(g, draft) && g->has_next) {
        finish_chain(g);
        ignore(adopt(g, &g->next));
    }
    gate_begun_note(&g->begun, draft);
    if (is_off(g))
        gate_pass(g, draft);
    else
        dispatch(g, draft);
    leave(g);
}

int gate_wait_ms(const gate *g, int64_t now_ms) {
    if (g->queue.n == 0) return -1;
    int64_t chain = chain_due_ms(g), oldest = oldest_due_ms(g), due = chain < oldest ? chain : oldest;
    int64_t left = due - now_ms;
    if (due == INT64_MAX) return -1;
    return left < 0 ? 0 : left < INT32_MAX ? (int)left : INT32_MAX;
}

void gate_tick(gate *g, int64_t now_ms) {
    enter(g, now_ms);
    if (g->queue.n > 0 && g->now_ms >= chain_due_ms(g)) let_out(g);
    while (g->queue.n > 0 && !g->dead && g->now_ms >= oldest_due_ms(g)) force_out(g, 1);
    leave(g);
}

void gate_get_counts(const gate *g, gate_counts *out) {
    *out = g->counts;
}
