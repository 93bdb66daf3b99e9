/* address_zh.c: street addresses in Mandarin: 北京市朝阳区建国路88号3栋502室, written and said.
 *
 * Purpose    parts from the largest to the smallest: names that end in 省 市 区 县 镇 村 …, a street (路 街 大道 …) or an estate
 *            (小区 花园 …), numbers with 号 弄 栋 单元 楼 室. An address is one that has a street or estate and a number.
 * Owner      any thread; pure.
 * Invariants where nothing says that an address follows, a name has NAME_FREE_MAX characters at most: so many are held back
 *            of any text. Behind 在, 到, 地址 … and behind a first part it has NAME_LED_MAX.
 */
#include "privacy/address.h"

#include <uchar.h>

#include "privacy/said.h"

#define NAME_FREE_MAX 3 /* Han tokens before the end of a name: 科技园路 */
#define NAME_LED_MAX  6
#define PARTS_MAX     12

typedef enum part_kind { PART_NONE, PART_REGION, PART_STREET, PART_ESTATE, PART_NUMBER } part_kind;

static bool has(const token *t, uint64_t sense) {
    return (t->sense & sense) != 0;
}

/* What two characters say together where the last alone says something else or nothing: 小区, 大厦, 单元. */
static unsigned in_pair(char32_t before, char32_t c, unsigned alone) {
    static const struct pair {
        char32_t before, c;
        unsigned class;
    } pairs[] = {
        {U'小', U'区', PLACE_ESTATE}, {U'新', U'村', PLACE_ESTATE}, {U'街', U'道', PLACE_REGION},
        {U'胡', U'同', PLACE_STREET}, {U'大', U'厦', PLACE_ESTATE}, {U'公', U'寓', PLACE_ESTATE},
        {U'广', U'场', PLACE_ESTATE}, {U'中', U'心', PLACE_ESTATE}, {U'大', U'楼', PLACE_ESTATE},
        {U'单', U'元', PLACE_UNIT},   {U'东', U'里', PLACE_STREET}, {U'西', U'里', PLACE_STREET},
        {U'南', U'里', PLACE_STREET}, {U'北', U'里', PLACE_STREET},
    };
    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++)
        if (pairs[k].c == c && pairs[k].before == before) return pairs[k].class;
    return alone & ~PLACE_PAIR;
}

/* The Han character whose last byte stands before `end`; 0: none of three bytes. */
static char32_t han_before(const reader *r, size_t end) {
    if (end < 3) return 0;
    const unsigned char *b = (const unsigned char *)r->text + end - 3;
    if ((b[0] & 0xF0) != 0xE0) return 0;
    return (char32_t)(b[0] & 0x0F) << 12 | (char32_t)(b[1] & 0x3F) << 6 | (char32_t)(b[2] & 0x3F);
}

static unsigned token_class(const reader *r, const token *t) {
    if (!has(t, SENSE_PLACE)) return 0;
    unsigned class = (unsigned)t->value;
    size_t end = t->at + t->n;
    return class & PLACE_PAIR ? in_pair(han_before(r, end - 3), han_before(r, end), class) : class;
}

static bool is(const reader *r, const token *t, char32_t c) {
    return t->kind == TOKEN_HAN && t->n == 3 && han_before(r, t->at + t->n) == c;
}

/* Behind these an address may follow: 在, 住址是. */
static bool leads(const reader *r, uint32_t i) {
    for (uint32_t k = 1; k <= 2 && k <= i; k++) {
        const token *t = &r->tokens[i - k];
        if (has(t, SENSE_KEY_ADDRESS) || (token_class(r, t) & PLACE_LEAD)) return true;
        if (t->kind == TOKEN_HAN && !is(r, t, U'是')) return false;
    }
    return false;
}

static bool stops(const token *t, unsigned class) {
    if (t->kind != TOKEN_HAN) return true;
    return (class & PLACE_STOP) || has(t, SENSE_COMMON | SENSE_KEYS | SENSE_FILLER | SENSE_CORRECTION);
}

static bool is_number_unit(const reader *r, const token *t) {
    return !has(t, SENSE_KEYS) && (token_class(r, t) & PLACE_UNIT) != 0;
}

/* Two characters that are one word here and two tokens there. */
static bool pair(reader *r, uint32_t i, char32_t a, char32_t b) {
    return is(r, reader_at(r, i), a) && is(r, reader_at(r, i + 1), b);
}

/* 88号, 三号楼, 5栋B座, and behind one of them a room without a word: 3单元1413. */
static bool number_part(reader *r, uint32_t i, bool within, uint32_t *end) {
    said s;
    const token *t = reader_at(r, i);
    if (t->kind == TOKEN_WORD && t->n == 1) { /* B座 */
        if (!within || !is_number_unit(r, reader_at(r, i + 1))) return false;
        *end = i + 2;
        return true;
    }
    if (is(r, t, U'甲') || is(r, t, U'乙') || is(r, t, U'丙')) t = reader_at(r, ++i);
    if (!said_begins(t) || !said_piece(r, i, &s) || s.n > 6) return false;
    uint32_t at = s.end;
    t = reader_at(r, at);
    if (has(t, SENSE_DASH) && said_begins(reader_at(r, at + 1)) && said_piece(r, at + 1, &s))
        t = reader_at(r, at = s.end);
    if (t->kind == TOKEN_WORD && t->n == 1 && is_number_unit(r, reader_at(r, at + 1))) t = reader_at(r, ++at);
    if (!is_number_unit(r, t)) {
        *end = at;
        return within && s.n >= 2;
    }
    bool yard = pair(r, at, U'号', U'院') && !is(r, reader_at(r, at + 2), U'子');
    if (yard || pair(r, at, U'号', U'楼') || pair(r, at, U'单', U'元')) at++;
    *end = at + 1;
    return true;
}

/* Characters up to one that ends a name: the longest of names that touch ("中关村大街" is one street). */
static part_kind name_part(reader *r, uint32_t i, uint32_t longest, uint32_t *end) {
    part_kind found = PART_NONE;
    for (uint32_t at = i; at - i <= longest; at++) {
        const token *t = reader_at(r, at);
        unsigned class = token_class(r, t);
        if (t->spaced && at > i) break;
        if (at > i && (class & (PLACE_REGION | PLACE_STREET | PLACE_ESTATE))) {
            found = class & PLACE_STREET ? PART_STREET : class & PLACE_ESTATE ? PART_ESTATE : PART_REGION;
            *end = at + 1;
            if (found != PART_ESTATE && !is(r, t, U'村') && !is(r, t, U'州')) break;
        } else if (stops(t, class))
            break;
    }
    return found;
}

typedef struct parts {
    bool region, street, estate, number, room;
    uint32_t end; /* behind the last part that counts */
} parts;

/* Takes one more part at *at; false: there is none. */
static bool take_part(reader *r, uint32_t *at, uint32_t longest, parts *p) {
    uint32_t end;
    bool placed = p->street || p->estate;
    if (placed && number_part(r, *at, p->number, &end)) {
        p->number = true;
        p->end = *at = end;
        return true;
    }
    if (said_begins(reader_at(r, *at)) && reader_at(r, *at)->kind != TOKEN_HAN) return false;
    part_kind kind = name_part(r, *at, longest, &end);
    if (kind == PART_NONE || (p->number && kind != PART_ESTATE)) return false;
    p->region |= kind == PART_REGION;
    p->street |= kind == PART_STREET;
    p->estate |= kind == PART_ESTATE;
    *at = end;
    return true;
}

bool address_zh(reader *r, uint32_t i, rule_found *f) {
    const token *t = reader_at(r, i);
    bool led = leads(r, i);
    parts p = {.end = i};
    uint32_t at = i;
    if (t->kind != TOKEN_HAN || stops(t, token_class(r, t)) || is(r, t, U'家')) return false;
    for (int k = 0; k < PARTS_MAX; k++)
        if (!take_part(r, &at, k || led ? NAME_LED_MAX : NAME_FREE_MAX, &p)) break;
    if (!p.number || (!p.street && !p.estate)) return false;
    *f = (rule_found){.type = ENTITY_ADDRESS, .first = i, .end = p.end};
    f->confidence = p.region || led || (rule_keys_before(r, i) & SENSE_KEY_ADDRESS) ? 0.92f : 0.8f;
    return true;
}
