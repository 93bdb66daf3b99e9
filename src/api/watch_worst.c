/* watch_worst.c: which utterances were the worst: see watch_int.h.
 *
 * A score adds up what the monitors count: nothing heard in long speech, loops, little confidence, few characters for so much speech.
 * It orders, and means nothing else.
 */
#include "api/watch_int.h"

#define LONG_S          5.0
#define SLOW_CHARACTERS 2.0 /* a second: fewer, and speech was lost */
#define SLOW_S          3.0 /* of speech at least, to say so */
#define PACKS_WELL      2.4

double watch_score(const quality_sample *q) {
    if (q->empty) return 1.0 + (q->speech_s < LONG_S ? q->speech_s : LONG_S) / LONG_S;
    double score = 1.0 - q->confidence;
    score += q->looped ? 1.0 : 0.0;
    score += q->text.words ? (double)q->text.repeated / q->text.words : 0.0;
    score += q->text.compression > PACKS_WELL ? 0.5 : 0.0;
    bool slow = q->speech_s > SLOW_S && q->text.characters < SLOW_CHARACTERS * q->speech_s;
    return score + (slow ? 1.0 : 0.0);
}

watch_worst *watch_worst_place(watch *w, double score, int64_t now_s) {
    watch_worst *least = &w->worst[0];
    for (int i = 0; i < WATCH_WORST; i++) {
        watch_worst *at = &w->worst[i];
        if (at->score <= 0 || at->at_s < now_s - WATCH_WORST_S) return at;
        if (at->score < least->score) least = at;
    }
    return score > least->score ? least : NULL;
}
