/* text_numbers.c: see text_numbers.h.
 *
 * Compression is zlib's with its smallest window, whose tables are cleared in no time: a loop's period is short.
 */
#include "watch/text_numbers.h"

#include "base/mem.h"

#include <utf8proc.h>
#include <zlib.h>

#include <string.h>

#define WINDOW_BITS 9
#define MEMORY      1
#define LEVEL       6
#define PACKED_MAX  (TEXT_NUMBERS_MAX + TEXT_NUMBERS_MAX / 2 + 64)

struct text_meter {
    z_stream zip;
    uint64_t word[TEXT_WORDS_MAX];
    unsigned char packed[PACKED_MAX];
};

/* ---- words ---------------------------------------------------------------------------------------------------------- */

#define HASH_START 0xcbf29ce484222325u
#define HASH_PRIME 0x100000001b3u

static uint64_t hash_add(uint64_t hash, int32_t c) {
    for (int i = 0; i < 3; i++, c >>= 8) hash = (hash ^ (uint64_t)(c & 0xff)) * HASH_PRIME;
    return hash;
}

/* Written without spaces: kana, Han. */
static bool stands_alone(int32_t c) {
    return (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) ||
           (c >= 0x20000 && c <= 0x3ffff);
}

static bool is_space(int32_t c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0x3000;
}

/* Letters, digits, and what belongs to them. */
static bool is_said(int32_t c) {
    if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    utf8proc_category_t k = utf8proc_category(c);
    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NO;
}

static int32_t lower(int32_t c) {
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return utf8proc_tolower(c);
}

/* The next code point at *at; bytes that are none count one by one as U+FFFD. */
static int32_t next_point(const char *text, size_t n, size_t *at) {
    utf8proc_int32_t c;
    unsigned char first = (unsigned char)text[*at];
    if (first < 0x80) {
        (*at)++;
        return first;
    }
    utf8proc_ssize_t took = utf8proc_iterate((const utf8proc_uint8_t *)text + *at, (utf8proc_ssize_t)(n - *at), &c);
    *at += took > 0 ? (size_t)took : 1;
    return took > 0 ? c : 0xfffd;
}

typedef void on_word(void *context, uint64_t hash);

static void walk(const char *text, size_t n, on_word *word, void *context, uint32_t *characters) {
    uint64_t hash = HASH_START;
    bool open = false;
    for (size_t at = 0; at < n;) {
        int32_t c = next_point(text, n, &at);
        bool space = is_space(c), alone = stands_alone(c);
        *characters += !space;
        if (open && (space || alone)) {
            word(context, hash);
            hash = HASH_START;
            open = false;
        }
        if (space || !is_said(c)) continue;
        hash = hash_add(hash, lower(c));
        open = !alone;
        if (!alone) continue;
        word(context, hash);
        hash = HASH_START;
    }
    if (open) word(context, hash);
}

/* ---- repetition ----------------------------------------------------------------------------------------------------- */

typedef struct word_list {
    uint64_t *word;
    uint32_t n;
} word_list;

static void note_word(void *context, uint64_t hash) {
    word_list *list = context;
    if (list->n < TEXT_WORDS_MAX) list->word[list->n++] = hash;
}

/* Words that a phrase of `period` words before them says just so, each phrase as a whole. */
static uint32_t repeated_by(const word_list *list, uint32_t period) {
    uint32_t repeated = 0, run = 0;
    for (uint32_t i = period; i < list->n; i++) {
        run = list->word[i] == list->word[i - period] ? run + 1 : 0;
        if (run >= period) repeated += run == period ? period : 1;
    }
    return repeated;
}

static uint32_t repeated_words(const word_list *list) {
    uint32_t most = 0;
    for (uint32_t period = 1; period <= TEXT_PERIOD_MAX && 2 * period <= list->n; period++) {
        uint32_t now = repeated_by(list, period);
        if (now > most) most = now;
    }
    return most;
}

/* ---- compression ---------------------------------------------------------------------------------------------------- */

static void *zip_alloc(void *context, unsigned n, unsigned bytes) {
    (void)context;
    return mem_alloc(n, bytes);
}

static void zip_free(void *context, void *block) {
    (void)context;
    mem_free(block);
}

steno_err text_meter_open(text_meter **out) {
    text_meter *m = mem_alloc(1, sizeof *m);
    *out = NULL;
    if (m) m->zip = (z_stream){.zalloc = zip_alloc, .zfree = zip_free};
    if (!m || deflateInit2(&m->zip, LEVEL, Z_DEFLATED, -WINDOW_BITS, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) {
        mem_free(m);
        return err_fail(STENO_E_NOMEM, "no memory to measure texts");
    }
    *out = m;
    return STENO_OK;
}

void text_meter_close(text_meter *m) {
    if (!m) return;
    deflateEnd(&m->zip);
    mem_free(m);
}

static double compression(text_meter *m, const char *text, size_t n) {
    if (n < TEXT_COMPRESS_MIN || deflateReset(&m->zip) != Z_OK) return 1.0;
    m->zip.next_in = (Bytef *)(uintptr_t)text; /* zlib does not write to it */
    m->zip.avail_in = (uInt)n;
    m->zip.next_out = m->packed;
    m->zip.avail_out = sizeof m->packed;
    if (deflate(&m->zip, Z_FINISH) != Z_STREAM_END) return 1.0;
    return (double)n / (double)m->zip.total_out;
}

void text_measure(text_meter *m, const char *text, size_t n, text_numbers *out) {
    word_list list = {.word = m->word};
    if (n > TEXT_NUMBERS_MAX) n = TEXT_NUMBERS_MAX;
    *out = (text_numbers){0};
    walk(text, n, note_word, &list, &out->characters);
    out->words = list.n;
    out->repeated = repeated_words(&list);
    out->compression = compression(m, text, n);
}

/* ---- what was shown ------------------------------------------------------------------------------------------------- */

typedef struct comparison {
    const text_trace *before;
    text_trace now;
    bool same; /* its words are there */
} comparison;

static void compare_word(void *context, uint64_t hash) {
    comparison *c = context;
    c->now.hash = (c->now.hash ^ hash) * HASH_PRIME;
    c->now.words++;
    if (c->now.words == c->before->words) c->same = c->now.hash == c->before->hash;
}

bool text_took_back(text_trace *shown, const char *text, size_t n) {
    comparison c = {.before = shown, .same = shown->words == 0};
    uint32_t characters = 0;
    if (n > TEXT_NUMBERS_MAX) n = TEXT_NUMBERS_MAX;
    walk(text, n, compare_word, &c, &characters);
    *shown = c.now;
    return !c.same;
}
