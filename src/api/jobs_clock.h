/* jobs_clock.h: whether the wall clock may be believed, where believing it removes what people want to keep.
 *
 * Owner: one thread. Pure: times are passed in. A clock that moves against the one that only counts (it was set, or broken
 * and corrected) is not believed until it has gone on steadily for JOBS_CLOCK_STEADY_MS.
 */
#ifndef STENO_API_JOBS_CLOCK_H
#define STENO_API_JOBS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define JOBS_CLOCK_JUMP_MS   60000 /* between two looks; slower drift is a clock's own business */
#define JOBS_CLOCK_STEADY_MS 3600000

/* Zeroed: not looked at yet. */
typedef struct jobs_clock {
    bool started, jumped; /* jumped: and not steady for long enough since */
    int64_t wall_ms, steady_ms, jumped_ms;
} jobs_clock;

/* A look at both clocks. True: believe the wall clock. */
bool jobs_clock_trusts(jobs_clock *c, int64_t wall_ms, int64_t steady_ms);

#endif
