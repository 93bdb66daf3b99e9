/* transcript.c: see transcript.h. Bytes of all pieces are joined first, because a character may be spread over tokens;
 * then the text is walked from space to space.
 */
#include "listen/transcript.h"

#include <math.h>
#include <string.h>

#include <utf8proc.h>

#define LOOP_MAX_PHRASE 16
#define REPLACEMENT     0xFFFD

/* Chosen so that of the words with confidence p a share of p is right: docs/confidence.md. Errors come in runs, so the
 * token before a word counts a little. */
#define CONFIDENCE_POWER  0.4
#define CONFIDENCE_BEFORE 0.3

/* ---- joined pieces ---------------------------------------------------------------------------------------------- */

typedef struct joined {
    const tokenizer *t;
    const transcript_token *tokens;
    int bytes;
    char byte[TRANSCRIPT_TEXT_BYTES];
    uint8_t token[TRANSCRIPT_TEXT_BYTES]; /* which token each byte is from */
} joined;

_Static_assert(TRANSCRIPT_MAX_TOKENS <= 256, "joined.token is a byte");

static void join(joined *j, int n) {
    j->bytes = 0;
    for (int i = 0; i < n; i++) {
        const char *piece;
        size_t len = tokenizer_piece(j->t, j->tokens[i].id, &piece);
        size_t room = (size_t)(TRANSCRIPT_TEXT_BYTES - j->bytes);
        if (len > room) return;
        if (len == 0) continue;
        memcpy(j->byte + j->bytes, piece, len);
        memset(j->token + j->bytes, i, len);
        j->bytes += (int)len;
    }
}

/* When the byte at `at` is spoken, if a token's visible bytes share its time evenly. `end`: when it is over. */
static double byte_time(const joined *j, int at, bool end) {
    const transcript_token *token = &j->tokens[j->token[at]];
    int first = at, last = at;
    while (first > 0 && j->token[first - 1] == j->token[at]) first--;
    while (last + 1 < j->bytes && j->token[last + 1] == j->token[at]) last++;
    while (first < at && j->byte[first] == ' ') first++;
    double share = (double)(at - first + (end ? 1 : 0)) / (double)(last - first + 1);
    return token->start_s + (token->end_s - token->start_s) * share;
}

/* ---- characters ------------------------------------------------------------------------------------------------- */

typedef enum char_class {
    CHAR_SPACE,
    CHAR_HIDDEN,
    CHAR_PUNCTUATION,
    CHAR_CLOSING,
    CHAR_OPENING,
    CHAR_CJK,
    CHAR_WORD
} char_class;

static bool in_range(int32_t c, int32_t low, int32_t high) {
    return c >= low && c <= high;
}

bool transcript_is_cjk(int32_t c) {
    return in_range(c, 0x3005, 0x3007) || in_range(c, 0x3041, 0x30FA) || c == 0x30FC || in_range(c, 0x31F0, 0x31FF) ||
           in_range(c, 0x3400, 0x4DBF) || in_range(c, 0x4E00, 0x9FFF) || in_range(c, 0xF900, 0xFAFF) ||
           in_range(c, 0xFF66, 0xFF9D) || in_range(c, 0x20000, 0x323AF);
}

/* Signs that Unicode calls punctuation but people say: "R & D", "50 %". */
static bool is_spoken_sign(int32_t c) {
    return c == '#' || c == '%' || c == '&' || c == '*' || c == '@' || c == 0xA7 || c == 0x2030;
}

static char_class classify(int32_t c) {
    if (c == REPLACEMENT) return CHAR_PUNCTUATION;
    if (is_spoken_sign(c)) return CHAR_WORD;
    if (transcript_is_cjk(c)) return CHAR_CJK;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
        return CHAR_SPACE;
    case UTF8PROC_CATEGORY_CF: /* the joiners shape letters of some scripts */
        return c == 0x200C || c == 0x200D ? CHAR_PUNCTUATION : CHAR_HIDDEN;
    case UTF8PROC_CATEGORY_PO:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PF:
        return CHAR_CLOSING;
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PI:
        return CHAR_OPENING;
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PC:
        return CHAR_PUNCTUATION;
    default:
        return CHAR_WORD;
    }
}

static bool is_visible(char_class class) {
    return class == CHAR_WORD || class == CHAR_CJK;
}

bool transcript_is_spoken(int32_t c) {
    return is_visible(classify(c));
}

/* The character at `at`: its length in bytes. A run of bytes that are no characters is one U+FFFD. */
static int next_char(const joined *j, int at, int32_t *c) {
    utf8proc_int32_t code;
    utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)j->byte + at, j->bytes - at, &code);
    if (len > 0) {
        *c = code;
        return (int)len;
    }
    int end = at + 1;
    while (end < j->bytes && utf8proc_iterate((const utf8proc_uint8_t *)j->byte + end, j->bytes - end, &code) <= 0)
        end++;
    *c = REPLACEMENT;
    return end - at;
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

typedef struct builder {
    const joined *from;
    transcript *out;
    double logprob_sum; /* of the open word's tokens, and a share of the one before */
    bool full;          /* no room for the word: it is text only */
    int last_token;     /* the newest one counted, -1 none */
    char_class visible; /* class of its last visible character, CHAR_SPACE none */
} builder;

static bool put_bytes(transcript *out, const char *bytes, size_t n) {
    if (out->text_bytes + n > TRANSCRIPT_TEXT_BYTES - 1) return false;
    memcpy(out->text + out->text_bytes, bytes, n);
    out->text_bytes += (uint32_t)n;
    return true;
}

static bool put_char(transcript *out, int32_t c) {
    utf8proc_uint8_t bytes[4];
    return put_bytes(out, (const char *)bytes, (size_t)utf8proc_encode_char(c, bytes));
}

static void begin_word(builder *b) {
    transcript *out = b->out;
    b->full = out->n_words == TRANSCRIPT_MAX_TOKENS;
    if (b->full) return;
    out->words[out->n_words++] = (steno_word){.text_offset = out->text_bytes, .speaker = STENO_SPEAKER_UNKNOWN};
    b->logprob_sum = 0.0;
    b->last_token = -1;
    b->visible = CHAR_SPACE;
}

static float confidence_of(double logprob_sum) {
    double p = exp(CONFIDENCE_POWER * logprob_sum);
    return p >= 0.0 ? (float)fmin(p, 1.0) : 0.0f; /* NaN is no confidence */
}

/* The visible character in bytes [at, end) counts for the open word. */
static void count_char(builder *b, int at, int end, char_class class) {
    steno_word *w = &b->out->words[b->out->n_words - 1];
    if (b->last_token < 0) w->start_s = byte_time(b->from, at, false);
    w->end_s = byte_time(b->from, end - 1, true);
    for (int i = at; i < end; i++) {
        int token = b->from->token[i];
        if (token <= b->last_token) continue;
        if (b->last_token < 0 && token > 0)
            b->logprob_sum += CONFIDENCE_BEFORE * (double)b->from->tokens[token - 1].logprob;
        b->last_token = token;
        b->logprob_sum += (double)b->from->tokens[token].logprob;
    }
    w->confidence = confidence_of(b->logprob_sum);
    b->visible = class;
}

/* The character in bytes [at, end) was written and belongs to the open word. */
static void extend_word(builder *b, int at, int end, char_class class) {
    steno_word *w = &b->out->words[b->out->n_words - 1];
    w->text_bytes = b->out->text_bytes - w->text_offset;
    if (is_visible(class)) count_char(b, at, end, class);
}

/* True when a character of class `now` starts another word although no space does. */
static bool splits(const builder *b, char_class now) {
    if (b->visible == CHAR_SPACE) return false;
    return now == CHAR_CJK || (b->visible == CHAR_CJK && (now == CHAR_WORD || now == CHAR_OPENING));
}

/* The bytes [at, end), without spaces, hold at least one visible character. */
static bool add_words(builder *b, int at, int end) {
    if (b->out->text_bytes && !put_bytes(b->out, " ", 1)) return false;
    begin_word(b);
    while (at < end) {
        int32_t c;
        int len = next_char(b->from, at, &c);
        char_class class = classify(c);
        if (class != CHAR_HIDDEN) {
            if (!b->full && splits(b, class)) begin_word(b);
            if (!put_char(b->out, c)) return false;
            if (!b->full) extend_word(b, at, at + len, class);
        }
        at += len;
    }
    return true;
}

/* Punctuation that stands alone. */
static bool add_punctuation(builder *b, int at, int end, bool closing) {
    transcript *out = b->out;
    steno_word *w = out->n_words ? &out->words[out->n_words - 1] : NULL;
    bool joins = closing && w && w->text_offset + w->text_bytes == out->text_bytes;
    if (!joins && out->text_bytes && !put_bytes(out, " ", 1)) return false;
    while (at < end) {
        int32_t c;
        int len = next_char(b->from, at, &c);
        if (classify(c) != CHAR_HIDDEN && !put_char(out, c)) return false;
        at += len;
    }
    if (joins) w->text_bytes = out->text_bytes - w->text_offset;
    return true;
}

/* What stands between two spaces: where it ends and what it holds. */
typedef struct chunk {
    int end;
    bool empty, visible, closing;
} chunk;

static chunk look_ahead(const joined *j, int at) {
    chunk k = {at, true, false, true};
    while (k.end < j->bytes) {
        int32_t c;
        int len = next_char(j, k.end, &c);
        char_class class = classify(c);
        if (class == CHAR_SPACE) break;
        if (class != CHAR_HIDDEN) k.empty = false;
        if (is_visible(class)) k.visible = true;
        if (class != CHAR_CLOSING && class != CHAR_HIDDEN) k.closing = false;
        k.end += len;
    }
    return k;
}

static void add_text(builder *b) {
    const joined *j = b->from;
    bool fits = true;
    for (int at = 0; at < j->bytes && fits;) {
        chunk k = look_ahead(j, at);
        if (k.end == at) { /* a space */
            int32_t c;
            at += next_char(j, at, &c);
            continue;
        }
        if (k.visible)
            fits = add_words(b, at, k.end);
        else if (!k.empty)
            fits = add_punctuation(b, at, k.end, k.closing);
        at = k.end;
    }
}

/* ---- the segment ------------------------------------------------------------------------------------------------ */

/* NaN becomes `low`. */
static double clip(double x, double low, double high) {
    if (!(x > low)) return low;
    return x < high ? x : high;
}

/* Where the text did not fit: the word that was begun but has nothing visible, and a space at the end, are taken back.
 */
static void drop_unfinished(const builder *b) {
    transcript *out = b->out;
    if (out->n_words && !b->full && b->last_token < 0) out->text_bytes = out->words[--out->n_words].text_offset;
    while (out->text_bytes && out->text[out->text_bytes - 1] == ' ') out->text_bytes--;
}

/* Words in order, without overlap, each at least TRANSCRIPT_MIN_WORD_S long where the time is long enough for that. A
 * word gets what it needs from the time behind it, and where there is none left, all before it move forward. */
static void settle_times(transcript *out, double start_s, double end_s) {
    double at = start_s, shortest_s = TRANSCRIPT_MIN_WORD_S, n = out->n_words;
    if (shortest_s * n > end_s - start_s) shortest_s = (end_s - start_s) / n;
    for (uint32_t i = 0; i < out->n_words; i++) {
        steno_word *w = &out->words[i];
        w->start_s = clip(w->start_s, at, end_s);
        w->end_s = fmax(clip(w->end_s, w->start_s, end_s), w->start_s + shortest_s);
        at = w->end_s;
    }
    double limit = end_s;
    for (uint32_t i = out->n_words; i > 0 && out->words[i - 1].end_s > limit; i--) {
        steno_word *w = &out->words[i - 1];
        w->end_s = limit;
        w->start_s = limit = fmax(fmin(w->start_s, limit - shortest_s), start_s);
    }
    out->start_s = out->n_words ? out->words[0].start_s : start_s;
    out->end_s = out->n_words ? out->words[out->n_words - 1].end_s : end_s;
}

void transcript_build(const tokenizer *t, const transcript_token *tokens, int n, double span_start_s, double span_end_s,
                      transcript *out) {
    joined j = {.t = t, .tokens = tokens};
    builder b = {.from = &j, .out = out, .last_token = -1};
    if (n > TRANSCRIPT_MAX_TOKENS) n = TRANSCRIPT_MAX_TOKENS;
    if (!(span_end_s >= span_start_s)) span_end_s = span_start_s;
    out->looped = false;
    out->text_bytes = out->n_words = 0;
    join(&j, n);
    add_text(&b);
    drop_unfinished(&b);
    if (out->n_words == 0) out->text_bytes = 0;
    out->text[out->text_bytes] = '\0';
    settle_times(out, span_start_s, span_end_s);
    double sum = 0.0;
    for (uint32_t i = 0; i < out->n_words; i++) sum += (double)out->words[i].confidence;
    out->confidence = out->n_words ? (float)(sum / out->n_words) : 0.0f;
}

steno_segment transcript_view(const transcript *t, uint32_t id) {
    return (steno_segment){.id = id,
                           .start_s = t->start_s,
                           .end_s = t->end_s,
                           .confidence = t->confidence,
                           .looped = t->looped,
                           .text = t->text,
                           .words = t->words,
                           .n_words = t->n_words,
                           .speaker = STENO_SPEAKER_UNKNOWN};
}

int transcript_loop(const int32_t *ids, int n) {
    for (int period = 1; period <= LOOP_MAX_PHRASE && period < n; period++) {
        int repeats = period == 1 ? 6 : period <= 3 ? 4 : 3;
        int tail = period; /* tokens at the end that repeat with this period */
        while (tail < n && ids[n - 1 - tail] == ids[n - 1 - tail + period]) tail++;
        if (tail / period >= repeats) return n - tail + period;
    }
    return n;
}
