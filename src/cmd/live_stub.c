/* live_stub.c: stands where the engine's live streams will be; removed when they are there. */
#include "base/err.h"
void steno_live_options_init(steno_live_options *live) {
    *live = (steno_live_options){0.5f, 0.35f, 96, 300, 500, 500, 15, 500};
}
steno_err steno_live_options_check(const steno_live_options *live) {
    (void)live;
    return STENO_OK;
}
steno_err steno_live_open(steno_engine *e, const steno_live_options *o, void *u, steno_stream_id *out) {
    (void)e, (void)o, (void)u, (void)out;
    return err_fail(STENO_E_UNSUPPORTED, "live streams are not in this build");
}
