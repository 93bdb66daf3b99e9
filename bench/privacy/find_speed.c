/* find_speed.c: what looking for personal data costs: MB/s of whole texts on one core, and the time of a partial.
 *
 *     find_speed [--rules FILE] [--types LIST] NAME=FILE…
 *
 * A whole text is looked through WINDOW_BYTES at a time. A partial is what a gate asks: CONTEXT_BYTES that are out already and an
 * utterance that has grown by a word, to UTTERANCE_BYTES at most. Times are the thread's own (CPU), so that neighbours disturb less.
 *
 * Owner: one thread.
 */
#include "base/mem.h"
#include "privacy/find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW_BYTES    16384
#define CONTEXT_BYTES   RULE_CONTEXT_BYTES
#define UTTERANCE_BYTES 600 /* half a minute of quick speech */
#define TEXT_MAX_BYTES  (1 << 22)
#define WHOLE_S         1.0
#define PARTIALS        20000
#define CONFIDENCE      0.5F

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static size_t read_text(const char *path, char *text) {
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(text, 1, TEXT_MAX_BYTES, f) : 0;
    if (f) fclose(f);
    return n;
}

static void look(finder *f, entity_set types, const find_text *text, find_result *out) {
    if (find_run(f, text, types, CONFIDENCE, out) == STENO_OK) return;
    fprintf(stderr, "find_speed: %s\n", steno_error_detail());
    exit(1);
}

static double whole_mb_s(finder *f, entity_set types, const char *text, size_t n, double *found_per_kb) {
    double begin = now_s(), took = 0;
    uint64_t bytes = 0, found = 0;
    find_result r;
    while (took < WHOLE_S) {
        for (size_t at = 0; at < n; at += WINDOW_BYTES) {
            size_t take = n - at < WINDOW_BYTES ? n - at : WINDOW_BYTES;
            const find_text window = {.text = text + at, .n = take, .stable = take, .whole = true};
            look(f, types, &window, &r);
            bytes += take;
            found += r.n;
        }
        took = now_s() - begin;
    }
    *found_per_kb = (double)found * 1000 / (double)bytes;
    return (double)bytes / 1e6 / took;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A word on; of Mandarin a few characters. */
static size_t next_word(const char *text, size_t at, size_t n) {
    size_t from = at;
    while (at < n && (at == from || (text[at - 1] != ' ' && at - from < 9) || ((unsigned char)text[at] & 0xc0) == 0x80))
        at++;
    return at;
}

/* Into us[PARTIALS], sorted. */
static void partials(finder *f, entity_set types, const char *text, size_t n, double *us) {
    size_t begin = 0, end = CONTEXT_BYTES;
    find_result r;
    for (int i = 0; i < PARTIALS; i++) {
        end = next_word(text, end, n);
        if (end - begin > CONTEXT_BYTES + UTTERANCE_BYTES) begin = end - CONTEXT_BYTES;
        if (end >= n) begin = 0, end = CONTEXT_BYTES;
        while (begin < end && ((unsigned char)text[begin] & 0xc0) == 0x80) begin++;
        const find_text partial = {
            .text = text + begin, .n = end - begin, .context = CONTEXT_BYTES, .stable = end - begin};
        double at = now_s();
        look(f, types, &partial, &r);
        us[i] = (now_s() - at) * 1e6;
    }
    qsort(us, PARTIALS, sizeof *us, by_value);
}

static void measure(finder *f, entity_set types, char *arg, char *text) {
    static double us[PARTIALS];
    char *path = strchr(arg, '=');
    if (!path) exit(2);
    *path++ = '\0';
    size_t n = read_text(path, text);
    if (n < 4 * CONTEXT_BYTES) {
        printf("%-16s too short\n", arg);
        return;
    }
    double found_per_kb, mb_s = whole_mb_s(f, types, text, n, &found_per_kb);
    partials(f, types, text, n, us);
    printf("%-16s %8.1f %10.2f %9.1f %9.1f %9.1f\n", arg, mb_s, found_per_kb, us[PARTIALS / 2], us[PARTIALS / 100 * 99],
           us[PARTIALS - 1]);
}

int main(int argc, char **argv) {
    privacy_options options = {.no_names = true};
    entity_set types = entity_default_set;
    privacy *p = NULL;
    finder *f = NULL;
    int i = 1;
    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (strcmp(argv[i], "--rules") == 0)
            options.rules_path = argv[i + 1];
        else if (strcmp(argv[i], "--types") != 0 ||
                 entity_parse_set(argv[i + 1], strlen(argv[i + 1]), &types) != STENO_OK)
            return 2;
    }
    options.no_names =
        !(types & (ENTITY_BIT(ENTITY_PERSON) | ENTITY_BIT(ENTITY_PLACE) | ENTITY_BIT(ENTITY_ORGANISATION)));
    char *text = mem_alloc(TEXT_MAX_BYTES, 1);
    if (!text || privacy_open(&options, &p) != STENO_OK || finder_open(p, &f) != STENO_OK) return 1;
    printf("%-16s %8s %10s %9s %9s %9s\n", "text", "MB/s", "found/kB", "p50 us", "p99 us", "max us");
    for (; i < argc; i++) measure(f, types, argv[i], text);
    finder_free(f);
    privacy_close(p);
    mem_free(text);
    return 0;
}
