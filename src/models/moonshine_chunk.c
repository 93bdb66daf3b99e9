/* moonshine_chunk.c: see moonshine_chunk.h. Stem, products and cross keys are moonshine_encoder.c's; what differs is
 * the group normalisation, which has only running sums of the utterance, and the attention, which looks at a cache too.
 */
#include "models/moonshine_chunk.h"

#include "models/moonshine_int.h"

#include <math.h>
#include <string.h>

#define GROUP_NORM_EPS  1e-5
#define RECEPTIVE_FIELD 895 /* samples of one frame */
#define STEM_ROWS_FRAME (STEM_CONV2_STRIDE * STEM_CONV3_STRIDE)
#define MAX_UTTERANCE   (MOONSHINE_MAX_SECONDS * STENO_SAMPLE_RATE_HZ)

const moonshine_chunk_shape moonshine_chunk_default = {.recompute_frames = 16,
                                                       .cache_frames = 83,
                                                       .sink_frames = 83,
                                                       .warm_frames = 83,
                                                       .stem_frames = MOONSHINE_MAX_FRAMES,
                                                       .anew_percent = 75};

/* ---- state ------------------------------------------------------------------------------------------------------- */

static size_t slots_of(const moonshine_chunk_shape *s) {
    return (size_t)s->cache_frames + (size_t)s->sink_frames;
}

size_t moonshine_chunk_state_bytes(const moonshine *m, const moonshine_chunk_shape *shape) {
    size_t rows = slots_of(shape) * (size_t)m->info.encoder_layers * 2, d = (size_t)m->info.width;
    size_t stem = (size_t)shape->stem_frames * d * sizeof(uint16_t);
    return stem + rows * ((size_t)m->info.heads * sizeof(float) + d);
}

steno_err moonshine_chunk_init(moonshine_chunk_state *s, const moonshine *m, const moonshine_chunk_shape *shape,
                               void *memory) {
    if (shape->recompute_frames < 0 || shape->cache_frames < 1 || shape->sink_frames < 0 ||
        shape->recompute_frames > MOONSHINE_MAX_FRAMES || shape->cache_frames > MOONSHINE_MAX_FRAMES ||
        shape->sink_frames > MOONSHINE_MAX_FRAMES || shape->warm_frames < 0 || shape->stem_frames < 0 ||
        shape->stem_frames > MOONSHINE_MAX_FRAMES || shape->anew_percent < 0)
        return err_fail(STENO_E_INVALID, "chunks of %d frames computed again, %d cached, %d first ones",
                        shape->recompute_frames, shape->cache_frames, shape->sink_frames);
    s->shape = *shape;
    s->scale = memory;
    s->stem = (uint16_t *)(s->scale + slots_of(shape) * (size_t)m->info.encoder_layers * 2 * (size_t)m->info.heads);
    s->kv = (int8_t *)(s->stem + (size_t)shape->stem_frames * (size_t)m->info.width);
    moonshine_chunk_reset(s);
    return STENO_OK;
}

void moonshine_chunk_reset(moonshine_chunk_state *s) {
    s->frames = s->settled = s->stem_rows = s->stem_done = s->anew_at = 0;
    s->sum = s->squares = 0.0;
}

/* Where the window begins once there are `frames`. */
static int window_first(const moonshine_chunk_state *s, int frames, bool anew) {
    bool grown = s->shape.anew_percent && frames >= s->anew_at;
    return s->stem_done && (anew || grown) ? 0 : s->settled;
}

int moonshine_chunk_rows(const moonshine_chunk_state *s, int samples, bool anew) {
    int frames = moonshine_frames(samples);
    return frames - window_first(s, frames, anew);
}

int moonshine_chunk_first_sample(const moonshine_chunk_state *s) {
    return (s->shape.stem_frames ? s->stem_done : s->settled) * MOONSHINE_FRAME_SAMPLES;
}

int moonshine_chunk_history_samples(const moonshine_chunk_shape *shape) {
    int frames = shape->recompute_frames > shape->warm_frames ? shape->recompute_frames : shape->warm_frames;
    return frames * MOONSHINE_FRAME_SAMPLES + RECEPTIVE_FIELD - 1;
}

/* How many frames are final once there are `frames`. */
static int settled_after(const moonshine_chunk_state *s, int frames) {
    int settled = frames > s->shape.warm_frames ? frames - s->shape.recompute_frames : 0;
    return settled > s->settled ? settled : s->settled;
}

/* Cached frames are the sink, [0, sink_end), and [first, settled). */
static int sink_end(const moonshine_chunk_state *s) {
    return s->settled < s->shape.sink_frames ? s->settled : s->shape.sink_frames;
}

static int cache_first(const moonshine_chunk_state *s) {
    int first = s->settled - s->shape.cache_frames;
    return first > sink_end(s) ? first : sink_end(s);
}

/* Where a frame's keys and values lie, in rows of one layer and of both. */
static size_t row_of(const moonshine_chunk_state *s, int layer, int frame) {
    int sink = s->shape.sink_frames;
    int slot = frame < sink ? frame : sink + (frame - sink) % s->shape.cache_frames;
    return (slots_of(&s->shape) * (size_t)layer + (size_t)slot) * 2;
}

static void store_row(const moonshine_info *i, const float *x, float *scale, int8_t *to) {
    for (int h = 0; h < i->heads; h++, x += i->head_dim, to += i->head_dim) {
        float top = 0.0f;
        for (int d = 0; d < i->head_dim; d++) top = fmaxf(top, fabsf(x[d]));
        float up = top > 0.0f ? 127.0f / top : 0.0f;
        scale[h] = top / 127.0f;
        for (int d = 0; d < i->head_dim; d++) to[d] = (int8_t)lrintf(x[d] * up);
    }
}

static void load_row(const moonshine_info *i, const float *scale, const int8_t *from, float *x) {
    for (int h = 0; h < i->heads; h++, x += i->head_dim, from += i->head_dim) {
        for (int d = 0; d < i->head_dim; d++) x[d] = scale[h] * (float)from[d];
    }
}

/* Cached keys and values of one frame -> kv [2 width]. */
static void load_frame(const moonshine *m, const moonshine_chunk_state *s, int layer, int frame, float *kv) {
    size_t row = row_of(s, layer, frame), heads = (size_t)m->info.heads, d = (size_t)m->info.width;
    for (size_t k = 0; k < 2; k++) load_row(&m->info, s->scale + (row + k) * heads, s->kv + (row + k) * d, kv + k * d);
}

static void store_frame(const moonshine *m, const moonshine_chunk_state *s, int layer, int frame, const float *kv) {
    size_t row = row_of(s, layer, frame), heads = (size_t)m->info.heads, d = (size_t)m->info.width;
    for (size_t k = 0; k < 2; k++) store_row(&m->info, kv + k * d, s->scale + (row + k) * heads, s->kv + (row + k) * d);
}

/* ---- stem -------------------------------------------------------------------------------------------------------- */

/* Adds the rows of the first convolution that were not there at the last update. */
static void add_rows(moonshine_chunk_state *s, const float *first, int from_row, int rows, int width) {
    for (int r = s->stem_rows - from_row; r < rows; r++) {
        const float *x = first + (size_t)r * (size_t)width;
        double sum = 0.0, squares = 0.0;
        for (int i = 0; i < width; i++) {
            sum += (double)x[i];
            squares += (double)x[i] * (double)x[i];
        }
        s->sum += sum;
        s->squares += squares;
    }
    s->stem_rows = from_row + rows;
}

/* Group normalisation with the statistics of the utterance so far. */
static void normalise(const moonshine *m, const moonshine_chunk_state *s, float *x, int rows) {
    int width = m->info.width;
    double n = (double)s->stem_rows * (double)width, mean = s->sum / n, variance = s->squares / n - mean * mean;
    float middle = (float)mean, rstd = (float)(1.0 / sqrt(fmax(variance, 0.0) + GROUP_NORM_EPS));
    for (int r = 0; r < rows; r++, x += width) {
        for (int i = 0; i < width; i++) x[i] = (x[i] - middle) * rstd * m->gn_gamma[i] + m->gn_beta[i];
    }
}

/* Rows of the stem from frame `from` on go into the cache, [n, width]. */
static void keep_stem(const moonshine *m, moonshine_chunk_state *s, int from, int n, const float *x) {
    int width = m->info.width;
    for (int i = 0; i < n && from + i < s->shape.stem_frames; i++) {
        uint16_t *to = s->stem + (size_t)(from + i) * (size_t)width;
        kern()->to_bf16(x + (size_t)i * (size_t)width, width, to);
    }
}

static void load_stem(const moonshine *m, const moonshine_chunk_state *s, int from, int n, float *x) {
    size_t width = (size_t)m->info.width;
    const uint16_t *stem = s->stem + (size_t)from * width;
    for (size_t i = 0; i < (size_t)n * width; i++) {
        uint32_t bits = (uint32_t)stem[i] << 16;
        memcpy(&x[i], &bits, sizeof bits);
    }
}

/* The stem of frames from `first` on, into out. */
static steno_err compute_stem(moonshine_chunking *c, const moonshine_utterance *u, moonshine_chunk_state *state,
                              int first, float *out) {
    const moonshine *m = c->e.m;
    moonshine_stem *st = &c->e.stem;
    size_t mark = arena_mark(c->e.a);
    ERR_TRY(moonshine_stem_begin(st, m, c->e.a, u->pcm, u->samples, out));
    while (!moonshine_stem_first(st)) {
    }
    add_rows(state, st->first, first * STEM_ROWS_FRAME, st->size.t1, m->info.width);
    normalise(m, state, st->first, st->size.t1);
    ERR_TRY(moonshine_stem_begin_rest(st));
    while (!moonshine_stem_rest(st)) {
    }
    arena_release(c->e.a, mark);
    return STENO_OK;
}

/* The window's stem: what is cached, then what is new. */
static steno_err run_stem(moonshine_chunking *c, int which) {
    const moonshine *m = c->e.m;
    const moonshine_utterance *u = &c->e.utt[which];
    moonshine_chunk_state *state = c->jobs[which].state;
    if (u->frames == 0) return STENO_OK;
    int window = u->first_frame, first = state->shape.stem_frames ? state->stem_done : window;
    float *out = c->e.states + (size_t)u->first_row * (size_t)m->info.width;
    if (first > window) load_stem(m, state, window, first - window, out);
    out += (size_t)(first - window) * (size_t)m->info.width;
    int n = c->jobs[which].frames - first;
    if (n == 0) return STENO_OK;
    ERR_TRY(compute_stem(c, u, state, first, out));
    keep_stem(m, state, first, n, out);
    return STENO_OK;
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

static int cached(const moonshine_chunk_state *s) {
    return sink_end(s) + s->settled - cache_first(s);
}

/* The window's queries and keys are turned and its keys and values put behind the cached ones in kv [cached + window,
 * 2 width]; those that settle now are then cached. Returns the rows of kv. */
static int gather(const moonshine *m, const moonshine_chunk_job *j, int layer, float *qkv, float *kv) {
    const moonshine_chunk_state *s = j->state;
    size_t d = (size_t)m->info.width;
    float *to = kv;
    for (int f = 0; f < sink_end(s); f++, to += 2 * d) load_frame(m, s, layer, f, to);
    for (int f = cache_first(s); f < s->settled; f++, to += 2 * d) load_frame(m, s, layer, f, to);
    int settled = settled_after(s, j->frames);
    for (int f = j->first_frame; f < j->frames; f++, qkv += 3 * d, to += 2 * d) {
        moonshine_rope(m, qkv, f);
        moonshine_rope(m, qkv + d, f);
        memcpy(to, qkv + d, 2 * d * sizeof *to);
        if (f < settled) store_frame(m, s, layer, f, to);
    }
    return (int)((size_t)(to - kv) / (2 * d));
}

static steno_err attend(moonshine_chunking *c, int layer) {
    const moonshine *m = c->e.m;
    const moonshine_info *i = &m->info;
    int d = i->width, most = 0;
    for (int j = 0; j < c->e.n; j++) {
        int rows = cached(c->jobs[j].state) + c->e.utt[j].frames;
        most = rows > most ? rows : most;
    }
    float *kv = arena_take(c->e.a, (size_t)most * 2 * (size_t)d, sizeof *kv);
    void *scratch = arena_take(c->e.a, kern_attention_scratch(most, i->head_dim), 1);
    if (!kv || !scratch) return err_fail(STENO_E_NOMEM, "the batch arena cannot hold %d keys", most);
    for (int j = 0; j < c->e.n; j++) {
        const moonshine_utterance *u = &c->e.utt[j];
        float *qkv = c->e.qkv + (size_t)u->first_row * 3 * (size_t)d;
        int t = gather(m, &c->jobs[j], layer, qkv, kv);
        moonshine_attention_of(m)(qkv, 3 * d, u->frames, kv, kv + d, 2 * d, t, i->heads, i->head_dim,
                                  1.0f / sqrtf((float)i->head_dim), scratch,
                                  c->e.context + (size_t)u->first_row * (size_t)d, d);
    }
    return STENO_OK;
}

static steno_err run_layer(moonshine_chunking *c, int layer) {
    const encoder_layer *l = &c->e.m->enc[layer];
    size_t mark = arena_mark(c->e.a);
    ERR_TRY(moonshine_encode_qkv(&c->e, l, 0, c->e.rows));
    arena_release(c->e.a, mark);
    ERR_TRY(attend(c, layer));
    arena_release(c->e.a, mark);
    ERR_TRY(moonshine_encode_mlp(&c->e, l, 0, c->e.rows));
    arena_release(c->e.a, mark);
    return STENO_OK;
}

/* ---- the batch --------------------------------------------------------------------------------------------------- */

size_t moonshine_chunk_bytes(const moonshine *m, const moonshine_chunk_shape *shape, int total_samples, int longest) {
    size_t keys = slots_of(shape) + (size_t)moonshine_frames(longest), d = (size_t)m->info.width;
    if (keys > MOONSHINE_MAX_FRAMES) keys = MOONSHINE_MAX_FRAMES; /* an utterance has no more */
    return moonshine_encode_bytes(m, total_samples, longest) + keys * 2 * d * sizeof(float) +
           MOONSHINE_MAX_BATCH * sizeof(moonshine_utterance) + 4 * 64;
}

/* One job's window as an utterance. */
static steno_err place_job(moonshine_chunk_job *j, moonshine_utterance *u) {
    int first = moonshine_chunk_first_sample(j->state);
    int seen = j->state->stem_rows ? (j->state->stem_rows - 1) * STEM_CONV1_STRIDE + STEM_CONV1_TAPS : 0;
    if (j->first_sample < 0 || j->first_sample > first || j->samples < 0 ||
        j->samples > MAX_UTTERANCE - j->first_sample)
        return err_fail(STENO_E_INVALID, "a chunk of %d samples from %d on where %d are needed (most: %d in all)",
                        j->samples, j->first_sample, first, MAX_UTTERANCE);
    int end = j->first_sample + j->samples;
    if (end < MOONSHINE_MIN_SAMPLES || end < seen)
        return err_fail(STENO_E_INVALID, "a chunk that ends at sample %d, behind %d", end,
                        seen > MOONSHINE_MIN_SAMPLES ? seen : MOONSHINE_MIN_SAMPLES);
    j->frames = moonshine_frames(end);
    j->first_frame = j->state->settled = window_first(j->state, j->frames, j->anew);
    *u = (moonshine_utterance){.pcm = j->pcm + (first - j->first_sample),
                               .samples = end - first,
                               .pages = j->pages,
                               .frames = j->frames - j->first_frame,
                               .first_frame = j->first_frame};
    return STENO_OK;
}

steno_err moonshine_chunk_begin(moonshine_chunking *c, const moonshine *m, arena *a, moonshine_chunk_job *jobs, int n) {
    memset(c, 0, sizeof *c);
    if (n < 1 || n > MOONSHINE_MAX_BATCH) return err_fail(STENO_E_INVALID, "a batch of %d chunks", n);
    c->e.m = m;
    c->e.a = a;
    c->e.n = n;
    c->jobs = jobs;
    c->e.utt = arena_take(a, (size_t)n, sizeof *c->e.utt);
    if (!c->e.utt) return err_fail(STENO_E_NOMEM, "the batch arena cannot hold %d chunks", n);
    for (int i = 0; i < n; i++) {
        ERR_TRY(place_job(&jobs[i], &c->e.utt[i]));
        c->e.utt[i].first_row = c->e.rows;
        c->e.rows += c->e.utt[i].frames;
    }
    c->e.states = arena_take(a, (size_t)c->e.rows * (size_t)m->info.width, sizeof(float));
    return c->e.states ? STENO_OK : err_fail(STENO_E_NOMEM, "the batch arena cannot hold %d encoder rows", c->e.rows);
}

static void finish(moonshine_chunking *c) {
    for (int i = 0; i < c->e.n; i++) {
        moonshine_chunk_state *s = c->jobs[i].state;
        int frames = c->jobs[i].frames;
        if (c->jobs[i].first_frame == 0) s->anew_at = frames + frames * s->shape.anew_percent / 100;
        s->settled = settled_after(s, frames);
        s->frames = frames;
        if (s->settled && s->shape.stem_frames) s->stem_done = frames;
    }
}

steno_err moonshine_chunk_step(moonshine_chunking *c, bool *done) {
    moonshine_encoding *e = &c->e;
    const moonshine_info *i = &e->m->info;
    int layer = e->step - e->n, cross = layer - i->encoder_layers - 1;
    if (e->step < e->n) {
        ERR_TRY(run_stem(c, e->step));
        if (e->step == e->n - 1) ERR_TRY(moonshine_encode_begin_layers(e));
    } else if (layer < i->encoder_layers) {
        ERR_TRY(run_layer(c, layer));
    } else if (layer == i->encoder_layers) {
        kern()->layernorm_rows(e->states, i->width, e->rows, i->width, e->m->enc_norm, e->states, i->width);
    } else {
        ERR_TRY(moonshine_encode_cross(e, cross));
    }
    e->step++;
    *done = e->step == e->n + i->encoder_layers + 1 + i->decoder_layers;
    if (*done) finish(c);
    return STENO_OK;
}
