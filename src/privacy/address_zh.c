/* address_zh.c: street addresses in Mandarin: 北京市朝阳区建国路88号3栋502室, written and said.
 *
 * Purpose    parts from the largest to the smallest: names that end in 省 市 区 县 镇 村 …, a street (路 街 大道 …) or an estate
 *            (小区 花园 …), numbers with 号 弄 栋 单元 楼 室. An address is one that has a street or estate and a number.
 * Owner      any thread; pure.
 * Invariants where nothing says that an address follows, a name has NAME_FREE_MAX characters at most: so many are held back
 *            of any text. Behind 在, 到, 地址 … and behind a first part it has NAME_LED_MAX.
 */
#include "privacy/address.h"

#include <string.h>

#include "privacy/said.h"

#define NAME_FREE_MAX 3 /* Han tokens before the end of a name: 科技园路 */
#define NAME_LED_MAX  6
#define PARTS_MAX     12

typedef enum part_kind { PART_NONE, PART_REGION, PART_STREET, PART_ESTATE, PART_NUMBER } part_kind;

static bool has(const token *t, uint64_t sense) {
    return (t->sense & sense) != 0;
}

static bool is(const reader *r, const token *t, const char *text) {
    return t->n == strlen(text) && memcmp(r->text + t->at, text, t->n) == 0;
}

static bool is_any(const reader *r, const token *t, const char *const *texts, size_t n) {
    if (t->kind != TOKEN_HAN) return false;
    for (size_t k = 0; k < n; k++)
        if (is(r, t, texts[k])) return true;
    return false;
}

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

/* Behind these an address may follow. */
static bool leads(const reader *r, uint32_t i) {
    static const char *const words[] = {"在", "到", "住", "来", "址", "往", "于", "至", "去", "址是", "寄", "送"};
    for (uint32_t k = 1; k <= 2 && k <= i; k++) {
        const token *t = &r->tokens[i - k];
        if (has(t, SENSE_KEY_ADDRESS)) return true;
        if (is_any(r, t, words, COUNT(words))) return true;
        if (t->kind == TOKEN_HAN && !is(r, t, "是") && !is(r, t, "在")) return false;
    }
    return false;
}

/* No name holds these. */
static bool stops(const reader *r, const token *t) {
    static const char *const words[] = {"去", "到", "从", "给", "住", "寄", "送", "请", "来", "往", "叫",
                                        "说", "为", "跟", "对", "想", "要", "会", "能", "址", "让", "帮",
                                        "找", "过", "沿", "着", "条", "个", "坐", "走", "等", "上", "下"};
    if (t->kind != TOKEN_HAN || has(t, SENSE_COMMON | SENSE_KEYS | SENSE_FILLER | SENSE_CORRECTION)) return true;
    return is_any(r, t, words, COUNT(words)) && t->n == 3;
}

/* Whether the text from token i to the end of token t, longer than that, ends so. */
static bool ends(const reader *r, uint32_t i, const token *t, const char *const *texts, size_t n) {
    size_t from = r->tokens[i].at, end = t->at + t->n;
    if (t->kind != TOKEN_HAN) return false;
    for (size_t k = 0; k < n; k++) {
        size_t length = strlen(texts[k]);
        if (length < end - from && memcmp(r->text + end - length, texts[k], length) == 0) return true;
    }
    return false;
}

static part_kind name_end(const reader *r, uint32_t i, const token *t) {
    static const char *const regions[] = {"省", "市", "区", "县",   "镇",     "乡",  "村",
                                          "州", "盟", "旗", "新区", "自治区", "街道"};
    static const char *const streets[] = {"路", "街", "大街", "大道", "道", "巷", "胡同", "里弄"};
    static const char *const estates[] = {"小区", "花园", "公寓", "大厦", "广场", "家园", "新村", "苑",
                                          "城",   "园",   "庄",   "院",   "中心", "大楼", "府",   "湾"};
    if (ends(r, i, t, estates, COUNT(estates))) return PART_ESTATE;
    if (ends(r, i, t, regions, COUNT(regions))) return PART_REGION;
    if (ends(r, i, t, streets, COUNT(streets))) return PART_STREET;
    return PART_NONE;
}

static bool is_number_unit(const reader *r, const token *t) {
    static const char *const units[] = {"号",   "號", "弄", "栋", "幢", "座", "号楼", "单元", "室", "楼",  "层",
                                        "号院", "房", "院", "门", "户", "期", "组",   "队",   "巷", "支弄"};
    return is_any(r, t, units, COUNT(units));
}

/* Two characters that are one word here and two tokens there. */
static bool pair(reader *r, uint32_t i, const char *a, const char *b) {
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
    bool yard = pair(r, at, "号", "院") && !is(r, reader_at(r, at + 2), "子");
    if (yard || pair(r, at, "号", "楼") || pair(r, at, "单", "元")) at++;
    *end = at + 1;
    return true;
}

/* Characters up to one that ends a name: the longest of names that touch ("中关村大街" is one street). */
static part_kind name_part(reader *r, uint32_t i, uint32_t longest, uint32_t *end) {
    part_kind found = PART_NONE;
    for (uint32_t at = i; at - i <= longest; at++) {
        const token *t = reader_at(r, at);
        if (t->spaced && at > i) break;
        part_kind kind = at > i ? name_end(r, i, t) : PART_NONE;
        if (kind != PART_NONE) {
            found = kind;
            *end = at + 1;
            if (kind != PART_ESTATE && !is(r, t, "村") && !is(r, t, "市") && !is(r, t, "州")) break;
            if (is(r, t, "市") && said_begins(reader_at(r, at + 1))) break;
        } else if (stops(r, t) || (said_begins(t) && t->kind != TOKEN_HAN))
            break;
        if (found == PART_REGION && is(r, t, "市")) break;
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
    if (t->kind != TOKEN_HAN || stops(r, t) || is(r, t, "家")) return false;
    for (int k = 0; k < PARTS_MAX; k++)
        if (!take_part(r, &at, k || led ? NAME_LED_MAX : NAME_FREE_MAX, &p)) break;
    if (!p.number || (!p.street && !p.estate)) return false;
    *f = (rule_found){.type = ENTITY_ADDRESS, .first = i, .end = p.end};
    f->confidence = p.region || led || (rule_keys_before(r, i) & SENSE_KEY_ADDRESS) ? 0.92f : 0.8f;
    return true;
}
