/* deepgram_document.c: see deepgram_document.h.
 *
 * The words of a channel are put into one list first; transcripts, utterances and paragraphs are stretches of it.
 */
#include "api/deepgram_document.h"

#include "api/deepgram_text.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct spoken {
    const char *text; /* [n] of a segment of the document */
    size_t n;
    double start_s, end_s, confidence;
    json_t *json; /* NULL: nothing but punctuation */
} spoken;

typedef struct track {
    spoken *words; /* [n] */
    size_t n;
} track;

/* ---- the words of a channel ------------------------------------------------------------------------------------- */

static size_t count_words(const document *d, int channel) {
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) n += d->segments[i].channel == channel ? d->segments[i].segment.n_words : 0;
    return n;
}

static bool add_word(track *t, const steno_segment *s, const steno_word *w, bool punctuated) {
    spoken *p = &t->words[t->n++];
    *p = (spoken){.text = s->text + w->text_offset,
                  .n = w->text_bytes,
                  .start_s = w->start_s,
                  .end_s = w->end_s,
                  .confidence = (double)w->confidence};
    p->json = deepgram_word(p->text, p->n, p->start_s, p->end_s, p->confidence, punctuated);
    if (json_is_null(p->json)) {
        p->json = NULL;
        return true;
    }
    return p->json != NULL;
}

static void track_free(track *t) {
    for (size_t i = 0; i < t->n; i++) json_decref(t->words[i].json);
    mem_free(t->words);
    *t = (track){0};
}

static bool track_make(const document *d, int channel, bool punctuated, track *out) {
    *out = (track){.words = mem_alloc(count_words(d, channel) + 1, sizeof *out->words)};
    bool good = out->words != NULL;
    for (size_t i = 0; good && i < d->n; i++) {
        const steno_segment *s = &d->segments[i].segment;
        if (d->segments[i].channel != channel) continue;
        for (uint32_t k = 0; good && k < s->n_words; k++) good = add_word(out, s, &s->words[k], punctuated);
    }
    return good;
}

/* ---- stretches of it -------------------------------------------------------------------------------------------- */

/* Words [first, behind) of a track. */
typedef struct stretch {
    const track *t;
    size_t first, behind;
} stretch;

/* The words with blanks between them. */
static json_t *text_of(const stretch *s, bool punctuated) {
    size_t bytes = 1, at = 0;
    for (size_t i = s->first; i < s->behind; i++) bytes += s->t->words[i].n + 1;
    char *text = mem_alloc(1, bytes);
    if (!text) return NULL;
    for (size_t i = s->first; i < s->behind; i++) {
        if (at) text[at++] = ' ';
        memcpy(text + at, s->t->words[i].text, s->t->words[i].n);
        at += s->t->words[i].n;
    }
    json_t *o = punctuated ? deepgram_string(text, at) : deepgram_plain(text, at);
    mem_free(text);
    return o;
}

static json_t *words_of(const stretch *s) {
    json_t *list = json_array();
    for (size_t i = s->first; list && i < s->behind; i++) {
        json_t *word = s->t->words[i].json;
        if (!word || json_array_append(list, word) == 0) continue;
        json_decref(list);
        return NULL;
    }
    return list;
}

static int count(const stretch *s) {
    int n = 0;
    for (size_t i = s->first; i < s->behind; i++) n += s->t->words[i].json != NULL;
    return n;
}

static json_t *confidence_of(const stretch *s) {
    double sum = 0;
    for (size_t i = s->first; i < s->behind; i++) sum += s->t->words[i].confidence;
    return deepgram_seconds(s->behind > s->first ? sum / (double)(s->behind - s->first) : 0);
}

static json_t *start_of(const stretch *s) {
    return deepgram_seconds(s->t->words[s->first].start_s);
}

static json_t *end_of(const stretch *s) {
    return deepgram_seconds(s->t->words[s->behind - 1].end_s);
}

static double pause_behind(const stretch *s) {
    return s->behind < s->t->n ? s->t->words[s->behind].start_s - s->t->words[s->behind - 1].end_s : HUGE_VAL;
}

/* ---- paragraphs ------------------------------------------------------------------------------------------------- */

/* Whether a word ends in a full stop or the like, perhaps inside quotes or brackets. */
static bool ends_sentence(const spoken *w) {
    size_t n = w->n;
    while (n > 0 && strchr("\"')]", w->text[n - 1])) n--;
    return n > 0 && strchr(".?!", w->text[n - 1]);
}

static size_t sentence_end(const track *t, size_t first) {
    while (first < t->n && !ends_sentence(&t->words[first])) first++;
    return first < t->n ? first + 1 : t->n;
}

/* The text of all paragraphs; it has room for every word and what stands between. */
typedef struct growing {
    char *bytes;
    size_t n;
} growing;

static void append(growing *g, const char *text, size_t n) {
    memcpy(g->bytes + g->n, text, n);
    g->n += n;
}

static bool add_sentence(growing *g, const char *between, const stretch *s, json_t *list) {
    append(g, between, strlen(between));
    for (size_t i = s->first; i < s->behind; i++) {
        if (i > s->first) append(g, " ", 1);
        append(g, s->t->words[i].text, s->t->words[i].n);
    }
    json_t *sentence = json_pack("{s:o, s:o, s:o}", "text", text_of(s, true), "start", start_of(s), "end", end_of(s));
    return sentence && json_array_append_new(list, sentence) == 0;
}

/* The paragraph that begins at p->first; p->behind is set. */
static json_t *paragraph_json(stretch *p, growing *text) {
    json_t *sentences = json_array();
    stretch s = {.t = p->t, .first = p->first, .behind = p->first};
    bool good = sentences != NULL;
    while (good && json_array_size(sentences) < DEEPGRAM_PARAGRAPH_SENTENCES && s.behind < p->t->n) {
        const char *between = json_array_size(sentences) ? " " : p->first ? "\n\n" : "\n";
        s = (stretch){.t = p->t, .first = s.behind, .behind = sentence_end(p->t, s.behind)};
        good = add_sentence(text, between, &s, sentences);
        if (pause_behind(&s) >= DEEPGRAM_PARAGRAPH_PAUSE_S) break;
    }
    p->behind = s.behind;
    if (!good) {
        json_decref(sentences);
        return NULL;
    }
    return json_pack("{s:o, s:o, s:o, s:i}", "sentences", sentences, "start", start_of(p), "end", end_of(p),
                     "num_words", count(p));
}

static bool add_paragraphs(const track *t, growing *text, json_t *list) {
    for (stretch p = {.t = t}; p.first < t->n; p.first = p.behind) {
        json_t *paragraph = paragraph_json(&p, text);
        if (!paragraph || json_array_append_new(list, paragraph) != 0) return false;
    }
    return true;
}

static json_t *paragraphs_json(const track *t) {
    size_t room = 2;
    for (size_t i = 0; i < t->n; i++) room += t->words[i].n + 2;
    growing text = {.bytes = mem_alloc(1, room)};
    json_t *list = json_array(), *o = NULL;
    if (text.bytes && list && add_paragraphs(t, &text, list))
        o = json_pack("{s:o, s:O}", "transcript", deepgram_string(text.bytes, text.n), "paragraphs", list);
    json_decref(list);
    mem_free(text.bytes);
    return o;
}

/* ---- channels --------------------------------------------------------------------------------------------------- */

static json_t *channel_json(const track *t, const deepgram_query *q) {
    stretch all = {.t = t, .behind = t->n};
    json_t *o = json_pack("{s:o, s:o, s:o}", "transcript", text_of(&all, q->punctuate), "confidence",
                          confidence_of(&all), "words", words_of(&all));
    if (o && (!q->paragraphs || json_object_set_new(o, "paragraphs", paragraphs_json(t)) == 0))
        return json_pack("{s:[o]}", "alternatives", o);
    json_decref(o);
    return NULL;
}

/* ---- utterances ------------------------------------------------------------------------------------------------- */

/* Of the request and the place: the same for the same answer. */
static void utterance_id(const char *request_id, int channel, size_t first, char out[DEEPGRAM_UUID_BYTES]) {
    char text[128];
    snprintf(text, sizeof text, "utterance %s %d %zu", request_id, channel, first);
    deepgram_model_uuid(text, out);
}

static json_t *utterance_json(const stretch *s, const deepgram_about *a, int channel) {
    char id[DEEPGRAM_UUID_BYTES];
    utterance_id(a->request_id, channel, s->first, id);
    return json_pack("{s:o, s:o, s:o, s:i, s:o, s:o, s:s}", "start", start_of(s), "end", end_of(s), "confidence",
                     confidence_of(s), "channel", channel, "transcript", text_of(s, a->query->punctuate), "words",
                     words_of(s), "id", id);
}

static bool add_utterances(const track *t, const deepgram_about *a, int channel, json_t *list) {
    for (stretch s = {.t = t}; s.first < t->n; s.first = s.behind) {
        s.behind = s.first + 1;
        while (s.behind < t->n && pause_behind(&s) < a->query->utt_split_s) s.behind++;
        if (count(&s) == 0) continue;
        json_t *utterance = utterance_json(&s, a, channel);
        if (!utterance || json_array_append_new(list, utterance) != 0) return false;
    }
    return true;
}

static int compare(const json_t *a, const json_t *b, const char *member) {
    double x = json_number_value(json_object_get(a, member)), y = json_number_value(json_object_get(b, member));
    return (x > y) - (x < y);
}

static int by_start(const void *a, const void *b) {
    json_t *const *x = a, *const *y = b;
    int c = compare(*x, *y, "start");
    return c ? c : compare(*x, *y, "channel");
}

/* Those of all channels in the order of time; steals the list. */
static json_t *sorted(json_t *list) {
    size_t n = json_array_size(list);
    json_t **all = mem_alloc(n + 1, sizeof(json_t *)), *out = json_array();
    for (size_t i = 0; all && i < n; i++) all[i] = json_array_get(list, i);
    if (all) qsort(all, n, sizeof(json_t *), by_start);
    for (size_t i = 0; all && out && i < n; i++) {
        if (json_array_append(out, all[i]) == 0) continue;
        json_decref(out);
        out = NULL;
    }
    if (!all && out) {
        json_decref(out);
        out = NULL;
    }
    mem_free(all);
    json_decref(list);
    return out;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static json_t *assemble(json_t *metadata, json_t *channels, json_t *utterances, bool with_utterances) {
    json_t *o = json_pack("{s:o, s:{s:o}}", "metadata", metadata, "results", "channels", channels);
    if (!with_utterances) {
        json_decref(utterances);
        return o;
    }
    utterances = sorted(utterances);
    if (!o) {
        json_decref(utterances);
        return NULL;
    }
    if (json_object_set_new(json_object_get(o, "results"), "utterances", utterances) == 0) return o;
    json_decref(o);
    return NULL;
}

json_t *deepgram_document(const document *d, const deepgram_about *a, json_t *metadata) {
    json_t *channels = json_array(), *utterances = json_array();
    bool good = metadata && channels && utterances;
    for (int i = 0; good && i < a->channels; i++) {
        track t;
        good = track_make(d, i, a->query->punctuate, &t);
        json_t *channel = good ? channel_json(&t, a->query) : NULL;
        good = channel && json_array_append_new(channels, channel) == 0 &&
               (!a->query->utterances || add_utterances(&t, a, i, utterances));
        track_free(&t);
    }
    if (good) return assemble(metadata, channels, utterances, a->query->utterances);
    json_decref(metadata);
    json_decref(channels);
    json_decref(utterances);
    return NULL;
}
