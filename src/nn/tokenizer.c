/* tokenizer.c: a table of pieces and a UTF-8 assembler. See tokenizer.h.
 *
 * Invariants: line i of the file is id i, so the table is dense; pieces lie back to back in one block and piece i ends
 * where piece i + 1 starts; decoded text is valid UTF-8 without NUL bytes.
 */
#include "nn/tokenizer.h"

#include "base/mem.h"
#include "nn/mapfile.h"

#include <string.h>

#define TOKENIZER_MAX_FILE_BYTES  ((size_t)64 << 20)
#define TOKENIZER_MAX_TOKENS      ((size_t)1 << 20)
#define TOKENIZER_MAX_PIECE_BYTES 1024

struct tokenizer {
    size_t n;
    uint32_t *ends; /* [n]: where each piece stops in `bytes` */
    char *bytes;
};

/* ---- reading the file ------------------------------------------------------------------------------------------- */

static int base64_value(unsigned char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes n characters to `out` [n / 4 * 3]; false when it is not canonical base64. */
static bool base64_decode(const char *text, size_t n, char *out, size_t *written) {
    size_t at = 0;
    if (n % 4 != 0) return false;
    for (size_t i = 0; i < n; i += 4) {
        bool last = i + 4 == n;
        size_t pad = last && text[i + 3] == '=' ? (text[i + 2] == '=' ? 2 : 1) : 0;
        uint32_t bits = 0;
        for (size_t k = 0; k < 4; k++) {
            int v = k >= 4 - pad ? 0 : base64_value((unsigned char)text[i + k]);
            if (v < 0) return false;
            bits = bits << 6 | (uint32_t)v;
        }
        if ((pad == 2 && (bits & 0xFFFF)) || (pad == 1 && (bits & 0xFF))) return false;
        for (size_t k = 0; k < 3 - pad; k++) out[at++] = (char)(bits >> (16 - 8 * k) & 255);
    }
    *written = at;
    return true;
}

static steno_err bad_line(const char *file, size_t line, const char *reason) {
    return err_fail(STENO_E_FORMAT, "%s: line %zu: %s", file, line + 1, reason);
}

/* One line without its line feed: base64, one space, the id. */
static steno_err read_line(const char *file, size_t line, const char *text, size_t n, tokenizer *t, size_t *at) {
    const char *space = memchr(text, ' ', n);
    if (!space) return bad_line(file, line, "not 'base64 id'");
    size_t piece = (size_t)(space - text), written;
    uint64_t id = 0;
    if (piece + 1 == n || n - piece - 1 > 9) return bad_line(file, line, "no usable id");
    for (size_t i = piece + 1; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') return bad_line(file, line, "no usable id");
        id = id * 10 + (uint64_t)(text[i] - '0');
    }
    if (id != line) return bad_line(file, line, "its id is out of order: ids count up from 0");
    if (piece / 4 * 3 > TOKENIZER_MAX_PIECE_BYTES) return bad_line(file, line, "its piece is too long");
    if (!base64_decode(text, piece, t->bytes + *at, &written)) return bad_line(file, line, "its piece is not base64");
    *at += written;
    t->ends[line] = (uint32_t)*at;
    return STENO_OK;
}

static size_t count_lines(const mapfile *file) {
    const char *at = (const char *)file->bytes, *end = at + file->n;
    size_t lines = 0;
    while (at < end) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        at = feed ? feed + 1 : end;
        lines++;
    }
    return lines;
}

static steno_err read_lines(const mapfile *file, tokenizer *t) {
    const char *at = (const char *)file->bytes, *end = at + file->n;
    size_t used = 0;
    for (t->n = 0; at < end; t->n++) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        const char *stop = feed ? feed : end;
        ERR_TRY(read_line(file->name, t->n, at, (size_t)(stop - at), t, &used));
        at = stop + 1;
    }
    return STENO_OK;
}

static steno_err read_file(const mapfile *file, tokenizer **out) {
    size_t lines = count_lines(file);
    if (lines == 0) return err_fail(STENO_E_FORMAT, "%s: no tokens in it", file->name);
    if (lines > TOKENIZER_MAX_TOKENS || file->n > TOKENIZER_MAX_FILE_BYTES) {
        return err_fail(STENO_E_LIMIT, "%s: %zu tokens are more than the %zu allowed", file->name, lines,
                        TOKENIZER_MAX_TOKENS);
    }
    tokenizer *t = mem_alloc(1, sizeof *t);
    if (t) {
        t->ends = mem_alloc(lines, sizeof *t->ends);
        t->bytes = mem_alloc(1, file->n);
    }
    steno_err err = t && t->ends && t->bytes ? read_lines(file, t)
                                             : err_fail(STENO_E_NOMEM, "%s: no memory for its tokens", file->name);
    if (err != STENO_OK) {
        tokenizer_close(t);
        return err;
    }
    *out = t;
    return STENO_OK;
}

steno_err tokenizer_open(const char *path, tokenizer **out) {
    mapfile file;
    *out = NULL;
    ERR_TRY(mapfile_open(path, TOKENIZER_MAX_FILE_BYTES, &file));
    steno_err err = read_file(&file, out);
    mapfile_close(&file);
    return err;
}

steno_err tokenizer_open_memory(const char *name, const char *bytes, size_t n, tokenizer **out) {
    mapfile file;
    *out = NULL;
    ERR_TRY(mapfile_borrow(name, bytes, n, &file));
    steno_err err = read_file(&file, out);
    mapfile_close(&file);
    return err;
}

void tokenizer_close(tokenizer *t) {
    if (!t) return;
    mem_free(t->ends);
    mem_free(t->bytes);
    mem_free(t);
}

/* ---- pieces ----------------------------------------------------------------------------------------------------- */

size_t tokenizer_size(const tokenizer *t) {
    return t->n;
}

size_t tokenizer_piece(const tokenizer *t, int32_t id, const char **bytes) {
    *bytes = "";
    if (id < 0 || (size_t)id >= t->n) return 0;
    uint32_t begin = id ? t->ends[id - 1] : 0;
    *bytes = t->bytes + begin;
    return t->ends[id] - begin;
}

bool tokenizer_starts_word(const tokenizer *t, int32_t id) {
    const char *bytes;
    return tokenizer_piece(t, id, &bytes) > 0 && bytes[0] == ' ';
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

/* Assembles characters from bytes that may arrive split over tokens. */
typedef struct assembler {
    char *out;
    size_t cap, n;
    unsigned char held[4]; /* an unfinished character */
    unsigned have, need;
    bool full;
} assembler;

static void put(assembler *a, const void *bytes, size_t n) {
    if (a->full || n > a->cap - 1 - a->n) {
        a->full = true; /* nothing may follow a character that had no room */
        return;
    }
    memcpy(a->out + a->n, bytes, n);
    a->n += n;
}

static void put_replacement(assembler *a) {
    put(a, "\xEF\xBF\xBD", 3);
}

/* Bytes of the character this byte leads, 0 when it leads none. NUL would end the text early, so it leads none. */
static unsigned lead_length(unsigned char c) {
    if (c >= 0x01 && c <= 0x7F) return 1;
    if (c >= 0xC2 && c <= 0xDF) return 2;
    if (c >= 0xE0 && c <= 0xEF) return 3;
    return c >= 0xF0 && c <= 0xF4 ? 4 : 0;
}

/* True when `c` may follow what is held: rules out overlong forms, surrogates and values past U+10FFFF. */
static bool continues(const assembler *a, unsigned char c) {
    unsigned char low = 0x80, high = 0xBF;
    if (a->have == 1) {
        if (a->held[0] == 0xE0) low = 0xA0;
        if (a->held[0] == 0xED) high = 0x9F;
        if (a->held[0] == 0xF0) low = 0x90;
        if (a->held[0] == 0xF4) high = 0x8F;
    }
    return c >= low && c <= high;
}

static void push(assembler *a, unsigned char c) {
    if (a->have > 0 && !continues(a, c)) {
        put_replacement(a);
        a->have = 0;
    }
    if (a->have == 0) {
        a->need = lead_length(c);
        if (a->need == 0) {
            put_replacement(a);
            return;
        }
    }
    a->held[a->have++] = c;
    if (a->have == a->need) {
        put(a, a->held, a->have);
        a->have = 0;
    }
}

size_t tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t n, char *out, size_t cap) {
    assembler a = {.out = out, .cap = cap};
    bool first = true;
    if (cap == 0) return 0;
    for (size_t i = 0; i < n; i++) {
        const char *bytes;
        size_t bytes_n = tokenizer_piece(t, ids[i], &bytes);
        for (size_t k = 0; k < bytes_n; k++) {
            if (!first || bytes[k] != ' ') push(&a, (unsigned char)bytes[k]);
            first = false;
        }
    }
    if (a.have > 0) put_replacement(&a);
    out[a.n] = '\0';
    return a.n;
}
