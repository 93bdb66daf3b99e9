/* number_misheard.c: a number that the words right before call a card's or an identity's, and that fails its check: see number_cut.h.
 *
 * A recogniser errs in one figure of a long number more often than not, and then no check digit holds; it is personal all the same. So
 * the words alone are believed where a plausible number of figures follows them: less sure than anything that is proven.
 *
 * Owner: any thread; pure.
 */
#include "privacy/number_cut.h"

#include <string.h>

#define MISHEARD_SURE 0.6f
#define PROVEN        0.7f /* what is surer is left as it is */
#define CALLED_TOKENS 6    /* between the word and the figures */

typedef struct called_as {
    uint64_t key;
    entity_type type;
    uint32_t least, most; /* figures, some lost or heard twice */
} called_as;

static const called_as kinds[] = {
    {SENSE_KEY_CARD, ENTITY_CARD, 12, 20},
    {SENSE_KEY_ID, ENTITY_ID, 16, 20},
};

/* Parts [0, b) are as much of the run as one such number may be, up to a pause or the run's end; 0: none are. */
static uint32_t plausible_end(const number_run *run, const called_as *kind) {
    for (uint32_t b = run->n_parts; b > 0; b--) {
        uint32_t n = run->parts[b - 1].at + (uint32_t)run->parts[b - 1].n;
        if (n < kind->least) return 0;
        if (n <= kind->most && (b == run->n_parts || run->parts[b].border >= BORDER_PAUSE)) return b;
    }
    return 0;
}

/* A time stamp, a date: "my card was charged on 2024-01-31 12:34". */
static bool looks_dated(const number_run *run, uint32_t b) {
    for (uint32_t i = 0; i + 1 < b; i++)
        if (run->parts[i].n == 4 && run->parts[i + 1].border == BORDER_SIGN && run->parts[i + 1].n <= 2 &&
            (run->text[run->parts[i].at] == '1' || run->text[run->parts[i].at] == '2'))
            return true;
    return false;
}

static bool has_proven(const number_stretch *found, uint32_t n, uint32_t b, entity_type type) {
    for (uint32_t i = 0; i < n && found[i].a < b; i++)
        if (found[i].is.sure >= PROVEN || (found[i].is.type == type && found[i].is.sure >= 0.5f)) return true;
    return false;
}

uint32_t number_misheard(const number_run *run, const number_context *c, number_stretch *found, uint32_t n) {
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const called_as *kind = &kinds[k];
        if (!(c->nearest & kind->key) || c->nearest_tokens > CALLED_TOKENS ||
            (c->near & (SENSE_KEY_OTHER | SENSE_KEY_ACCOUNT)))
            continue; /* an account is found without a check */
        uint32_t b = plausible_end(run, kind);
        if (!b || looks_dated(run, b) || has_proven(found, n, b, kind->type)) continue;
        uint32_t kept = 0;
        while (kept < n && found[kept].a < b) kept++;
        memmove(&found[1], &found[kept], (n - kept) * sizeof *found);
        number_stretch *to = &found[0];
        *to = (number_stretch){.a = 0, .b = b, .is = {kind->type, MISHEARD_SURE}};
        to->n_text = run->parts[b - 1].at + (uint32_t)run->parts[b - 1].n;
        if (to->n_text > NUMBER_TEXT_MAX) to->n_text = NUMBER_TEXT_MAX;
        memcpy(to->text, run->text, to->n_text);
        return 1 + n - kept;
    }
    return n;
}
