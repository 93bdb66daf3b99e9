/* history.c: see history.h. */
#include "speakers/history.h"

#include <math.h>

void history_reset(history *h) {
    h->n = 0;
    h->stride = 1;
}

/* Looks that lie closer together than twice as before go; where all lie further apart than that, none does. */
static void thin(history *h) {
    int kept = 0;
    h->stride *= 2;
    for (int i = 0; i < h->n; i++) {
        if (kept == 0 || h->look[i].end >= h->look[kept - 1].end + h->stride) h->look[kept++] = h->look[i];
    }
    h->n = kept;
}

static int16_t packed(float v) {
    float s = v * HISTORY_SCALE;
    return (int16_t)lrintf(s > 32767.0f ? 32767.0f : s < -32767.0f ? -32767.0f : s);
}

static bool is_due(const history *h, const speakers_look *look) {
    return h->n == 0 || look->end >= h->look[h->n - 1].end + h->stride;
}

int history_add(history *h, const speakers_look *look, int speaker) {
    if (!is_due(h, look)) return -1;
    while (h->n == HISTORY_LOOKS) thin(h);
    if (!is_due(h, look)) return -1;
    history_look *l = &h->look[h->n];
    l->first = (int32_t)look->first;
    l->end = (int32_t)look->end;
    l->speaker = (int8_t)speaker;
    for (int d = 0; d < SPEAKERS_DIM; d++) l->z[d] = packed(look->e[d]);
    return h->n++;
}

void history_rename(history *h, int from, int into) {
    for (int i = 0; i < h->n; i++) {
        if (h->look[i].speaker == from) h->look[i].speaker = (int8_t)into;
    }
}

void history_get(const history_look *l, float *z) {
    for (int d = 0; d < SPEAKERS_DIM; d++) z[d] = (float)l->z[d] / HISTORY_SCALE;
}
