/* fake_models.h: small made-up networks in the real file formats, for tests that must not depend on published weights.
 *
 * Purpose   fake_moonshine_write(), fake_silero_write(), fake_tokens_write() make the three files that a steno_model is
 *           opened from. Everything follows from a seed.
 * Speech    the made-up voice detector hears a tone of 1 kHz (fake_tone()) as speech and everything else as silence.
 * Text      the made-up recogniser's weights are random and large, so its tokens are noise that depends on every sample
 *           and every earlier token: good for comparing one run with another, bit for bit.
 */
#ifndef STENO_TESTS_FAKE_MODELS_H
#define STENO_TESTS_FAKE_MODELS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "nn/weights.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAKE_MAX_TENSORS 1024
#define FAKE_PATH_BYTES  512

/* splitmix64; uniform in -1..1. */
static inline uint64_t fake_next(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static inline float fake_noise(uint64_t *state) {
    return (float)((double)(fake_next(state) >> 40) / 8388608.0 - 1.0);
}

static inline int fake_below(uint64_t *state, int n) {
    return (int)(fake_next(state) % (uint64_t)n);
}

/* ---- tensors ---------------------------------------------------------------------------------------------------- */

typedef struct fake_file {
    weights_tensor tensor[FAKE_MAX_TENSORS];
    char name[FAKE_MAX_TENSORS][96];
    int n;
    weights_meta_pair meta[24];
    char value[24][24];
    int n_meta;
    uint64_t random;
} fake_file;

static inline fake_file *fake_new(uint64_t seed) {
    fake_file *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->random = seed;
    return f;
}

static inline void fake_free(fake_file *f) {
    for (int i = 0; i < f->n; i++) free((void *)(uintptr_t)f->tensor[i].data);
    free(f);
}

static inline void *fake_add(fake_file *f, const char *name, weights_dtype dtype, size_t element, int d0, int d1,
                             int d2) {
    size_t count = (size_t)d0 * (size_t)(d1 ? d1 : 1) * (size_t)(d2 ? d2 : 1);
    void *data = calloc(count, element);
    assert_non_null(data);
    assert_true(f->n < FAKE_MAX_TENSORS);
    snprintf(f->name[f->n], sizeof f->name[0], "%s", name);
    weights_tensor *t = &f->tensor[f->n];
    *t = (weights_tensor){.name = f->name[f->n], .dtype = dtype, .dims = 1 + (d1 > 0) + (d2 > 0), .data = data};
    t->shape[0] = d0;
    t->shape[1] = d1;
    t->shape[2] = d2;
    t->bytes = count * element;
    f->n++;
    return data;
}

/* Uniform in middle - spread .. middle + spread. */
static inline float *fake_floats(fake_file *f, const char *name, int d0, int d1, int d2, float middle, float spread) {
    float *x = fake_add(f, name, WEIGHTS_F32, sizeof *x, d0, d1, d2);
    size_t n = f->tensor[f->n - 1].bytes / sizeof *x;
    for (size_t i = 0; i < n; i++) x[i] = middle + spread * fake_noise(&f->random);
    return x;
}

static inline void fake_bytes(fake_file *f, const char *name, weights_dtype dtype, int d0, int d1, int d2) {
    uint8_t *x = fake_add(f, name, dtype, 1, d0, d1, d2);
    size_t n = f->tensor[f->n - 1].bytes;
    for (size_t i = 0; i < n; i++) x[i] = (uint8_t)(fake_next(&f->random) >> 56);
}

static inline weights_tensor *fake_find(fake_file *f, const char *name) {
    for (int i = 0; i < f->n; i++) {
        if (strcmp(f->tensor[i].name, name) == 0) return &f->tensor[i];
    }
    return NULL;
}

static inline void fake_meta(fake_file *f, const char *key, const char *value) {
    assert_true(f->n_meta < 24);
    snprintf(f->value[f->n_meta], sizeof f->value[0], "%s", value);
    f->meta[f->n_meta] = (weights_meta_pair){key, f->value[f->n_meta]};
    f->n_meta++;
}

static inline void fake_meta_int(fake_file *f, const char *key, int value) {
    char text[24];
    snprintf(text, sizeof text, "%d", value);
    fake_meta(f, key, text);
}

static inline void fake_save(const fake_file *f, const char *path) {
    if (weights_write(path, f->tensor, (size_t)f->n, f->meta, (size_t)f->n_meta) != STENO_OK)
        fail_msg("%s", steno_error_detail());
}

/* ---- Moonshine -------------------------------------------------------------------------------------------------- */

typedef struct fake_shape {
    int heads, head_dim, rotary, encoder_layers, decoder_layers, encoder_hidden, decoder_hidden, vocab;
    bool endless; /* the end token never wins: every text runs into its limit or a loop */
} fake_shape;

/* The smallest network whose KV pages are large enough for the engine's alignment rows. */
static const fake_shape fake_tiny = {
    .heads = 6,
    .head_dim = 16,
    .rotary = 12,
    .encoder_layers = 1,
    .decoder_layers = 10,
    .encoder_hidden = 96,
    .decoder_hidden = 64,
    .vocab = 160,
};

static inline void fake_linear(fake_file *f, const char *prefix, int k, int n, bool bias, float gain) {
    char name[96];
    snprintf(name, sizeof name, "%s.weight", prefix);
    fake_bytes(f, name, WEIGHTS_U8, k, n, 0);
    snprintf(name, sizeof name, "%s.scale", prefix);
    fake_floats(f, name, 1, 0, 0, gain / (74.0f * sqrtf((float)k)), 0.0f);
    snprintf(name, sizeof name, "%s.zero_point", prefix);
    *(uint8_t *)fake_add(f, name, WEIGHTS_U8, 1, 1, 0, 0) = (uint8_t)(120 + fake_below(&f->random, 16));
    if (!bias) return;
    snprintf(name, sizeof name, "%s.bias", prefix);
    fake_floats(f, name, n, 0, 0, 0.0f, 0.5f);
}

static inline void fake_conv(fake_file *f, const char *prefix, int out, int in, int taps, bool bias, float gain) {
    char name[96];
    snprintf(name, sizeof name, "%s.weight", prefix);
    fake_bytes(f, name, WEIGHTS_I8, out, in, taps);
    snprintf(name, sizeof name, "%s.scale", prefix);
    fake_floats(f, name, 1, 0, 0, gain / (74.0f * sqrtf((float)(in * taps))), 0.0f);
    snprintf(name, sizeof name, "%s.offset", prefix);
    fake_floats(f, name, 1, 0, 0, 0.0f, 0.001f);
    snprintf(name, sizeof name, "%s.bias", prefix);
    if (bias) fake_floats(f, name, out, 0, 0, 0.0f, 0.2f);
}

static inline void fake_part(fake_file *f, const char *layer, const char *part, int k, int n, bool bias, float gain) {
    char name[80];
    snprintf(name, sizeof name, "%s.%s", layer, part);
    fake_linear(f, name, k, n, bias, gain);
}

static inline void fake_norm(fake_file *f, const char *layer, const char *part, int n) {
    char name[96];
    snprintf(name, sizeof name, "%s.%s.weight", layer, part);
    fake_floats(f, name, n, 0, 0, 1.0f, 0.3f);
}

static inline void fake_layers(fake_file *f, const fake_shape *s) {
    int d = s->heads * s->head_dim;
    char layer[48];
    for (int i = 0; i < s->encoder_layers; i++) {
        snprintf(layer, sizeof layer, "encoder.layers.%d", i);
        fake_norm(f, layer, "attn_norm", d);
        fake_norm(f, layer, "mlp_norm", d);
        fake_part(f, layer, "attn.q", d, d, false, 1.5f);
        fake_part(f, layer, "attn.k", d, d, false, 1.5f);
        fake_part(f, layer, "attn.v", d, d, false, 1.0f);
        fake_part(f, layer, "attn.o", d, d, false, 1.0f);
        fake_part(f, layer, "mlp.fc1", d, s->encoder_hidden, true, 1.0f);
        fake_part(f, layer, "mlp.fc2", s->encoder_hidden, d, true, 1.0f);
    }
    for (int i = 0; i < s->decoder_layers; i++) {
        snprintf(layer, sizeof layer, "decoder.layers.%d", i);
        fake_norm(f, layer, "self_norm", d);
        fake_norm(f, layer, "cross_norm", d);
        fake_norm(f, layer, "mlp_norm", d);
        fake_part(f, layer, "self.q", d, d, false, 6.0f);
        fake_part(f, layer, "self.k", d, d, false, 6.0f);
        fake_part(f, layer, "self.v", d, d, false, 2.0f);
        fake_part(f, layer, "self.o", d, d, false, 3.0f);
        fake_part(f, layer, "cross.q", d, d, false, 3.0f);
        fake_part(f, layer, "cross.k", d, d, false, 3.0f);
        fake_part(f, layer, "cross.v", d, d, false, 1.0f);
        fake_part(f, layer, "cross.o", d, d, false, 3.0f);
        fake_part(f, layer, "mlp.up", d, 2 * s->decoder_hidden, true, 4.0f);
        fake_part(f, layer, "mlp.down", s->decoder_hidden, d, true, 4.0f);
    }
}

static inline void fake_describe(fake_file *f, const fake_shape *s) {
    fake_meta(f, "arch", "moonshine");
    fake_meta_int(f, "width", s->heads * s->head_dim);
    fake_meta_int(f, "heads", s->heads);
    fake_meta_int(f, "head_dim", s->head_dim);
    fake_meta_int(f, "rotary_dim", s->rotary);
    fake_meta_int(f, "encoder_layers", s->encoder_layers);
    fake_meta_int(f, "decoder_layers", s->decoder_layers);
    fake_meta_int(f, "encoder_hidden", s->encoder_hidden);
    fake_meta_int(f, "decoder_hidden", s->decoder_hidden);
    fake_meta_int(f, "vocab", s->vocab);
    fake_meta_int(f, "start_token", 1);
    fake_meta_int(f, "end_token", 2);
}

/* The tensors of a whole network, to be changed and saved by the caller. */
static inline fake_file *fake_moonshine(const fake_shape *s, uint64_t seed) {
    fake_file *f = fake_new(seed);
    int d = s->heads * s->head_dim;
    fake_describe(f, s);
    fake_conv(f, "encoder.conv1", d, 1, 127, false, 8.0f);
    fake_conv(f, "encoder.conv2", 2 * d, d, 7, true, 1.0f);
    fake_conv(f, "encoder.conv3", d, 2 * d, 3, true, 2.0f);
    fake_floats(f, "encoder.groupnorm.weight", d, 0, 0, 1.0f, 0.2f);
    fake_floats(f, "encoder.groupnorm.bias", d, 0, 0, 0.0f, 0.2f);
    fake_layers(f, s);
    fake_norm(f, "encoder", "norm", d);
    fake_norm(f, "decoder", "norm", d);
    fake_bytes(f, "decoder.embed.weight", WEIGHTS_U8, s->vocab, d, 0);
    if (s->endless) memset((uint8_t *)(uintptr_t)f->tensor[f->n - 1].data + 2 * d, 126, (size_t)d);
    fake_floats(f, "decoder.embed.scale", 1, 0, 0, 2.0f / (74.0f * sqrtf((float)d)), 0.0f);
    *(uint8_t *)fake_add(f, "decoder.embed.zero_point", WEIGHTS_U8, 1, 1, 0, 0) = 126;
    float *inv = fake_floats(f, "encoder.rotary.inv_freq", s->rotary / 2, 0, 0, 0.0f, 0.0f);
    for (int i = 0; i < s->rotary / 2; i++) inv[i] = (float)pow(10000.0, -2.0 * i / s->rotary);
    return f;
}

static inline void fake_moonshine_write(const char *path, const fake_shape *s, uint64_t seed) {
    fake_file *f = fake_moonshine(s, seed);
    fake_save(f, path);
    fake_free(f);
}

/* ---- Silero ----------------------------------------------------------------------------------------------------- */

#define FAKE_BIN 16 /* of 129: 1 kHz */

/* One bin of the spectrum goes through the convolutions untouched, the cell forgets everything, and the probability is
 * near 1 where the bin is strong. */
static inline void fake_silero_write(const char *path) {
    fake_file *f = fake_new(1);
    float *basis = fake_floats(f, "stft.basis", 258, 256, 0, 0.0f, 0.0f);
    const double turn = 2.0 * acos(-1.0) / 256;
    for (int n = 1; n <= 128; n++) { /* mirrored, as the published basis is */
        float window = (float)(0.5 - 0.5 * cos(turn * n));
        float re = window * (float)cos(turn * ((FAKE_BIN * n) % 256));
        float im = n == 128 ? 0.0f : window * (float)-sin(turn * ((FAKE_BIN * n) % 256));
        basis[FAKE_BIN * 256 + n] = re;
        basis[(129 + FAKE_BIN) * 256 + n] = im;
        if (n == 128) continue;
        basis[FAKE_BIN * 256 + 256 - n] = re;
        basis[(129 + FAKE_BIN) * 256 + 256 - n] = -im;
    }
    fake_floats(f, "encoder.0.weight", 128, 129, 3, 0.0f, 0.0f)[FAKE_BIN * 3 + 1] = 1.0f;
    fake_floats(f, "encoder.1.weight", 64, 128, 3, 0.0f, 0.0f)[1] = 1.0f;
    fake_floats(f, "encoder.2.weight", 64, 64, 3, 0.0f, 0.0f)[1] = 1.0f;
    fake_floats(f, "encoder.3.weight", 128, 64, 3, 0.0f, 0.0f)[1] = 1.0f;
    fake_floats(f, "encoder.0.bias", 128, 0, 0, 0.0f, 0.0f);
    fake_floats(f, "encoder.1.bias", 64, 0, 0, 0.0f, 0.0f);
    fake_floats(f, "encoder.2.bias", 64, 0, 0, 0.0f, 0.0f);
    fake_floats(f, "encoder.3.bias", 128, 0, 0, 0.0f, 0.0f);
    fake_floats(f, "lstm.weight_ih", 512, 128, 0, 0.0f, 0.0f)[256 * 128] = 1.0f; /* cell input of unit 0 */
    fake_floats(f, "lstm.weight_hh", 512, 128, 0, 0.0f, 0.0f);
    float *bias = fake_floats(f, "lstm.bias_ih", 512, 0, 0, 0.0f, 0.0f);
    for (int i = 0; i < 128; i++) {
        bias[i] = bias[384 + i] = 20.0f; /* input and output gates open */
        bias[128 + i] = -20.0f;          /* nothing is remembered */
    }
    fake_floats(f, "lstm.bias_hh", 512, 0, 0, 0.0f, 0.0f);
    fake_floats(f, "out.weight", 128, 0, 0, 0.0f, 0.0f)[0] = 20.0f;
    fake_floats(f, "out.bias", 1, 0, 0, -6.0f, 0.0f);
    fake_save(f, path);
    fake_free(f);
}

/* ---- voices ------------------------------------------------------------------------------------------------------ */

/* What goes in at the centre tap comes out: [n, taps * k] with ones on a diagonal. */
static inline void fake_through(fake_file *f, const char *name, int n, int taps, int k) {
    char key[64];
    snprintf(key, sizeof key, "%s.weight", name);
    float *w = fake_floats(f, key, n, taps * k, 0, 0.0f, 0.0f);
    for (int i = 0; i < n && i < k; i++) w[(size_t)i * (size_t)(taps * k) + (size_t)(taps / 2 * k + i)] = 1.0f;
    snprintf(key, sizeof key, "%s.bias", name);
    fake_floats(f, key, n, 0, 0, 0.0f, 0.0f);
}

/* Positive and negative parts of the cepstra go through all layers; an embedding is a random turn of their means, so that a
 * room of people that change their voices all the time is heard in any sound. */
static inline void fake_xvector_write(const char *path, uint64_t seed) {
    fake_file *f = fake_new(seed);
    fake_meta(f, "arch", "xvector");
    float *first = fake_floats(f, "tdnn1.weight", 512, 5 * 23, 0, 0.0f, 0.0f);
    for (int i = 0; i < 23; i++) {
        first[(2 * i) * 115 + 2 * 23 + i] = 1.0f;
        first[(2 * i + 1) * 115 + 2 * 23 + i] = -1.0f;
    }
    fake_floats(f, "tdnn1.bias", 512, 0, 0, 0.0f, 0.0f);
    fake_through(f, "tdnn2", 512, 3, 512);
    fake_through(f, "tdnn3", 512, 3, 512);
    fake_through(f, "tdnn4", 512, 1, 512);
    fake_through(f, "tdnn5", 1500, 1, 512);
    float *last = fake_floats(f, "segment.weight", 128, 3000, 0, 0.0f, 0.0f);
    for (int d = 0; d < 128; d++) {
        for (int i = 0; i < 23; i++) {
            last[d * 3000 + 2 * i] = fake_noise(&f->random);
            last[d * 3000 + 2 * i + 1] = -last[d * 3000 + 2 * i];
        }
    }
    fake_floats(f, "segment.bias", 128, 0, 0, 0.0f, 0.0f);
    float *scale = fake_floats(f, "segment_norm.weight", 128, 0, 0, 0.0f, 0.0f);
    for (int d = 0; d < 128; d++) scale[d] = 1.0f;
    fake_floats(f, "segment_norm.bias", 128, 0, 0, 0.0f, 0.0f);
    fake_through(f, "whiten", 128, 1, 128);
    fake_save(f, path);
    fake_free(f);
}

/* ---- tokens ----------------------------------------------------------------------------------------------------- */

/* Ids 0..3 are empty; the others are " ka", "lo" and so on: every third starts a word. */
static inline void fake_tokens_write(const char *path, int vocab) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    for (int id = 0; id < vocab; id++) {
        uint8_t piece[3] = {(uint8_t)(id % 3 ? "bdfgklmnprstvz"[id % 14] : ' '), (uint8_t) "kmrstln"[id / 3 % 7],
                            (uint8_t) "aeiou"[id % 5]};
        uint32_t bits = (uint32_t)piece[0] << 16 | (uint32_t)piece[1] << 8 | piece[2];
        if (id >= 4)
            for (int i = 0; i < 4; i++) fputc(digits[bits >> (18 - 6 * i) & 63], out);
        fprintf(out, " %d\n", id);
    }
    assert_int_equal(fclose(out), 0);
}

/* ---- a folder of them ------------------------------------------------------------------------------------------- */

typedef struct fake_dir {
    char path[256];
} fake_dir;

static inline void fake_join(char out[FAKE_PATH_BYTES], const fake_dir *dir, const char *file) {
    assert_true(snprintf(out, FAKE_PATH_BYTES, "%s/%s", dir->path, file) < FAKE_PATH_BYTES);
}

static inline void fake_dir_make(fake_dir *dir) {
    const char *base = getenv("TMPDIR");
    snprintf(dir->path, sizeof dir->path, "%.200s/steno-test-XXXXXX", base && base[0] ? base : "/tmp");
    assert_non_null(mkdtemp(dir->path));
}

/* All that steno_model_open() wants. */
static inline void fake_dir_fill(fake_dir *dir, const fake_shape *s, uint64_t seed) {
    char path[FAKE_PATH_BYTES];
    fake_dir_make(dir);
    fake_join(path, dir, "moonshine-tiny.safetensors");
    fake_moonshine_write(path, s, seed);
    fake_join(path, dir, "silero-vad-v6.safetensors");
    fake_silero_write(path);
    fake_join(path, dir, "tokens.txt");
    fake_tokens_write(path, s->vocab);
}

/* … and what tells people apart. */
static inline void fake_dir_add_voices(const fake_dir *dir, uint64_t seed) {
    char path[FAKE_PATH_BYTES];
    fake_join(path, dir, "xvector-callhome.safetensors");
    fake_xvector_write(path, seed);
}

static inline void fake_dir_remove(const fake_dir *dir) {
    static const char *const files[] = {"moonshine-tiny.safetensors", "silero-vad-v6.safetensors", "tokens.txt",
                                        "one.safetensors", "xvector-callhome.safetensors"};
    char path[FAKE_PATH_BYTES];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        fake_join(path, dir, files[i]);
        unlink(path);
    }
    rmdir(dir->path);
}

/* ---- sound ------------------------------------------------------------------------------------------------------ */

/* Speech for the made-up voice detector, different at every sample. */
static inline void fake_tone(float *pcm, size_t n, uint64_t *random) {
    const double turn = 2.0 * acos(-1.0) * 1000.0 / 16000.0;
    for (size_t i = 0; i < n; i++) pcm[i] = 0.3f * (float)sin(turn * (double)i) + 0.3f * fake_noise(random);
}

/* Speech and pauses in turn, both of random length (speech up to most_s seconds); n samples. */
static inline float *fake_talk(size_t n, double most_s, uint64_t seed) {
    float *pcm = calloc(n ? n : 1, sizeof *pcm);
    uint64_t random = seed;
    assert_non_null(pcm);
    for (size_t at = 0; at < n;) {
        size_t speech = 8000 + (size_t)fake_below(&random, (int)(most_s * 16000.0));
        size_t pause = 1000 + (size_t)fake_below(&random, 48000);
        if (speech > n - at) speech = n - at;
        fake_tone(pcm + at, speech, &random);
        at += speech;
        at += pause > n - at ? n - at : pause;
    }
    return pcm;
}

#endif
