/* pace.c: see pace.h. */
#include "api/pace.h"

#include <math.h>

void pace_init(pace *p, int ahead_ms, int behind_ms) {
    *p = (pace){.ahead_ms = ahead_ms, .behind_ms = behind_ms};
}

void pace_take(pace *p, double audio_ms, int64_t now_ms) {
    if (!p->started) {
        p->started = true;
        p->zero_ms = now_ms;
    }
    double behind_ms = (double)(now_ms - p->zero_ms) - p->audio_ms;
    if (behind_ms > p->behind_ms) p->zero_ms += (int64_t)(behind_ms - p->behind_ms);
    p->audio_ms += audio_ms;
}

int pace_wait_ms(const pace *p, int64_t now_ms) {
    if (!p->started) return 0;
    double ahead_ms = p->audio_ms - (double)(now_ms - p->zero_ms) - p->ahead_ms;
    return ahead_ms > 0 ? (int)ceil(ahead_ms) : 0;
}
