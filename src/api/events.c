/* events.c: see events.h. */
#include "api/events.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL_DIGITS 10 /* values are rounded first: 0.45 and not 0.45000000000000001 */

static event_text finish(json_t *object) {
    event_text t = {0};
    if (!object) return t;
    t.json = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    json_decref(object);
    if (!t.json) return t;
    t.body = t.json + 1;
    while (t.body[t.n]) t.n++;
    return t;
}

void events_free(event_text *t) {
    free(t->json);
    *t = (event_text){0};
}

json_t *events_string(const char *text, size_t n) {
    json_t *o = json_stringn(text, n);
    if (o) return o;
    char *copy = mem_alloc(1, n + 1);
    for (size_t i = 0; copy && i < n; i++) copy[i] = (char)((unsigned char)text[i] < 0x80 ? text[i] : '?');
    if (copy) o = json_stringn(copy, n);
    mem_free(copy);
    return o;
}

static json_t *milliseconds(double s) {
    return json_real(round(s * 1000) / 1000);
}

size_t events_count_chars(const char *text, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static json_int_t whole(uint64_t n) {
    return (json_int_t)n;
}

event_text events_ready(const ready_members *m) {
    return finish(json_pack("{s:s, s:s, s:i, s:s, s:s, s:o, s:b, s:I, s:i}", "type", "ready", "session", m->session,
                            "protocol", 1, "model", m->model, "language", m->language, "config",
                            params_json(m->params, m->language), "resumed", m->resumed, "audio_samples",
                            whole(m->audio_samples), "resume_window_ms", m->resume_window_ms));
}

event_text events_speech(const released_event *e) {
    return finish(json_pack("{s:s, s:I, s:o}", "type", "speech_started", "message_id", (json_int_t)e->segment.id,
                            "start", milliseconds(e->segment.start_s)));
}

/* ---- speakers --------------------------------------------------------------------------------------------------- */

bool events_name_speaker(event_speakers *who, const char *label, const char *name) {
    int speaker = speaker_of_label(&who->names, label);
    if (speaker == STENO_SPEAKER_UNKNOWN) return false;
    char *to = who->given[speaker == STENO_SPEAKER_OTHER ? 0 : speaker + 1];
    snprintf(to, STENO_VOICE_NAME_BYTES, "%s", name);
    return true;
}

static json_t *label_of(const event_speakers *who, int speaker) {
    char room[SPEAKER_LABEL_BYTES];
    const char *label = speaker_label(&who->names, speaker, room);
    return label ? events_string(label, strlen(label)) : json_null();
}

static json_t *name_of(const event_speakers *who, int speaker) {
    bool known = speaker == STENO_SPEAKER_OTHER || (speaker >= 0 && speaker < STENO_SPEAKERS_MAX);
    const char *name = known ? who->given[speaker == STENO_SPEAKER_OTHER ? 0 : speaker + 1] : "";
    if (!name[0]) name = speaker_voice(&who->names, speaker);
    return name ? events_string(name, strlen(name)) : json_null();
}

static bool put_speaker(json_t *o, const released_segment *s, const event_speakers *who) {
    json_t *more = json_pack("{s:o, s:o, s:o, s:b}", "speaker", label_of(who, s->speaker), "speaker_name",
                             name_of(who, s->speaker), "speaker_margin", milliseconds((double)s->speaker_margin),
                             "speaker_fixed", s->speaker_fixed);
    bool good = o && more && json_object_update(o, more) == 0;
    json_decref(more);
    return good;
}

/* Words of one speaker after the other, who is not known included. */
static json_t *spans_of(const released_segment *s, const event_speakers *who) {
    json_t *list = json_array();
    for (uint32_t first = 0, behind; list && first < s->n_words; first = behind) {
        int speaker = s->words[first].speaker;
        for (behind = first + 1; behind < s->n_words && s->words[behind].speaker == speaker;) behind++;
        json_t *span =
            json_pack("{s:I, s:I, s:o, s:o}", "first_word", (json_int_t)first, "words", (json_int_t)(behind - first),
                      "speaker", label_of(who, speaker), "speaker_name", name_of(who, speaker));
        if (!span || json_array_append_new(list, span) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

event_text events_revision(const released_event *e, const event_speakers *who) {
    const released_segment *s = &e->segment;
    json_t *o = json_pack("{s:s, s:I, s:I, s:o}", "type", "revision", "message_id", (json_int_t)s->id, "rev",
                          (json_int_t)s->rev, "spans", spans_of(s, who));
    if (put_speaker(o, s, who)) return finish(o);
    json_decref(o);
    return (event_text){0};
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

static json_t *words_of(const released_segment *s, const event_speakers *who) {
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < s->n_words; i++) {
        const steno_word *w = &s->words[i];
        json_t *word = json_pack("{s:o, s:o, s:o, s:o}", "word", events_string(s->text + w->text_offset, w->text_bytes),
                                 "start", milliseconds(w->start_s), "end", milliseconds(w->end_s), "confidence",
                                 milliseconds((double)w->confidence));
        if (word && who) json_object_set_new(word, "speaker", label_of(who, w->speaker));
        if (!word || json_array_append_new(list, word) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *events_entities(const released_segment *s) {
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < s->n_entities; i++) {
        const released_entity *e = &s->entities[i];
        size_t first = events_count_chars(s->text, e->text_offset);
        size_t behind = first + events_count_chars(s->text + e->text_offset, e->text_bytes);
        json_t *one =
            json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "type", events_string(e->name, strlen(e->name)),
                      "start_char", whole(first), "end_char", whole(behind), "first_word", (json_int_t)e->first_word,
                      "words", (json_int_t)e->n_words, "start", milliseconds(e->start_s), "end", milliseconds(e->end_s),
                      "confidence", milliseconds((double)e->confidence));
        if (!one || json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static const char *reason_of(steno_end_reason end) {
    switch (end) {
    case STENO_END_ENDPOINT:
        return "endpoint";
    case STENO_END_MAX:
        return "max_utterance";
    case STENO_END_FINALIZED:
        return "finalize";
    default:
        return "close";
    }
}

event_text events_words(const released_event *e, const event_members *with) {
    const event_speakers *who = with->speakers;
    const released_segment *s = &e->segment;
    bool final = e->kind == STENO_EVENT_SEGMENT;
    size_t stable = final ? events_count_chars(s->text, strlen(s->text)) : events_count_chars(s->text, s->stable_bytes);
    json_t *o = json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:o}", "type", final ? "final" : "partial",
                          "message_id", (json_int_t)s->id, "rev", (json_int_t)s->rev, "start", milliseconds(s->start_s),
                          "end", milliseconds(s->end_s), "audio_end", milliseconds(e->heard_s), "text",
                          events_string(s->text, strlen(s->text)), "stable_chars", whole(stable), "confidence",
                          milliseconds((double)s->confidence));
    bool complete = o && (!final || json_object_set_new(o, "reason", json_string(reason_of(s->end))) == 0) &&
                    (!with->words || json_object_set_new(o, "words", words_of(s, who)) == 0) &&
                    (!with->entities || json_object_set_new(o, "entities", events_entities(s)) == 0) &&
                    (!who || put_speaker(o, s, who));
    if (complete) return finish(o);
    json_decref(o);
    return (event_text){0};
}

event_text events_overload(const released_event *e) {
    return finish(
        json_pack("{s:s, s:b, s:i}", "type", "overload", "overloaded", e->overloaded, "partial_ms", e->partial_ms));
}

event_text events_stats(const session_totals *t, const char *answer) {
    json_t *o =
        json_pack("{s:s, s:I, s:o, s:o, s:I, s:I, s:i}", "type", "stats", "audio_samples", whole(t->audio_samples),
                  "audio_s", milliseconds(t->audio_s), "speech_s", milliseconds(t->speech_s), "partials",
                  whole(t->partials), "finals", whole(t->finals), "partial_ms", t->partial_ms);
    if (!o || !answer || json_object_set_new(o, answer, json_true()) == 0) return finish(o);
    json_decref(o);
    return (event_text){0};
}

event_text events_error(const char *code, const char *message, bool fatal) {
    return finish(json_pack("{s:s, s:s, s:o, s:b}", "type", "error", "code", code, "message",
                            events_string(message, strlen(message)), "fatal", fatal));
}

event_text events_closed(const session_totals *t, const char *reason) {
    return finish(json_pack("{s:s, s:s, s:I, s:o, s:o, s:I, s:I, s:I}", "type", "closed", "reason", reason,
                            "audio_samples", whole(t->audio_samples), "audio_s", milliseconds(t->audio_s), "speech_s",
                            milliseconds(t->speech_s), "partials", whole(t->partials), "finals", whole(t->finals),
                            "words", whole(t->words)));
}
