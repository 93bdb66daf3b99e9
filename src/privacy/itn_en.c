/* itn_en.c: what English number words are written as: amounts, percentages, times, dates, ordinals, years, rows of figures.
 *
 * Owner      any thread; pure.
 * Invariants precision first: words that fit no pattern whole, or could as well mean something else, stay. docs/itn.md lists how
 *            ambiguities are decided.
 */
#include "privacy/itn_int.h"

#define PART_WORDS_MAX 4
#define DOTTED_MAX     8 /* parts of "one nine two dot one six eight dot …" */

typedef const char *const word_list[];

static bool follows(reader *r, uint32_t k, const char *const *words) {
    return itn_one_of(r, reader_at(r, k), words);
}

static bool stands_before(const reader *r, uint32_t i, const char *const *words) {
    const token *t = itn_before(r, i);
    return t && itn_one_of(r, t, words);
}

static bool is_sign(const token *t, int64_t code) {
    return t->kind == TOKEN_SIGN && t->value == code;
}

static void take(itn_answer *a, uint32_t end) {
    a->end = a->next = end;
}

/* ---- words around a number --------------------------------------------------------------------------------------- */

/* Units of measure: with them single figures are written too. Times ("two days") are not among them. */
static bool unit_follows(reader *r, uint32_t k) {
    static word_list units = {
        "kilometers", "kilometer",   "kilometres",  "kilometre",  "km",          "kilos",       "kilo",
        "kilograms",  "kilogram",    "kg",          "grams",      "gram",        "milligrams",  "meters",
        "meter",      "metres",      "metre",       "cm",         "mm",          "miles",       "mile",
        "inches",     "centimeters", "centimetres", "centimeter", "millimeters", "millimetres", "degrees",
        "liters",     "liter",       "litres",      "litre",      "milliliters", "gallons",     "ounces",
        "tons",       "tonnes",      "volts",       "watts",      "kilowatts",   "megawatts",   "amps",
        "hertz",      "kilohertz",   "megahertz",   "gigahertz",  "bytes",       "kilobytes",   "megabytes",
        "gigabytes",  "terabytes",   "pixels",      "megapixels", "cents",       "pounds",      "bucks",
        "yen",        "yuan",        "rupees",      "pence",      "quid",        NULL};
    return follows(r, k, units);
}

static bool currency_follows(reader *r, uint32_t k) {
    return reader_at(r, k)->kind == TOKEN_WORD && (reader_at(r, k)->sense & SENSE_CURRENCY);
}

static bool time_unit_follows(reader *r, uint32_t k) {
    static word_list units = {"seconds", "minutes", "hours", "days",  "weeks",   "months", "years", "second", "minute",
                              "hour",    "day",     "week",  "month", "percent", "people", "times", "per",    NULL};
    return follows(r, k, units);
}

/* "percent" or "per cent": how many tokens; 0: none. */
static uint32_t percent_follows(reader *r, uint32_t k) {
    static word_list one = {"percent", NULL}, per = {"per", NULL}, cent = {"cent", NULL};
    if (follows(r, k, one)) return 1;
    return follows(r, k, per) && follows(r, k + 1, cent) ? 2 : 0;
}

/* "am", "p m", "a.m."; tokens, 0: none. */
static uint32_t ampm_follows(reader *r, uint32_t k, bool *pm) {
    static word_list together = {"am", "pm", NULL}, who = {"i", "not", NULL}, afternoon = {"pm", NULL};
    const token *t = reader_at(r, k);
    *pm = follows(r, k, afternoon);
    if (*pm) return 1;
    if (itn_one_of(r, t, together)) return follows(r, k + 1, who) ? 0 : 1;
    if (!(t->sense & SENSE_LETTER) || (t->value != 'a' && t->value != 'p')) return 0;
    *pm = t->value == 'p';
    bool dotted = is_sign(reader_at(r, k + 1), '.');
    const token *m = reader_at(r, k + 1 + dotted);
    if (!(m->sense & SENSE_LETTER) || m->value != 'm') return 0;
    if (dotted && is_sign(reader_at(r, k + 3), '.')) return 4;
    return 2 + (uint32_t)dotted;
}

/* "twenty something", "nineteen nineties", "two thirds", "forty-ish". */
static bool vague_follows(reader *r, uint32_t k) {
    static word_list vague = {
        "twenties",    "thirties",  "forties",    "fifties",  "sixties",   "seventies",  "eighties",   "nineties",
        "hundreds",    "thousands", "millions",   "billions", "something", "odd",        "ish",        "some",
        "teens",       "tens",      "halves",     "thirds",   "quarters",  "fourths",    "fifths",     "sixths",
        "sevenths",    "eighths",   "ninths",     "tenths",   "twelfths",  "sixteenths", "twentieths", "hundredths",
        "thousandths", "hundredth", "thousandth", "half",     "quarter",   NULL};
    return follows(r, k, vague) || (is_sign(reader_at(r, k), '-') && follows(r, k + 1, vague));
}

/* "half past ten", "ten past three", "quarter to ten", "point five", "half a million", "at one point two people". */
static bool stays(reader *r, const itn_run *run) {
    static word_list at = {"at", NULL}, past = {"past", NULL}, after = {"after", NULL},
                     to = {"to", "till", "til", NULL}, quarter = {"quarter", NULL};
    static word_list part = {"half", "quarter", "many", "such", "of", "third", NULL};
    const token *before = itn_before(r, run->first);
    if (vague_follows(r, run->end) || follows(r, run->end, past)) return true;
    if (follows(r, run->end, after) && itn_is_number(r, reader_at(r, run->end + 1))) return true;
    if (!before) return false;
    bool one_point = run->n > 1 && run->words[0].value == 1 && run->words[1].kind == ITN_POINT;
    if (one_point && itn_one_of(r, before, at)) return true;
    if ((before->sense & SENSE_DOT) || itn_one_of(r, before, past)) return true;
    if (itn_one_of(r, before, to) && stands_before(r, run->first - 1, quarter)) return true;
    return run->article && itn_one_of(r, before, part);
}

/* ---- times ------------------------------------------------------------------------------------------------------- */

static void put_clock(itn_answer *a, int64_t hour, int64_t minute) {
    itn_put_int(a, hour);
    if (minute < 0) return;
    itn_put_text(a, minute < 10 ? ":0" : ":");
    itn_put_int(a, minute);
}

/* An hour alone is one with am, pm or o'clock; with minutes also behind "at". */
static bool try_clock(reader *r, const itn_run *run, itn_answer *a) {
    static word_list at = {"at", "until", "till", "around", "before", "after", NULL},
                     each = {"a", "an", "per", "each", NULL};
    static word_list clock = {"o'clock", NULL}, o = {"o", NULL}, separate = {"clock", NULL};
    int64_t hour, minute;
    bool pm;
    if (!itn_clock(run->words, run->n, &hour, &minute)) return false;
    uint32_t half = ampm_follows(r, run->end, &pm);
    bool oclock =
        minute < 0 && (follows(r, run->end, clock) || (follows(r, run->end, o) && follows(r, run->end + 1, separate)));
    bool said = minute >= 0 && stands_before(r, run->first, at) && !follows(r, run->end, each) &&
                !unit_follows(r, run->end) && !currency_follows(r, run->end) && !time_unit_follows(r, run->end);
    if (!half && !oclock && !said) return false;
    put_clock(a, hour, minute);
    if (half) itn_put_text(a, pm ? " PM" : " AM");
    take(a, run->end + half);
    return true;
}

/* ---- amounts ----------------------------------------------------------------------------------------------------- */

static const char *currency_sign(reader *r, uint32_t k) {
    static word_list dollars = {"dollars", "dollar", NULL}, euros = {"euros", "euro", NULL};
    return follows(r, k, dollars) ? "$" : follows(r, k, euros) ? "\u20ac" : NULL;
}

/* "and five cents" at token k: how many tokens; 0: none. *dangling: where "twenty dollars fifty" ends, which stays. */
static uint32_t cents_follow(reader *r, uint32_t k, int64_t *cents, uint32_t *dangling) {
    static word_list cent = {"cents", "cent", NULL}, joint = {"and", NULL};
    itn_run run;
    bool joined = follows(r, k, joint);
    *dangling = 0;
    if (!itn_run_read(r, k + joined, &run) || run.article) return 0;
    uint32_t at = 0;
    bool fits = itn_below_100(run.words, run.n, &at, cents) && at == run.n;
    if (fits && follows(r, run.end, cent)) return run.end + 1 - k;
    if (fits && !joined && *cents >= 10) *dangling = run.end;
    return 0;
}

static bool try_currency(reader *r, const itn_run *run, const itn_value *v, itn_answer *a) {
    const char *sign = currency_sign(r, run->end);
    if (!sign) return false;
    int64_t cents = 0;
    uint32_t end = run->end + 1, with = 0, dangling = 0;
    if (!v->fraction[0] && v->scale == 1) with = cents_follow(r, end, &cents, &dangling);
    a->next = dangling;
    if (dangling) return true;
    itn_put_text(a, sign);
    itn_put_value(a, v);
    if (with) {
        itn_put_text(a, cents < 10 ? ".0" : ".");
        itn_put_int(a, cents);
    }
    take(a, end + with);
    return true;
}

static bool is_small(const itn_value *v) {
    return v->whole < 10 && v->scale == 1 && !v->fraction[0];
}

/* "five to ten percent": of a pair of which one would stay a word, both do. */
static bool mixed_pair(reader *r, const itn_run *run, const itn_value *v, itn_answer *a) {
    static word_list joints = {"to", "or", "through", NULL}, joint = {"and", NULL};
    itn_run other;
    itn_value second;
    bool pair = follows(r, run->end, joints) || (is_small(v) && follows(r, run->end, joint));
    if (!pair || !itn_run_read(r, run->end + 1, &other) || other.article) return false;
    if (!itn_cardinal(other.words, other.n, &second) || is_small(v) == is_small(&second)) return false;
    a->next = other.end;
    return true;
}

static void put_cardinal(reader *r, const itn_run *run, const itn_value *v, itn_answer *a) {
    if (mixed_pair(r, run, v, a) || try_currency(r, run, v, a)) return;
    uint32_t percent = percent_follows(r, run->end);
    bool scale_alone = run->article && run->n == 2;
    if (!percent && (scale_alone || (is_small(v) && !unit_follows(r, run->end)))) return;
    itn_put_value(a, v);
    if (percent) itn_put_text(a, "%");
    take(a, run->end + percent);
}

/* ---- years and rows ---------------------------------------------------------------------------------------------- */

static bool try_year(reader *r, const itn_run *run, itn_answer *a) {
    static word_list when = {"in",     "since", "by",     "of",   "until",   "till",    "from",
                             "before", "after", "during", "year", "through", "between", NULL};
    int64_t year;
    bool loose;
    if (!itn_year(run->words, run->n, &year, &loose)) return false;
    a->next = run->end;
    const token *before = itn_before(r, run->first);
    if (loose && !(before && (itn_one_of(r, before, when) || (before->sense & SENSE_MONTH)))) return true;
    if (time_unit_follows(r, run->end) || unit_follows(r, run->end) || currency_follows(r, run->end)) return true;
    itn_put_int(a, year);
    take(a, run->end);
    return true;
}

/* "one two three" is what one says into a microphone, unless something says that it is a number. */
static bool is_counting(const reader *r, const itn_run *run) {
    static word_list number = {"number", "code", "pin",  "room", "extension", "flight",
                               "is",     "dial", "call", "zip",  NULL};
    const itn_word *w = run->words;
    bool so = run->n == 3 && w[0].value == 1 && w[1].value == 2 && w[2].value == 3 && w[0].kind == ITN_DIGIT;
    return so && !stands_before(r, run->first, number);
}

static void try_row(reader *r, const itn_run *run, itn_answer *a) {
    char row[ITN_ROW_MAX + 1];
    if (!itn_row(run->words, run->n, row) || is_counting(r, run)) return;
    itn_put_text(a, row);
    take(a, run->end);
}

/* One part of "192.168.1.1": figures one by one, or a number below 1000. */
static bool put_part(const itn_run *run, itn_answer *a) {
    itn_value v;
    bool figures = true;
    if (run->n > PART_WORDS_MAX) return false;
    for (uint32_t i = 0; i < run->n; i++) figures &= run->words[i].kind == ITN_DIGIT;
    for (uint32_t i = 0; figures && i < run->n; i++) itn_put_int(a, run->words[i].value);
    if (figures) return true;
    if (!itn_cardinal(run->words, run->n, &v) || v.fraction[0] || v.scale != 1 || v.whole > 999) return false;
    itn_put_int(a, v.whole);
    return true;
}

/* Three numbers and more with dots between are an address or a version; anything else with a dot is somebody else's. */
static void dotted(reader *r, const itn_run *first, itn_answer *a) {
    static word_list dot = {"dot", NULL};
    itn_run run = *first;
    uint32_t parts = 0;
    for (; parts < DOTTED_MAX; parts++) {
        if (parts) itn_put(a, ".", 1);
        bool fits = put_part(&run, a);
        a->next = run.end;
        if (!fits) return;
        itn_run more;
        if (!follows(r, run.end, dot) || !itn_run_read(r, run.end + 1, &more)) break;
        run = more;
    }
    if (parts >= 2 && !follows(r, run.end, dot)) take(a, run.end);
}

/* ---- ordinals ---------------------------------------------------------------------------------------------------- */

typedef struct ordinal {
    int64_t value;
    uint32_t end;
    bool fraction; /* "one third" */
    bool seconds;  /* "thirty second": an ordinal or a time */
} ordinal;

static bool is_ordinal(const reader *r, const token *t) {
    if (t->kind != TOKEN_WORD || !(t->sense & SENSE_ORDINAL)) return false;
    char c = r->text[t->at];
    return (c | 32) >= 'a' && (c | 32) <= 'z'; /* not "3rd" */
}

/* Where behind a run an ordinal stands: "twenty first", "twenty-first", "one hundred and first". */
static uint32_t ordinal_at(reader *r, const itn_run *run) {
    uint32_t k = run->end;
    const token *t = reader_at(r, k);
    if (is_ordinal(r, t)) return k;
    bool hyphen = t->kind == TOKEN_SIGN && (t->sense & SENSE_DASH) && !t->spaced;
    bool joint = (t->sense & SENSE_AND) && run->words[run->n - 1].kind == ITN_SCALE;
    return (hyphen || joint) && is_ordinal(r, reader_at(r, k + 1)) ? k + 1 : 0;
}

static bool compound_ordinal(reader *r, const itn_run *run, ordinal *o) {
    uint32_t at = ordinal_at(r, run);
    itn_value v;
    if (!at) return false;
    const token *t = reader_at(r, at);
    o->end = at + 1;
    uint8_t last = run->words[run->n - 1].kind;
    bool fits = (last == ITN_TENS && t->value < 10) || last == ITN_SCALE;
    o->fraction = !fits || !itn_cardinal(run->words, run->n, &v) || v.fraction[0] || v.scale != 1;
    if (!o->fraction) o->value = v.whole + t->value;
    o->seconds = t->value == 2;
    return true;
}

static bool ordinal_read(reader *r, uint32_t i, ordinal *o) {
    *o = (ordinal){0};
    const token *t = reader_at(r, i);
    if (is_ordinal(r, t)) {
        o->value = t->value;
        o->end = i + 1;
        return true;
    }
    itn_run run;
    if (!itn_is_number(r, t) || !itn_run_read(r, i, &run)) return false;
    return compound_ordinal(r, &run, o);
}

static void put_ordinal(itn_answer *a, int64_t value) {
    static const char *const ends[] = {"th", "st", "nd", "rd"};
    bool teen = value / 10 % 10 == 1;
    itn_put_int(a, value);
    itn_put_text(a, !teen && value % 10 < 4 ? ends[value % 10] : "th");
}

/* ---- dates ------------------------------------------------------------------------------------------------------- */

static void put_month(const reader *r, itn_answer *a, const token *t) {
    char first = r->text[t->at];
    if (first >= 'a' && first <= 'z') first = (char)(first - 32);
    itn_put(a, &first, 1);
    itn_put(a, r->text + t->at + 1, t->n - 1);
}

/* A year, behind a comma or not; *end is where it ends. */
static bool year_follows(reader *r, uint32_t k, int64_t *year, uint32_t *end) {
    itn_run run;
    bool loose;
    if (is_sign(reader_at(r, k), ',')) k++;
    if (!itn_run_read(r, k, &run) || run.article || ordinal_at(r, &run)) return false;
    *end = run.end;
    return !vague_follows(r, run.end) && itn_year(run.words, run.n, year, &loose);
}

static void put_date(const reader *r, itn_answer *a, const token *month, int64_t day, int64_t year, bool day_first) {
    if (day_first) {
        itn_put_int(a, day);
        itn_put(a, " ", 1);
    }
    put_month(r, a, month);
    if (!day_first) {
        itn_put(a, " ", 1);
        itn_put_int(a, day);
    }
    if (year < 0) return;
    itn_put_text(a, day_first ? " " : ", ");
    itn_put_int(a, year);
}

/* "fifth of may [nineteen ninety]", behind "the" or not. */
static bool day_of_month(reader *r, const ordinal *o, itn_answer *a) {
    static word_list of = {"of", NULL};
    if (o->fraction || o->value > 31 || !follows(r, o->end, of)) return false;
    const token *month = reader_at(r, o->end + 1);
    if (month->kind != TOKEN_WORD || !(month->sense & SENSE_MONTH)) return false;
    int64_t year = -1;
    uint32_t end = o->end + 2;
    uint32_t year_end;
    if (year_follows(r, end, &year, &year_end))
        end = year_end;
    else
        year = -1;
    put_date(r, a, month, o->value, year, true);
    take(a, end);
    return true;
}

static bool is_verb_month(const reader *r, const token *t) {
    static word_list verbs = {"may", "march", "mar", NULL};
    return itn_one_of(r, t, verbs);
}

/* "june first", and not "june first half"; "on may first", and not "you may first". */
static bool plain_day(reader *r, uint32_t i, const ordinal *o) {
    static word_list when = {"on",    "since",   "until", "by", "from", "before",
                             "after", "through", "till",  "of", "to",   NULL};
    static word_list other = {"half", "quarter", "week", "time", "place", "day", "base", "one", "person", NULL};
    if (o->value >= 10 && !o->seconds) return true;
    if (follows(r, o->end, other)) return false;
    return !is_verb_month(r, reader_at(r, i)) || stands_before(r, i, when);
}

/* "may [the] first [nineteen ninety]". */
static bool month_ordinal(reader *r, uint32_t i, uint32_t k, itn_answer *a) {
    ordinal o;
    int64_t year;
    uint32_t end;
    if (!ordinal_read(r, k, &o) || o.fraction || o.value > 31) return false;
    bool dated = year_follows(r, o.end, &year, &end);
    if (!dated && !plain_day(r, i, &o)) return false;
    put_date(r, a, reader_at(r, i), o.value, dated ? year : -1, false);
    take(a, dated ? end : o.end);
    return true;
}

/* "june twenty five [two thousand five]"; "june twenty twenty" is a month and its year. */
static bool month_number(reader *r, uint32_t i, itn_answer *a) {
    itn_run run;
    int64_t day, year, shorter;
    bool loose, dated = false;
    uint32_t n = 0, end;
    if (!itn_run_read(r, i + 1, &run) || run.article || vague_follows(r, run.end)) return false;
    if (!itn_below_100(run.words, run.n, &n, &day)) return false;
    end = run.end;
    if (n == run.n)
        dated = year_follows(r, run.end, &year, &end) && is_sign(reader_at(r, run.end), ',');
    else if (day > 31 || !(dated = itn_year(run.words + n, run.n - n, &year, &loose))) {
        shorter = run.words[0].value;
        dated = n == 2 && itn_year(run.words + 1, run.n - 1, &year, &loose);
        day = shorter;
    }
    bool plain = n == run.n && day >= 10 && !is_verb_month(r, reader_at(r, i));
    if (day > 31 || (!dated && !plain)) return false;
    put_date(r, a, reader_at(r, i), day, dated ? year : -1, false);
    take(a, dated ? end : run.end);
    return true;
}

static void en_month(reader *r, uint32_t i, itn_answer *a) {
    static word_list the = {"the", NULL};
    bool article = follows(r, i + 1, the);
    if (!month_ordinal(r, i, i + 1 + article, a) && !article) month_number(r, i, a);
}

static void en_the(reader *r, uint32_t i, itn_answer *a) {
    ordinal o;
    if (ordinal_read(r, i + 1, &o)) day_of_month(r, &o, a);
}

/* From the tenth on; "a tenth", "the eleventh hour" and "thirty second" stay. */
static void en_ordinal(reader *r, uint32_t i, const ordinal *o, itn_answer *a) {
    static word_list part = {"a", "an", "one", NULL}, hour = {"hour", NULL};
    static word_list ranked = {"floor",  "birthday", "anniversary", "century", "amendment", "president",
                               "avenue", "street",   "annual",      "edition", "place",     NULL};
    a->next = o->end;
    if (o->fraction || day_of_month(r, o, a)) return;
    if (o->value < 10 || stands_before(r, i, part) || (o->seconds && !follows(r, o->end, ranked))) return;
    if (o->value == 11 && follows(r, o->end, hour)) return;
    put_ordinal(a, o->value);
    take(a, o->end);
}

/* ---- the question ------------------------------------------------------------------------------------------------ */

static void en_number(reader *r, uint32_t i, itn_answer *a) {
    static word_list dot = {"dot", NULL}, point = {"point", NULL};
    itn_run run;
    itn_value v;
    ordinal o = {0};
    if (!itn_run_read(r, i, &run)) return;
    if (compound_ordinal(r, &run, &o)) {
        en_ordinal(r, i, &o, a);
        return;
    }
    a->next = run.end;
    if (stays(r, &run) || follows(r, run.end, point)) return;
    if (follows(r, run.end, dot)) {
        dotted(r, &run, a);
        return;
    }
    bool figures_before = i > 0 && r->tokens[i - 1].kind == TOKEN_DIGITS; /* "7 eleven" */
    if (!figures_before && try_clock(r, &run, a)) return;
    bool fits = itn_cardinal(run.words, run.n, &v);
    if (fits && (!figures_before || v.whole >= 1000)) put_cardinal(r, &run, &v, a);
    if (fits) return;
    if (!try_year(r, &run, a)) try_row(r, &run, a);
}

void itn_en(reader *r, uint32_t i, itn_answer *a) {
    const token *t = &r->tokens[i];
    ordinal o;
    if (t->sense & SENSE_MONTH)
        en_month(r, i, a);
    else if (is_ordinal(r, t) && ordinal_read(r, i, &o))
        en_ordinal(r, i, &o, a);
    else if (itn_is_number(r, t) || ((t->sense & SENSE_LETTER) && t->value == 'a'))
        en_number(r, i, a);
    else if (t->n == 3 && token_is(r->text, t, "the"))
        en_the(r, i, a);
}
