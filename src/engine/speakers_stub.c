/* speakers_stub.c: stands where branch `engine` puts the real functions; goes when that is merged. */
#include "base/err.h"

#include <string.h>

__attribute__((weak)) void steno_speakers_options_init(steno_speakers_options *o) {
    *o = (steno_speakers_options){.max_speakers = 8, .hold_ms = 2500};
}

__attribute__((weak)) steno_err steno_speakers_options_check(const steno_speakers_options *o) {
    if (o->max_speakers < 1 || o->max_speakers > STENO_SPEAKERS_MAX)
        return err_fail(STENO_E_INVALID, "max_speakers: want 1 to %d", STENO_SPEAKERS_MAX);
    if (o->min_speakers < 0 || o->min_speakers > o->max_speakers)
        return err_fail(STENO_E_INVALID, "min_speakers: want 0 to max_speakers");
    if (o->contract == STENO_SPEAKERS_ENROLLED && o->n_voices == 0)
        return err_fail(STENO_E_INVALID, "voices: `enrolled` needs some");
    return STENO_OK;
}

__attribute__((weak)) steno_err steno_stream_speakers(steno_engine *engine, steno_stream_id id,
                                                      const steno_speakers_options *o) {
    (void)engine, (void)id, (void)o;
    return err_fail(STENO_E_LIMIT, "speakers are not told apart yet");
}

__attribute__((weak)) steno_err steno_speakers_admits(steno_engine *engine, int n) {
    (void)engine;
    return n <= 0 ? STENO_OK : err_fail(STENO_E_LIMIT, "speakers are not told apart yet");
}

__attribute__((weak)) steno_err steno_stream_merge_speakers(steno_engine *engine, steno_stream_id id, int from,
                                                            int into) {
    (void)engine, (void)id, (void)from, (void)into;
    return err_fail(STENO_E_UNSUPPORTED, "speakers are not told apart yet");
}
