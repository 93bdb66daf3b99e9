/* fuzz_itn.c: edits are in order and within the text, and a text cut anywhere says what the whole says. */
#include "privacy/find.h"
#include "privacy/itn.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM 1024
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

/* Numbers are rare among random bytes: a byte below 64 is a word. */
static const char *const words[] = {
    "one ",  "oh ",      "five ",  "ten ",     "nineteen ", "twenty ", "ninety ", "hundred ", "thousand ", "million ",
    "and ",  "a ",       "the ",   "of ",      "point ",    "dot ",    "double ", "first ",   "second ",   "may ",
    "june ", "dollars ", "cents ", "percent ", "p ",        "m ",      "pm ",     "to ",      "at ",       "-",
    ", ",    "o'clock ", "一",     "二",       "两",        "三",      "五",      "零",       "十",        "百",
    "千",    "万",       "亿",     "点",       "分之",      "第",      "年",      "月",       "号",        "块",
    "元",    "周",       "下午",   "几",       "起",        "幺",      "拐",      "\x1e",     "1",         "20",
    "r",     "'",        " ",      "三月五"};

static size_t make_text(const uint8_t *data, size_t size, char *out, size_t room) {
    size_t n = 0;
    for (size_t i = 0; i < size && n + 16 < room; i++) {
        if (data[i] >= 64) {
            out[n++] = (char)data[i];
            continue;
        }
        size_t length = strlen(words[data[i]]);
        memcpy(out + n, words[data[i]], length);
        n += length;
    }
    return n;
}

static void check_order(const text_edit *e, uint32_t count, size_t n) {
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(e[i].at >= at && e[i].n > 0 && e[i].at + (size_t)e[i].n <= n);
        CHECK(e[i].written_bytes > 0 && strlen(e[i].written) == e[i].written_bytes);
        at = e[i].at + (size_t)e[i].n;
    }
}

/* The first two bytes say where the text is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char text[FIND_TEXT_MAX];
    static text_edit whole[ROOM], front[ROOM];
    if (size < 2 || token_lexicon() != STENO_OK) return 0;
    size_t n = make_text(data + 2, size - 2, text, sizeof text), settled, all;
    size_t cut = n ? ((size_t)data[0] << 8 | data[1]) % (n + 1) : 0;
    uint32_t count = itn_find(text, n, true, whole, ROOM, &all);
    check_order(whole, count, n);
    CHECK(all == n || count == ROOM);
    char *copy = malloc(cut + 1);
    CHECK(copy);
    memcpy(copy, text, cut);
    uint32_t found = itn_find(copy, cut, false, front, ROOM, &settled), i = 0;
    free(copy);
    CHECK(settled <= cut);
    check_order(front, found, settled);
    for (; i < count && whole[i].at < settled; i++)
        CHECK(i < found && front[i].at == whole[i].at && front[i].n == whole[i].n &&
              !strcmp(front[i].written, whole[i].written));
    CHECK(i == found || count == ROOM);
    return 0;
}
