/* deepgram_words.c: see deepgram_words.h. */
#include "api/deepgram_words.h"

#include "api/deepgram_text.h"
#include "base/mem.h"
#include "output/speakers.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES    4096
#define FIRST_WORDS    256
#define FIRST_SEGMENTS 64

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

static bool reserve(deepgram_text *t, size_t more) {
    if (t->failed || t->room - t->n >= more) return !t->failed;
    size_t room = t->room ? t->room : FIRST_BYTES;
    while (room - t->n < more) room *= 2;
    char *grown = mem_resize(t->bytes, t->room, room);
    t->failed = !grown;
    if (!grown) return false;
    t->bytes = grown;
    t->room = room;
    return true;
}

void deepgram_put(deepgram_text *t, const char *bytes, size_t n) {
    if (n == 0 || !reserve(t, n)) return;
    memcpy(t->bytes + t->n, bytes, n);
    t->n += n;
}

void deepgram_put_text(deepgram_text *t, const char *text) {
    deepgram_put(t, text, strlen(text));
}

/* By hand: printf() of a double takes ten times as long, and there are three of them a word. */
void deepgram_put_seconds(deepgram_text *t, double s) {
    char text[24];
    size_t at = sizeof text;
    uint64_t ms = s > 0 && s < 1e12 ? (uint64_t)(s * 1000 + 0.5) : 0;
    for (int digits = 0; digits < 4 || ms > 0; digits++) {
        if (digits == 3) text[--at] = '.';
        text[--at] = (char)('0' + ms % 10);
        ms /= 10;
    }
    deepgram_put(t, text + at, sizeof text - at);
}

static void put_json(deepgram_text *t, const json_t *string) {
    size_t n = json_dumpb(string, NULL, 0, JSON_ENCODE_ANY); /* with its quotes */
    if (!string || n < 2 || !reserve(t, n)) {
        t->failed = true;
        return;
    }
    json_dumpb(string, t->bytes + t->n, n, JSON_ENCODE_ANY);
    memmove(t->bytes + t->n, t->bytes + t->n + 1, n - 2);
    t->n += n - 2;
}

void deepgram_put_escaped(deepgram_text *t, const char *text, size_t n) {
    json_t *string = deepgram_string(text, n);
    put_json(t, string);
    json_decref(string);
}

void deepgram_text_free(deepgram_text *t) {
    mem_free(t->bytes);
    *t = (deepgram_text){0};
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

static deepgram_piece piece_from(const deepgram_track *t, size_t at) {
    return (deepgram_piece){(uint32_t)at, (uint32_t)(t->texts.n - at)};
}

static void put_piece(deepgram_text *to, deepgram_piece p) {
    if (reserve(to, p.n)) deepgram_put(to, to->bytes + p.at, p.n); /* of the same bytes: they do not move any more */
}

/* Whether a word ends in a full stop or the like, perhaps inside quotes or brackets. */
static bool ends_sentence(const char *text, size_t n) {
    while (n > 0 && strchr("\"')]", text[n - 1])) n--;
    return n > 0 && strchr(".?!", text[n - 1]);
}

static void write_texts(deepgram_track *t, deepgram_spoken *w, const char *text, size_t n) {
    size_t at = t->texts.n;
    deepgram_put_escaped(&t->texts, text, n);
    w->text = piece_from(t, at);
    json_t *plain = deepgram_plain(text, n);
    at = t->texts.n;
    put_json(&t->texts, plain);
    w->plain = piece_from(t, at);
    json_decref(plain);
}

static void write_json(deepgram_track *t, deepgram_spoken *w, bool punctuated) {
    size_t at = t->texts.n;
    if (w->plain.n == 0) return;
    deepgram_put_text(&t->texts, "{\"word\":\"");
    put_piece(&t->texts, w->plain);
    deepgram_put_text(&t->texts, "\",\"start\":");
    deepgram_put_seconds(&t->texts, w->start_s);
    deepgram_put_text(&t->texts, ",\"end\":");
    deepgram_put_seconds(&t->texts, w->end_s);
    deepgram_put_text(&t->texts, ",\"confidence\":");
    deepgram_put_seconds(&t->texts, (double)w->confidence);
    if (punctuated) {
        deepgram_put_text(&t->texts, ",\"punctuated_word\":\"");
        put_piece(&t->texts, w->text);
        deepgram_put_text(&t->texts, "\"");
    }
    deepgram_put_text(&t->texts, "}");
    w->json = piece_from(t, at);
}

static bool reserve_words(deepgram_track *t, size_t more) {
    if (t->room - t->n >= more) return true;
    size_t room = t->room ? t->room : FIRST_WORDS;
    while (room - t->n < more) room *= 2;
    deepgram_spoken *grown = mem_resize(t->words, t->room * sizeof *grown, room * sizeof *grown);
    if (!grown) return false;
    t->words = grown;
    t->room = room;
    return true;
}

static bool reserve_heard(deepgram_track *t) {
    if (t->n_heard < t->heard_room) return true;
    size_t room = t->heard_room ? 2 * t->heard_room : FIRST_SEGMENTS;
    deepgram_heard *grown = mem_resize(t->heard, t->heard_room * sizeof *grown, room * sizeof *grown);
    if (!grown) return false;
    t->heard = grown;
    t->heard_room = room;
    return true;
}

steno_err deepgram_track_add(deepgram_track *t, const released_segment *s, bool punctuated) {
    if (t->texts.n > DEEPGRAM_WORDS_BYTES_MAX) return err_fail(STENO_E_LIMIT, "a transcript longer than is kept");
    if (!reserve_words(t, s->n_words) || !reserve_heard(t))
        return err_fail(STENO_E_NOMEM, "no memory for a transcript");
    t->heard[t->n_heard++] = (deepgram_heard){.id = s->id, .first = t->n};
    for (uint32_t i = 0; i < s->n_words; i++) {
        const steno_word *from = &s->words[i];
        const char *text = s->text + from->text_offset;
        deepgram_spoken w = {.start_s = from->start_s,
                             .end_s = from->end_s,
                             .confidence = from->confidence,
                             .speaker = STENO_SPEAKER_UNKNOWN,
                             .ends_sentence = ends_sentence(text, from->text_bytes)};
        write_texts(t, &w, text, from->text_bytes);
        write_json(t, &w, punctuated);
        if (t->texts.failed) return err_fail(STENO_E_NOMEM, "no memory for a transcript");
        t->words[t->n++] = w;
        t->heard[t->n_heard - 1].n++;
    }
    return STENO_OK;
}

static int by_id(const void *id, const void *of) {
    uint32_t x = *(const uint32_t *)id, y = ((const deepgram_heard *)of)->id;
    return (x > y) - (x < y);
}

void deepgram_track_label(deepgram_track *t, const released_segment *labels) {
    const deepgram_heard *h = t->n_heard ? bsearch(&labels->id, t->heard, t->n_heard, sizeof *h, by_id) : NULL;
    for (speaker_run run = {0}; h && speaker_run_next(labels, &run);) {
        for (uint32_t i = run.first; i < run.behind && i < h->n; i++) {
            t->words[h->first + i].speaker = (int8_t)run.speaker;
            t->words[h->first + i].margin = run.speaker == labels->speaker ? labels->speaker_margin : 0;
        }
    }
}

void deepgram_track_free(deepgram_track *t) {
    mem_free(t->heard);
    deepgram_text_free(&t->texts);
    mem_free(t->words);
    *t = (deepgram_track){0};
}
