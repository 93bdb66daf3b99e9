/* deepgram_turn.c: see deepgram_turn.h. */
#include "api/deepgram_turn.h"

#include "api/deepgram_text.h"
#include "output/speakers.h"

#include <string.h>

/* ---- words ------------------------------------------------------------------------------------------------------ */

/* People are numbers; a word nobody can tell of is whose the words around it are. */
static bool put_speaker(json_t *word, int speaker) {
    return speaker == STENO_SPEAKER_UNKNOWN || json_object_set_new(word, "speaker", json_integer(speaker)) == 0;
}

static json_t *words_of(const released_segment *s, const deepgram_query *q) {
    bool punctuated = q->punctuate;
    speaker_run run = {0};
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < s->n_words; i++) {
        const steno_word *w = &s->words[i];
        if (i >= run.behind) (void)speaker_run_next(s, &run);
        json_t *word = deepgram_word(s->text + w->text_offset, w->text_bytes, w->start_s, w->end_s,
                                     (double)w->confidence, punctuated);
        if (json_is_null(word)) continue;
        if (word && q->diarize && !put_speaker(word, run.speaker)) {
            json_decref(word);
            word = NULL;
        }
        if (!word || json_array_append_new(list, word) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *alternative(const released_segment *s, const deepgram_query *q) {
    bool punctuated = q->punctuate;
    json_t *text = punctuated ? deepgram_string(s->text, strlen(s->text)) : deepgram_plain(s->text, strlen(s->text));
    return json_pack("{s:o, s:o, s:o}", "transcript", text, "confidence",
                     deepgram_seconds(s->n_words ? (double)s->confidence : 0), "words", words_of(s, q));
}

/* ---- results ---------------------------------------------------------------------------------------------------- */

typedef struct span {
    double start_s, end_s;
    bool is_final, speech_final, from_finalize;
} span;

static json_t *results(const deepgram_about *a, int channel, const span *p, const released_segment *s) {
    return json_pack("{s:s, s:[i,i], s:o, s:o, s:b, s:b, s:{s:[o]}, s:o, s:b}", "type", "Results", "channel_index",
                     channel, a->channels, "duration", deepgram_seconds(p->end_s - p->start_s), "start",
                     deepgram_seconds(p->start_s), "is_final", p->is_final, "speech_final", p->speech_final, "channel",
                     "alternatives", alternative(s, a->query), "metadata", deepgram_result_metadata(a), "from_finalize",
                     p->from_finalize);
}

/* Nothing more is said of the time up to `end_s`. */
static json_t *empty(deepgram_turn *t, const deepgram_about *a, int channel, double end_s, bool from_finalize) {
    span p = {.start_s = t->covered_s,
              .end_s = end_s > t->covered_s ? end_s : t->covered_s,
              .is_final = true,
              .speech_final = a->query->endpointing || from_finalize,
              .from_finalize = from_finalize};
    t->covered_s = p.end_s;
    t->unended = false;
    return results(a, channel, &p, &released_nothing);
}

/* A cut within speech goes on at once: the words behind it are not covered yet, although they were heard. */
static double end_of(const released_event *e) {
    bool goes_on = e->kind == STENO_EVENT_SEGMENT && e->segment.end == STENO_END_MAX;
    double end_s = goes_on ? e->segment.end_s : e->heard_s;
    return end_s > e->segment.end_s ? end_s : e->segment.end_s;
}

static void note_words(deepgram_turn *t, const released_segment *s) {
    if (!s->n_words) return;
    t->word_end_s = s->words[s->n_words - 1].end_s;
    t->end_due = true;
}

json_t *deepgram_turn_words(deepgram_turn *t, const deepgram_about *a, int channel, const released_event *e) {
    const released_segment *s = &e->segment;
    bool final = e->kind == STENO_EVENT_SEGMENT;
    span p = {.start_s = s->n_words && s->start_s < t->covered_s ? s->start_s : t->covered_s,
              .end_s = end_of(e),
              .is_final = final,
              .from_finalize = final && s->end == STENO_END_FINALIZED};
    p.speech_final = final && s->end != STENO_END_MAX && (a->query->endpointing || p.from_finalize);
    if (p.end_s < p.start_s) p.end_s = p.start_s;
    note_words(t, s);
    t->speaking = !final;
    if (final) {
        t->covered_s = p.end_s;
        t->finalize_said |= p.from_finalize;
        t->unended = !p.speech_final && (s->n_words || t->unended);
    }
    return results(a, channel, &p, s);
}

json_t *deepgram_turn_speech(deepgram_turn *t, const deepgram_about *a, int channel, const released_event *e) {
    t->speaking = true;
    return json_pack("{s:s, s:[i,i], s:o}", "type", "SpeechStarted", "channel", channel, a->channels, "timestamp",
                     deepgram_seconds(e->segment.start_s));
}

bool deepgram_turn_finalized(deepgram_turn *t) {
    bool said = t->finalize_said;
    t->finalize_said = false;
    return !said;
}

json_t *deepgram_turn_finalize(deepgram_turn *t, const deepgram_about *a, int channel, double audio_s) {
    return empty(t, a, channel, audio_s, true);
}

bool deepgram_turn_open_ended(const deepgram_turn *t, const deepgram_about *a) {
    return t->unended && a->query->endpointing;
}

json_t *deepgram_turn_close(deepgram_turn *t, const deepgram_about *a, int channel, double audio_s) {
    return empty(t, a, channel, audio_s, false);
}

/* ---- the end of an utterance ------------------------------------------------------------------------------------ */

bool deepgram_turn_ended(const deepgram_turn *t, const deepgram_about *a, double audio_s) {
    int wait_ms = a->query->utterance_end_ms;
    return wait_ms && t->end_due && !t->speaking &&
           audio_s * 1000 >= t->word_end_s * 1000 + wait_ms + DEEPGRAM_HEARING_MS;
}

json_t *deepgram_turn_end(deepgram_turn *t, const deepgram_about *a, int channel) {
    t->end_due = false;
    return json_pack("{s:s, s:[i,i], s:o}", "type", "UtteranceEnd", "channel", channel, a->channels, "last_word_end",
                     deepgram_seconds(t->word_end_s));
}
