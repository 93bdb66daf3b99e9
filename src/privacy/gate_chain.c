/* gate_chain.c: the text that is looked through. See gate_int.h.
 *
 * Invariants  members never move while one of them may go on, so that an utterance's partials and its final are looked at behind
 *             the same text; context is what anybody said before, since it is often the question.
 */
#include "privacy/gate_int.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

#define FIRST_ROOM_BYTES  1024
#define BACKCHANNEL_WORDS 3
#define BACKCHANNEL_BYTES 48
#define CONTEXT_BYTES     (RULE_CONTEXT_BYTES + 64) /* and the word that rules may see the end of */

/* ---- memory ----------------------------------------------------------------------------------------------------- */

steno_err gate_grow(gate_room *r, size_t bytes) {
    if (bytes <= r->bytes) return STENO_OK;
    size_t want = r->bytes ? r->bytes : FIRST_ROOM_BYTES;
    while (want < bytes) want *= 2;
    void *more = mem_resize(r->at, r->bytes, want);
    if (!more) return err_fail(STENO_E_NOMEM, "no memory for %zu bytes of a privacy gate", want);
    *r = (gate_room){more, want};
    return STENO_OK;
}

/* ---- the text --------------------------------------------------------------------------------------------------- */

steno_err gate_chain_add(gate_chain *c, const char *text, size_t n, size_t *at) {
    size_t from = c->n + (c->n > 0);
    if (n > FIND_TEXT_MAX || from + n > FIND_TEXT_MAX)
        return err_fail(STENO_E_LIMIT, "a text of %zu bytes is longer than a privacy gate looks at", from + n);
    ERR_TRY(gate_grow(&c->room, from + n + 1));
    char *to = c->room.at;
    if (from) to[from - 1] = TOKEN_BREAK_CHAR;
    memcpy(to + from, text, n);
    if (c->n_members == 0) c->first = from;
    c->n = from + n;
    *at = from;
    return STENO_OK;
}

void gate_chain_cut(gate_chain *c, size_t n, size_t first) {
    c->n = n;
    c->first = first;
}

/* The first byte of what rules may look back at, at a character. */
static size_t context_from(const char *text, size_t n) {
    size_t from = n > CONTEXT_BYTES ? n - CONTEXT_BYTES : 0;
    while (from > 0 && from < n && ((unsigned char)text[from] & 0xC0) == 0x80) from++;
    return from;
}

void gate_chain_close(gate_chain *c) {
    char *text = c->room.at;
    size_t from = c->n ? context_from(text, c->n) : 0;
    if (from) memmove(text, text + from, c->n - from);
    c->n -= from;
    c->first = c->n;
    c->n_members = 0;
    c->forced = 0;
    c->following = c->joined = false;
}

/* ---- who goes on ------------------------------------------------------------------------------------------------ */

static int speaker_at(const steno_segment *s, bool end) {
    int speaker = s->n_words ? s->words[end ? s->n_words - 1 : 0].speaker : STENO_SPEAKER_UNKNOWN;
    return speaker == STENO_SPEAKER_UNKNOWN ? s->speaker : speaker;
}

void gate_chain_note(gate_chain *c, const steno_segment *s) {
    c->n_members++;
    c->end_s = s->end_s;
    c->last_id = s->id;
    c->speaker = speaker_at(s, true);
    c->following = c->joined = false;
}

bool gate_chain_joins(const gate_chain *c, const steno_segment *s, int hold_ms) {
    int speaker = speaker_at(s, false);
    if (s->start_s - c->end_s > hold_ms / 1000.0) return false;
    return speaker == STENO_SPEAKER_UNKNOWN || c->speaker == STENO_SPEAKER_UNKNOWN || speaker == c->speaker;
}

/* ---- okay, mm-hmm ----------------------------------------------------------------------------------------------- */

static const char *const backchannels[] = {"yeah", "yes", "yep",   "okay", "ok",    "mm", "hmm", "mhm",  "mmhmm",
                                           "uh",   "huh", "uhhuh", "sure", "right", "嗯", "对",  "对对", "好",
                                           "好的", "是",  "是的",  "哦",   "噢",    "行", "啊",  "嗯嗯"};

static bool is_between(const char *c, size_t n) {
    static const char *const signs[] = {" ", ",", ".", "!", "?", "-", "，", "。", "！", "？", "、", "…"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t bytes = strlen(signs[i]);
        if (bytes <= n && memcmp(c, signs[i], bytes) == 0) return true;
    }
    return false;
}

static size_t char_bytes(const char *text, size_t n) {
    size_t bytes = 1;
    while (bytes < n && ((unsigned char)text[bytes] & 0xC0) == 0x80) bytes++;
    return bytes;
}

/* The word at *at, between signs and blanks; 0 bytes: there is none. */
static size_t next_word(const char *text, size_t n, size_t *at) {
    while (*at < n && is_between(text + *at, n - *at)) *at += char_bytes(text + *at, n - *at);
    size_t end = *at;
    while (end < n && !is_between(text + end, n - end)) end += char_bytes(text + end, n - end);
    return end - *at;
}

static bool is_listed(const char *word, size_t n, bool beginning) {
    for (size_t i = 0; i < sizeof backchannels / sizeof *backchannels; i++) {
        size_t bytes = strlen(backchannels[i]);
        if ((beginning ? bytes >= n : bytes == n) && strncasecmp(word, backchannels[i], n) == 0) return true;
    }
    return false;
}

/* `growing`: the last word may still become one. */
static bool is_said_aside(const char *text, size_t n, bool growing) {
    size_t at = 0, bytes;
    if (n > BACKCHANNEL_BYTES) return false;
    for (int words = 0; (bytes = next_word(text, n, &at)) > 0; at += bytes) {
        if (++words > BACKCHANNEL_WORDS || !is_listed(text + at, bytes, growing && at + bytes == n)) return false;
    }
    return true;
}

bool gate_is_backchannel(const char *text, size_t n) {
    return is_said_aside(text, n, false);
}

bool gate_begins_backchannel(const char *text, size_t n) {
    return is_said_aside(text, n, true);
}
