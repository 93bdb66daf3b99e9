/* ner_int.h: inside the tagger of names: words, tags, features and tables; also for bench/names/train.c, which makes the tables.
 *
 * Owner      tables are immutable and part of the program; a struct names is one finder's.
 * Invariants what is computed here for training is what is computed when tagging: there is one body of each.
 */
#ifndef STENO_PRIVACY_NER_INT_H
#define STENO_PRIVACY_NER_INT_H

#include "privacy/find.h"
#include "privacy/ner.h"

/* ---- tables: ner_tables.c ------------------------------------------------------------------------------------------ */

/* What lists say of a word; bench/names/lists.mjs has the same names in the same order. */
#define NER_LIST_FIRST         0x0001 /* a given name … */
#define NER_LIST_FIRST_RARE    0x0002 /* … that is rare, or from elsewhere */
#define NER_LIST_LAST          0x0004
#define NER_LIST_LAST_RARE     0x0008
#define NER_LIST_PLACE         0x0010
#define NER_LIST_PLACE_SMALL   0x0020
#define NER_LIST_PLACE_BEGINS  0x0040 /* San, Los */
#define NER_LIST_PLACE_GOES_ON 0x0080 /* Francisco */
#define NER_LIST_ORGANISATION  0x0100
#define NER_LIST_PEOPLE        0x0200 /* French */
#define NER_LIST_TITLE         0x0400
#define NER_LIST_CALENDAR      0x0800
#define NER_LIST_TOP           0x1000 /* among the 1,500 commonest words of talk */
#define NER_LIST_COMMON        0x2000
#define NER_LIST_KNOWN         0x4000
#define NER_LIST_PERSON_CLASS  0x8000 /* somebody famous is called so */
#define NER_LIST_CLASS         0x3f   /* of `cls`: WordNet's lexicographer file + 1 */
#define NER_LIST_NEVER_BEGINS  0x40   /* of `cls`: no name begins with it … */
#define NER_LIST_NEVER_IN      0x80   /* … or goes on with it */

/* A table of words: `slots` of them, open addressing, a fingerprint of 0 is an empty slot. */
typedef struct ner_list {
    uint32_t slots;
    const uint16_t *mark;  /* [slots] */
    const uint16_t *flags; /* [slots] */
    const uint8_t *cls;    /* [slots] */
} ner_list;

/* Weights: buckets of a cache line, eight features each. */
#define NER_BUCKET_ROWS 8
typedef struct ner_bucket {
    uint8_t mark[NER_BUCKET_ROWS]; /* 0: no feature */
    int8_t weight[NER_BUCKET_ROWS][7];
} ner_bucket;

typedef struct ner_tables {
    ner_list english, chinese;
    uint32_t buckets;
    const ner_bucket *weights; /* [buckets] */
    int32_t caution;           /* by which a person must be likelier than anything else to begin */
    uint32_t han;              /* characters from U+4E00 on that `given` knows */
    const int8_t *given;       /* [han][NER_HAN_SCORES] */
} ner_tables;

#define NER_TABLES_MAGIC 0x3152454eu /* "NER1" */
/* Head of the file that train.c writes; what it counts follows in this order, each part on 64 bytes: English marks, flags, classes;
 * Chinese the same; buckets; characters. */
typedef struct ner_head {
    uint32_t magic, english_slots, chinese_slots, buckets, han, reserved[2];
    int32_t caution;
} ner_head;

/* Those of the program. False: it has none. */
bool ner_get_tables(ner_tables *out);
/* Tables in bytes that somebody else keeps, on 64 bytes. False: they are not what they should be. */
bool ner_read_tables(const uint8_t *bytes, size_t n, ner_tables *out);
/* False: not there. Any thread. */
bool ner_lookup(const ner_list *list, uint64_t id, uint16_t *flags, uint8_t *cls);
static inline uint64_t ner_mix(uint64_t a, uint64_t b) {
    uint64_t h = (a ^ (b * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xd6e8feb86659fd93);
    h ^= h >> 32;
    h *= UINT64_C(0xd6e8feb86659fd93);
    return h ^ h >> 29;
}
uint64_t ner_hash(const char *text, size_t n);
static inline uint32_t ner_slot(uint64_t id, uint32_t slots) {
    return (uint32_t)(((id >> 32) * slots) >> 32);
}
static inline uint16_t ner_mark16(uint64_t id) {
    return (uint16_t)((id & 0xffff) == 0 ? 1 : id & 0xffff);
}
static inline uint8_t ner_mark8(uint64_t id) {
    return (uint8_t)(id % 255 + 1);
}

/* ---- words: ner_words.c -------------------------------------------------------------------------------------------- */

#define NER_WORD_BYTES  40 /* of a word that are looked at */
#define NER_WORD_TOKENS 12 /* of which a word is made: Jean-Luc, U.S., AT&T */

typedef enum ner_kind { NER_EDGE, NER_SIGN, NER_NUMBER, NER_WORD } ner_kind; /* EDGE: of a sentence or of the text */
typedef enum ner_shape {
    NER_SHAPE_NONE,
    NER_SHAPE_LOWER,
    NER_SHAPE_CAPITAL, /* Word */
    NER_SHAPE_UPPER,   /* WORD */
    NER_SHAPE_ONE,     /* W, W. */
    NER_SHAPE_MIXED,   /* McDonald, iPhone */
    NER_SHAPE_DOTTED   /* U.S. */
} ner_shape;

typedef struct ner_word {
    uint32_t first, end; /* tokens */
    uint64_t id;         /* of the text in lower case, without 's */
    uint16_t flags;
    uint8_t cls;
    uint8_t kind, shape;
    uint8_t n;
    uint16_t pair;             /* what lists say of it and the next word together */
    bool owns;                 /* 's stands behind it */
    bool hyphen;               /* one is inside */
    char text[NER_WORD_BYTES]; /* [n] in lower case, without 's; cut where it is longer */
} ner_word;

/* The word that begins at token i. Reads one token behind it, two behind a hyphen, none where a blank follows. */
void ner_read_word(reader *r, uint32_t i, const ner_list *list, ner_word *out);

/* How a sentence is written, as far as it has been read. */
typedef struct ner_casing {
    uint16_t lower, capital, upper, top_lower, top_capital, words;
} ner_casing;
void ner_casing_add(ner_casing *c, const ner_word *w);
typedef enum ner_mode { NER_MODE_TRUE, NER_MODE_LOWER, NER_MODE_UPPER, NER_MODE_TITLE } ner_mode;
ner_mode ner_casing_mode(const ner_casing *c);

/* ---- tags and features: ner_features.c ----------------------------------------------------------------------------- */

typedef enum ner_tag { NER_O, NER_B_PER, NER_I_PER, NER_B_LOC, NER_I_LOC, NER_B_ORG, NER_I_ORG, NER_TAGS } ner_tag;

#define NER_FEATURES_MAX 96

typedef struct ner_view {
    const ner_word *w[5]; /* two before, the word, two behind */
    uint8_t tag1, tag2;   /* of the words before */
    uint8_t mode;         /* ner_mode, from the words up to two behind */
    uint16_t position;    /* in the sentence */
    uint8_t known,
        known_next; /* the tag that this word, or the one behind it, had in a name nearby; NER_O: it had none */
} ner_view;

/* Lists say something of words a and b together, "new york": a->pair. */
void ner_pair(ner_word *a, const ner_word *b, const ner_list *list);
/* Ids of what is the case. Returns how many. */
uint32_t ner_features(const ner_view *v, uint64_t out[NER_FEATURES_MAX]);
/* Which tags may follow `before` on word w: bits. 1 (O alone): nothing else need be looked at. */
uint8_t ner_allowed(uint8_t before, const ner_word *w);
/* The best of the allowed tags and by how much it is better than the second (255 at most). */
typedef ner_tag ner_choose(void *user, const ner_view *v, uint8_t allowed, int *margin);
/* By the weights of `user`, a const ner_tables. */
ner_choose ner_decide;
/* The best of scores. */
ner_tag ner_best(const int32_t score[NER_TAGS], uint8_t allowed, int *margin);

/* ---- tagging: ner.c, ner_zh.c -------------------------------------------------------------------------------------- */

#define NER_CERTAIN 255
#define NER_JOINED  NER_TAGS /* instead of a tag: within a word */

/* Words of names that were said before: "Tom Bobick … Bobick". Of the text that is looked through: what a caller has dropped from its front is
 * forgotten. */
#define NER_HEARD       64
#define NER_HEARD_BYTES 3000

struct names {
    ner_tables tables;
    uint32_t next; /* tokens before it are tagged */
    uint8_t tag1, tag2;
    uint16_t position;
    ner_word before[2]; /* in the sentence; EDGE where there is none */
    ner_word ahead[NER_AHEAD + 1];
    uint32_t n_ahead; /* of them read: the one at `next` first */
    ner_casing casing;
    struct {
        uint64_t id;
        uint32_t at; /* byte */
        uint8_t tag;
    } heard[NER_HEARD];         /* words of names, the latest NER_HEARD */
    uint32_t n_heard;           /* since the text began */
    entity_set types;           /* that are looked for */
    uint32_t zh_end;            /* the token behind the last word of Han characters … */
    uint16_t zh_before;         /* … and what the list says of it */
    uint8_t tag[FIND_TEXT_MAX]; /* of the word that begins at a token */
    uint8_t margin[FIND_TEXT_MAX];
};

/* Tags the next word, and moves behind it. */
void ner_step(names *m, reader *r, ner_choose *choose, void *user);

/* Han characters. What the list says of a word of them; bench/names/lists_zh.mjs has the same names in the same order. `cls` of a word is three times
 * the logarithm to 2 of how often it was met. */
#define NER_HAN_WORD             0x0001
#define NER_HAN_LONGER           0x0002 /* a longer entry begins so */
#define NER_HAN_PERSON           0x0004
#define NER_HAN_PLACE            0x0008
#define NER_HAN_ORGANISATION     0x0010
#define NER_HAN_SURNAME          0x0020
#define NER_HAN_TITLE            0x0040 /* 先生 */
#define NER_HAN_PLACE_END        0x0080
#define NER_HAN_ORGANISATION_END 0x0100 /* 公司 */
#define NER_HAN_CUE              0x0200 /* 我叫: a name follows */
#define NER_HAN_WEAK_CUE         0x0400 /* 找: one may follow */
#define NER_HAN_AFTER            0x0800 /* 说: one may have been before */
#define NER_HAN_STOP             0x1000 /* 的: in no given name */
#define NER_HAN_FOREIGN          0x2000 /* 斯: names from elsewhere are written with it */
#define NER_HAN_NICK             0x4000 /* 老王 */

#define NER_HAN_FIRST  0x4e00
#define NER_HAN_COUNT  0x5200
#define NER_HAN_SCORES 4 /* as a surname, first of two given, last of two given, only one given */

/* Tags the word of Han characters, or the name, that begins at token i = m->next, and moves behind it. Reads at most NER_HAN_AHEAD
 * characters. */
#define NER_HAN_AHEAD 14
void ner_zh_step(names *m, reader *r);

#endif
