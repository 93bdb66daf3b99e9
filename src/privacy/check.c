/* check.c: see check.h.
 *
 * Owner: any thread; pure.
 */
#include "privacy/check.h"

#include <string.h>

int check_number(const char *s, size_t n) {
    int value = 0;
    for (size_t i = 0; i < n; i++) value = value * 10 + (s[i] - '0');
    return value;
}

bool check_luhn(const char *s, size_t n) {
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        int figure = s[n - 1 - i] - '0';
        if (i % 2) figure = figure > 4 ? figure * 2 - 9 : figure * 2;
        sum += figure;
    }
    return n > 0 && sum % 10 == 0;
}

/* ISO/IEC 7812: who gives out numbers that begin with low..high (`digits` figures), and of which lengths. */
typedef struct issuer {
    int low, high;
    uint8_t digits, shortest, longest;
} issuer;

static const issuer issuers[] = {
    {4, 4, 1, 13, 13},           {4, 4, 1, 16, 16},
    {4, 4, 1, 18, 19},                                    /* Visa */
    {51, 55, 2, 16, 16},         {2221, 2720, 4, 16, 16}, /* Mastercard */
    {34, 34, 2, 15, 15},         {37, 37, 2, 15, 15},     /* American Express */
    {6011, 6011, 4, 16, 19},     {644, 649, 3, 16, 19},
    {65, 65, 2, 16, 19}, /* Discover */
    {300, 305, 3, 14, 19},       {309, 309, 3, 14, 19},
    {36, 36, 2, 14, 19},         {38, 39, 2, 14, 19}, /* Diners Club */
    {3528, 3589, 4, 16, 19},     {2131, 2131, 4, 15, 15},
    {1800, 1800, 4, 15, 15},                          /* JCB */
    {62, 62, 2, 16, 19},         {81, 81, 2, 16, 19}, /* UnionPay */
    {5018, 5018, 4, 12, 19},     {5020, 5020, 4, 12, 19},
    {5038, 5038, 4, 12, 19},     {5893, 5893, 4, 12, 19}, /* Maestro */
    {6304, 6304, 4, 12, 19},     {6759, 6759, 4, 12, 19},
    {6761, 6763, 4, 12, 19},     {676770, 676774, 6, 12, 19},
    {2200, 2204, 4, 16, 19},     {60, 60, 2, 16, 16},
    {508, 508, 3, 16, 16},       {9792, 9792, 4, 16, 16}, /* Mir, RuPay, Troy */
    {9558, 9559, 4, 16, 19},     {6013, 6013, 4, 16, 19},
    {690755, 690755, 6, 15, 18}, /* older cards of Chinese banks */
};

bool check_card_issuer(const char *s, size_t n) {
    for (size_t i = 0; i < sizeof issuers / sizeof *issuers; i++) {
        const issuer *is = &issuers[i];
        if (n < is->shortest || n > is->longest) continue;
        int begins = check_number(s, is->digits);
        if (begins >= is->low && begins <= is->high) return true;
    }
    return false;
}

bool check_date(int year, int month, int day) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1900 || year > 2099 || month < 1 || month > 12 || day < 1) return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= days[month - 1] + (leap && month == 2);
}

/* GB/T 2260's provinces; 8x for residents from Hong Kong, Macao and Taiwan, 91 for foreigners. */
static bool is_province(int code) {
    switch (code / 10) {
    case 1:
        return code >= 11 && code <= 15;
    case 2:
        return code >= 21 && code <= 23;
    case 3:
        return code >= 31 && code <= 37;
    case 4:
        return code >= 41 && code <= 46;
    case 5:
        return code >= 50 && code <= 54;
    case 6:
        return code >= 61 && code <= 65;
    default:
        return code == 71 || (code >= 81 && code <= 83) || code == 91;
    }
}

static bool all_figures(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (s[i] < '0' || s[i] > '9') return false;
    return true;
}

bool check_china_id18(const char *s, size_t n) {
    if (n != 18 || !all_figures(s, 17) || !is_province(check_number(s, 2))) return false;
    if (!check_date(check_number(s + 6, 4), check_number(s + 10, 2), check_number(s + 12, 2))) return false;
    int sum = 0, weight = 1; /* 2^(17-i) mod 11, from the right */
    for (int i = 16; i >= 0; i--) {
        weight = weight * 2 % 11;
        sum += (s[i] - '0') * weight;
    }
    int check = (12 - sum % 11) % 11;
    return check == 10 ? s[17] == 'X' : s[17] == '0' + check;
}

bool check_china_id15(const char *s, size_t n) {
    return n == 15 && all_figures(s, n) && is_province(check_number(s, 2)) &&
           check_date(1900 + check_number(s + 6, 2), check_number(s + 8, 2), check_number(s + 10, 2));
}

bool check_ssn(const char *s, size_t n) {
    if (n != 9) return false;
    int area = check_number(s, 3);
    if (area == 0 || area == 666 || area >= 900) return false;
    if (check_number(s + 3, 2) == 0 || check_number(s + 5, 4) == 0) return false;
    for (size_t i = 1; i < n; i++)
        if (s[i] != s[0])
            return memcmp(s, "078051120", n) != 0 && memcmp(s, "219099999", n) != 0; /* from advertisements */
    return false;
}

/* The registry of ISO 13616: country and length. */
static const struct {
    char country[3];
    uint8_t length;
} ibans[] = {
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22}, {"BH", 22},
    {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DJ", 27},
    {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FK", 18}, {"FO", 18}, {"FR", 27},
    {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HN", 28}, {"HR", 21}, {"HU", 28},
    {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28},
    {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22},
    {"MK", 19}, {"MN", 20}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23},
    {"PK", 24}, {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24},
    {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25}, {"SV", 28},
    {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}, {"YE", 30},
};

uint32_t check_iban_length(const char *s) {
    size_t low = 0, high = sizeof ibans / sizeof *ibans; /* the table is in order */
    while (low < high) {
        size_t middle = (low + high) / 2;
        const char *country = ibans[middle].country;
        int order = s[0] != country[0] ? s[0] - country[0] : s[1] - country[1];
        if (order == 0) return ibans[middle].length;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return 0;
}

static int mod97(int rest, char c) {
    if (c >= '0' && c <= '9') return (rest * 10 + (c - '0')) % 97;
    return (rest * 100 + (c - 'A' + 10)) % 97;
}

bool check_iban(const char *s, size_t n) {
    if (n < 5 || check_iban_length(s) != n) return false;
    int rest = 0;
    for (size_t i = 4; i < n; i++) rest = mod97(rest, s[i]);
    for (size_t i = 0; i < 4; i++) rest = mod97(rest, s[i]);
    return rest == 1;
}
