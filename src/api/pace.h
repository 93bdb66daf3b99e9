/* pace.h: how far a client's audio may run ahead of time.
 *
 * Owner: the network thread, one a session. Pure: times are passed in. Audio is taken while it is at most `ahead_ms`
 * ahead of the clock that started with the first sample; a client that fell behind may catch up at once, but by
 * `behind_ms` at most: older silence earns nothing.
 */
#ifndef STENO_API_PACE_H
#define STENO_API_PACE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct pace {
    int ahead_ms, behind_ms;
    bool started;
    int64_t zero_ms; /* when sample 0 would have been spoken */
    double audio_ms; /* taken since then */
} pace;

void pace_init(pace *p, int ahead_ms, int behind_ms);
/* `audio_ms` more were taken. */
void pace_take(pace *p, double audio_ms, int64_t now_ms);
/* How long to wait before more is taken; 0: not at all. */
int pace_wait_ms(const pace *p, int64_t now_ms);

#endif
