/* phone.c: see phone.h.
 *
 * Owner: any thread; pure.
 * Source ITU-T E.164 and its list of assigned country codes; the national plans of those countries whose numbers are said without a
 *        country code: China, North America, United Kingdom, France, Germany, India, Australia.
 */
#include "privacy/phone.h"

#include "privacy/check.h"

#include <string.h>

/* Surer and less sure. */
#define SURE    0.75f /* nothing else looks like this */
#define GROUPED 0.65f /* a length and a beginning that fit, grouped as this country does */
#define FITS    0.45f /* fits, but so do other numbers: needs a word for it nearby */
#define LENGTH  0.35f /* a length that a telephone number may have */

/* Groups as one number, 3-3-4 = 0x334; 0: spoken; 1: not to be written so. */
static uint64_t shape(const figures *f) {
    uint64_t value = 0;
    for (uint32_t i = 0; i < f->n_groups; i++) {
        if (f->groups[i] > 15) return 1;
        value = value << 4 | f->groups[i];
    }
    return value;
}

static bool is_shape(const figures *f, const uint64_t *shapes, size_t n) {
    uint64_t have = shape(f);
    for (size_t i = 0; i < n; i++)
        if (shapes[i] == have) return true;
    return false;
}
#define IS_SHAPE(f, ...)                                                                                               \
    is_shape(f, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* Grouped as a country does it, not grouped at all, spoken, or in some other way: how sure that is. */
static float by_shape(const figures *f, bool grouped, float bare, float spoken) {
    if (f->n_groups == 0) return spoken;
    if (grouped) return GROUPED;
    return f->n_groups == 1 ? bare : 0;
}

/* The figures without the first k. */
static figures without(const figures *f, uint32_t k) {
    figures rest = *f;
    rest.s += k, rest.n -= k;
    rest.plus = false;
    while (rest.n_groups > 0 && k > 0) {
        if (rest.groups[0] > k) {
            rest.groups[0] = (uint8_t)(rest.groups[0] - k);
            return rest;
        }
        k -= rest.groups[0];
        memmove(rest.groups, rest.groups + 1, --rest.n_groups);
    }
    return rest;
}

static bool all_figures_same(const figures *f) {
    for (uint32_t i = 1; i < f->n; i++)
        if (f->s[i] != f->s[0]) return false;
    return true;
}

/* ---- China ------------------------------------------------------------------------------------------------------- */

static float china_mobile(const figures *f) {
    if (f->n != 11 || f->s[0] != '1' || f->s[1] < '3') return 0;
    return f->n_groups > 6 ? FITS : SURE;
}

/* 10, 2x and three figures from 31x to 99x. */
static uint32_t china_area_length(const char *s) {
    if (s[1] == '1' && s[2] == '0') return 3;
    if (s[1] == '2' && s[2] != '6') return 3;
    return s[1] >= '3' && (s[2] != '0' || (s[1] == '7' && s[3] == '1')) ? 4 : 0;
}

/* "0512-5650217-4702", "02071786741-743". */
static bool has_china_extension(const figures *f) {
    const uint8_t *g = f->groups;
    if (f->n_groups == 3) return f->n > 12 && g[0] <= 4 && g[1] >= 7 && g[2] <= 5;
    return f->n_groups == 2 && f->dashed && (g[0] == 11 || g[0] == 12) && g[1] >= 2 && g[1] <= 5;
}

static float china_landline(const figures *f) {
    if (has_china_extension(f)) {
        figures front = *f;
        front.n -= f->groups[--front.n_groups];
        return china_landline(&front);
    }
    if (f->n < 11 || f->n > 12 || f->s[0] != '0') return 0;
    uint32_t area = china_area_length(f->s);
    if (!area || (area == 3 && f->n != 11) || f->s[area] < '2') return 0;
    bool grouped = IS_SHAPE(f, 0x38, 0x48, 0x47, 0x344, 0x444, 0x434, 0x443, 0x74);
    return by_shape(f, grouped, 0.55f, 0.6f);
}

static float china_service(const figures *f) {
    if (f->n != 10 || (memcmp(f->s, "400", 3) != 0 && memcmp(f->s, "800", 3) != 0)) return 0;
    return by_shape(f, IS_SHAPE(f, 0x334, 0x343, 0x433, 0x37), 0.5f, 0.6f);
}

static float china_local(const figures *f) {
    if (!f->called || f->n < 7 || f->n > 8 || f->s[0] < '2' || f->s[0] == '9') return 0;
    return by_shape(f, IS_SHAPE(f, 0x44, 0x34), LENGTH, LENGTH) > 0 ? LENGTH : 0;
}

static float china(const figures *f) {
    float best = china_mobile(f), other = china_landline(f);
    if (other > best) best = other;
    other = china_service(f);
    if (other > best) best = other;
    other = china_local(f);
    return other > best ? other : best;
}

/* ---- North America ----------------------------------------------------------------------------------------------- */

static bool nanp_block(const char *s) {
    return s[0] >= '2' && !(s[1] == '1' && s[2] == '1');
}

static float north_america(const figures *f) {
    if (f->n == 7 && f->called && nanp_block(f->s))
        return by_shape(f, IS_SHAPE(f, 0x34), LENGTH, LENGTH) > 0 ? LENGTH : 0;
    if (f->n == 11 && f->s[0] == '1') {
        figures rest = without(f, 1);
        float sure = north_america(&rest);
        return sure;
    }
    if (f->n != 10) return 0;
    bool grouped = IS_SHAPE(f, 0x334, 0x37, 0x64);
    if (!nanp_block(f->s) || !nanp_block(f->s + 3)) /* invented ones do not follow the plan, but are written as if */
        return IS_SHAPE(f, 0x334) ? 0.55f : f->called ? LENGTH : 0;
    return by_shape(f, grouped, 0.5f, 0.55f);
}

/* ---- others ------------------------------------------------------------------------------------------------------ */

static float united_kingdom(const figures *f) {
    if (f->n < 10 || f->n > 11 || f->s[0] != '0' || !strchr("12378", f->s[1])) return 0;
    bool grouped = IS_SHAPE(f, 0x56, 0x533, 0x434, 0x344, 0x38, 0x47, 0x65, 0x524, 0x353, 0x3323, 0x433);
    if (f->n == 10) return by_shape(f, IS_SHAPE(f, 0x55, 0x532, 0x523, 0x334, 0x433), FITS, FITS);
    return by_shape(f, grouped, f->s[1] == '7' ? 0.55f : FITS, 0.55f);
}

static float france(const figures *f) {
    if (f->n != 10 || f->s[0] != '0' || f->s[1] == '0') return 0;
    return by_shape(f, IS_SHAPE(f, 0x22222, 0x1222222), FITS, FITS);
}

static float germany(const figures *f) {
    if (f->n < 10 || f->n > 12 || f->s[0] != '0' || f->s[1] < '1') return 0;
    bool grouped = f->n_groups >= 2 && f->n_groups <= 4 && f->groups[0] >= 3 && f->groups[0] <= 5;
    return grouped ? 0.5f : f->n_groups < 2 ? FITS : 0;
}

static float india(const figures *f) {
    if (f->n != 10 || f->s[0] < '6') return 0;
    return by_shape(f, IS_SHAPE(f, 0x55), FITS, FITS);
}

static float australia(const figures *f) {
    if (f->n != 10 || f->s[0] != '0' || !strchr("23478", f->s[1])) return 0;
    return by_shape(f, IS_SHAPE(f, 0x433, 0x244), FITS, FITS);
}

static float russia(const figures *f) {
    return f->n == 11 && f->s[0] == '8' && IS_SHAPE(f, 0x13322, 0x1334) ? 0.55f : 0;
}

/* A trunk's zero, and groups between dashes or brackets, in many countries' way. */
static float any_trunk(const figures *f) {
    if (f->n < 9 || f->n > 12 || f->s[0] != '0' || f->s[1] == '0' || !f->dashed) return 0;
    return f->n_groups >= 2 && f->n_groups <= 5 ? 0.5f : 0;
}

/* ---- with a country code ----------------------------------------------------------------------------------------- */

/* National numbers are between so many figures long. Three-figure codes that are not listed: 7 to 10. */
static const struct {
    uint16_t code;
    uint8_t shortest, longest;
} countries[] = {
    {1, 10, 10},  {7, 10, 10}, {20, 8, 10}, {27, 9, 9},   {30, 10, 10}, {31, 9, 9},   {32, 8, 9},   {33, 9, 9},
    {34, 9, 9},   {36, 8, 9},  {39, 6, 11}, {40, 9, 9},   {41, 9, 9},   {43, 6, 13},  {44, 9, 10},  {45, 8, 8},
    {46, 7, 10},  {47, 8, 8},  {48, 9, 9},  {49, 6, 12},  {51, 8, 9},   {52, 10, 11}, {53, 6, 8},   {54, 10, 11},
    {55, 10, 11}, {56, 9, 9},  {57, 8, 10}, {58, 10, 10}, {60, 8, 10},  {61, 9, 9},   {62, 8, 12},  {63, 8, 10},
    {64, 8, 10},  {65, 8, 8},  {66, 8, 9},  {81, 9, 10},  {82, 8, 11},  {84, 8, 10},  {86, 10, 12}, {90, 10, 10},
    {91, 10, 10}, {92, 9, 10}, {93, 9, 9},  {94, 9, 9},   {95, 7, 10},  {98, 10, 10}, {350, 8, 8},  {351, 9, 9},
    {352, 4, 11}, {353, 7, 9}, {354, 7, 9}, {358, 5, 12}, {370, 8, 8},  {371, 8, 8},  {372, 7, 8},  {380, 9, 9},
    {420, 9, 9},  {421, 9, 9}, {852, 8, 8}, {853, 8, 8},  {886, 8, 9},  {966, 8, 9},  {971, 8, 9},  {972, 8, 9},
};

/* How many figures the country code at the front has; 0: none is assigned. */
static uint32_t country_length(const char *s, uint32_t n) {
    if (n < 3) return 0;
    int two = check_number(s, 2);
    if (s[0] == '1' || s[0] == '7') return 1;
    for (size_t i = 0; i < sizeof countries / sizeof *countries; i++)
        if (countries[i].code == two) return 2;
    static const char *threes = " 21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99 ";
    char key[5] = {' ', s[0], s[1], ' ', 0};
    return strstr(threes, key) ? 3 : 0;
}

static bool national_fits(const char *s, uint32_t code_n, uint32_t n) {
    int code = check_number(s, code_n);
    for (size_t i = 0; i < sizeof countries / sizeof *countries; i++)
        if (countries[i].code == code) return n >= countries[i].shortest && n <= countries[i].longest;
    return n >= 7 && n <= 10;
}

/* Behind a + or 00: a country's code and a number as long as that country's are. */
static bool international(const figures *f) {
    uint32_t code = country_length(f->s, f->n);
    if (!code || f->n > 16) return false;
    figures rest = without(f, code);
    if (rest.n > 1 && rest.s[0] == '0') rest = without(&rest, 1); /* +44 (0)20 … */
    return national_fits(f->s, code, rest.n);
}

/* 86 1…, without any sign: only where what follows leaves no doubt. */
static float china_prefixed(const figures *f) {
    if (f->n < 12 || f->s[0] != '8' || f->s[1] != '6') return 0;
    figures rest = without(f, 2);
    return china_mobile(&rest);
}

static float with_country(const figures *f) {
    if (f->plus) return international(f) ? 0.8f : 0;
    uint32_t away = f->n > 4 && f->s[0] == '0' && f->s[1] == '0' ? 2 : f->n > 4 && !memcmp(f->s, "011", 3) ? 3 : 0;
    if (!away) return china_prefixed(f);
    figures rest = without(f, away);
    if (!international(&rest)) return 0;
    return f->n_groups == 1 && !f->called ? FITS : GROUPED;
}

/* ---- any --------------------------------------------------------------------------------------------------------- */

bool figures_are_date(const figures *f) {
    if (f->n_groups < 3) return false;
    const uint8_t *g = f->groups;
    if (g[0] == 4 && g[1] <= 2 && g[2] <= 2) return f->s[0] == '1' || f->s[0] == '2';
    return g[0] <= 2 && g[1] <= 2 && g[2] == 4 && f->n_groups == 3;
}

static float any_length(const figures *f) {
    if (!f->called || f->n < 7 || f->n > 15 || figures_are_date(f)) return 0;
    return LENGTH;
}

float phone_match(const figures *f) {
    static float (*const plans[])(const figures *) = {china,  russia,  any_trunk, north_america, united_kingdom,
                                                      france, germany, india,     australia,     any_length};
    if (f->n < 7 || f->n > 18 || (all_figures_same(f) && !f->called)) return 0;
    float best = with_country(f);
    if (f->plus) return best;
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        float sure = plans[i](f);
        if (sure > best) best = sure;
    }
    return best;
}
