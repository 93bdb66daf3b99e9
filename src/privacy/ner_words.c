/* ner_words.c: words as the tagger of names sees them: what is written together, in lower case, and what lists say of it.
 *
 * Owner: any thread; pure.
 */
#include "privacy/ner_int.h"

#include <string.h>
#include <utf8proc.h>

static bool is_letters(const token *t) {
    return t->kind == TOKEN_WORD || t->kind == TOKEN_DIGITS;
}
static bool is_sign(const reader *r, const token *t, const char *any) {
    return t->kind == TOKEN_SIGN && t->n == 1 && strchr(any, r->text[t->at]) != NULL;
}

/* A blank stands behind token t, a word: it was not the reader's if what stands behind it could change. */
static bool blank_follows(const reader *r, const token *t) {
    const size_t at = (size_t)t->at + t->n;
    return at < r->n && (r->text[at] == ' ' || r->text[at] == '\n' || r->text[at] == '\t');
}

/* "J." and "Mr." keep their full stop, and what follows it at once: "U.S.". */
static bool is_abbreviation(const reader *r, uint32_t first, uint32_t end) {
    static const char *const known[] = {"mr",  "mrs", "ms",  "dr",  "st",   "jr",  "sr",  "prof",
                                        "sgt", "gen", "col", "lt",  "capt", "inc", "co",  "corp",
                                        "ltd", "mt",  "ft",  "rev", "hon",  "gov", "sen", "rep"};
    const token *last = &r->tokens[end - 1];
    if (last->kind != TOKEN_WORD) return false;
    if (last->n == 1) return true;
    if (first + 1 != end || last->n > 4) return false;
    char lower[5] = {0};
    for (uint32_t k = 0; k < last->n; k++) lower[k] = (char)(r->text[last->at + k] | 0x20);
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
        if (strcmp(lower, known[k]) == 0) return true;
    return false;
}

/* Tokens [i, end) are one word. */
static uint32_t find_end(reader *r, uint32_t i) {
    uint32_t end = i + 1;
    while (end - i + 1 < NER_WORD_TOKENS) {
        if (is_letters(&r->tokens[end - 1]) && blank_follows(r, &r->tokens[end - 1])) break;
        const token *next = reader_at(r, end);
        if (next->kind == TOKEN_END || next->spaced) break;
        if (is_letters(next)) {
            end++;
            continue;
        }
        const bool stop = is_sign(r, next, ".");
        if (stop && is_abbreviation(r, i, end)) {
            end++;
            continue;
        }
        if (stop || !is_sign(r, next, "-&'")) break;
        const token *after = reader_at(r, end + 1);
        if (!is_letters(after) || after->spaced) break;
        end += 2;
    }
    return end;
}

/* Lower case of the text of tokens [first, end), as far as it fits; says what letters there were. */
static void read_text(const reader *r, ner_word *w) {
    const size_t at = r->tokens[w->first].at, end = (size_t)r->tokens[w->end - 1].at + r->tokens[w->end - 1].n;
    uint32_t letters = 0, uppers = 0, dots = 0;
    bool first_upper = false;
    for (size_t k = at; k < end && w->n + 4 < NER_WORD_BYTES;) {
        utf8proc_int32_t c = (unsigned char)r->text[k], size = 1;
        if (c >= 0x80) {
            size = (utf8proc_int32_t)utf8proc_iterate((const utf8proc_uint8_t *)r->text + k,
                                                      (utf8proc_ssize_t)(end - k), &c);
            if (size < 1) size = 1, c = '?';
        }
        k += (size_t)size;
        if (c == 0x2019) c = '\'';
        const utf8proc_int32_t low = c < 0x80 ? (c >= 'A' && c <= 'Z' ? c | 0x20 : c) : utf8proc_tolower(c);
        const bool upper = low != c, letter = upper || (c >= 'a' && c <= 'z') || c >= 0x80;
        if (letters == 0 && letter) first_upper = upper;
        letters += letter;
        uppers += upper;
        dots += c == '.';
        w->hyphen |= c == '-';
        if (c >= '0' && c <= '9')
            w->text[w->n++] = '0';
        else
            w->n = (uint8_t)(w->n + utf8proc_encode_char(low, (utf8proc_uint8_t *)w->text + w->n));
    }
    w->kind = letters > 0 ? NER_WORD : NER_NUMBER;
    if (letters == 0)
        w->shape = NER_SHAPE_NONE;
    else if (uppers == 0)
        w->shape = NER_SHAPE_LOWER;
    else if (letters == 1)
        w->shape = NER_SHAPE_ONE;
    else if (uppers == letters)
        w->shape = dots > 1 ? NER_SHAPE_DOTTED : NER_SHAPE_UPPER;
    else
        w->shape = uppers == 1 && first_upper ? NER_SHAPE_CAPITAL : NER_SHAPE_MIXED;
}

/* "john's" is "john". */
static void cut_possessive(ner_word *w) {
    if (w->n > 2 && w->text[w->n - 2] == '\'' && w->text[w->n - 1] == 's')
        w->n = (uint8_t)(w->n - 2);
    else if (w->n > 2 && w->text[w->n - 1] == '\'')
        w->n--;
    else
        return;
    w->owns = true;
    if (w->shape == NER_SHAPE_MIXED && w->n == 1) w->shape = NER_SHAPE_ONE;
}

static void read_sign(const reader *r, const token *t, ner_word *out) {
    out->kind = is_sign(r, t, ".!?;:") || t->kind == TOKEN_HAN || t->kind == TOKEN_BREAK ? NER_EDGE : NER_SIGN;
    out->n = (uint8_t)(t->n < 4 ? t->n : 4);
    memcpy(out->text, r->text + t->at, out->n);
    out->id = out->kind == NER_EDGE ? 1 : ner_hash(out->text, out->n);
    out->cls = NER_LIST_NEVER_BEGINS | NER_LIST_NEVER_IN;
    if (is_sign(r, t, "&")) out->cls = NER_LIST_NEVER_BEGINS;
}

void ner_read_word(reader *r, uint32_t i, const ner_list *list, ner_word *out) {
    memset(out, 0, offsetof(ner_word, text));
    const token *t = reader_at(r, i);
    out->first = i;
    out->end = i + (t->kind != TOKEN_END);
    out->id = 1;
    if (t->kind == TOKEN_END) return;
    if (!is_letters(t)) {
        read_sign(r, t, out);
        return;
    }
    out->end = find_end(r, i);
    read_text(r, out);
    cut_possessive(out);
    out->id = ner_hash(out->text, out->n);
    ner_lookup(list, out->id, &out->flags, &out->cls);
    if (t->sense & (SENSE_DOT | SENSE_UNDERSCORE | SENSE_DASH | SENSE_SLASH | SENSE_AT)) /* "john dot smith at" */
        out->cls |= NER_LIST_NEVER_BEGINS | NER_LIST_NEVER_IN;
    if (out->cls == 0 && out->flags == 0 && out->n > 1 && out->text[out->n - 1] == '.')
        ner_lookup(list, ner_hash(out->text, out->n - 1u), &out->flags, &out->cls);
}

void ner_pair(ner_word *a, const ner_word *b, const ner_list *list) {
    uint8_t cls;
    a->pair = 0;
    if ((a->flags & NER_LIST_PLACE_BEGINS) && b->kind == NER_WORD)
        ner_lookup(list, ner_mix(a->id, b->id), &a->pair, &cls);
}

void ner_casing_add(ner_casing *c, const ner_word *w) {
    if (w->kind != NER_WORD) return;
    const bool first = c->words == 0, top = (w->flags & NER_LIST_TOP) && w->n > 1;
    const bool capital = w->shape == NER_SHAPE_CAPITAL || w->shape == NER_SHAPE_MIXED;
    c->words++;
    c->lower = (uint16_t)(c->lower + (w->shape == NER_SHAPE_LOWER));
    c->capital = (uint16_t)(c->capital + capital);
    c->upper = (uint16_t)(c->upper + (w->shape == NER_SHAPE_UPPER));
    c->top_lower = (uint16_t)(c->top_lower + (top && w->shape == NER_SHAPE_LOWER));
    c->top_capital = (uint16_t)(c->top_capital + (top && capital && !first));
}

ner_mode ner_casing_mode(const ner_casing *c) {
    if (c->capital == 0 && c->upper == 0) return NER_MODE_LOWER;
    if (c->upper > 0 && c->lower == 0 && c->capital == 0) return NER_MODE_UPPER;
    if (c->top_capital > 0 && c->top_lower == 0) return NER_MODE_TITLE;
    return NER_MODE_TRUE;
}
