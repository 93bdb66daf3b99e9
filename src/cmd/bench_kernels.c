/* bench_kernels.c: `steno bench kernels`: what the numeric kernels reach on this processor, against the int8 ceiling.
 *
 * The ceiling is the int8 product on a tile whose operands stay in the first cache: no memory, no epilogue worth naming.
 * Every figure is the best of several rounds of CPU time on one thread. Main thread only.
 */
#include "cmd/bench_kernels.h"

#include "base/mem.h"
#include "cmd/cli.h"
#include "kern/kern.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROUNDS     7
#define ROUND_MACS 1e9 /* multiply-accumulates in a round: some milliseconds */
#define HEADS      8

typedef struct shape {
    const char *what;
    int m, k, n;
} shape;

static const shape int8_shapes[] = {
    {"int8 ceiling (first cache)", 8, 512, 48},  {"int8 encoder, widening", 128, 288, 1152},
    {"int8 encoder, narrowing", 128, 1152, 288}, {"int8 decoder, 24 sequences", 24, 288, 2304},
    {"int8 decoder, 1 sequence", 1, 288, 2304},  {"int8 logits, 24 sequences", 24, 288, 32768},
    {"int8 logits, 1 sequence", 1, 288, 32768},
};

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A repeatable stream of small numbers. */
static uint32_t next_number(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void fill(float *x, size_t n) {
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) x[i] = (float)(next_number(&state) % 2001) / 1000.0f - 1.0f;
}

/* Best seconds of one call of `run`, which does `macs` multiply-accumulates. */
static double best_of(void (*run)(void *), void *arg, double macs) {
    int calls = (int)(ROUND_MACS / macs) + 1;
    double best = INFINITY;
    for (int r = 0; r < ROUNDS; r++) {
        double start = cpu_s();
        for (int i = 0; i < calls; i++) run(arg);
        double each = (cpu_s() - start) / calls;
        if (each < best) best = each;
    }
    return best;
}

typedef struct product {
    kern_q8 q8;
    kern_f32 f32;
    kern_bf16 b16;
    kern_qrows rows;
    float *a, *out, *sums;
    uint16_t *a16;
    shape s;
} product;

static void run_q8(void *arg) {
    product *p = arg;
    kern()->gemm_q8(&p->rows, p->s.m, &p->q8, KERN_STORE, p->out, p->s.n);
}

static void run_f32(void *arg) {
    product *p = arg;
    kern()->gemm_f32(p->a, p->s.k, p->s.m, &p->f32, KERN_STORE, p->out, p->s.n);
}

static void run_bf16(void *arg) {
    product *p = arg;
    kern()->gemm_bf16(p->a16, p->s.k, p->sums, p->s.m, &p->b16, KERN_STORE, p->out, p->s.n);
}

static void product_free(product *p) {
    kern_q8_free(&p->q8);
    kern_f32_free(&p->f32);
    kern_bf16_free(&p->b16);
    mem_free(p->rows.q);
    mem_free(p->rows.scale);
    mem_free(p->rows.zp);
    mem_free(p->rows.sum);
    mem_free(p->a);
    mem_free(p->a16);
    mem_free(p->sums);
    mem_free(p->out);
}

static steno_err product_rows(product *p, const shape *s) {
    size_t m = (size_t)s->m, k = (size_t)s->k;
    p->s = *s;
    p->rows.stride = (s->k + 63) / 64 * 64;
    p->rows.q = mem_alloc(m, (size_t)p->rows.stride);
    p->rows.scale = mem_alloc(m, sizeof(float));
    p->rows.zp = mem_alloc(m, sizeof(int32_t));
    p->rows.sum = mem_alloc(m, sizeof(int32_t));
    p->a = mem_alloc(m * k, sizeof(float));
    p->a16 = mem_alloc(m * k, sizeof(uint16_t));
    p->sums = mem_alloc(m, sizeof(float));
    p->out = mem_alloc(m * (size_t)s->n, sizeof(float));
    if (!p->rows.q || !p->rows.scale || !p->rows.zp || !p->rows.sum || !p->a || !p->a16 || !p->sums || !p->out)
        return err_fail(STENO_E_NOMEM, "no memory for a %d x %d x %d product", s->m, s->k, s->n);
    fill(p->a, m * k);
    kern()->quantize_rows(p->a, s->k, s->m, s->k, &p->rows);
    kern()->to_bf16(p->a, s->m * s->k, p->a16);
    return STENO_OK;
}

static void print_rate(const char *what, double macs, double seconds, double ceiling) {
    printf("%-34s %8.1f GMAC/s", what, macs / seconds / 1e9);
    if (ceiling > 0.0) printf("   %3.0f %% of the int8 ceiling", 100.0 * macs / seconds / ceiling);
    putchar('\n');
}

static double macs_of(const shape *s) {
    return (double)s->m * (double)s->k * (double)s->n;
}

/* Measures one int8 shape; with *ceiling 0 it becomes the ceiling. */
static steno_err measure_q8(const shape *s, double *ceiling) {
    product p = {0};
    size_t bytes = (size_t)s->k * (size_t)s->n;
    uint8_t *w = mem_alloc(bytes, 1);
    uint32_t state = 2;
    for (size_t i = 0; w && i < bytes; i++) w[i] = (uint8_t)next_number(&state);
    kern_q8_part part = {.w = w, .n = s->n, .scale = 1e-3f, .zero_point = 127};
    steno_err e = w ? product_rows(&p, s) : err_fail(STENO_E_NOMEM, "no memory for weights");
    if (e == STENO_OK) e = kern_q8_pack(&p.q8, &part, 1, s->k);
    if (e == STENO_OK) {
        double seconds = best_of(run_q8, &p, macs_of(s));
        print_rate(s->what, macs_of(s), seconds, *ceiling);
        if (*ceiling <= 0.0) *ceiling = macs_of(s) / seconds;
    }
    mem_free(w);
    product_free(&p);
    return e;
}

static steno_err measure_f32(const shape *s, double ceiling) {
    product p = {0};
    size_t n = (size_t)s->k * (size_t)s->n;
    float *w = mem_alloc(n, sizeof *w);
    steno_err e = w ? product_rows(&p, s) : err_fail(STENO_E_NOMEM, "no memory for weights");
    if (e == STENO_OK) {
        fill(w, n);
        e = kern_f32_pack(&p.f32, w, NULL, s->n, s->k);
    }
    if (e == STENO_OK) print_rate(s->what, macs_of(s), best_of(run_f32, &p, macs_of(s)), ceiling);
    mem_free(w);
    product_free(&p);
    return e;
}

static steno_err measure_bf16(const shape *s, double ceiling) {
    product p = {0};
    int8_t *w = mem_alloc((size_t)s->k, (size_t)s->n);
    steno_err e = w ? product_rows(&p, s) : err_fail(STENO_E_NOMEM, "no memory for weights");
    if (e == STENO_OK) e = kern_bf16_pack(&p.b16, w, 1e-3f, 0.0f, NULL, s->n, s->k);
    if (e == STENO_OK) print_rate(s->what, macs_of(s), best_of(run_bf16, &p, macs_of(s)), ceiling);
    mem_free(w);
    product_free(&p);
    return e;
}

typedef struct attention_case {
    float *qkv, *out;
    void *scratch;
    int t, head_dim;
    bool bf16;
} attention_case;

static void run_attention(void *arg) {
    attention_case *c = arg;
    int d = HEADS * c->head_dim;
    float scale = 1.0f / sqrtf((float)c->head_dim);
    if (c->bf16)
        kern()->attention_bf16(c->qkv, 3 * d, c->t, c->qkv + d, c->qkv + 2 * d, 3 * d, c->t, HEADS, c->head_dim, scale,
                               c->scratch, c->out, d);
    else
        kern()->attention(c->qkv, 3 * d, c->t, c->qkv + d, c->qkv + 2 * d, 3 * d, c->t, HEADS, c->head_dim, scale,
                          c->scratch, c->out, d);
}

static steno_err measure_attention(int t, bool bf16, double ceiling) {
    attention_case c = {.t = t, .head_dim = 36, .bf16 = bf16};
    size_t d = (size_t)(HEADS * c.head_dim), rows = (size_t)t;
    char what[64];
    c.qkv = mem_alloc(rows * d * 3, sizeof(float));
    c.out = mem_alloc(rows * d, sizeof(float));
    c.scratch = mem_alloc(1, kern_attention_scratch(t, c.head_dim));
    steno_err e = STENO_OK;
    if (!c.qkv || !c.out || !c.scratch) e = err_fail(STENO_E_NOMEM, "no memory for attention over %d frames", t);
    if (e == STENO_OK) {
        fill(c.qkv, rows * d * 3);
        double macs = 2.0 * (double)t * (double)t * (double)d;
        snprintf(what, sizeof what, "%s attention, %d frames", bf16 ? "bf16" : "fp32", t);
        print_rate(what, macs, best_of(run_attention, &c, macs), ceiling);
    }
    mem_free(c.qkv);
    mem_free(c.out);
    mem_free(c.scratch);
    return e;
}

static steno_err measure_all(void) {
    static const shape conv = {"bf16 second convolution", 128, 2016, 576},
                       fp32 = {"fp32 first convolution", 400, 128, 288};
    double ceiling = 0.0;
    printf("kernel body: %s\n", kern()->name);
    for (size_t i = 0; i < sizeof int8_shapes / sizeof int8_shapes[0]; i++)
        ERR_TRY(measure_q8(&int8_shapes[i], &ceiling));
    if (kern()->gemm_bf16) ERR_TRY(measure_bf16(&conv, ceiling));
    ERR_TRY(measure_f32(&fp32, ceiling));
    ERR_TRY(measure_attention(208, false, ceiling));
    if (kern()->attention_bf16) ERR_TRY(measure_attention(208, true, ceiling));
    if (kern()->attention_bf16) ERR_TRY(measure_attention(833, true, ceiling));
    return STENO_OK;
}

int bench_kernels(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int c = getopt_long(argc, argv, ":h", options, NULL);
    if (c == 'h') {
        printf(
            "Usage: steno bench kernels\n\nMultiply-accumulates a second of the numeric kernels on one thread, in the "
            "shapes of Moonshine tiny.\nSTENO_KERN=c|avx2|avx512-vnni|avx512 chooses the kernel body.\n");
        return 0;
    }
    if (c != -1) return cli_wrong_option("bench", c, argv);
    if (optind < argc) return cli_usage("bench", "kernels takes no '%s'", argv[optind]);
    if (measure_all() == STENO_OK) return 0;
    fprintf(stderr, "steno: %s\n", steno_error_detail());
    return 1;
}
