/* jobs_clock.c: see jobs_clock.h. */
#include "api/jobs_clock.h"

bool jobs_clock_trusts(jobs_clock *c, int64_t wall_ms, int64_t steady_ms) {
    int64_t moved_ms = (wall_ms - c->wall_ms) - (steady_ms - c->steady_ms);
    if (c->started && (moved_ms > JOBS_CLOCK_JUMP_MS || moved_ms < -JOBS_CLOCK_JUMP_MS)) {
        c->jumped = true;
        c->jumped_ms = steady_ms;
    }
    if (c->jumped && steady_ms - c->jumped_ms >= JOBS_CLOCK_STEADY_MS) c->jumped = false;
    c->started = true;
    c->wall_ms = wall_ms;
    c->steady_ms = steady_ms;
    return !c->jumped;
}
