/* deepgram_document.c: see deepgram_document.h.
 *
 * Transcripts, utterances and paragraphs are stretches of the words of a channel, whose texts are written already.
 */
#include "api/deepgram_document.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Words [first, behind) of a track. */
typedef struct stretch {
    const deepgram_track *t;
    size_t first, behind;
    int channel;
    bool diarize;
} stretch;

static double start_of(const stretch *s) {
    return s->t->words[s->first].start_s;
}

static double end_of(const stretch *s) {
    return s->t->words[s->behind - 1].end_s;
}

static double pause_behind(const stretch *s) {
    return s->behind < s->t->n ? s->t->words[s->behind].start_s - end_of(s) : HUGE_VAL;
}

static int count(const stretch *s) {
    int n = 0;
    for (size_t i = s->first; i < s->behind; i++) n += s->t->words[i].json.n > 0;
    return n;
}

/* ---- members ---------------------------------------------------------------------------------------------------- */

static void put_piece(deepgram_text *out, const deepgram_track *t, deepgram_piece p) {
    if (p.n) deepgram_put(out, t->texts.bytes + p.at, p.n);
}

/* The words with blanks between them, in JSON but without quotes. */
static void put_words_text(deepgram_text *out, const stretch *s, bool punctuated) {
    bool any = false;
    for (size_t i = s->first; i < s->behind; i++) {
        deepgram_piece p = punctuated ? s->t->words[i].text : s->t->words[i].plain;
        if (p.n == 0) continue;
        if (any) deepgram_put_text(out, " ");
        put_piece(out, s->t, p);
        any = true;
    }
}

static void put_text_member(deepgram_text *out, const char *name, const stretch *s, bool punctuated) {
    deepgram_put_text(out, name);
    deepgram_put_text(out, "\"");
    put_words_text(out, s, punctuated);
    deepgram_put_text(out, "\"");
}

static void put_number_member(deepgram_text *out, const char *name, double value) {
    deepgram_put_text(out, name);
    deepgram_put_seconds(out, value);
}

static void put_times(deepgram_text *out, const stretch *s) {
    put_number_member(out, "\"start\":", start_of(s));
    put_number_member(out, ",\"end\":", end_of(s));
}

static void put_confidence(deepgram_text *out, const stretch *s) {
    double sum = 0;
    for (size_t i = s->first; i < s->behind; i++) sum += (double)s->t->words[i].confidence;
    put_number_member(out, ",\"confidence\":", s->behind > s->first ? sum / (double)(s->behind - s->first) : 0);
}

static int speaker_at(const stretch *s, size_t i) {
    return s->diarize ? s->t->words[i].speaker : STENO_SPEAKER_UNKNOWN;
}

/* Whether the word behind it is another's. */
static bool speaker_changes(const stretch *s) {
    return s->behind < s->t->n && speaker_at(s, s->behind) != speaker_at(s, s->behind - 1);
}

static void put_speaker(deepgram_text *out, int speaker) {
    char member[32];
    if (speaker == STENO_SPEAKER_UNKNOWN) return;
    snprintf(member, sizeof member, ",\"speaker\":%d", speaker);
    deepgram_put_text(out, member);
}

/* What was written of it when it came, and who spoke it, which shows at the end. */
static void put_word(deepgram_text *out, const stretch *s, size_t i) {
    deepgram_piece p = s->t->words[i].json;
    int speaker = speaker_at(s, i);
    if (speaker == STENO_SPEAKER_UNKNOWN) {
        put_piece(out, s->t, p);
        return;
    }
    p.n--; /* its brace */
    put_piece(out, s->t, p);
    put_speaker(out, speaker);
    put_number_member(out, ",\"speaker_confidence\":", (double)s->t->words[i].margin);
    deepgram_put_text(out, "}");
}

static void put_words(deepgram_text *out, const stretch *s) {
    bool any = false;
    deepgram_put_text(out, ",\"words\":[");
    for (size_t i = s->first; i < s->behind; i++) {
        if (s->t->words[i].json.n == 0) continue;
        if (any) deepgram_put_text(out, ",");
        put_word(out, s, i);
        any = true;
    }
    deepgram_put_text(out, "]");
}

/* ---- paragraphs ------------------------------------------------------------------------------------------------- */

static stretch sentence_from(const deepgram_track *t, size_t first, bool diarize) {
    stretch s = {.t = t, .first = first, .behind = first, .diarize = diarize};
    while (s.behind < t->n && !t->words[s.behind++].ends_sentence && !speaker_changes(&s)) {
    }
    return s;
}

/* "Speaker 0: " stands before the paragraphs of people who are told apart. */
static void put_paragraph_start(deepgram_text *text, const stretch *s) {
    char label[32];
    int speaker = speaker_at(s, s->first);
    deepgram_put_text(text, s->first ? "\\n\\n" : "\\n");
    snprintf(label, sizeof label, "Speaker %d: ", speaker);
    if (speaker != STENO_SPEAKER_UNKNOWN) deepgram_put_text(text, label);
}

/* The paragraph that begins at a word; the sentences go to `out` as a list, and to `text` as text. */
static stretch put_sentences(deepgram_text *out, deepgram_text *text, const deepgram_track *t, size_t first,
                             bool diarize) {
    stretch s = {.t = t, .behind = first, .diarize = diarize};
    for (int i = 0; i < DEEPGRAM_PARAGRAPH_SENTENCES && s.behind < t->n; i++) {
        s = sentence_from(t, s.behind, diarize);
        if (i)
            deepgram_put_text(text, " ");
        else
            put_paragraph_start(text, &s);
        put_words_text(text, &s, true);
        put_text_member(out, i ? ",{\"text\":" : "{\"text\":", &s, true);
        deepgram_put_text(out, ",");
        put_times(out, &s);
        deepgram_put_text(out, "}");
        if (pause_behind(&s) >= DEEPGRAM_PARAGRAPH_PAUSE_S || speaker_changes(&s)) break;
    }
    s.first = first;
    return s;
}

static void put_paragraphs(deepgram_text *out, const deepgram_track *t, bool diarize) {
    deepgram_text text = {0};
    char number[32];
    deepgram_put_text(out, ",\"paragraphs\":{\"paragraphs\":[");
    for (size_t first = 0; first < t->n;) {
        deepgram_put_text(out, first ? ",{\"sentences\":[" : "{\"sentences\":[");
        stretch p = put_sentences(out, &text, t, first, diarize);
        deepgram_put_text(out, "],");
        put_times(out, &p);
        snprintf(number, sizeof number, ",\"num_words\":%d", count(&p));
        deepgram_put_text(out, number);
        put_speaker(out, speaker_at(&p, p.first));
        deepgram_put_text(out, "}");
        first = p.behind;
    }
    deepgram_put_text(out, "],\"transcript\":\"");
    deepgram_put(out, text.bytes, text.n);
    deepgram_put_text(out, "\"}");
    out->failed |= text.failed;
    deepgram_text_free(&text);
}

/* ---- channels --------------------------------------------------------------------------------------------------- */

static void put_channel(deepgram_text *out, const deepgram_track *t, const deepgram_query *q) {
    stretch all = {.t = t, .behind = t->n, .diarize = q->diarize};
    deepgram_put_text(out, "{\"alternatives\":[{");
    put_text_member(out, "\"transcript\":", &all, q->punctuate);
    put_confidence(out, &all);
    put_words(out, &all);
    if (q->paragraphs) put_paragraphs(out, t, q->diarize);
    deepgram_put_text(out, "}]}");
}

/* ---- utterances ------------------------------------------------------------------------------------------------- */

/* Of the request and the place: the same for the same answer. */
static void put_id(deepgram_text *out, const char *request_id, const stretch *s) {
    char text[128], id[DEEPGRAM_UUID_BYTES];
    snprintf(text, sizeof text, "utterance %s %d %zu", request_id, s->channel, s->first);
    deepgram_model_uuid(text, id);
    deepgram_put_text(out, ",\"id\":\"");
    deepgram_put_text(out, id);
    deepgram_put_text(out, "\"}");
}

static void put_utterance(deepgram_text *out, const stretch *s, const deepgram_about *a) {
    char number[32];
    deepgram_put_text(out, "{");
    put_times(out, s);
    put_confidence(out, s);
    snprintf(number, sizeof number, ",\"channel\":%d", s->channel);
    deepgram_put_text(out, number);
    put_text_member(out, ",\"transcript\":", s, a->query->punctuate);
    put_words(out, s);
    put_speaker(out, speaker_at(s, s->first));
    put_id(out, a->request_id, s);
}

/* The utterances of a channel; returns how many. With out NULL they are only counted. */
static size_t cut(const deepgram_track *t, int channel, const deepgram_query *q, stretch *out) {
    size_t n = 0;
    for (stretch s = {.t = t, .channel = channel, .diarize = q->diarize}; s.first < t->n; s.first = s.behind) {
        s.behind = s.first + 1;
        while (s.behind < t->n && pause_behind(&s) < q->utt_split_s && !speaker_changes(&s)) s.behind++;
        if (count(&s) == 0) continue;
        if (out) out[n] = s;
        n++;
    }
    return n;
}

static int by_start(const void *a, const void *b) {
    const stretch *x = a, *y = b;
    double p = start_of(x), q = start_of(y);
    return p != q ? (p > q) - (p < q) : x->channel - y->channel;
}

/* Those of all channels in the order of time. */
static void put_utterances(deepgram_text *out, const deepgram_track *tracks, const deepgram_about *a) {
    size_t n = 0, at = 0;
    for (int i = 0; i < a->channels; i++) n += cut(&tracks[i], i, a->query, NULL);
    stretch *all = mem_alloc(n + 1, sizeof *all);
    out->failed |= !all;
    if (!all) return;
    for (int i = 0; i < a->channels; i++) at += cut(&tracks[i], i, a->query, all + at);
    qsort(all, n, sizeof *all, by_start);
    deepgram_put_text(out, ",\"utterances\":[");
    for (size_t i = 0; i < n; i++) {
        if (i) deepgram_put_text(out, ",");
        put_utterance(out, &all[i], a);
    }
    deepgram_put_text(out, "]");
    mem_free(all);
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

char *deepgram_document(const deepgram_track *tracks, const deepgram_about *a, const char *metadata, size_t *n) {
    deepgram_text out = {0};
    deepgram_put_text(&out, "{\"metadata\":");
    deepgram_put_text(&out, metadata);
    deepgram_put_text(&out, ",\"results\":{\"channels\":[");
    for (int i = 0; i < a->channels; i++) {
        if (i) deepgram_put_text(&out, ",");
        put_channel(&out, &tracks[i], a->query);
    }
    deepgram_put_text(&out, "]");
    if (a->query->utterances) put_utterances(&out, tracks, a);
    deepgram_put(&out, "}}", sizeof "}}"); /* and a zero */
    if (out.failed) {
        deepgram_text_free(&out);
        return NULL;
    }
    *n = out.n - 1;
    return out.bytes;
}
