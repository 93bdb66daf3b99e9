/* convert_xvector.c: the published x-vector network (callhome diarization v2) as the layers src/models/xvector computes.
 *
 * Each batch norm is y = s r + o on r = relu(W x + b), with s > 0. So s goes into the layer before, relu(s W x + s b), which
 * also makes all channels equally loud (good for int8), and o into the bias of the layer that reads it: there is no padding,
 * so a constant is a constant at every tap. Behind the pooling the mean moves by o and the deviation stays. The segment layer
 * stays as it is, for two things are made of it: what the classifier of speakers was given in training (relu, then its batch
 * norm, `segment_norm`) and what Kaldi publishes as the embedding (centred and whitened, `whiten`, one layer). The classifier
 * itself is dropped: bench/speakers/train.mjs reads it from the published file. Sums are in double, so that the result does
 * not depend on their order.
 */
#include "nn/convert.h"

#include "base/mem.h"
#include "nn/weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FRAME_LAYERS 5
#define SEGMENT      5 /* the layers behind the frame layers */
#define SEGMENT_NORM 6
#define WHITEN       7
#define LAYERS       8
#define CEPS         23
#define HIDDEN       512
#define POOLED       1500
#define DIM          128
#define NAME_BYTES   32

/* A layer over frames; it sees `taps` rows of `width` values of the layer before. */
static const struct {
    const char *name;
    int width, taps, n;
    const char *input;
} frame_layers[FRAME_LAYERS] = {
    {"tdnn1", CEPS, 5, HIDDEN,
     "Append(Offset(input, -2), Offset(input, -1), input, Offset(input, 1), Offset(input, 2))"},
    {"tdnn2", HIDDEN, 3, HIDDEN, "Append(Offset(tdnn1.batchnorm, -2), tdnn1.batchnorm, Offset(tdnn1.batchnorm, 2))"},
    {"tdnn3", HIDDEN, 3, HIDDEN, "Append(Offset(tdnn2.batchnorm, -3), tdnn2.batchnorm, Offset(tdnn2.batchnorm, 3))"},
    {"tdnn4", HIDDEN, 1, HIDDEN, "tdnn3.batchnorm"},
    {"tdnn5", HIDDEN, 1, POOLED, "tdnn4.batchnorm"},
};

/* What is written; `weight` [n, k], or [n] where k is 0, and `bias` [n] are owned by the plan. */
typedef struct layer {
    char weight_name[NAME_BYTES], bias_name[NAME_BYTES];
    int n, k;
    float *weight, *bias;
} layer;

typedef struct plan {
    const kaldi *net;
    layer layers[LAYERS];                 /* the frame layers first */
    double scale[POOLED], offset[POOLED]; /* the batch norm of the layer read last */
} plan;

static steno_err unexpected(const plan *p, const char *what) {
    return err_fail(STENO_E_FORMAT, "%s: not the expected network: no usable %s", kaldi_name(p->net), what);
}

static steno_err no_memory(const plan *p) {
    return err_fail(STENO_E_NOMEM, "%s: no memory to convert it", kaldi_name(p->net));
}

static steno_err reserve(plan *p, layer *l, const char *name, int n, int k) {
    snprintf(l->weight_name, sizeof l->weight_name, "%s.weight", name);
    snprintf(l->bias_name, sizeof l->bias_name, "%s.bias", name);
    l->n = n;
    l->k = k;
    l->weight = mem_alloc((size_t)n * (size_t)(k > 0 ? k : 1), sizeof(float));
    l->bias = mem_alloc((size_t)n, sizeof(float));
    return l->weight && l->bias ? STENO_OK : no_memory(p);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static const kaldi_field *sized(const kaldi_component *c, const char *name, kaldi_kind kind, int rows, int cols) {
    const kaldi_field *f = c ? kaldi_field_named(c, name, kind) : NULL;
    return f && f->rows == rows && f->cols == cols ? f : NULL;
}

static bool wired(const plan *p, const char *name, const char *input) {
    char line[256];
    snprintf(line, sizeof line, "component-node name=%s component=%s input=%s", name, name, input);
    return kaldi_wired(p->net, line);
}

static steno_err read_affine(const plan *p, const char *name, layer *l, const char *input) {
    const kaldi_component *c = kaldi_component_named(p->net, name, "NaturalGradientAffineComponent");
    const kaldi_field *w = sized(c, "LinearParams", KALDI_MATRIX, l->n, l->k);
    const kaldi_field *b = sized(c, "BiasParams", KALDI_VECTOR, 1, l->n);
    if (!w || !b || !wired(p, name, input)) return unexpected(p, name);
    bool finite = true;
    for (int64_t i = 0; i < (int64_t)l->n * l->k; i++) finite &= isfinite(l->weight[i] = kaldi_value(w, i)) != 0;
    for (int i = 0; i < l->n; i++) finite &= isfinite(l->bias[i] = kaldi_value(b, i)) != 0;
    return finite ? STENO_OK : unexpected(p, name);
}

/* Its mean and variance were counted in training: y = (x - mean) * rms / sqrt(variance + epsilon). */
static steno_err read_batchnorm(plan *p, const char *name, int n, const char *input) {
    const kaldi_component *c = kaldi_component_named(p->net, name, "BatchNormComponent");
    const kaldi_field *mean = sized(c, "StatsMean", KALDI_VECTOR, 1, n);
    const kaldi_field *variance = sized(c, "StatsVar", KALDI_VECTOR, 1, n);
    const kaldi_field *block = sized(c, "BlockDim", KALDI_WORD32, 1, 1), *eps = sized(c, "Epsilon", KALDI_WORD32, 1, 1);
    const kaldi_field *rms = sized(c, "TargetRms", KALDI_WORD32, 1, 1);
    if (!mean || !variance || !block || !eps || !rms || kaldi_integer(block) != n || !wired(p, name, input))
        return unexpected(p, name);
    for (int i = 0; i < n; i++) {
        double spread = fmax((double)kaldi_value(variance, i), 0.0) + (double)kaldi_float(eps);
        p->scale[i] = (double)kaldi_float(rms) / sqrt(spread);
        p->offset[i] = -(double)kaldi_value(mean, i) * p->scale[i];
        if (!(p->scale[i] > 0.0) || !isfinite(p->scale[i]) || !isfinite(p->offset[i])) return unexpected(p, name);
    }
    return STENO_OK;
}

static bool is_number(const kaldi_component *c, const char *name, int value) {
    const kaldi_field *f = sized(c, name, KALDI_WORD32, 1, 1);
    return f && kaldi_integer(f) == value;
}

/* Mean and standard deviation of all rows, as xvector_embed() takes them. */
static steno_err check_pooling(const plan *p) {
    static const char *const extraction = "stats-extraction-0-400", *const pooling = "stats-pooling-0-400";
    const kaldi_component *e = kaldi_component_named(p->net, extraction, "StatisticsExtractionComponent");
    const kaldi_component *s = kaldi_component_named(p->net, pooling, "StatisticsPoolingComponent");
    const kaldi_field *deviations = sized(s, "OutputStddevs", KALDI_BOOL, 1, 1);
    bool fits = is_number(e, "InputDim", POOLED) && is_number(e, "InputPeriod", 1) && is_number(e, "OutputPeriod", 1) &&
                is_number(s, "InputDim", 2 * POOLED + 1) && is_number(s, "NumLogCountFeatures", 0) && deviations &&
                deviations->at[0] == 'T' && wired(p, extraction, "tdnn5.batchnorm") && wired(p, pooling, extraction);
    return fits ? STENO_OK : unexpected(p, "statistics pooling");
}

/* ---- folding ---------------------------------------------------------------------------------------------------- */

/* The batch norm's constant, seen through the first `k` columns of a layer whose taps are `width` wide. */
static void absorb_offset(const plan *p, layer *l, int k, int width) {
    for (int j = 0; j < l->n; j++) {
        const float *w = l->weight + (size_t)j * (size_t)l->k;
        double sum = (double)l->bias[j];
        for (int i = 0; i < k; i++) sum += (double)w[i] * p->offset[i % width];
        l->bias[j] = (float)sum;
    }
}

static void absorb_scale(const plan *p, layer *l) {
    for (int j = 0; j < l->n; j++) {
        float *w = l->weight + (size_t)j * (size_t)l->k;
        for (int i = 0; i < l->k; i++) w[i] = (float)((double)w[i] * p->scale[j]);
        l->bias[j] = (float)((double)l->bias[j] * p->scale[j]);
    }
}

static steno_err fold_frame_layer(plan *p, int i) {
    const char *name = frame_layers[i].name;
    char affine[NAME_BYTES], relu[NAME_BYTES], norm[NAME_BYTES];
    layer *l = &p->layers[i];
    snprintf(affine, sizeof affine, "%s.affine", name);
    snprintf(relu, sizeof relu, "%s.relu", name);
    snprintf(norm, sizeof norm, "%s.batchnorm", name);
    ERR_TRY(reserve(p, l, name, frame_layers[i].n, frame_layers[i].width * frame_layers[i].taps));
    ERR_TRY(read_affine(p, affine, l, frame_layers[i].input));
    if (!kaldi_component_named(p->net, relu, "RectifiedLinearComponent") || !wired(p, relu, affine))
        return unexpected(p, relu);
    absorb_offset(p, l, l->k, frame_layers[i].width); /* of the first layer: still zeros */
    ERR_TRY(read_batchnorm(p, norm, l->n, relu));
    absorb_scale(p, l);
    return STENO_OK;
}

static steno_err fold_segment_layer(plan *p) {
    layer *l = &p->layers[SEGMENT];
    ERR_TRY(reserve(p, l, "segment", DIM, 2 * POOLED));
    ERR_TRY(read_affine(p, "tdnn6.affine", l, "Round(stats-pooling-0-400, 1)"));
    absorb_offset(p, l, POOLED, POOLED);
    return STENO_OK;
}

static steno_err read_segment_norm(plan *p) {
    layer *l = &p->layers[SEGMENT_NORM];
    ERR_TRY(reserve(p, l, "segment_norm", DIM, 0));
    if (!kaldi_component_named(p->net, "tdnn6.relu", "RectifiedLinearComponent") ||
        !wired(p, "tdnn6.relu", "tdnn6.affine"))
        return unexpected(p, "tdnn6.relu");
    ERR_TRY(read_batchnorm(p, "tdnn6.batchnorm", DIM, "tdnn6.relu"));
    for (int i = 0; i < DIM; i++) l->weight[i] = (float)p->scale[i];
    for (int i = 0; i < DIM; i++) l->bias[i] = (float)p->offset[i];
    return STENO_OK;
}

/* transform (x - mean) as one layer. */
static steno_err fold_whitening(plan *p, const float *mean, const float *transform) {
    layer *l = &p->layers[WHITEN];
    ERR_TRY(reserve(p, l, "whiten", DIM, DIM));
    memcpy(l->weight, transform, (size_t)DIM * DIM * sizeof *transform);
    for (int j = 0; j < DIM; j++) {
        double bias = 0.0;
        for (int i = 0; i < DIM; i++) bias -= (double)transform[j * DIM + i] * (double)mean[i];
        l->bias[j] = (float)bias;
    }
    return STENO_OK;
}

static steno_err fold(plan *p, const float *mean, const float *transform) {
    for (int i = 0; i < FRAME_LAYERS; i++) ERR_TRY(fold_frame_layer(p, i));
    ERR_TRY(check_pooling(p));
    ERR_TRY(fold_segment_layer(p));
    ERR_TRY(read_segment_norm(p));
    return fold_whitening(p, mean, transform);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void describe(const layer *l, weights_tensor to[2]) {
    to[0] = (weights_tensor){.name = l->weight_name,
                             .dtype = WEIGHTS_F32,
                             .dims = l->k > 0 ? 2 : 1,
                             .shape = {l->n, l->k},
                             .data = l->weight,
                             .bytes = (size_t)l->n * (size_t)(l->k > 0 ? l->k : 1) * sizeof(float)};
    to[1] = (weights_tensor){.name = l->bias_name,
                             .dtype = WEIGHTS_F32,
                             .dims = 1,
                             .shape = {l->n},
                             .data = l->bias,
                             .bytes = (size_t)l->n * sizeof(float)};
}

static steno_err write_plan(const plan *p, const convert_source *source, const char *out_path) {
    weights_tensor tensors[2 * LAYERS];
    for (int i = 0; i < LAYERS; i++) describe(&p->layers[i], tensors + 2 * i);
    const weights_meta_pair meta[] = {
        {"format", "steno"},
        {"arch", "xvector"},
        {"name", source->name},
        {"language", source->language},
        {"licence", source->licence},
        {"source", source->package},
        {"source_network_sha256", source->sha256[0]},
        {"source_mean_sha256", source->sha256[1]},
        {"source_transform_sha256", source->sha256[2]},
        {"rate_hz", "8000"},
        {"hop_ms", "10"},
    };
    return weights_write(out_path, tensors, sizeof tensors / sizeof tensors[0], meta, sizeof meta / sizeof meta[0]);
}

static void plan_free(plan *p) {
    if (!p) return;
    for (int i = 0; i < LAYERS; i++) {
        mem_free(p->layers[i].weight);
        mem_free(p->layers[i].bias);
    }
    mem_free(p);
}

steno_err convert_xvector(const kaldi *net, const float *mean, const float *transform, const convert_source *source,
                          const char *out_path) {
    plan *p = mem_alloc(1, sizeof *p);
    if (!p) return err_fail(STENO_E_NOMEM, "%s: no memory to convert it", kaldi_name(net));
    p->net = net;
    steno_err err = fold(p, mean, transform);
    if (err == STENO_OK) err = write_plan(p, source, out_path);
    plan_free(p);
    return err;
}
