/* vosk_replies.c: see vosk_replies.h. */
#include "api/vosk_replies.h"

#include "api/events.h"
#include "api/vosk_plain.h"
#include "api/warning.h"
#include "audio/pcm.h"
#include "base/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vosk_replies_init(vosk_replies *r) {
    *r = (vosk_replies){.options = {.rate_hz = VOSK_DEFAULT_HZ, .words = true}};
}

void vosk_replies_free(vosk_replies *r) {
    json_decref(r->words);
    mem_free(r->partial);
    r->words = NULL;
    r->partial = NULL;
}

/* ---- what clients ask for ---------------------------------------------------------------------------------------- */

void vosk_warn(vosk_replies *r, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    warning_add(r->warning, sizeof r->warning, fmt, args);
    va_end(args);
}

/* vosk takes numbers as texts, too. */
static bool number_of(const json_t *value, double *out) {
    char *end;
    if (json_is_number(value)) {
        *out = json_number_value(value);
        return isfinite(*out);
    }
    const char *text = json_string_value(value);
    if (!text || !*text) return false;
    *out = strtod(text, &end);
    return *end == 0 && isfinite(*out);
}

static steno_err set_rate(vosk_replies *r, const json_t *value, bool started) {
    double hz;
    if (!number_of(value, &hz) || hz < PCM_MIN_HZ || hz > PCM_MAX_HZ || hz != floor(hz))
        return err_fail(STENO_E_INVALID, "sample_rate: want a whole number from %d to %d", PCM_MIN_HZ, PCM_MAX_HZ);
    if (started && (int)hz != r->options.rate_hz) {
        vosk_warn(r, "sample_rate: audio has begun, it stays %d", r->options.rate_hz);
        return STENO_OK;
    }
    r->options.rate_hz = (int)hz;
    r->options.rate_given = true;
    return STENO_OK;
}

static steno_err set_words(vosk_replies *r, const json_t *value) {
    double number;
    if (json_is_boolean(value))
        r->options.words = json_is_true(value);
    else if (number_of(value, &number))
        r->options.words = number != 0;
    else
        return err_fail(STENO_E_INVALID, "words: want true or false");
    return STENO_OK;
}

static steno_err set_alternatives(vosk_replies *r, const json_t *value) {
    double n;
    if (!number_of(value, &n) || n < 0 || n > VOSK_ALTERNATIVES_MAX || n != floor(n))
        return err_fail(STENO_E_INVALID, "max_alternatives: want a whole number from 0 to %d", VOSK_ALTERNATIVES_MAX);
    r->options.alternatives = (int)n;
    if (n > 1) vosk_warn(r, "max_alternatives: there is never more than one");
    return STENO_OK;
}

steno_err vosk_option(vosk_replies *r, const char *name, const json_t *value, const char *model, bool started) {
    if (strcmp(name, "sample_rate") == 0) return set_rate(r, value, started);
    if (strcmp(name, "words") == 0) return set_words(r, value);
    if (strcmp(name, "max_alternatives") == 0) return set_alternatives(r, value);
    if (strcmp(name, "model") == 0) {
        const char *wanted = json_string_value(value);
        if (!wanted || strcmp(wanted, model) != 0) vosk_warn(r, "model: it cannot be chosen here, '%s' is used", model);
        return STENO_OK;
    }
    if (strcmp(name, "phrase_list") == 0 || strcmp(name, "word_list") == 0)
        vosk_warn(r, "%s: not used, every word may be recognised", name);
    else
        vosk_warn(r, "%.40s: there is no such option", name);
    return STENO_OK;
}

static steno_err configure(vosk_replies *r, const json_t *config, const char *model, bool started) {
    vosk_replies before = *r;
    const char *name;
    json_t *value;
    if (!json_is_object(config)) return err_fail(STENO_E_INVALID, "config: want an object");
    json_object_foreach((json_t *)config, name, value) {
        steno_err e = vosk_option(r, name, value, model, started);
        if (e == STENO_OK) continue;
        *r = before;
        return e;
    }
    return STENO_OK;
}

steno_err vosk_read(vosk_replies *r, const char *text, size_t n, const char *model, bool started, vosk_kind *kind) {
    json_error_t why;
    steno_err e = STENO_OK;
    json_t *o = json_loadb(text, n, 0, &why);
    *kind = VOSK_UNKNOWN;
    if (!o) return err_fail(STENO_E_FORMAT, "a text message is not JSON: %s", why.text);
    if (json_object_get(o, "config")) {
        *kind = VOSK_CONFIG;
        e = configure(r, json_object_get(o, "config"), model, started);
    } else if (json_object_get(o, "eof")) {
        *kind = VOSK_EOF;
    } else if (json_object_get(o, "reset")) {
        *kind = VOSK_RESET;
    }
    json_decref(o);
    return e;
}

/* ---- what has to be answered --------------------------------------------------------------------------------------- */

steno_err vosk_owe(vosk_replies *r, vosk_kind kind) {
    vosk_turn *last = r->n_turns ? &r->turns[r->n_turns - 1] : NULL;
    bool at_once = kind == VOSK_AUDIO || kind == VOSK_UNKNOWN;
    if (at_once && last && last->kind == kind) {
        last->n++;
        return STENO_OK;
    }
    if (r->n_turns == VOSK_TURNS_MAX) return err_fail(STENO_E_LIMIT, "too many messages wait for a reset");
    r->turns[r->n_turns++] = (vosk_turn){.kind = kind, .n = 1, .ready = at_once};
    return STENO_OK;
}

/* The first message of this kind whose end has not come. */
static void make_ready(vosk_replies *r, vosk_kind kind) {
    for (unsigned i = 0; i < r->n_turns; i++) {
        if (r->turns[i].kind != kind || r->turns[i].ready) continue;
        r->turns[i].ready = true;
        return;
    }
}

/* ---- what was heard ------------------------------------------------------------------------------------------------ */

static json_t *thousandths(double x) {
    return json_real(round(x * 1000) / 1000);
}

static steno_err add_word(vosk_replies *r, const released_segment *s, const steno_word *w) {
    char *plain = mem_alloc(1, VOSK_PLAIN_ROOM(w->text_bytes));
    if (!plain) return err_fail(STENO_E_NOMEM, "no memory for a word");
    size_t n = vosk_plain(s->text + w->text_offset, w->text_bytes, plain);
    json_t *word = NULL;
    if (n)
        word = json_pack("{s:o, s:o, s:o, s:o}", "conf", thousandths((double)w->confidence), "end",
                         thousandths(w->end_s), "start", thousandths(w->start_s), "word", json_stringn(plain, n));
    mem_free(plain);
    if (n && (!word || json_array_append_new(r->words, word) != 0))
        return err_fail(STENO_E_NOMEM, "no memory for a word");
    return STENO_OK;
}

static steno_err hear_final(vosk_replies *r, const released_segment *s) {
    if (!r->words && !(r->words = json_array())) return err_fail(STENO_E_NOMEM, "no memory for words");
    if (json_array_size(r->words) + s->n_words > VOSK_WORDS_MAX)
        return err_fail(STENO_E_LIMIT, "more than %d words wait to be asked for", VOSK_WORDS_MAX);
    for (uint32_t i = 0; i < s->n_words; i++) ERR_TRY(add_word(r, s, &s->words[i]));
    r->ended = true;
    if (r->partial && r->partial_id <= s->id) r->partial[0] = 0;
    return STENO_OK;
}

/* A text that is too long loses its front: the end is what is new. */
static steno_err hear_partial(vosk_replies *r, const released_segment *s) {
    const char *text = s->text;
    size_t n = strlen(text);
    if (!r->partial && !(r->partial = mem_alloc(1, VOSK_PARTIAL_BYTES_MAX)))
        return err_fail(STENO_E_NOMEM, "no memory for a partial");
    while (VOSK_PLAIN_ROOM(n) > VOSK_PARTIAL_BYTES_MAX) {
        const char *blank = strchr(text + 1, ' ');
        size_t cut = blank ? (size_t)(blank - text) : n;
        text += cut;
        n -= cut;
    }
    vosk_plain(text, n, r->partial);
    r->partial_id = s->id;
    return STENO_OK;
}

steno_err vosk_hear(vosk_replies *r, const released_event *e) {
    switch (e->kind) {
    case STENO_EVENT_SEGMENT:
        return hear_final(r, &e->segment);
    case STENO_EVENT_PARTIAL:
        return hear_partial(r, &e->segment);
    case STENO_EVENT_FINALIZED:
        make_ready(r, VOSK_RESET);
        return STENO_OK;
    case STENO_EVENT_DONE:
        for (unsigned i = 0; i < r->n_turns; i++) r->turns[i].ready = true;
        return STENO_OK;
    default:
        return STENO_OK;
    }
}

/* ---- replies ------------------------------------------------------------------------------------------------------- */

uint32_t vosk_owed(const vosk_replies *r) {
    uint32_t n = 0;
    for (unsigned i = 0; i < r->n_turns && r->turns[i].ready; i++) n += r->turns[i].n;
    return n;
}

bool vosk_awaited(const vosk_replies *r) {
    return r->n_turns == 1 && r->turns[0].kind == VOSK_AUDIO && r->turns[0].n == 1;
}

/* "word word word" */
static json_t *joined(const json_t *words) {
    size_t bytes = 1, at = 0, i;
    json_t *word;
    json_array_foreach((json_t *)words, i, word) bytes += json_string_length(json_object_get(word, "word")) + 1;
    char *text = mem_alloc(1, bytes);
    if (!text) return NULL;
    json_array_foreach((json_t *)words, i, word) {
        const json_t *w = json_object_get(word, "word");
        if (at) text[at++] = ' ';
        memcpy(text + at, json_string_value(w), json_string_length(w));
        at += json_string_length(w);
    }
    json_t *o = json_stringn(text, at);
    mem_free(text);
    return o;
}

/* {"result": […], "text": …}; vosk leaves `result` out when nothing was said. */
static json_t *result(const vosk_replies *r) {
    json_t *o = json_pack("{s:o}", "text", r->words ? joined(r->words) : json_string(""));
    if (!o || !r->options.words || json_array_size(r->words) == 0) return o;
    if (json_object_set(o, "result", r->words) == 0) return o;
    json_decref(o);
    return NULL;
}

/* vosk's alternatives have a confidence, their words have none. */
static json_t *alternative(const vosk_replies *r) {
    double sum = 0;
    size_t i, n = json_array_size(r->words);
    json_t *word, *words = json_deep_copy(r->words), *o = result(r);
    json_array_foreach(words, i, word) {
        sum += json_real_value(json_object_get(word, "conf"));
        json_object_del(word, "conf");
    }
    bool complete =
        o && (!n || words) && json_object_set_new(o, "confidence", thousandths(n ? sum / (double)n : 1)) == 0;
    if (complete && json_object_get(o, "result")) complete = json_object_set(o, "result", words) == 0;
    json_decref(words);
    if (complete) return o;
    json_decref(o);
    return NULL;
}

static json_t *final_reply(vosk_replies *r) {
    json_t *o = r->options.alternatives ? json_pack("{s:[o]}", "alternatives", alternative(r)) : result(r);
    if (!o) return NULL;
    json_decref(r->words);
    r->words = NULL;
    r->ended = false;
    return o;
}

static json_t *reply_to(vosk_replies *r, vosk_kind kind) {
    if (kind == VOSK_UNKNOWN) return json_pack("{s:s}", "error", "want a config, eof or reset");
    if (kind != VOSK_AUDIO || r->ended) return final_reply(r);
    return json_pack("{s:s}", "partial", r->partial ? r->partial : "");
}

json_t *vosk_reply(vosk_replies *r) {
    vosk_turn *first = &r->turns[0];
    if (vosk_owed(r) == 0) return NULL;
    json_t *o = reply_to(r, first->kind);
    if (o && r->warning[0] && json_object_set_new(o, "warning", events_string(r->warning, strlen(r->warning))) != 0) {
        json_decref(o);
        return NULL;
    }
    if (!o) return NULL;
    r->warning[0] = 0;
    if (first->kind == VOSK_EOF) r->over = true;
    if (--first->n == 0) memmove(first, first + 1, --r->n_turns * sizeof *first);
    return o;
}
