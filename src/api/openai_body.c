/* openai_body.c: transcripts as OpenAI's bodies and events. See openai_int.h. */
#include "api/openai_int.h"

#include "api/events.h"
#include "base/mem.h"
#include "output/format.h"
#include "output/speakers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_CONFIDENCE 1e-5  /* whose logarithm is the lowest that is said */
#define FRAME_S          0.024 /* what the encoder makes one row of: an "audio token" */
#define LOOPED_RATIO     2.5   /* above whisper's limit of 2.4 for text that repeats itself */

static json_t *milliseconds(double s) {
    return json_real(round(s * 1000) / 1000);
}

static double log_of(float confidence) {
    return round(log(fmax((double)confidence, LEAST_CONFIDENCE)) * 1e4) / 1e4;
}

/* ---- usage ------------------------------------------------------------------------------------------------------ */

json_t *openai_duration_usage(double audio_s) {
    return json_pack("{s:s, s:o}", "type", "duration", "seconds", milliseconds(audio_s));
}

static json_t *token_usage(const openai_usage *u) {
    json_int_t in = (json_int_t)ceil(u->speech_s / FRAME_S), out = (json_int_t)u->tokens;
    return json_pack("{s:s, s:I, s:{s:I, s:i}, s:I, s:I}", "type", "tokens", "input_tokens", in, "input_token_details",
                     "audio_tokens", in, "text_tokens", 0, "output_tokens", out, "total_tokens", in + out);
}

/* ---- words as log probabilities --------------------------------------------------------------------------------- */

static json_t *bytes_of(const char *text, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < n; i++) json_array_append_new(list, json_integer((unsigned char)text[i]));
    return list;
}

static json_t *logprob_of(const char *text, size_t n, float confidence) {
    return json_pack("{s:o, s:f, s:o}", "token", events_string(text, n), "logprob", log_of(confidence), "bytes",
                     bytes_of(text, n));
}

/* A word with what stands before it, so that the tokens joined are the text. */
json_t *openai_logprobs(const released_segment *s, bool spaced) {
    json_t *list = json_array();
    size_t from = 0, room = strlen(s->text) + 2;
    char *text = mem_alloc(1, room);
    for (uint32_t i = 0; list && text && i < s->n_words; i++) {
        const steno_word *w = &s->words[i];
        size_t end = i + 1 < s->n_words ? w->text_offset + w->text_bytes : strlen(s->text), n = 0;
        if (i == 0 && spaced) text[n++] = ' ';
        memcpy(text + n, s->text + from, end - from);
        n += end - from;
        json_array_append_new(list, logprob_of(text, n, w->confidence));
        from = end;
    }
    mem_free(text);
    return list;
}

static json_t *all_logprobs(const document *d) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < d->n; i++) {
        json_t *some = openai_logprobs(&d->segments[i].segment, i > 0);
        json_array_extend(list, some);
        json_decref(some);
    }
    return list;
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

char *openai_text(const document *d, size_t *bytes) {
    size_t room = 1;
    for (size_t i = 0; i < d->n; i++) room += strlen(d->segments[i].segment.text) + 1;
    char *text = mem_alloc(1, room), *at = text;
    for (size_t i = 0; text && i < d->n; i++) {
        const char *more = d->segments[i].segment.text;
        size_t n = strlen(more);
        if (i > 0) *at++ = ' ';
        memcpy(at, more, n);
        at += n;
    }
    *bytes = text ? (size_t)(at - text) : 0;
    return text;
}

static json_t *text_json(const document *d) {
    size_t n;
    char *text = openai_text(d, &n);
    json_t *o = text ? events_string(text, n) : NULL;
    mem_free(text);
    return o;
}

static json_t *plain(const document *d, const openai_options *o, const openai_usage *u) {
    json_t *body = json_pack("{s:o, s:o}", "text", text_json(d), "usage",
                             o->model == OPENAI_MODEL_GPT ? token_usage(u) : openai_duration_usage(u->audio_s));
    if (body && o->logprobs) json_object_set_new(body, "logprobs", all_logprobs(d));
    return body;
}

static json_t *segment_json(const released_segment *s, json_int_t id) {
    return json_pack("{s:I, s:I, s:o, s:o, s:o, s:[], s:f, s:f, s:f, s:f}", "id", id, "seek",
                     (json_int_t)round(s->start_s * 100), "start", milliseconds(s->start_s), "end",
                     milliseconds(s->end_s), "text", openai_string(s->text), "tokens", "temperature", 0.0,
                     "avg_logprob", log_of(s->confidence), "compression_ratio", s->looped ? LOOPED_RATIO : 1.0,
                     "no_speech_prob", 0.0);
}

static json_t *segments_json(const document *d) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < d->n; i++)
        json_array_append_new(list, segment_json(&d->segments[i].segment, (json_int_t)i));
    return list;
}

static void add_words(json_t *list, const released_segment *s) {
    for (uint32_t i = 0; i < s->n_words; i++) {
        const steno_word *w = &s->words[i];
        json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "word",
                                              events_string(s->text + w->text_offset, w->text_bytes), "start",
                                              milliseconds(w->start_s), "end", milliseconds(w->end_s)));
    }
}

static json_t *words_json(const document *d) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < d->n; i++) add_words(list, &d->segments[i].segment);
    return list;
}

static json_t *verbose(const document *d, const openai_options *o, const openai_usage *u, const char *language) {
    json_t *body = json_pack("{s:s, s:s, s:o, s:o}", "task", "transcribe", "language", openai_language_name(language),
                             "duration", milliseconds(u->audio_s), "text", text_json(d));
    if (!body) return NULL;
    if (o->segments) json_object_set_new(body, "segments", segments_json(d));
    if (o->words) json_object_set_new(body, "words", words_json(d));
    json_object_set_new(body, "usage", openai_duration_usage(u->audio_s));
    return body;
}

/* ---- speakers --------------------------------------------------------------------------------------------------- */

/* Known speakers have their names, the others are A, B …, in the order in which they are heard. */
static json_t *speaker_json(const openai_options *o, int speaker) {
    char letter[2] = "A";
    if (speaker >= 0 && speaker < o->n_known) return openai_string(o->known[speaker]);
    if (speaker < 0) return json_string("unknown");
    letter[0] = (char)('A' + (speaker - o->n_known) % 26);
    return json_string(letter);
}

bool openai_add_diarized(json_t *list, const released_segment *s, const openai_options *o) {
    char id[32];
    for (speaker_run run = {0}; speaker_run_next(s, &run);) {
        snprintf(id, sizeof id, "seg_%zu", json_array_size(list));
        json_t *one = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "type", "transcript.text.segment", "id", id, "start",
                                milliseconds(run.start_s), "end", milliseconds(run.end_s), "speaker",
                                speaker_json(o, run.speaker), "text", events_string(s->text + run.offset, run.bytes));
        if (!one || json_array_append_new(list, one) != 0) return false;
    }
    return true;
}

json_t *openai_diarized(const document *d, const openai_options *o) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < d->n; i++) {
        if (openai_add_diarized(list, &d->segments[i].segment, o)) continue;
        json_decref(list);
        return NULL;
    }
    return list;
}

static json_t *diarized(const document *d, const openai_options *o, const openai_usage *u) {
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "task", "transcribe", "duration", milliseconds(u->audio_s), "text",
                     text_json(d), "segments", openai_diarized(d, o), "usage",
                     o->model == OPENAI_MODEL_GPT ? token_usage(u) : openai_duration_usage(u->audio_s));
}

/* jansson's and the C library's memory is theirs; replies are freed by mem_free(). */
static char *own(char *text, size_t n, size_t *bytes) {
    char *copy = text ? mem_alloc(1, n + 1) : NULL;
    if (copy) memcpy(copy, text, n);
    *bytes = copy ? n : 0;
    free(text);
    return copy;
}

static char *json_body(json_t *object, size_t *bytes) {
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
    json_decref(object);
    return own(text, text ? strlen(text) : 0, bytes);
}

static char *cues(const document *d, const output_format *format, const char *language, size_t *bytes) {
    char *text = NULL;
    size_t n = 0;
    output out;
    output_head head = {.file = "", .model = "", .language = language, .first = true};
    output_tail tail = {0};
    FILE *f = open_memstream(&text, &n);
    if (!f) return NULL;
    steno_err e = output_begin(&out, format, f, &head);
    for (size_t i = 0; e == STENO_OK && i < d->n; i++) e = output_segment(&out, 1, &d->segments[i].segment);
    if (e == STENO_OK) e = output_end(&out, &tail);
    if (fclose(f) != 0 || e != STENO_OK) {
        free(text);
        return NULL;
    }
    return own(text, n, bytes);
}

static char *text_body(const document *d, size_t *bytes) {
    char *text = openai_text(d, bytes), *line = text ? mem_resize(text, *bytes + 1, *bytes + 2) : NULL;
    if (!line) {
        mem_free(text);
        return NULL;
    }
    line[(*bytes)++] = '\n';
    return line;
}

char *openai_body(const document *d, const openai_options *o, const openai_usage *u, const char *language,
                  size_t *bytes, const char **type) {
    *type = "text/plain; charset=utf-8";
    switch (o->format) {
    case OPENAI_FORMAT_TEXT:
        return text_body(d, bytes);
    case OPENAI_FORMAT_SRT:
        return cues(d, &output_srt, language, bytes);
    case OPENAI_FORMAT_VTT:
        *type = "text/vtt; charset=utf-8";
        return cues(d, &output_vtt, language, bytes);
    case OPENAI_FORMAT_DIARIZED_JSON:
        *type = "application/json";
        return json_body(diarized(d, o, u), bytes);
    default:
        *type = "application/json";
        return json_body(o->format == OPENAI_FORMAT_JSON ? plain(d, o, u) : verbose(d, o, u, language), bytes);
    }
}

/* ---- server-sent events ------------------------------------------------------------------------------------------- */

char *openai_sse(json_t *event, size_t *bytes) {
    size_t n;
    char *json = json_body(event, &n), *frame = json ? mem_alloc(1, n + sizeof "data: \n\n") : NULL;
    if (frame) *bytes = (size_t)sprintf(frame, "data: %s\n\n", json);
    mem_free(json);
    return frame;
}

json_t *openai_delta_event(const released_segment *s, bool first, bool logprobs) {
    size_t n = strlen(s->text);
    char *text = mem_alloc(1, n + 2);
    if (!text) return NULL;
    snprintf(text, n + 2, "%s%s", first ? "" : " ", s->text);
    json_t *o = json_pack("{s:s, s:o}", "type", "transcript.text.delta", "delta", openai_string(text));
    if (o && logprobs) json_object_set_new(o, "logprobs", openai_logprobs(s, !first));
    mem_free(text);
    return o;
}

json_t *openai_done_event(const document *d, const openai_options *o, const openai_usage *u) {
    json_t *event =
        json_pack("{s:s, s:o, s:o}", "type", "transcript.text.done", "text", text_json(d), "usage", token_usage(u));
    if (event && o->logprobs) json_object_set_new(event, "logprobs", all_logprobs(d));
    return event;
}
