/* ner_zh.c: names among Han characters: words of a list, and surnames with given names by how likely their characters are in one.
 *
 * Purpose    the longest word of the list is taken, again and again, from left to right; where one begins that might be a surname, what
 *            speaks for a name is added up: its characters, what stands before (我叫, 找) and behind (先生, 说), and what speaks against it:
 *            common words that share its characters (高兴, 方便, 王国). Sums are logarithms of likelihoods, 8 a nat, and awards
 *            chosen by hand.
 * Owner      any thread, a struct names each.
 * Invariants a word, and what is said of it, depends on the words before it in the same run of characters and on at most NER_HAN_AHEAD
 *            characters from its beginning.
 */
#include "privacy/ner_int.h"

#include <string.h>
#include <utf8proc.h>

#define WORD_MAX 8 /* characters */

/* What speaks for a name, or against it. */
#define AWARD_CUE         30
#define AWARD_WEAK_CUE    10
#define AWARD_BEGINS      4
#define AWARD_AFTER       6
#define AWARD_TITLE       24
#define AWARD_COMPOUND    34
#define PENALTY_STOP      26
#define PENALTY_NEXT_WORD 10
#define ENOUGH            42
#define ENOUGH_WITH_TITLE 12 /* of the surname alone */
#define GIVEN_TYPICAL     12
#define ENOUGH_WITH_NICK  18
#define FOREIGN_WORD_MOST 24 /* how common a word within a name from elsewhere may be */

/* The characters from a token on, read one by one. */
typedef struct run {
    names *m;
    reader *r;
    uint32_t first;
    uint32_t n;                    /* characters read */
    bool ended;                    /* nothing but them */
    uint32_t next;                 /* token to read */
    uint32_t token[NER_HAN_AHEAD]; /* in which character k is */
    int32_t code[NER_HAN_AHEAD];
    uint8_t at[NER_HAN_AHEAD + 1]; /* in bytes */
    char bytes[4 * NER_HAN_AHEAD];
} run;

/* 艾特, 下划线, 艾克斯: what is said of a sign or a letter is no name, and ends one. */
static bool is_sign_said(const token *t) {
    return t->kind == TOKEN_HAN && t->n > 3 && (t->sense & (SENSE_AT | SENSE_UNDERSCORE | SENSE_DASH | SENSE_LETTER));
}

/* Reads until there are k characters; false: there are not. */
static bool read_to(run *u, uint32_t k) {
    while (u->n < k && !u->ended) {
        const token *t = u->next == u->first ? &u->r->tokens[u->first] : reader_at(u->r, u->next);
        if (t->kind != TOKEN_HAN || is_sign_said(t)) {
            u->ended = true;
            break;
        }
        for (uint32_t at = 0; at < t->n && u->n < NER_HAN_AHEAD;) {
            utf8proc_int32_t c;
            const utf8proc_ssize_t size =
                utf8proc_iterate((const utf8proc_uint8_t *)u->r->text + t->at + at, (utf8proc_ssize_t)(t->n - at), &c);
            if (size < 1) break;
            memcpy(u->bytes + u->at[u->n], u->r->text + t->at + at, (size_t)size);
            u->code[u->n] = c;
            u->token[u->n] = u->next;
            u->at[u->n + 1] = (uint8_t)(u->at[u->n] + size);
            u->n++;
            at += (uint32_t)size;
        }
        u->next++;
        if (u->n == NER_HAN_AHEAD) u->ended = true;
    }
    return u->n >= k;
}

/* What the list says of characters [from, from + n); 0: nothing, or there are not so many. */
static uint16_t look(run *u, uint32_t from, uint32_t n, uint8_t *common) {
    uint16_t flags;
    *common = 0;
    if (!read_to(u, from + n)) return 0;
    ner_lookup(&u->m->tables.chinese, ner_hash(u->bytes + u->at[from], (size_t)(u->at[from + n] - u->at[from])), &flags,
               common);
    return flags;
}

/* The longest entry at character `from` that is more than the beginning of others: its characters, 1 at least. */
static uint32_t longest(run *u, uint32_t from, uint16_t *flags, uint8_t *common) {
    uint32_t best = 1;
    uint8_t c;
    uint16_t f = look(u, from, 1, &c);
    *flags = f;
    *common = c;
    for (uint32_t n = 2; n <= WORD_MAX && (f & NER_HAN_LONGER); n++) {
        f = look(u, from, n, &c);
        if (!(f & (uint16_t)~NER_HAN_LONGER)) continue;
        best = n;
        *flags = f;
        *common = c;
    }
    return best;
}

static int given_score(const run *u, uint32_t k, uint32_t which) {
    const int32_t code = u->code[k] - NER_HAN_FIRST;
    if (code < 0 || (uint32_t)code >= u->m->tables.han) return -40;
    return u->m->tables.given[(uint32_t)code * NER_HAN_SCORES + which];
}

static uint32_t title_at(run *u, uint32_t k) {
    uint8_t c;
    for (uint32_t n = 3; n > 0; n--)
        if (look(u, k, n, &c) & NER_HAN_TITLE) return n;
    return 0;
}

static int word_penalty(run *u, uint32_t from, uint32_t n) {
    uint8_t common;
    return look(u, from, n, &common) & NER_HAN_WORD ? PENALTY_NEXT_WORD + common / 2 : 0;
}

/* What is behind the name: its end, a title, a word that follows people. */
static int behind_score(run *u, uint32_t k) {
    uint8_t c;
    if (!read_to(u, k + 1)) return AWARD_AFTER;
    if (title_at(u, k) > 1) return AWARD_TITLE;
    return look(u, k, 1, &c) & NER_HAN_AFTER ? AWARD_AFTER : 0;
}

/* For a surname of `family` characters and `given` more. */
static int name_score(run *u, uint32_t family, uint32_t given) {
    const uint32_t end = family + given;
    uint8_t c;
    if (!read_to(u, end)) return -1000;
    int score = family == 2 ? AWARD_COMPOUND : given_score(u, 0, 0);
    const int both =
        given == 2 ? given_score(u, family, 1) + given_score(u, family + 1, 2) : given_score(u, family, 3) + 8;
    score += both;
    for (uint32_t k = family; k < end; k++)
        if (look(u, k, 1, &c) & NER_HAN_STOP) score -= PENALTY_STOP;
    score += behind_score(u, end);
    if (family == 1) score -= word_penalty(u, 0, 2);
    /* 建国 is a word, and a name */
    if (given == 2) score -= word_penalty(u, family, 2) / (both >= GIVEN_TYPICAL ? 3 : 1);
    return score - word_penalty(u, end - 1, 2);
}

static int before_score(const names *m, uint32_t first) {
    if (m->zh_end != first) return AWARD_BEGINS;
    if (m->zh_before & NER_HAN_CUE) return AWARD_CUE;
    return m->zh_before & NER_HAN_WEAK_CUE ? AWARD_WEAK_CUE : 0;
}

/* 王先生: the surname alone is the name. */
static bool is_surname_with_title(run *u, uint32_t family, uint32_t word) {
    const uint32_t title = title_at(u, family);
    if (title == 0 || word > family + title) return false;
    if (family == 2) return true;
    const int surname = given_score(u, 0, 0);
    if (title == 1) return surname >= ENOUGH_WITH_NICK && word == 1;
    return surname >= ENOUGH_WITH_TITLE;
}

/* 姓李: a surname at the end of what is said. */
static bool is_surname_alone(run *u, uint32_t family, uint32_t word) {
    if (u->m->zh_end != u->first || !(u->m->zh_before & NER_HAN_CUE) || word > family) return false;
    return !read_to(u, family + 1);
}

/* 老王, 小李: two characters, and none of them belongs to a word. */
static bool is_nick(run *u, uint32_t word) {
    uint8_t c;
    if (word > 1 || !(look(u, 0, 1, &c) & NER_HAN_NICK) || !(look(u, 1, 1, &c) & NER_HAN_SURNAME)) return false;
    if (given_score(u, 1, 0) < ENOUGH_WITH_NICK || (behind_score(u, 2) == 0 && !(look(u, 2, 2, &c) & NER_HAN_WORD)))
        return false;
    return !(look(u, 1, 2, &c) & NER_HAN_WORD);
}

/* 文森特卡索: characters of names from elsewhere, more of them than are found side by side otherwise. */
static uint32_t find_foreign(run *u) {
    uint32_t n = 0;
    uint8_t c;
    while (n < NER_HAN_AHEAD - 2 && look(u, n, 1, &c) & NER_HAN_FOREIGN) {
        if (n > 0 && look(u, n - 1, 2, &c) & NER_HAN_WORD && c > FOREIGN_WORD_MOST) return 0;
        n++;
    }
    return n >= (u->m->zh_end == u->first && u->m->zh_before & (NER_HAN_CUE | NER_HAN_WEAK_CUE) ? 3 : 4) ? n : 0;
}

/* 这张, 三段: what counts things. */
static bool is_measure(const run *u) {
    static const char *const counts[] = {"张", "段", "项", "户"};
    static const char *const before[] = {"这", "那", "每", "几", "哪", "某", "一", "两", "半", "多少", "第"};
    bool counts_things = false;
    if (u->first == 0) return false;
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
        counts_things |= memcmp(u->bytes, counts[k], strlen(counts[k])) == 0;
    const token *t = &u->r->tokens[u->first - 1];
    if (!counts_things) return false;
    for (size_t k = 0; k < sizeof before / sizeof *before; k++)
        if (token_is(u->r->text, t, before[k])) return true;
    return t->kind == TOKEN_DIGITS || (t->kind == TOKEN_HAN && (t->sense & SENSE_DIGIT));
}

/* How many characters of a person's name begin here; 0: none does. */
static uint32_t find_person(run *u, uint32_t word, uint16_t flags, uint8_t common, int *sure) {
    uint8_t c;
    const bool cue = u->m->zh_end == u->first && (u->m->zh_before & NER_HAN_CUE);
    if (is_measure(u)) return 0;
    uint32_t family = look(u, 0, 1, &c) & NER_HAN_SURNAME ? 1 : 0;
    if (look(u, 0, 1, &c) & NER_HAN_LONGER && look(u, 0, 2, &c) & NER_HAN_SURNAME) family = 2;
    if (flags & NER_HAN_PERSON && word >= 3) {
        *sure = ENOUGH + 16;
        return word;
    }
    *sure = ENOUGH + 6;
    const uint32_t foreign = word <= 3 && common <= FOREIGN_WORD_MOST ? find_foreign(u) : 0;
    if (foreign > 0) return foreign;
    if (is_nick(u, word)) return 2;
    if (family == 0 || (word > 2 && !cue)) return 0;
    if (is_surname_alone(u, family, word)) return family;
    if (is_surname_with_title(u, family, word)) {
        *sure = ENOUGH + 10;
        return family;
    }
    const int two = name_score(u, family, 2), one = name_score(u, family, 1), before = before_score(u->m, u->first);
    *sure = (two >= one ? two : one) + before;
    if (*sure < ENOUGH) return 0;
    return family + (two >= one ? 2 : 1);
}

/* An organisation's name that begins here and ends in 公司, 大学 …: its characters; 0: none. */
static uint32_t find_organisation(run *u, uint32_t word, uint16_t flags) {
    if (!(flags & (NER_HAN_PLACE | NER_HAN_ORGANISATION))) return 0;
    uint32_t end = word, found = flags & NER_HAN_ORGANISATION ? word : 0;
    for (uint32_t words = 0; words < 4 && end + 2 < NER_HAN_AHEAD; words++) {
        uint16_t f;
        uint8_t c;
        if (!read_to(u, end + 1)) break;
        const uint32_t n = longest(u, end, &f, &c);
        if (f & (NER_HAN_STOP | NER_HAN_AFTER | NER_HAN_CUE) && n == 1) break;
        end += n;
        if (f & (NER_HAN_ORGANISATION_END | NER_HAN_ORGANISATION)) found = end;
    }
    return found;
}

static uint32_t decide(run *u, uint32_t word, uint16_t flags, uint8_t common, uint8_t *tag, int *sure) {
    uint32_t n = 0;
    *sure = ENOUGH + 16;
    *tag = NER_B_ORG;
    if (u->m->types & ENTITY_BIT(ENTITY_ORGANISATION)) n = find_organisation(u, word, flags);
    if (n > 0) return n;
    *tag = NER_B_PER;
    if (!(flags & (NER_HAN_PLACE | NER_HAN_ORGANISATION))) n = find_person(u, word, flags, common, sure);
    if (n > 0) return n;
    *tag = NER_O;
    if (flags & NER_HAN_PLACE) *tag = NER_B_LOC;
    if (flags & NER_HAN_ORGANISATION) *tag = NER_B_ORG;
    return word;
}

void ner_zh_step(names *m, reader *r) {
    const uint32_t i = m->next;
    run u = {.m = m, .r = r, .first = i, .next = i};
    uint16_t flags;
    uint8_t common, tag;
    int sure;
    if (is_sign_said(&r->tokens[i])) {
        m->tag[i] = NER_O;
        m->zh_before = 0;
        m->next = m->zh_end = i + 1;
        return;
    }
    const uint32_t word = longest(&u, 0, &flags, &common);
    const uint32_t n = decide(&u, word, flags, common, &tag, &sure);
    const uint32_t end = u.token[n - 1] + 1;
    for (uint32_t k = i; k < end; k++) m->tag[k] = NER_JOINED;
    const int margin = (sure - ENOUGH) * 4 + 20;
    m->tag[i] = tag;
    m->margin[i] = (uint8_t)(margin < 0 ? 0 : margin > NER_CERTAIN ? NER_CERTAIN : margin);
    /* 名字是, 姓名叫: the cue lasts */
    const bool lasts = m->zh_end == i && (m->zh_before & NER_HAN_CUE) && (flags & NER_HAN_WEAK_CUE) && word == 1;
    m->zh_before = tag == NER_O ? (uint16_t)(flags | (lasts ? NER_HAN_CUE : 0)) : 0;
    m->zh_end = end;
    m->next = end;
    m->n_ahead = 0;
}
