/* fuzz_rttm.c: any bytes, read as RTTM and as UEM, give sorted turns or a reason; what is read can be scored. */
#include "speakers/der.h"
#include "speakers/switch_rate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

static void check_turns(const rttm *r) {
    size_t n = 0;
    for (uint32_t i = 0; i < r->n_recordings; i++) {
        const rttm_recording *of = &r->recording[i];
        CHECK(rttm_find(r, of->file, of->channel) == of && of->first == n && of->n > 0);
        for (size_t k = 0; k < of->n; k++) {
            const rttm_turn *t = &r->turn[of->first + k];
            CHECK(t->recording == i && t->speaker < of->n_speakers && t->start_s < t->end_s && t->start_s >= 0);
            CHECK(k == 0 || t[-1].start_s <= t->start_s);
        }
        n += of->n;
    }
    CHECK(n == r->n);
}

static void score(const rttm *ref, const rttm *hyp, const rttm *uem) {
    const der_options o = {.collar_s = 0.25, .uem = uem};
    for (uint32_t i = 0; i < ref->n_recordings; i++) {
        const rttm_recording *r = &ref->recording[i];
        der_counts c;
        switch_counts s;
        steno_err err = der_score(ref, r, hyp, rttm_find(hyp, r->file, r->channel), &o, &c, NULL);
        CHECK(err == STENO_OK || err == STENO_E_LIMIT);
        if (err != STENO_OK) continue;
        double slack = 1e-6 * (1 + c.reference_s);
        CHECK(c.missed_s >= -slack && c.false_alarm_s >= -slack && c.confusion_s >= -slack);
        CHECK(c.missed_s + c.confusion_s <= c.reference_s + slack && isfinite(c.false_alarm_s));
        CHECK(switch_rate(ref, r, hyp, rttm_find(hyp, r->file, r->channel), &s) == STENO_OK);
        CHECK(s.switches <= s.pairs && s.pairs <= s.stretches && s.unheard <= s.stretches);
    }
}

/* The first byte says what is done with the rest; the second where the hypothesis begins. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    const char *text = (const char *)data + 2;
    size_t n = size - 2, cut = n * data[1] / 255;
    rttm ref = {0}, hyp = {0};
    bool uem = data[0] & 1;
    steno_err err = rttm_parse("ref", text, cut, &ref);
    CHECK(err == STENO_OK || err == STENO_E_FORMAT);
    check_turns(&ref);
    if (err == STENO_OK) {
        err = uem ? rttm_parse_uem("uem", text + cut, n - cut, &hyp) : rttm_parse("hyp", text + cut, n - cut, &hyp);
        CHECK(err == STENO_OK || err == STENO_E_FORMAT);
        check_turns(&hyp);
        if (err == STENO_OK) score(&ref, uem ? &ref : &hyp, uem ? &hyp : NULL);
    }
    rttm_free(&ref);
    rttm_free(&hyp);
    return 0;
}
