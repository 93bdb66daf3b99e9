/* serve_shadow.c: the engines that listen in the shadow: see serve_parts.h. */
#include "base/mem.h"
#include "cmd/serve_parts.h"

#include <stdio.h>
#include <string.h>

#define SHADOW_NICE  19 /* only where nobody else wants to */
#define SHADOW_BATCH 8

static void name(shadow_engines *e, shadow_side side, const char *model, const char *precision) {
    snprintf(e->name[side], SHADOW_NAME_BYTES, "%.15s", model);
    snprintf(e->precision[side], SHADOW_NAME_BYTES, "%.15s", precision);
}

static steno_err open_side(const config *c, shadow_engines *e, shadow_side side, const steno_model *model) {
    steno_engine_config o;
    steno_model_options m = {.name = e->name[side],
                             .precision = e->precision[side],
                             .dir = c->models_dir[0] ? c->models_dir : NULL,
                             .no_voices = true};
    double before = serve_resident_bytes();
    if (!model) ERR_TRY(steno_model_open(&m, &e->model[side]));
    if (!model) e->weights_bytes[side] = serve_resident_bytes() - before;
    steno_engine_config_init(&o);
    o.shards = c->shadow_threads;
    o.max_batch = SHADOW_BATCH;
    o.max_streams = c->shadow_streams;
    o.nice = SHADOW_NICE;
    return steno_engine_open(model ? model : e->model[side], &o, &e->engine[side]);
}

static steno_err open_all(const config *c, const steno_model *users, shadow_engines *e) {
    bool referee = strcmp(c->shadow_referee, "off") != 0;
    name(e, SHADOW_A, c->model, c->precision);
    name(e, SHADOW_B, c->shadow_model, c->shadow_precision);
    if (c->shadow_floor_percent) name(e, SHADOW_AGAIN, c->model, c->precision);
    if (referee) name(e, SHADOW_REFEREE, c->shadow_referee, c->shadow_precision);
    ERR_TRY(open_side(c, e, SHADOW_B, NULL));
    if (c->shadow_floor_percent) ERR_TRY(open_side(c, e, SHADOW_AGAIN, users));
    return referee ? open_side(c, e, SHADOW_REFEREE, NULL) : STENO_OK;
}

/* What was opened before something could not is closed with the rest. */
void serve_open_shadow(const config *c, const steno_model *users, double users_bytes, shadow_engines **out) {
    *out = NULL;
    if (strcmp(c->shadow_model, "off") == 0 || c->shadow_percent == 0) return;
    shadow_engines *e = mem_alloc(1, sizeof *e);
    if (!e) return;
    e->weights_bytes[SHADOW_A] = e->weights_bytes[SHADOW_AGAIN] = users_bytes;
    if (open_all(c, users, e) != STENO_OK) snprintf(e->why, sizeof e->why, "%s", steno_error_detail());
    *out = e;
}
