/* jobs_result.c: a transcript between being heard and being fetched: lines of JSON, one a segment, which every format can
 * be made from. Any thread; pure. See jobs_int.h.
 *
 * {"v":1,"model":…,"language":…,"voices":[name,…]}                   first
 * {"c":channel,"i":id,"s":start,"e":end,"p":confidence,"l":looped,"t":text,"w":[[offset,bytes,start,end,confidence,speaker],…],
 *  "k":speaker,"n":[[type,offset,bytes,first word,words,start,end,confidence],…]}
 * {"c":channel,"u":[start,end,speaker]}                               turns, behind all segments
 * {"duration":…,"media_cpu":…,"stats":[…]}                           last
 */
#include "api/events.h"
#include "api/jobs_int.h"
#include "base/mem.h"
#include "output/format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 65536 /* of one segment */

/* ---- writing ------------------------------------------------------------------------------------------------------ */

/* One line; steals the object. */
static bool put_line(FILE *out, json_t *o) {
    bool ok = o && json_dumpf(o, out, JSON_COMPACT | JSON_REAL_PRECISION(10)) == 0 && putc('\n', out) != EOF;
    json_decref(o);
    return ok;
}

static json_t *words_json(const released_segment *s) {
    json_t *all = json_array();
    for (uint32_t i = 0; i < s->n_words; i++) {
        const steno_word *w = &s->words[i];
        json_array_append_new(all, json_pack("[i, i, f, f, f, i]", (int)w->text_offset, (int)w->text_bytes, w->start_s,
                                             w->end_s, (double)w->confidence, w->speaker));
    }
    return all;
}

/* NULL: there are none. */
static json_t *entities_json(const released_segment *s) {
    json_t *all = s->n_entities ? json_array() : NULL;
    for (uint32_t i = 0; i < s->n_entities; i++) {
        const released_entity *e = &s->entities[i];
        json_array_append_new(all, json_pack("[s, i, i, i, i, f, f, f]", e->name, (int)e->text_offset,
                                             (int)e->text_bytes, (int)e->first_word, (int)e->n_words, e->start_s,
                                             e->end_s, (double)e->confidence));
    }
    return all;
}

static json_t *segment_json(const document_segment *at) {
    const released_segment *s = &at->segment;
    return json_pack("{s:i, s:i, s:f, s:f, s:f, s:b, s:i, s:o, s:o, s:o*}", "c", at->channel, "i", (int)s->id, "s",
                     s->start_s, "e", s->end_s, "p", (double)s->confidence, "l", s->looped, "k", s->speaker, "t",
                     events_string(s->text, strlen(s->text)), "w", words_json(s), "n", entities_json(s));
}

static json_t *head_json(const result_head *h) {
    json_t *voices = json_array();
    for (int i = 0; voices && i < h->speakers.n_voices; i++)
        json_array_append_new(voices, events_string(h->speakers.voices[i], strlen(h->speakers.voices[i])));
    return json_pack("{s:i, s:s, s:s, s:o}", "v", 1, "model", h->model, "language", h->language, "voices", voices);
}

static json_t *turn_json(const document_turn *t) {
    return json_pack("{s:i, s:[f, f, i]}", "c", t->channel, "u", t->turn.start_s, t->turn.end_s, t->turn.speaker);
}

static json_t *tail_json(const recording_result *r) {
    const steno_stats *s = &r->stats;
    return json_pack("{s:f, s:f, s:[f, f, f, f, f, I]}", "duration", r->audio_s, "media_cpu", r->media_cpu_s, "stats",
                     s->speech_s, s->vad_cpu_s, s->encode_cpu_s, s->decode_cpu_s, s->other_cpu_s,
                     (json_int_t)s->tokens);
}

/* memory of stdio's becomes our own */
static steno_err adopt(FILE *out, char **from, size_t n, bool ok, char **to) {
    ok = fclose(out) == 0 && ok;
    *to = ok ? mem_alloc(n + 1, 1) : NULL;
    if (*to) memcpy(*to, *from, n);
    free(*from);
    return *to ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for a result");
}

steno_err result_write(const result_head *h, const document *d, const recording_result *r, char **out, size_t *n) {
    char *made = NULL;
    *out = NULL;
    FILE *to = open_memstream(&made, n);
    if (!to) return err_fail(STENO_E_NOMEM, "no memory for a result");
    bool ok = put_line(to, head_json(h));
    for (size_t i = 0; i < d->n && ok; i++) ok = put_line(to, segment_json(&d->segments[i]));
    for (size_t i = 0; i < d->n_turns && ok; i++) ok = put_line(to, turn_json(&d->turns[i]));
    ok = ok && put_line(to, tail_json(r));
    if (fflush(to) != 0) ok = false;
    return adopt(to, &made, *n, ok, out);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

typedef struct lines {
    const char *at, *end;
} lines;

/* The next line; NULL: there is none, or it is not what we wrote. */
static json_t *next_line(lines *l) {
    size_t n = (size_t)(l->end - l->at);
    const char *stop = n ? memchr(l->at, '\n', n) : NULL;
    if (!stop) return NULL;
    json_t *o = json_loadb(l->at, (size_t)(stop - l->at), 0, NULL);
    l->at = stop + 1;
    return o;
}

static double number(json_t *o) {
    return json_number_value(o);
}

/* Documents of before there were labels have none. */
static int speaker_in(json_t *o) {
    json_int_t n = json_is_integer(o) ? json_integer_value(o) : STENO_SPEAKER_UNKNOWN;
    return n >= STENO_SPEAKER_OTHER && n < STENO_SPEAKERS_MAX ? (int)n : STENO_SPEAKER_UNKNOWN;
}

static bool read_words(json_t *all, steno_segment *s) {
    size_t n = json_array_size(all), bytes = strlen(s->text);
    if (n == 0) return true;
    steno_word *words = n <= WORDS_MAX ? mem_alloc(n, sizeof *words) : NULL;
    if (!words) return false;
    for (size_t i = 0; i < n; i++) {
        json_t *w = json_array_get(all, i);
        words[i] = (steno_word){.text_offset = (uint32_t)json_integer_value(json_array_get(w, 0)),
                                .text_bytes = (uint32_t)json_integer_value(json_array_get(w, 1)),
                                .start_s = number(json_array_get(w, 2)),
                                .end_s = number(json_array_get(w, 3)),
                                .confidence = (float)number(json_array_get(w, 4)),
                                .speaker = speaker_in(json_array_get(w, 5))};
        if ((size_t)words[i].text_offset + words[i].text_bytes > bytes) {
            mem_free(words);
            return false;
        }
    }
    s->words = words;
    s->n_words = (uint32_t)n;
    return true;
}

static bool read_entities(json_t *all, const steno_segment *s, released_entity **out) {
    size_t n = json_array_size(all), bytes = strlen(s->text);
    *out = n > 0 && n <= WORDS_MAX ? mem_alloc(n, sizeof **out) : NULL;
    if (!*out) return n == 0;
    for (size_t i = 0; i < n; i++) {
        json_t *o = json_array_get(all, i);
        released_entity *e = &(*out)[i];
        *e = (released_entity){.type = ENTITY_CUSTOM, /* a result says the name only */
                               .name = json_string_value(json_array_get(o, 0)),
                               .text_offset = (uint32_t)json_integer_value(json_array_get(o, 1)),
                               .text_bytes = (uint32_t)json_integer_value(json_array_get(o, 2)),
                               .first_word = (uint32_t)json_integer_value(json_array_get(o, 3)),
                               .n_words = (uint32_t)json_integer_value(json_array_get(o, 4)),
                               .start_s = number(json_array_get(o, 5)),
                               .end_s = number(json_array_get(o, 6)),
                               .confidence = (float)number(json_array_get(o, 7))};
        if (e->name && (size_t)e->text_offset + e->text_bytes <= bytes) continue;
        mem_free(*out);
        *out = NULL;
        return false;
    }
    return true;
}

/* False: the document is not whole. */
static bool render_segment(output *o, json_t *line) {
    steno_segment s = {.id = (uint32_t)json_integer_value(json_object_get(line, "i")),
                       .start_s = number(json_object_get(line, "s")),
                       .end_s = number(json_object_get(line, "e")),
                       .confidence = (float)number(json_object_get(line, "p")),
                       .speaker = speaker_in(json_object_get(line, "k")),
                       .looped = json_is_true(json_object_get(line, "l")),
                       .text = json_string_value(json_object_get(line, "t"))};
    if (!s.text || !read_words(json_object_get(line, "w"), &s)) return false;
    json_t *found = json_object_get(line, "n");
    released_entity *entities = NULL;
    if (!read_entities(found, &s, &entities)) {
        mem_free((void *)s.words);
        return false;
    }
    released_segment kept = released_kept(&s, entities, (uint32_t)json_array_size(found));
    bool ok = output_segment(o, (int)json_integer_value(json_object_get(line, "c")) + 1, &kept) == STENO_OK;
    mem_free((void *)s.words);
    mem_free(entities);
    return ok;
}

static bool render_turn(output *o, json_t *line, json_t *turn) {
    steno_turn t = {number(json_array_get(turn, 0)), number(json_array_get(turn, 1)),
                    speaker_in(json_array_get(turn, 2))};
    return output_turns(o, (int)json_integer_value(json_object_get(line, "c")) + 1, &t, 1) == STENO_OK;
}

static bool render_line(output *o, json_t *line) {
    json_t *turn = json_object_get(line, "u");
    return turn ? render_turn(o, line, turn) : render_segment(o, line);
}

static void read_voices(json_t *first, speaker_names *out) {
    size_t i;
    json_t *name;
    *out = (speaker_names){0};
    json_array_foreach(json_object_get(first, "voices"), i, name) {
        if (i >= STENO_SPEAKERS_MAX) break;
        const char *text = json_string_value(name);
        snprintf(out->voices[out->n_voices++], STENO_VOICE_NAME_BYTES, "%s", text ? text : "");
    }
}

static bool render_tail(output *o, const job *j, json_t *line) {
    json_t *all = json_object_get(line, "stats");
    steno_stats s = {.speech_s = number(json_array_get(all, 0)),
                     .vad_cpu_s = number(json_array_get(all, 1)),
                     .encode_cpu_s = number(json_array_get(all, 2)),
                     .decode_cpu_s = number(json_array_get(all, 3)),
                     .other_cpu_s = number(json_array_get(all, 4)),
                     .tokens = (uint64_t)json_integer_value(json_array_get(all, 5))};
    output_tail tail = {.duration_s = number(json_object_get(line, "duration")),
                        .media_cpu_s = number(json_object_get(line, "media_cpu")),
                        .stats = &s,
                        .error = j->error_text[0] ? j->error_text : NULL};
    return output_end(o, &tail) == STENO_OK;
}

static bool render(const job *j, lines *l, const output_format *format, FILE *to) {
    json_t *first = next_line(l);
    output o;
    speaker_names speakers;
    read_voices(first, &speakers);
    output_head head = {.speakers = j->diarize ? &speakers : NULL,
                        .turns = j->diarize && format->turns,
                        .file = j->file_name[0] ? j->file_name : j->id,
                        .model = json_string_value(json_object_get(first, "model")),
                        .language = json_string_value(json_object_get(first, "language")),
                        .split = j->split,
                        .words = j->words,
                        .entities = j->redact[0] && strcmp(j->redact, "off") != 0,
                        .first = true};
    bool ok = head.model && head.language && output_begin(&o, format, to, &head) == STENO_OK, over = false;
    while (ok && !over) {
        json_t *line = next_line(l);
        over = line && json_object_get(line, "duration");
        ok = line && (over ? render_tail(&o, j, line) : render_line(&o, line));
        json_decref(line);
    }
    json_decref(first); /* the head's texts were its own */
    return ok;
}

static const char *format_name(const char *name) {
    return strcmp(name, "txt") == 0 ? "text" : name;
}

const char *result_type(const char *format) {
    static const struct {
        const char *name, *type;
    } types[] = {{"json", "application/json"},
                 {"text", "text/plain; charset=utf-8"},
                 {"srt", "application/x-subrip; charset=utf-8"},
                 {"vtt", "text/vtt; charset=utf-8"},
                 {"tsv", "text/tab-separated-values; charset=utf-8"},
                 {"ctm", "text/plain; charset=utf-8"},
                 {"rttm", "text/plain; charset=utf-8"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, format_name(format)) == 0) return types[i].type;
    }
    return NULL;
}

steno_err result_render(const job *j, const char *kept, size_t n, const char *format, char **out, size_t *bytes) {
    const output_format *f = output_format_find(format_name(format));
    lines l = {.at = kept, .end = kept + n};
    char *made = NULL;
    *out = NULL;
    if (!f) return err_fail(STENO_E_INVALID, "no format '%.20s'", format);
    if (f == &output_rttm && !j->diarize)
        return err_fail(STENO_E_INVALID, "format 'rttm' says who spoke: this job had no diarize");
    FILE *to = open_memstream(&made, bytes);
    if (!to) return err_fail(STENO_E_NOMEM, "no memory for a result");
    bool ok = render(j, &l, f, to);
    if (fflush(to) != 0) ok = false;
    steno_err e = adopt(to, &made, *bytes, true, out);
    if (e == STENO_OK && !ok) {
        mem_free(*out);
        *out = NULL;
        return err_fail(STENO_E_FORMAT, "%s: the result that is kept is not whole", j->id);
    }
    return e;
}
