/* mask.c: what stands in the place of personal data. See redact.h, mask.h, and docs/privacy.md for the forms. */
#include "privacy/mask.h"

#include <stdio.h>
#include <string.h>

#define STARS "***"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Bytes of the first character. */
static size_t first_char(const char *text) {
    size_t n = text[0] != '\0';
    while (n && ((unsigned char)text[n] & 0xC0) == 0x80) n++;
    return n;
}

/* ---- masks ------------------------------------------------------------------------------------------------------ */

static size_t put(char *room, size_t n, const char *text, size_t bytes) {
    if (n == 0) return 0;
    if (bytes >= n) bytes = n - 1;
    memcpy(room, text, bytes);
    room[bytes] = '\0';
    return bytes;
}

/* "[PHONE]" or, numbered, "[PHONE_1]". */
static size_t write_mask(const privacy *p, const finding *f, unsigned number, char *room, size_t n) {
    const char *mask = f->type == ENTITY_CUSTOM ? privacy_custom_mask(p, f->custom) : entity_mask(f->type);
    char text[MASK_WRITTEN_MAX];
    size_t bytes = strlen(mask);
    if (!number) return put(room, n, mask, bytes);
    bool closed = bytes && mask[bytes - 1] == ']';
    int got =
        snprintf(text, sizeof text, "%.*s_%u%s", (int)(closed ? bytes - 1 : bytes), mask, number, closed ? "]" : "");
    if (got < 0 || (size_t)got >= sizeof text) return put(room, n, mask, bytes);
    return put(room, n, text, (size_t)got);
}

/* ---- figures ---------------------------------------------------------------------------------------------------- */

static uint32_t count_figures(const char *text) {
    uint32_t n = 0;
    for (; *text; text++) n += is_digit(*text);
    return n;
}

static bool is_chinese_mobile(const char *text, uint32_t figures) {
    return (figures == 11 && text[0] == '1') || (figures == 13 && strncmp(text, "+861", 4) == 0);
}

/* How many figures stay readable at both ends. False: none may. */
static bool readable_ends(const finding *f, uint32_t figures, uint32_t *front, uint32_t *back) {
    *front = 0;
    *back = figures >= 8 ? 4 : 2;
    switch (f->type) {
    case ENTITY_PHONE:
        if (is_chinese_mobile(f->canonical, figures)) *front = figures - 8; /* with its +86 */
        return figures >= 5;
    case ENTITY_ID: /* with the X that may be its last character: see stars() */
        *front = *back = 1;
        return figures >= 14;
    case ENTITY_CARD:
    case ENTITY_ACCOUNT:
    case ENTITY_SSN:
        return figures >= 8;
    default:
        return false;
    }
}

/* The canonical text with stars for all but the figures at its ends; a letter at the end of an identity number is one. */
static size_t stars(const finding *f, char *room, size_t n) {
    uint32_t figures = count_figures(f->canonical), front, back, seen = 0;
    size_t bytes = strlen(f->canonical);
    if (!readable_ends(f, figures, &front, &back) || bytes >= n) return 0;
    bool lettered = f->type == ENTITY_ID && !is_digit(f->canonical[bytes - 1]);
    if (lettered) back = 0;
    for (size_t i = 0; i < bytes; i++) {
        char c = f->canonical[i];
        bool figure = is_digit(c), readable = !figure || seen < front || seen + back >= figures;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
        seen += figure;
        room[i] = readable && (!letter || (lettered && i + 1 == bytes)) ? c : '*';
    }
    room[bytes] = '\0';
    return bytes;
}

/* ---- other forms ------------------------------------------------------------------------------------------------ */

/* j***@example.com */
static size_t write_email(const finding *f, char *room, size_t n) {
    const char *at = strrchr(f->canonical, '@');
    if (!at || at == f->canonical) return 0;
    int got = snprintf(room, n, "%.*s" STARS "%s", (int)first_char(f->canonical), f->canonical, at);
    return got < 0 || (size_t)got >= n ? 0 : (size_t)got;
}

/* J***, and a star a character behind a Chinese surname: 张** */
static size_t write_person(const finding *f, char *room, size_t n) {
    size_t first = first_char(f->canonical), used = 0, left = 0;
    if (first == 0 || n < RULE_CANONICAL_MAX + sizeof STARS) return 0;
    used = put(room, n, f->canonical, first);
    if (first == 1) return used + put(room + used, n - used, STARS, strlen(STARS));
    for (const char *c = f->canonical + first; *c; c++) left += ((unsigned char)*c & 0xC0) != 0x80;
    for (size_t i = 0; i < (left ? left : 1) && used + 1 < n; i++) room[used++] = '*';
    room[used] = '\0';
    return used;
}

/* DE******************3000 */
static size_t write_iban(const finding *f, char *room, size_t n) {
    size_t bytes = strlen(f->canonical);
    if (bytes < 12 || bytes >= n) return 0;
    for (size_t i = 0; i < bytes; i++) room[i] = i < 2 || i + 4 >= bytes ? f->canonical[i] : '*';
    room[bytes] = '\0';
    return bytes;
}

static size_t write_partly(const finding *f, char *room, size_t n) {
    switch (f->type) {
    case ENTITY_EMAIL:
        return write_email(f, room, n);
    case ENTITY_PERSON:
        return write_person(f, room, n);
    case ENTITY_IBAN:
        return write_iban(f, room, n);
    default:
        return stars(f, room, n);
    }
}

size_t redact_write(const privacy *p, const finding *f, redact_mode mode, unsigned number, char *room, size_t n) {
    size_t bytes = mode == REDACT_PARTLY ? write_partly(f, room, n) : 0;
    return bytes ? bytes : write_mask(p, f, number, room, n);
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

static uint32_t figures_written(const char *text, size_t n) {
    uint32_t figures = 0;
    for (size_t i = 0; i < n; i++) figures += ((unsigned char)text[i] & 0xC0) != 0x80; /* full-width ones as well */
    return figures;
}

uint32_t mask_digits(const char *text, size_t n) {
    token t;
    uint32_t figures = 0, times = 1;
    uint64_t last = 0;
    for (size_t at = 0; token_read(text, n, &at, &t, 1) == 1; last = t.sense) {
        uint32_t here = 0;
        if (t.kind == TOKEN_DIGITS)
            here = figures_written(text + t.at, t.n);
        else if (t.sense & SENSE_DIGIT)
            here = last & SENSE_TENS ? 0 : 1; /* "twenty one" */
        else if (t.sense & (SENSE_TEEN | SENSE_TENS))
            here = 2;
        if (here) figures += here * times;
        times = t.sense & SENSE_REPEAT && t.value > 0 && t.value < 10 ? (uint32_t)t.value : 1;
    }
    return figures;
}

/* Whether written [bytes] has a character for each of the canonical text's, figures or stars at the same places. */
static bool stands_for_figures(const finding *f, const char *written, size_t bytes) {
    if (strlen(f->canonical) != bytes || f->type == ENTITY_EMAIL || f->type == ENTITY_PERSON || f->type == ENTITY_IBAN)
        return false;
    return written[0] != '[';
}

size_t mask_write_part(const privacy *p, const finding *f, redact_mode mode, unsigned number, uint32_t before,
                       uint32_t here, char *room, size_t n) {
    char all[MASK_WRITTEN_MAX];
    size_t bytes = redact_write(p, f, mode, number, all, sizeof all), used = 0;
    if (mode != REDACT_PARTLY || !stands_for_figures(f, all, bytes)) return write_mask(p, f, number, room, n);
    uint64_t seen = 0, end = (uint64_t)before + here;
    for (size_t i = 0; i < bytes && used + 1 < n; i++) {
        bool last = here == UINT32_MAX;
        if (seen >= before && (last || seen < end)) room[used++] = all[i];
        seen += is_digit(f->canonical[i]);
    }
    if (used == 0) return put(room, n, STARS, strlen(STARS));
    room[used] = '\0';
    return used;
}
