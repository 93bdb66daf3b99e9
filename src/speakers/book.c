/* book.c: see book.h. Words and messages lie in two rings, by their number since the beginning. */
#include "speakers/book.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define CS_S      0.01 /* times are kept in hundredths of a second */
#define SHORT_CS  30   /* a speaker's stretch of words shorter than this is its neighbours' */
#define CALM_CS   45 /* so much of a message must differ to say it again before its end: more than a block's edge moves */
#define PEOPLE    STENO_SPEAKERS_MAX
#define NO_LABELS (-1)

typedef struct book_word {
    uint32_t start_cs;
    uint16_t length_cs;
    int8_t label; /* as said */
    bool fixed;
} book_word;

typedef struct book_entry {
    uint32_t id, rev, n;
    int64_t first; /* its first word's number */
    int speaker;   /* as said */
    float margin;
    bool fixed; /* said so */
    bool said;  /* its labels have been said once; false: a recording's before the end */
} book_entry;

struct book {
    book_contract contract;
    bool finished;
    bool open;  /* what is judged is no message yet: there is time until it is */
    bool exact; /* until the look that is under way is over: a word is reason enough to say a message again */
    book_word words[BOOK_WORDS];
    book_entry entries[BOOK_MESSAGES];
    int64_t words_first, words_end, first, end; /* numbers of those kept */
    int64_t look_first, look_end;               /* messages that may have changed */
    int64_t open_first;                         /* the first message that is not fixed: time alone may fix it */
    /* what the newest look found, of entry `found` */
    int64_t found; /* NO_LABELS: nothing */
    int8_t label[BOOK_MESSAGE_WORDS];
    float margin[BOOK_MESSAGE_WORDS];
    bool fixed[BOOK_MESSAGE_WORDS];
};

steno_err book_open(book **out) {
    *out = mem_alloc(1, sizeof **out);
    return *out ? STENO_OK : err_fail(STENO_E_NOMEM, "cannot reserve a book of %d words", BOOK_WORDS);
}

void book_free(book *b) {
    mem_free(b);
}

void book_reset(book *b, book_contract contract) {
    b->contract = contract;
    b->finished = b->exact = b->open = false;
    b->words_first = b->words_end = b->first = b->end = b->look_first = b->look_end = b->open_first = 0;
    b->found = NO_LABELS;
}

static book_entry *entry_of(book *b, int64_t i) {
    return &b->entries[i % BOOK_MESSAGES];
}

static book_word *word_of(book *b, const book_entry *m, uint32_t i) {
    return &b->words[(m->first + i) % BOOK_WORDS];
}

static double start_s(const book_word *w) {
    return w->start_cs * CS_S;
}

static double end_s(const book_word *w) {
    return (w->start_cs + w->length_cs) * CS_S;
}

/* Labels that were said may not be said differently. */
static bool keeps_promises(const book *b) {
    return b->contract.contract != STENO_SPEAKERS_REVISE;
}

/* ---- what the timeline has ---------------------------------------------------------------------------------------- */

static uint32_t run_end(const int8_t *label, uint32_t i, uint32_t n) {
    uint32_t end = i + 1;
    while (end < n && label[end] == label[i]) end++;
    return end;
}

static uint32_t run_cs(book *b, const book_entry *m, uint32_t first, uint32_t end) {
    uint32_t cs = 0;
    for (; first < end; first++) cs += word_of(b, m, first)->length_cs;
    return cs;
}

/* The label that a stretch too short for a person has instead: that of its longer neighbour; NO_LABELS: it is alone. */
static int neighbour(book *b, const book_entry *m, uint32_t first, uint32_t end, int *label) {
    uint32_t before = first, after = end < m->n ? run_end(b->label, end, m->n) : end;
    if (first == 0 && end == m->n) return NO_LABELS;
    while (before > 0 && b->label[before - 1] == b->label[first - 1]) before--;
    bool left = run_cs(b, m, before, first) >= run_cs(b, m, end, after);
    if (first == 0) left = false;
    if (end == m->n) left = true;
    *label = left ? b->label[first - 1] : b->label[end];
    return 0;
}

/* Stretches of a few words that no person would speak become their neighbours'; what is fixed stays. */
static void smooth(book *b, const book_entry *m) {
    for (uint32_t i = 0, end; i < m->n; i = end) {
        int label;
        end = run_end(b->label, i, m->n);
        if (run_cs(b, m, i, end) >= SHORT_CS || neighbour(b, m, i, end, &label) == NO_LABELS) continue;
        if (label == SPEAKERS_UNKNOWN) continue; /* to know something is better */
        for (uint32_t k = i; k < end; k++) {
            if (!b->fixed[k]) b->label[k] = (int8_t)label;
        }
    }
}

/* Labels and margins of the message's words into b->label, b->margin; fixed ones as they were said. */
static void look_up(book *b, const timeline *line, const book_entry *m) {
    for (uint32_t i = 0; i < m->n; i++) {
        const book_word *w = word_of(b, m, i);
        int speaker = timeline_who(line, start_s(w), end_s(w), &b->margin[i]);
        b->fixed[i] = w->fixed;
        b->label[i] = w->fixed ? w->label : (int8_t)speaker;
    }
    smooth(b, m);
}

/* ---- promises ----------------------------------------------------------------------------------------------------- */

/* The nearest label that is known; the one before if two are as near. */
static int8_t best_guess(const book *b, const book_entry *m, uint32_t i) {
    for (uint32_t far = 0; far < m->n; far++) {
        if (far <= i && b->label[i - far] != SPEAKERS_UNKNOWN) return b->label[i - far];
        if (i + far < m->n && b->label[i + far] != SPEAKERS_UNKNOWN) return b->label[i + far];
    }
    return SPEAKERS_UNKNOWN;
}

/* True when the word has its label for good. */
static bool becomes_fixed(const book *b, const book_word *w, int label, float margin, double heard_s) {
    bool decided = heard_s >= end_s(w), enrolled = b->contract.contract == STENO_SPEAKERS_ENROLLED;
    int patience_ms = enrolled || (b->open && b->contract.hold_ms == 0) ? BOOK_GIVE_UP_MS : b->contract.hold_ms;
    if (b->finished || heard_s >= end_s(w) + patience_ms / 1000.0 || patience_ms == 0) return true;
    return decided && label != SPEAKERS_UNKNOWN && (enrolled || margin >= BOOK_SURE_MARGIN);
}

/* Of contracts that never change a label: which of the labels looked up are for good; the others are unknown. */
static void promise(book *b, const timeline *line, const book_entry *m) {
    double heard_s = (double)line->end * SPEAKERS_BLOCK_MS / 1000.0;
    bool guess = b->contract.contract == STENO_SPEAKERS_DELAYED, now[BOOK_MESSAGE_WORDS] = {false};
    for (uint32_t i = 0; i < m->n; i++)
        now[i] = b->fixed[i] || becomes_fixed(b, word_of(b, m, i), b->label[i], b->margin[i], heard_s);
    int8_t guesses[BOOK_MESSAGE_WORDS];
    for (uint32_t i = 0; i < m->n; i++) guesses[i] = guess ? best_guess(b, m, i) : b->label[i];
    for (uint32_t i = 0; i < m->n; i++) {
        if (!b->fixed[i]) b->label[i] = now[i] ? guesses[i] : SPEAKERS_UNKNOWN;
        b->fixed[i] = now[i];
    }
}

/* What would be said of the message now. */
static void judge(book *b, const timeline *line, const book_entry *m) {
    look_up(b, line, m);
    if (keeps_promises(b)) promise(b, line, m);
}

static bool all_fixed(const book *b, const book_entry *m) {
    if (!keeps_promises(b)) return b->finished;
    for (uint32_t i = 0; i < m->n; i++) {
        if (!b->fixed[i]) return false;
    }
    return true;
}

/* Who most of it is of, by time, and how surely. */
static void majority(book *b, const book_entry *m, book_label *out) {
    float cs[PEOPLE + 2] = {0}, margin[PEOPLE + 2] = {0}; /* everybody, OTHER, UNKNOWN */
    int best = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        int label = b->label[i], vote = label >= 0 ? label : label == SPEAKERS_OTHER ? PEOPLE : PEOPLE + 1;
        float weight = (float)word_of(b, m, i)->length_cs + 1.0f;
        cs[vote] += weight;
        margin[vote] += weight * b->margin[i];
    }
    for (int i = 1; i < PEOPLE + 2; i++) {
        if (cs[i] > cs[best]) best = i;
    }
    bool nobody = cs[best] <= 0.0f || best == PEOPLE + 1;
    out->speaker = nobody ? SPEAKERS_UNKNOWN : best == PEOPLE ? SPEAKERS_OTHER : best;
    out->margin = nobody ? 0.0f : fminf(margin[best] / cs[best], 1.0f);
}

static void describe(book *b, const book_entry *m, book_label *out) {
    *out = (book_label){.id = m->id, .rev = m->rev, .n_words = m->n, .speaker = SPEAKERS_UNKNOWN};
    out->fixed = all_fixed(b, m);
    if (out->fixed || !keeps_promises(b)) majority(b, m, out);
}

/* ---- entering and leaving ----------------------------------------------------------------------------------------- */

static void set_times(book_word *w, const steno_word *word) {
    double start = fmax(word->start_s, 0.0) / CS_S, length = fmax(word->end_s - word->start_s, 0.0) / CS_S;
    w->start_cs = start >= UINT32_MAX ? UINT32_MAX : (uint32_t)lround(start);
    w->length_cs = length >= UINT16_MAX ? UINT16_MAX : (uint16_t)lround(length);
}

/* The labels that were found are what is said from now on. */
static void commit(book *b, book_entry *m, const book_label *label) {
    m->speaker = label->speaker;
    m->margin = label->margin;
    m->fixed = label->fixed;
    m->said = true;
    for (uint32_t i = 0; i < m->n; i++) {
        word_of(b, m, i)->label = b->label[i];
        word_of(b, m, i)->fixed = b->fixed[i];
    }
}

static bool is_full(const book *b, uint32_t n_words) {
    return b->end - b->first == BOOK_MESSAGES || b->words_end - b->words_first + n_words > BOOK_WORDS;
}

static void forget_oldest(book *b) {
    const book_entry *m = entry_of(b, b->first);
    b->words_first = m->first + m->n;
    if (b->found == b->first) b->found = NO_LABELS;
    b->first++;
    if (b->look_first < b->first) b->look_first = b->first;
    if (b->look_end < b->look_first) b->look_end = b->look_first;
    if (b->open_first < b->first) b->open_first = b->first;
}

static void put_words(book *b, const book_entry *m, steno_word *words) {
    for (uint32_t i = 0; i < m->n; i++) {
        const book_word *w = word_of(b, m, i);
        words[i] = (steno_word){.start_s = start_s(w), .end_s = end_s(w), .speaker = w->label};
    }
}

/* Times of the message's words, and the labels that were shown of it. */
static void put_message(book *b, const book_entry *m, const book_shown *shown, const steno_word *words) {
    for (uint32_t i = 0; i < m->n; i++) {
        book_word *w = word_of(b, m, i);
        *w = (book_word){.label = SPEAKERS_UNKNOWN};
        set_times(w, &words[i]);
        if (!shown || shown->id != m->id || i >= shown->n || shown->label[i] == SPEAKERS_UNKNOWN) continue;
        w->label = shown->label[i];
        w->fixed = true;
    }
}

static book_entry *enter(book *b, const book_shown *shown, uint32_t id, uint32_t rev, const steno_word *words,
                         uint32_t n) {
    while (is_full(b, n)) forget_oldest(b);
    book_entry *m = entry_of(b, b->end++);
    *m = (book_entry){.id = id, .rev = rev, .n = n, .first = b->words_end, .speaker = SPEAKERS_UNKNOWN};
    b->words_end += n;
    put_message(b, m, shown, words);
    return m;
}

static void nothing_known(book *b, const book_entry *m) {
    for (uint32_t i = 0; i < m->n; i++) {
        b->label[i] = SPEAKERS_UNKNOWN;
        b->fixed[i] = false;
        b->margin[i] = 0.0f;
    }
}

void book_add(book *b, const timeline *line, const book_shown *shown, uint32_t id, uint32_t rev, steno_word *words,
              uint32_t n, book_label *out) {
    assert(n <= BOOK_MESSAGE_WORDS);
    *out = (book_label){.id = id, .rev = rev, .speaker = SPEAKERS_UNKNOWN, .fixed = keeps_promises(b)};
    if (n == 0) return; /* nothing to say of it, ever */
    book_entry *m = enter(b, shown, id, rev, words, n);
    if (b->contract.at_end)
        nothing_known(b, m);
    else
        judge(b, line, m);
    describe(b, m, out);
    if (b->contract.at_end) out->fixed = false;
    commit(b, m, out);
    m->said = !b->contract.at_end;
    for (uint32_t i = 0; i < n; i++) words[i].speaker = b->label[i];
}

/* What is promised of an open text: the labels of words that it will keep. */
static void show_stable(book *b, book_shown *shown, uint32_t id, uint32_t n, uint32_t stable) {
    if (shown->id != id) shown->n = 0;
    shown->id = id;
    for (uint32_t i = 0; i < n; i++) {
        bool before = i < shown->n && shown->label[i] != SPEAKERS_UNKNOWN;
        if (i >= stable && !before) b->label[i] = SPEAKERS_UNKNOWN;
        if (i >= shown->n) shown->n = i + 1;
        shown->label[i] = b->label[i];
    }
}

void book_partial(book *b, const timeline *line, book_shown *shown, uint32_t id, steno_word *words, uint32_t n,
                  uint32_t stable, book_label *out) {
    assert(n <= BOOK_MESSAGE_WORDS);
    *out = (book_label){.id = id, .n_words = n, .speaker = SPEAKERS_UNKNOWN};
    for (uint32_t i = 0; i < n; i++) words[i].speaker = SPEAKERS_UNKNOWN;
    if (n == 0 || b->contract.at_end) return;
    while (b->words_end - b->words_first + n > BOOK_WORDS) forget_oldest(b);
    book_entry m = {.id = id, .n = n, .first = b->words_end};
    put_message(b, &m, keeps_promises(b) ? shown : NULL, words);
    b->open = true;
    judge(b, line, &m);
    b->open = false;
    if (keeps_promises(b))
        show_stable(b, shown, id, n, stable);
    else
        majority(b, &m, out);
    for (uint32_t i = 0; i < n; i++) words[i].speaker = b->label[i];
}

/* ---- looking again ------------------------------------------------------------------------------------------------ */

static double message_end_s(book *b, int64_t i) {
    const book_entry *m = entry_of(b, i);
    return end_s(word_of(b, m, m->n - 1));
}

static double message_start_s(book *b, int64_t i) {
    const book_entry *m = entry_of(b, i);
    return start_s(word_of(b, m, 0));
}

static void look_at(book *b, int64_t first, int64_t end) {
    if (first >= end) return;
    bool none = b->look_first == b->look_end;
    if (none || first < b->look_first) b->look_first = first;
    if (none || end > b->look_end) b->look_end = end;
}

void book_touch(book *b, int64_t first, int64_t end) {
    const double block_s = SPEAKERS_BLOCK_MS / 1000.0;
    if (keeps_promises(b)) {
        while (b->open_first < b->end && entry_of(b, b->open_first)->fixed) b->open_first++;
        if (!b->contract.at_end) look_at(b, b->open_first, b->end); /* the others cannot change */
        return;
    }
    if (first >= end || b->contract.at_end) return;
    int64_t from = b->end;
    while (from > b->first && message_end_s(b, from - 1) >= (double)first * block_s) from--;
    int64_t to = from;
    while (to < b->end && message_start_s(b, to) <= (double)end * block_s) to++;
    look_at(b, from, to);
}

void book_insist(book *b) {
    if (keeps_promises(b) || b->contract.at_end) return;
    b->exact = true;
    look_at(b, b->first, b->end);
}

void book_finish(book *b) {
    b->finished = b->exact = true;
    b->contract.at_end = false;
    look_at(b, b->first, b->end);
}

/* Whether what was found differs from what was said, by more than a block's edge, or at all where that counts. */
static bool differs(book *b, const book_entry *m, const book_label *now) {
    uint32_t moved_cs = 0;
    if (!m->said || now->speaker != m->speaker || (keeps_promises(b) && now->fixed != m->fixed)) return true;
    for (uint32_t i = 0; i < m->n; i++) {
        const book_word *w = word_of(b, m, i);
        if (w->label == b->label[i]) continue;
        if (w->label == SPEAKERS_UNKNOWN || b->exact) return true;
        moved_cs += w->length_cs;
    }
    return moved_cs >= CALM_CS;
}

book_found book_find(book *b, const timeline *line, int *work) {
    b->found = NO_LABELS;
    for (; b->look_first < b->look_end; b->look_first++) {
        book_entry *m = entry_of(b, b->look_first);
        book_label now;
        if (m->said && m->fixed && keeps_promises(b)) continue;
        if (*work <= 0) return BOOK_TIRED;
        *work -= (int)m->n + 1;
        judge(b, line, m);
        describe(b, m, &now);
        if (!differs(b, m, &now)) continue;
        b->found = b->look_first;
        return BOOK_MESSAGE;
    }
    b->exact = false;
    return BOOK_NOTHING;
}

void book_say(book *b, book_label *out, steno_word *words) {
    assert(b->found != NO_LABELS);
    book_entry *m = entry_of(b, b->found);
    describe(b, m, out);
    commit(b, m, out);
    out->rev = ++m->rev;
    put_words(b, m, words);
    b->look_first = b->found + 1;
    b->found = NO_LABELS;
}
