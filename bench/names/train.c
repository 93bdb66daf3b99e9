/* train.c: makes src/privacy/ner_tables.bin, the tables of the tagger of names (make train-names).
 *
 *     ner_train DATA LISTS.tsv SPOKEN.conll OUT.bin [--held FOLD] [--epochs 14] [--features 40000] [--words 56000]
 *
 * DATA       holds wikigold.conll, wnut17-train.conll, btc.conll. Of wikigold's articles (-DOCSTART-) and of BTC's messages each fifth is
 *            kept out and tells how good it is: number % 5 == FOLD, counted from 0; FOLD is 4 unless --held says otherwise.
 *            bench/names/folds.mjs does so five times and adds up. MARGIN and the like were chosen by folds 0 to 3.
 * Learning   averaged structured perceptron, greedy, each sentence in true, lower, title or upper case; first with all features,
 *            then again with those alone that weigh most. Weights are bytes. SEED makes order and cases; the same numbers on
 *            every run on the same type of machine.
 */
#include "base/mem.h"
#include "privacy/ner_int.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define SEED           2025
#define MARGIN         100 /* by which the right tag must win */
#define WIKI_TIMES     3   /* an epoch: of all corpora it is the one written with care */
#define CAUTION        75  /* of the bytes that weights are: chosen so that persons' F1 is best */
#define RENAME_PERCENT 30  /* of the names in a sentence are others each time */
#define TEXT_MAX       8192
#define SENTENCE_WORDS 1600
#define PASSAGE_BYTES  6000 /* of an article at once */
#define MAP_SLOTS      (1u << 23)

typedef enum set { SET_WIKI, SET_WNUT, SET_BTC, SET_SPOKEN, SETS } set;
typedef enum part { PART_TRAIN, PART_TEST } part;

typedef struct sentence {
    char *text; /* words, a blank between */
    uint32_t n_words;
    uint32_t *at;  /* [n_words] bytes */
    uint8_t *gold; /* [n_words] ner_tag */
    uint8_t set, part;
} sentence;

static sentence *sentences;
static size_t n_sentences, room_sentences;

static _Noreturn void fail(const char *what, const char *name) {
    fprintf(stderr, "ner_train: %s: %s\n", what, name);
    exit(1);
}

static void *must(void *p) {
    if (!p) fail("no memory", "");
    return p;
}

static uint64_t random_state = SEED;
static uint32_t random_below(uint32_t n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 33) % n);
}

/* ---- sentences ------------------------------------------------------------------------------------------------------ */

typedef struct draft {
    char text[TEXT_MAX];
    uint32_t n, n_words, at[SENTENCE_WORDS];
    uint8_t gold[SENTENCE_WORDS];
} draft;

static char titles[64][24];
static size_t n_titles;

static void read_titles(const char *path) {
    char line[512];
    FILE *f = fopen(path, "r");
    if (!f) fail("cannot read", path);
    while (fgets(line, sizeof line, f))
        if (n_titles < 64 && sscanf(line, "title\t%23s", titles[n_titles]) == 1) n_titles++;
    fclose(f);
}

static uint8_t read_tag(const char *label) {
    static const struct {
        const char *name;
        uint8_t tag;
    } names[] = {{"PER", NER_B_PER}, {"person", NER_B_PER},      {"LOC", NER_B_LOC},  {"location", NER_B_LOC},
                 {"ORG", NER_B_ORG}, {"corporation", NER_B_ORG}, {"group", NER_B_ORG}};
    if (label[0] == 'O' || label[1] != '-') return NER_O;
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
        if (strcmp(label + 2, names[k].name) == 0) return (uint8_t)(names[k].tag + (label[0] == 'I'));
    return NER_O;
}

static bool glues(const char *word) {
    static const char *const clitics[] = {"'s", "'S", "n't", "'m", "'re", "'ve", "'ll", "'d", "N'T", "'"};
    for (size_t k = 0; k < sizeof clitics / sizeof clitics[0]; k++)
        if (strcmp(word, clitics[k]) == 0) return true;
    return false;
}

/* What nobody says: names of users, addresses of pages. */
static bool unsaid(const char *word) {
    return word[0] == '@' || strncmp(word, "http", 4) == 0 || strcmp(word, "RT") == 0;
}

/* Not of the name: wikigold is of two minds. */
static bool is_title(const char *word) {
    for (size_t k = 0; k < n_titles; k++)
        if (strcasecmp(word, titles[k]) == 0) return true;
    return false;
}

static void add_word(draft *d, const char *word, uint8_t tag) {
    size_t n = strlen(word);
    if (d->n_words == SENTENCE_WORDS || d->n + n + 2 > TEXT_MAX) return;
    const bool initial = strcmp(word, ".") == 0 && d->n_words > 0 && d->n - d->at[d->n_words - 1] == 1 &&
                         isupper((unsigned char)d->text[d->n - 1]);
    if (d->n_words > 0 && (glues(word) || initial)) {
        memcpy(d->text + d->n, word, n);
        d->n += (uint32_t)n;
        return;
    }
    if (d->n > 0) d->text[d->n++] = ' ';
    /* IOB1 of wikigold: a name that begins with I- begins */
    const uint8_t before = d->n_words > 0 ? d->gold[d->n_words - 1] : NER_O;
    if (tag != NER_O && (before == NER_O || before > NER_I_PER) && tag <= NER_I_PER && is_title(word)) tag = NER_O;
    if (tag != NER_O && tag % 2 == 0 && before != tag && before != tag - 1) tag--;
    d->at[d->n_words] = d->n;
    d->gold[d->n_words++] = tag;
    memcpy(d->text + d->n, word, n);
    d->n += (uint32_t)n;
}

static void *copy(const void *from, size_t n) {
    void *to = must(mem_alloc(n + 1, 1));
    memcpy(to, from, n);
    return to;
}

static void end_sentence(draft *d, set s, part p) {
    if (d->n_words > 0) {
        if (n_sentences == room_sentences) {
            size_t room = room_sentences ? room_sentences * 2 : 4096;
            sentences = must(mem_resize(sentences, room_sentences * sizeof *sentences, room * sizeof *sentences));
            room_sentences = room;
        }
        sentences[n_sentences++] =
            (sentence){copy(d->text, d->n),       d->n_words, copy(d->at, d->n_words * sizeof *d->at),
                       copy(d->gold, d->n_words), (uint8_t)s, (uint8_t)p};
    }
    d->n = d->n_words = 0;
}

static part part_of(set s, uint32_t number, int held) {
    if (s == SET_WNUT || s == SET_SPOKEN) return PART_TRAIN;
    return (int)(number % 5) == held ? PART_TEST : PART_TRAIN;
}

static void read_set(const char *folder, const char *name, set s, int held) {
    static draft d;
    char path[1024], line[1024];
    snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name);
    FILE *f = fopen(path, "r");
    if (!f) fail("cannot read", path);
    uint32_t number = 0;
    bool skip = false;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = 0;
        char *label = strpbrk(line, "\t ");
        if (!label) {
            if (s == SET_WIKI && d.n_words > 0 && d.n < PASSAGE_BYTES) {
                if (d.gold[d.n_words - 1] != NER_O || d.text[d.n - 1] != '\x1e') add_word(&d, "\x1e", NER_O);
                continue;
            }
            end_sentence(&d, s, part_of(s, number, held));
            number += s != SET_WIKI;
            continue;
        }
        *label++ = 0;
        if (strcmp(line, "-DOCSTART-") == 0) {
            end_sentence(&d, s, part_of(s, number, held));
            number++;
            continue;
        }
        const bool at = strcmp(line, "@") == 0;
        if (!skip && !at && !unsaid(line) && strcmp(line, "#") != 0)
            add_word(&d, line[0] == '#' && line[1] ? line + 1 : line, read_tag(label));
        skip = at && s != SET_WIKI;
    }
    end_sentence(&d, s, part_of(s, number, held));
    fclose(f);
}

/* ---- a sentence as the tagger reads it ------------------------------------------------------------------------------ */

typedef enum casing { CASE_TRUE, CASE_LOWER, CASE_TITLE, CASE_UPPER, CASES } casing;

static void recase(const char *from, casing c, char *to) {
    bool begins = true;
    size_t n = strlen(from);
    for (size_t k = 0; k < n;) {
        utf8proc_int32_t code;
        utf8proc_ssize_t size = utf8proc_iterate((const utf8proc_uint8_t *)from + k, (utf8proc_ssize_t)(n - k), &code);
        if (size < 1) size = 1, code = from[k];
        utf8proc_int32_t made = c == CASE_TRUE                                   ? code
                                : c == CASE_UPPER || (c == CASE_TITLE && begins) ? utf8proc_toupper(code)
                                                                                 : utf8proc_tolower(code);
        utf8proc_uint8_t bytes[4];
        /* bytes stay where they are */
        if (utf8proc_encode_char(made, bytes) == size)
            memcpy(to + k, bytes, (size_t)size);
        else
            memcpy(to + k, from + k, (size_t)size);
        begins = from[k] == ' ';
        k += (size_t)size;
    }
    to[n] = 0;
}

typedef struct passage {
    char text[TEXT_MAX];
    token tokens[TEXT_MAX];
    reader r;
} passage;

static void open_passage(passage *p, const sentence *s, casing c, names *m) {
    recase(s->text, c, p->text);
    const size_t n = strlen(p->text);
    size_t at = 0;
    uint32_t n_tokens = token_read(p->text, n, &at, p->tokens, TEXT_MAX);
    p->r = (reader){.text = p->text, .n = n, .tokens = p->tokens, .n_tokens = n_tokens, .whole = true, .names = m};
    names_reset(m);
}

/* The tag that the corpus gives the word that begins at token i. */
static uint8_t gold_at(const sentence *s, const passage *p, uint32_t i, uint32_t *cursor) {
    const uint32_t at = p->tokens[i].at;
    while (*cursor + 1 < s->n_words && s->at[*cursor + 1] <= at) ++*cursor;
    const uint8_t tag = s->gold[*cursor];
    if (tag != NER_O && tag % 2 == 1 && at > s->at[*cursor]) return (uint8_t)(tag + 1);
    return tag;
}

/* ---- other names in the same sentences: what is learnt is how names stand, not which they are ---------------------------- */

typedef struct names_list {
    char (*word)[32];
    uint32_t n;
} names_list;
static names_list firsts, lasts, places;

static void add_name(names_list *l, const char *word) {
    if (strlen(word) > 24 || strchr(word, ' ')) return;
    if (l->n % 1024 == 0) l->word = must(mem_resize(l->word, l->n * sizeof *l->word, (l->n + 1024) * sizeof *l->word));
    snprintf(l->word[l->n++], sizeof *l->word, "%s", word);
}

/* One of a list, the commoner the likelier; or one that nobody is called. */
static void draw_name(const names_list *l, char out[64]) {
    const uint32_t most = random_below(l->n) + 1, k = random_below(most);
    if (random_below(5) > 0) {
        snprintf(out, 64, "%s", l->word[k]);
    } else {
        const char *a = l->word[random_below(l->n)], *b = l->word[random_below(l->n)];
        snprintf(out, 64, "%.*s%s", (int)(strlen(a) / 2 + 1), a, b + strlen(b) / 2);
    }
    if (out[0] >= 'a' && out[0] <= 'z') out[0] = (char)(out[0] - 32);
}

static void append(sentence *to, const char *text, size_t n, uint8_t gold) {
    size_t at = to->n_words > 0 ? strlen(to->text) : 0;
    if (at + n + 2 > TEXT_MAX) return;
    if (at > 0) to->text[at++] = ' ';
    memcpy(to->text + at, text, n);
    to->text[at + n] = 0;
    to->at[to->n_words] = (uint32_t)at;
    to->gold[to->n_words++] = gold;
}

/* A name of word k of s in place of it; false: it stays. */
static bool other_name(const sentence *s, uint32_t k, char out[64]) {
    const uint8_t tag = s->gold[k];
    const bool goes_on = k + 1 < s->n_words && s->gold[k + 1] == NER_I_PER;
    const char *word = s->text + s->at[k];
    if (!isupper((unsigned char)word[0]) || !islower((unsigned char)word[1])) return false;
    if (tag == NER_B_LOC && (k + 1 == s->n_words || s->gold[k + 1] != NER_I_LOC))
        draw_name(&places, out);
    else if (tag == NER_B_PER)
        draw_name(goes_on || random_below(2) ? &firsts : &lasts, out);
    else if (tag == NER_I_PER)
        draw_name(goes_on ? &firsts : &lasts, out);
    else
        return false;
    return true;
}

typedef struct renamed {
    char from[64], to[64];
} renamed;

/* The same name becomes the same name all over. */
static bool once_for_all(const sentence *s, uint32_t k, size_t n, char name[64], renamed *list, uint32_t *n_list) {
    char from[64];
    const char *word = s->text + s->at[k];
    const char *tail = memchr(word, '\'', n);
    snprintf(from, sizeof from, "%.*s", (int)(tail ? tail - word : (ptrdiff_t)n), word);
    for (uint32_t j = 0; j < *n_list; j++) {
        if (strcmp(list[j].from, from) != 0) continue;
        memcpy(name, list[j].to, 64);
        return name[0] != 0;
    }
    if (random_below(100) >= RENAME_PERCENT || !other_name(s, k, name)) name[0] = 0;
    if (*n_list < 100) {
        memcpy(list[*n_list].from, from, 64);
        memcpy(list[(*n_list)++].to, name, 64);
    }
    return name[0] != 0;
}

static void rename_people(const sentence *s, sentence *to) {
    static renamed list[100];
    uint32_t n_list = 0;
    to->n_words = 0;
    to->set = s->set;
    for (uint32_t k = 0; k < s->n_words; k++) {
        const char *word = s->text + s->at[k];
        const size_t n = k + 1 < s->n_words ? s->at[k + 1] - s->at[k] - 1 : strlen(word);
        char name[64 + 8];
        if (s->gold[k] == NER_O || s->gold[k] > NER_I_LOC || !once_for_all(s, k, n, name, list, &n_list)) {
            append(to, word, n, s->gold[k]);
            continue;
        }
        const char *tail = memchr(word, '\'', n);
        if (tail) strncat(name, tail, (size_t)(word + n - tail) < 4 ? (size_t)(word + n - tail) : 4);
        append(to, name, strlen(name), s->gold[k]);
    }
}

/* ---- weights while learning ----------------------------------------------------------------------------------------- */

typedef struct row {
    uint64_t id;
    float w[NER_TAGS + 1], sum[NER_TAGS + 1];
    uint32_t uses;
} row;

static uint32_t *map; /* [MAP_SLOTS] of row + 1 */
static row *rows;
static size_t n_rows, room_rows;
static bool frozen; /* no new features */
static double clock_now;

static row *get_row(uint64_t id, bool make) {
    uint32_t s = (uint32_t)(id >> 20) & (MAP_SLOTS - 1);
    for (; map[s]; s = (s + 1) & (MAP_SLOTS - 1))
        if (rows[map[s] - 1].id == id) return &rows[map[s] - 1];
    if (!make || frozen) return NULL;
    if (n_rows == room_rows) {
        size_t room = room_rows ? room_rows * 2 : 1 << 16;
        rows = must(mem_resize(rows, room_rows * sizeof *rows, room * sizeof *rows));
        room_rows = room;
    }
    if (n_rows > MAP_SLOTS / 2) fail("too many features", "");
    rows[n_rows] = (row){.id = id};
    map[s] = (uint32_t)++n_rows;
    return &rows[n_rows - 1];
}

typedef struct learner {
    uint64_t ids[NER_FEATURES_MAX];
    uint32_t n;
    bool asked;
    uint8_t allowed;
    float sum[NER_TAGS];
} learner;

static ner_tag choose(void *user, const ner_view *v, uint8_t allowed, int *margin) {
    learner *l = user;
    l->n = ner_features(v, l->ids);
    if (l->n == NER_FEATURES_MAX) fail("NER_FEATURES_MAX is too small", "");
    l->asked = true;
    l->allowed = allowed;
    float sum[NER_TAGS] = {0};
    for (uint32_t k = 0; k < l->n; k++) {
        const row *x = get_row(l->ids[k], false);
        if (!x) continue;
        for (uint32_t t = 0; t < NER_TAGS; t++) sum[t] += x->w[t];
    }
    int32_t score[NER_TAGS];
    memcpy(l->sum, sum, sizeof sum);
    for (uint32_t t = 0; t < NER_TAGS; t++) score[t] = (int32_t)lrintf(sum[t] * 64);
    return ner_best(score, allowed, margin);
}

static void change(learner *l, uint8_t up, uint8_t down) {
    for (uint32_t k = 0; k < l->n; k++) {
        row *x = get_row(l->ids[k], true);
        if (!x) continue;
        x->uses++;
        x->w[up] += 1;
        x->sum[up] += (float)clock_now;
        x->w[down] -= 1;
        x->sum[down] -= (float)clock_now;
    }
}

/* The best tag after what has been said already: a name whose beginning was missed begins late. */
static uint8_t wanted(uint8_t gold, uint8_t allowed) {
    if (allowed >> gold & 1) return gold;
    if (gold != NER_O && gold % 2 == 0 && (allowed >> (gold - 1) & 1)) return (uint8_t)(gold - 1);
    return NER_O;
}

/* The best of the others. */
static uint8_t rival(const learner *l, uint8_t want) {
    uint8_t best = want == NER_O ? NER_B_PER : NER_O;
    for (uint8_t t = 0; t < NER_TAGS; t++)
        if (t != want && (l->allowed >> t & 1) && (!(l->allowed >> best & 1) || l->sum[t] > l->sum[best])) best = t;
    return best;
}

static uint32_t learn_sentence(names *m, passage *p, const sentence *s, casing c) {
    learner l = {0};
    uint32_t cursor = 0, wrong = 0;
    open_passage(p, s, c, m);
    while (m->next < p->r.n_tokens) {
        const uint32_t i = m->next;
        l.asked = false;
        ner_step(m, &p->r, choose, &l);
        if (!l.asked) continue;
        clock_now++;
        const uint8_t want = wanted(gold_at(s, p, i, &cursor), l.allowed), got = rival(&l, want);
        if (want != m->tag[i]) wrong++;
        if (l.sum[want] - l.sum[got] > MARGIN) continue;
        change(&l, want, got);
    }
    return wrong;
}

static void learn(names *m, passage *p, uint32_t epochs) {
    sentence other = {.text = must(mem_alloc(TEXT_MAX, 1)),
                      .at = must(mem_alloc(SENTENCE_WORDS, 4)),
                      .gold = must(mem_alloc(SENTENCE_WORDS, 1))};
    uint32_t *order = must(mem_alloc(n_sentences, sizeof *order));
    for (uint32_t k = 0; k < n_sentences; k++) order[k] = k;
    for (uint32_t e = 0; e < epochs; e++) {
        uint32_t wrong = 0;
        for (uint32_t k = (uint32_t)n_sentences; k > 1; k--) {
            const uint32_t j = random_below(k), keep = order[j];
            order[j] = order[k - 1];
            order[k - 1] = keep;
        }
        for (size_t k = 0; k < n_sentences; k++) {
            const sentence *s = &sentences[order[k]];
            if (s->part != PART_TRAIN) continue;
            const uint32_t times = s->set == SET_WIKI ? WIKI_TIMES : 1;
            for (uint32_t t = 0; t < times; t++) {
                const uint32_t dice = random_below(8);
                const sentence *say = s;
                if (s->set != SET_SPOKEN && s->n_words < SENTENCE_WORDS) rename_people(s, &other), say = &other;
                wrong += learn_sentence(m, p, say,
                                        dice < 4    ? CASE_TRUE
                                        : dice < 6  ? CASE_LOWER
                                        : dice == 6 ? CASE_TITLE
                                                    : CASE_UPPER);
            }
        }
        fprintf(stderr, "epoch %u: %u wrong, %zu features\n", e + 1, wrong, n_rows);
    }
    mem_free(order);
}

/* ---- how good it is ------------------------------------------------------------------------------------------------- */

typedef struct count {
    uint32_t right, found, there;
} count;

/* The end of the name that begins at word k of tags. */
static uint32_t span_end(const uint8_t *tags, uint32_t n, uint32_t k) {
    const uint8_t inside = (uint8_t)(tags[k] + 1);
    uint32_t end = k + 1;
    while (end < n && tags[end] == inside) end++;
    return end;
}

static void compare(const uint8_t *gold, const uint8_t *got, uint32_t n, count counts[4]) {
    for (uint32_t k = 0; k < n; k++) {
        const bool is = gold[k] % 2 == 1, said = got[k] % 2 == 1;
        if (is) counts[(gold[k] - 1) / 2].there++, counts[3].there++;
        if (said) counts[(got[k] - 1) / 2].found++, counts[3].found++;
        if (is && said && gold[k] == got[k] && span_end(gold, n, k) == span_end(got, n, k))
            counts[(gold[k] - 1) / 2].right++, counts[3].right++;
    }
}

static void score_sentence(names *m, passage *p, const sentence *s, casing c, ner_choose *chooser, void *user,
                           count counts[4]) {
    static uint8_t gold[TEXT_MAX], got[TEXT_MAX];
    uint32_t n = 0, cursor = 0;
    open_passage(p, s, c, m);
    while (m->next < p->r.n_tokens) {
        const uint32_t i = m->next;
        ner_step(m, &p->r, chooser, user);
        gold[n] = gold_at(s, p, i, &cursor);
        got[n++] = m->tag[i];
    }
    for (uint32_t k = 0; k < n; k++) /* a name goes on behind nothing: it begins */
        if (gold[k] != NER_O && gold[k] % 2 == 0 && (k == 0 || (gold[k - 1] != gold[k] && gold[k - 1] != gold[k] - 1)))
            gold[k]--;
    compare(gold, got, n, counts);
}

static void score(names *m, passage *p, set s, const char *what, ner_choose *chooser, void *user) {
    static const char *const cases[] = {"true", "lower", "title", "upper"}, *const types[] = {"person", "place",
                                                                                              "organisation", "all"};
    for (int c = 0; c < CASES; c++) {
        count counts[4] = {0};
        for (size_t k = 0; k < n_sentences; k++)
            if (sentences[k].set == s && sentences[k].part == PART_TEST)
                score_sentence(m, p, &sentences[k], (casing)c, chooser, user, counts);
        printf("%-9s %-5s", what, cases[c]);
        for (int t = 0; t < 4; t++) {
            const double precision = counts[t].found ? (double)counts[t].right / counts[t].found : 0,
                         recall = counts[t].there ? (double)counts[t].right / counts[t].there : 0;
            printf("  %s P %.3f R %.3f F1 %.3f (%u/%u/%u)", types[t], precision, recall,
                   precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0, counts[t].right,
                   counts[t].found, counts[t].there);
        }
        printf("\n");
    }
}

static void score_all(names *m, passage *p, ner_choose *chooser, void *user) {
    score(m, p, SET_WIKI, "wikigold", chooser, user);
    score(m, p, SET_BTC, "btc", chooser, user);
}

/* ---- lists ---------------------------------------------------------------------------------------------------------- */

typedef struct list_maker {
    uint16_t *mark, *flags;
    uint8_t *cls;
    uint32_t slots;
    uint32_t used;
} list_maker;

static void open_list(list_maker *l, uint32_t slots) {
    l->slots = slots;
    l->mark = must(mem_alloc(slots, sizeof *l->mark));
    l->flags = must(mem_alloc(slots, sizeof *l->flags));
    l->cls = must(mem_alloc(slots, 1));
}

static uint32_t list_place(const list_maker *l, uint64_t id) {
    uint32_t s = ner_slot(id, l->slots);
    while (l->mark[s] != 0 && l->mark[s] != ner_mark16(id)) s = s + 1 == l->slots ? 0 : s + 1;
    return s;
}

static void list_put(list_maker *l, uint64_t id, uint16_t flags, uint8_t cls) {
    const uint32_t s = list_place(l, id);
    if (l->mark[s] == 0) l->used++;
    if (l->used + l->slots / 16 > l->slots) fail("a list is full", "");
    l->mark[s] = ner_mark16(id);
    l->flags[s] |= flags;
    l->cls[s] |= cls;
}

static ner_list list_of(const list_maker *l) {
    return (ner_list){l->slots, l->mark, l->flags, l->cls};
}

static uint64_t entry_id(const char *word) {
    const char *blank = strchr(word, ' ');
    if (!blank) return ner_hash(word, strlen(word));
    return ner_mix(ner_hash(word, (size_t)(blank - word)), ner_hash(blank + 1, strlen(blank + 1)));
}

#define NAMES_ALL                                                                                                      \
    (NER_LIST_FIRST | NER_LIST_FIRST_RARE | NER_LIST_LAST | NER_LIST_LAST_RARE | NER_LIST_PLACE |                      \
     NER_LIST_PLACE_SMALL | NER_LIST_PERSON_CLASS)

static void read_lists(const char *path, uint32_t most, list_maker *english, list_maker *chinese, int8_t *given) {
    char line[512], word[256];
    unsigned flags, cls;
    float worth;
    uint32_t n = 0;
    int a, b, c, d;
    FILE *f = fopen(path, "r");
    if (!f) fail("cannot read", path);
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "word\t%255[^\t]\t%u\t%u\t%f", word, &flags, &cls, &worth) == 4) {
            if (flags & (NER_LIST_FIRST | NER_LIST_FIRST_RARE) && n < most) add_name(&firsts, word);
            if (flags & (NER_LIST_LAST | NER_LIST_LAST_RARE) && n < most) add_name(&lasts, word);
            if (flags & (NER_LIST_PLACE | NER_LIST_PLACE_SMALL) && n < most) add_name(&places, word);
            if (n++ < most) list_put(english, entry_id(word), (uint16_t)flags, (uint8_t)cls);
        } else if (sscanf(line, "never\t%255[^\t\n]", word) == 1) {
            list_put(english, entry_id(word), 0, NER_LIST_NEVER_BEGINS);
        } else if (sscanf(line, "han\t%255[^\t]\t%u\t%u", word, &flags, &cls) == 3) {
            list_put(chinese, entry_id(word), (uint16_t)flags, (uint8_t)cls);
        } else if (sscanf(line, "given\t%u\t%d\t%d\t%d\t%d", &cls, &a, &b, &c, &d) == 5) {
            const uint32_t k = cls - NER_HAN_FIRST;
            if (k < NER_HAN_COUNT)
                given[k * 4] = (int8_t)a, given[k * 4 + 1] = (int8_t)b, given[k * 4 + 2] = (int8_t)c,
                          given[k * 4 + 3] = (int8_t)d;
        }
    }
    fclose(f);
}

/* Words with which no name begins, or in which none goes on, as far as has been heard. */
static void find_never(names *m, passage *p, list_maker *l) {
    uint32_t(*seen)[3] = must(mem_alloc(l->slots, sizeof *seen)); /* outside, begins, inside */
    for (size_t k = 0; k < n_sentences; k++) {
        const sentence *s = &sentences[k];
        if (s->part != PART_TRAIN) continue;
        uint32_t cursor = 0;
        open_passage(p, s, CASE_TRUE, m);
        for (uint32_t i = 0; i < p->r.n_tokens;) {
            ner_word w;
            ner_read_word(&p->r, i, &m->tables.english, &w);
            const uint8_t gold = gold_at(s, p, i, &cursor);
            const uint32_t slot = list_place(l, w.id);
            if (l->mark[slot]) seen[slot][gold == NER_O ? 0 : gold % 2 == 1 ? 1 : 2]++;
            i = w.end;
        }
    }
    uint32_t never_begins = 0, never_in = 0;
    for (uint32_t s = 0; s < l->slots; s++) {
        if (!l->mark[s] || (l->flags[s] & NAMES_ALL && !(l->cls[s] & NER_LIST_NEVER_BEGINS))) continue;
        const uint32_t outside = seen[s][0], begins = seen[s][1], inside = seen[s][2];
        const bool usual =
            (l->flags[s] & NER_LIST_TOP) || ((l->flags[s] & NER_LIST_COMMON) && outside >= 3) || outside >= 8;
        const bool odd = l->flags[s] & (NER_LIST_ORGANISATION | NER_LIST_PLACE_BEGINS | NER_LIST_TITLE);
        if ((usual && !odd && begins * 200 <= outside) || (l->cls[s] & NER_LIST_NEVER_BEGINS))
            l->cls[s] |= NER_LIST_NEVER_BEGINS, never_begins++;
        if ((l->cls[s] & NER_LIST_NEVER_BEGINS) && (inside + begins) * 500 <= outside && outside >= 3 &&
            !(l->flags[s] & (NER_LIST_PLACE_GOES_ON | NER_LIST_ORGANISATION)))
            l->cls[s] |= NER_LIST_NEVER_IN, never_in++;
    }
    fprintf(stderr, "%u words listed; with %u no name begins, %u are in none\n", l->used, never_begins, never_in);
    mem_free(seen);
}

/* ---- choosing features, bytes --------------------------------------------------------------------------------------- */

static float weight(const row *x, uint32_t tag) {
    return x->w[tag] - x->sum[tag] / (float)clock_now;
}

static float range(const row *x) {
    float least = 0, most = 0;
    for (uint32_t t = 0; t < NER_TAGS; t++) {
        const float w = weight(x, t);
        if (w < least) least = w;
        if (w > most) most = w;
    }
    return (most - least) * sqrtf(logf(1 + (float)x->uses));
}

typedef struct ranked {
    float worth;
    uint32_t row;
} ranked;

static int by_worth(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->worth != y->worth) return x->worth < y->worth ? 1 : -1;
    return x->row < y->row ? -1 : 1;
}

static ranked *rank_rows(void) {
    ranked *list = must(mem_alloc(n_rows, sizeof *list));
    for (uint32_t k = 0; k < n_rows; k++) list[k] = (ranked){range(&rows[k]), k};
    qsort(list, n_rows, sizeof *list, by_worth);
    return list;
}

/* Only the best `most` that find room in the buckets stay, and are learnt anew. */
static void keep_best(uint32_t most, uint32_t buckets) {
    ranked *list = rank_rows();
    uint8_t *used = must(mem_alloc(buckets, 1)), (*marks)[NER_BUCKET_ROWS] = must(mem_alloc(buckets, sizeof *marks));
    row *kept = must(mem_alloc(most, sizeof *kept));
    uint32_t n = 0;
    for (size_t k = 0; k < n_rows && n < most; k++) {
        const uint64_t id = rows[list[k].row].id;
        const uint32_t b = ner_slot(id, buckets);
        bool taken = used[b] == NER_BUCKET_ROWS;
        for (uint32_t j = 0; !taken && j < used[b]; j++) taken = marks[b][j] == ner_mark8(id);
        if (taken) continue;
        marks[b][used[b]++] = ner_mark8(id);
        kept[n++] = (row){.id = id};
    }
    memset(map, 0, MAP_SLOTS * sizeof *map);
    mem_free(rows);
    rows = kept;
    room_rows = most;
    n_rows = 0;
    for (uint32_t k = 0; k < n; k++) {
        const uint64_t id = kept[k].id;
        get_row(id, true);
    }
    frozen = true;
    clock_now = 0;
    mem_free(list);
    mem_free(used);
    mem_free(marks);
    fprintf(stderr, "%u features stay\n", n);
}

static ner_bucket *make_buckets(uint32_t buckets) {
    ner_bucket *made = must(mem_alloc(buckets, sizeof *made));
    ranked *list = rank_rows();
    float most = 0;
    for (uint32_t t = 0; t < NER_TAGS; t++)
        for (size_t k = 0; k < n_rows; k++)
            if (fabsf(weight(&rows[k], t)) > most) most = fabsf(weight(&rows[k], t));
    const float scale = 127 / (most * 0.6f);
    for (size_t k = 0; k < n_rows; k++) {
        const row *x = &rows[list[k].row];
        ner_bucket *b = &made[ner_slot(x->id, buckets)];
        uint32_t at = 0;
        while (at < NER_BUCKET_ROWS && b->mark[at]) at++;
        if (at == NER_BUCKET_ROWS) continue;
        b->mark[at] = ner_mark8(x->id);
        for (uint32_t t = 0; t < NER_TAGS; t++) {
            const float w = weight(x, t) * scale;
            b->weight[at][t] = (int8_t)lrintf(w > 127 ? 127 : w < -127 ? -127 : w);
        }
    }
    fprintf(stderr, "scale %.2f\n", (double)scale);
    mem_free(list);
    return made;
}

/* ---- the file ------------------------------------------------------------------------------------------------------- */

static void write_part(FILE *f, const void *part, size_t n) {
    static const uint8_t zero[64];
    fwrite(part, 1, n, f);
    fwrite(zero, 1, (64 - n % 64) % 64, f);
}

static void write_tables(const char *path, const list_maker *english, const list_maker *chinese,
                         const ner_bucket *buckets, uint32_t n_buckets, const int8_t *given) {
    FILE *f = fopen(path, "wb");
    if (!f) fail("cannot write", path);
    const ner_head head = {NER_TABLES_MAGIC, english->slots, chinese->slots, n_buckets, NER_HAN_COUNT, {0}, CAUTION};
    write_part(f, &head, sizeof head);
    const list_maker *const lists[] = {english, chinese};
    for (int k = 0; k < 2; k++) {
        write_part(f, lists[k]->mark, lists[k]->slots * sizeof *english->mark);
        write_part(f, lists[k]->flags, lists[k]->slots * sizeof *english->flags);
        write_part(f, lists[k]->cls, lists[k]->slots);
    }
    write_part(f, buckets, n_buckets * sizeof *buckets);
    write_part(f, given, (size_t)NER_HAN_COUNT * NER_HAN_SCORES);
    if (fclose(f) != 0) fail("cannot write", path);
}

static uint32_t option(int argc, char **argv, const char *name, uint32_t usual) {
    for (int k = 5; k + 1 < argc; k++)
        if (strcmp(argv[k], name) == 0) return (uint32_t)strtoul(argv[k + 1], NULL, 10);
    return usual;
}

int main(int argc, char **argv) {
    if (argc < 5)
        fail("usage",
             "ner_train DATA LISTS.tsv SPOKEN.conll OUT.bin [--held FOLD] [--epochs N] [--features N] [--words N]");
    const int held = (int)option(argc, argv, "--held", 4);
    const uint32_t epochs = option(argc, argv, "--epochs", 14), features = option(argc, argv, "--features", 40000),
                   n_words = option(argc, argv, "--words", 56000);
    const uint32_t n_buckets = (uint32_t)((uint64_t)features * 10 / 9 / NER_BUCKET_ROWS);
    if (token_lexicon() != STENO_OK) fail("lexicon", "");
    read_titles(argv[2]);
    read_set(argv[1], "wikigold.conll", SET_WIKI, held);
    read_set(argv[1], "wnut17-train.conll", SET_WNUT, held);
    read_set(argv[1], "btc.conll", SET_BTC, held);
    read_set("", argv[3], SET_SPOKEN, held);
    list_maker english = {0}, chinese = {0};
    int8_t *given = must(mem_alloc((size_t)NER_HAN_COUNT * NER_HAN_SCORES, 1));
    open_list(&english, n_words * 8 / 7);
    open_list(&chinese, option(argc, argv, "--han", 88000));
    read_lists(argv[2], n_words, &english, &chinese, given);
    names *m = must(mem_alloc(1, sizeof *m));
    passage *p = must(mem_alloc(1, sizeof *p));
    map = must(mem_alloc(MAP_SLOTS, sizeof *map));
    m->tables.english = list_of(&english);
    find_never(m, p, &english);
    printf("seed %d\n", SEED);
    learn(m, p, epochs);
    keep_best(features, n_buckets);
    learn(m, p, epochs);
    ner_bucket *buckets = make_buckets(n_buckets);
    m->tables.weights = buckets;
    m->tables.buckets = n_buckets;
    m->tables.caution = CAUTION;
    score_all(m, p, ner_decide, &m->tables);
    write_tables(argv[4], &english, &chinese, buckets, n_buckets, given);
    return 0;
}
