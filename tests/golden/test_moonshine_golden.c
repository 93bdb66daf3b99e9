/* test_moonshine_golden.c: the encoder, the cross keys and the greedy decoder against onnxruntime on the same weights.
 *
 * "tiny" and "base" vectors come from the published int8 graphs (activations quantised per tensor there, per row here,
 * so states differ by quantisation noise); the "-fp32" vectors from the same weights without activation quantisation,
 * which the fp32 path must match closely.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "golden.h"
#include "base/mem.h"
#include "models/moonshine.h"
#include "kern/kern.h"

#include <math.h>

/* Two quantisations of the same activations move a logit by about 0.2 rms (printed below); a lead within this is a tie.
 */
#define NEAR_TIE 1.0f

static golden g;

typedef struct fixture {
    weights *w;
    moonshine *m;
    arena a;
    kv_pool pool;
} fixture;

static bool open_model(fixture *f, const char *name, bool fp32) {
    char path[256];
    snprintf(path, sizeof path, "build/models/moonshine-%s.safetensors", name);
    memset(f, 0, sizeof *f);
    if (weights_open(path, &f->w) != STENO_OK) return false;
    assert_int_equal(moonshine_open(f->w, fp32, &f->m), STENO_OK);
    size_t bytes = moonshine_encode_bytes(f->m, 16 * 16000, 16 * 16000) + moonshine_decode_bytes(f->m, 8);
    assert_int_equal(arena_init(&f->a, bytes), STENO_OK);
    assert_int_equal(kv_pool_init(&f->pool, moonshine_page_halfs(f->m), 200), STENO_OK);
    return true;
}

static void close_model(fixture *f) {
    kv_pool_free(&f->pool);
    arena_free(&f->a);
    moonshine_free(f->m);
    weights_close(f->w);
}

typedef struct gap {
    double max, rms, ref_rms;
} gap;

static gap compare(const float *x, const float *y, size_t n) {
    gap d = {0};
    for (size_t i = 0; i < n; i++) {
        double e = (double)x[i] - (double)y[i];
        if (fabs(e) > d.max) d.max = fabs(e);
        d.rms += e * e;
        d.ref_rms += (double)y[i] * (double)y[i];
    }
    d.rms = sqrt(d.rms / (double)n);
    d.ref_rms = sqrt(d.ref_rms / (double)n);
    return d;
}

static golden_vec load(const char *utt, const char *model, const char *what) {
    char name[128];
    golden_vec v;
    snprintf(name, sizeof name, "%s%s%s/%s", utt, *model ? "/" : "", model, what);
    if (!golden_load(&g, name, &v)) fail_msg("no golden vector %s", name);
    return v;
}

static void encode(fixture *f, const golden_vec *pcm, moonshine_utterance *u, moonshine_sequence *seq,
                   moonshine_encoding *e) {
    memset(u, 0, sizeof *u);
    memset(seq, 0, sizeof *seq);
    u->pcm = pcm->f32;
    u->samples = pcm->count;
    seq->frames = moonshine_frames(pcm->count);
    assert_true(kv_pool_take(&f->pool, moonshine_pages(seq->frames), seq->cross));
    assert_true(kv_pool_take(&f->pool, 13, seq->self));
    u->pages = seq->cross;
    assert_int_equal(moonshine_encode_begin(e, f->m, &f->a, u, 1), STENO_OK);
    bool done = false;
    while (!done) assert_int_equal(moonshine_encode_step(e, &done), STENO_OK);
}

static float half_value(uint16_t h) {
    int exponent = (h >> 10) & 31, mantissa = h & 1023;
    double v = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    return (float)(h & 0x8000 ? -v : v);
}

/* Layer 0's keys in half-float pages (the fp32 path) against [heads, frames, head_dim]. */
static gap compare_keys(const fixture *f, const moonshine_sequence *s, const golden_vec *keys) {
    const moonshine_info *i = moonshine_describe(f->m);
    size_t n = (size_t)keys->count;
    float *mine = mem_alloc(n, sizeof *mine);
    for (int h = 0; h < i->heads; h++) {
        for (int t = 0; t < s->frames; t++) {
            for (int d = 0; d < i->head_dim; d++) {
                uint16_t v = s->cross[t / 16][(h * i->head_dim + d) * 16 + t % 16];
                mine[((size_t)h * (size_t)s->frames + (size_t)t) * (size_t)i->head_dim + (size_t)d] = half_value(v);
            }
        }
    }
    gap d = compare(mine, keys->f32, n);
    mem_free(mine);
    return d;
}

static void check_utterance(const char *utt, const char *model, bool fp32, double state_tolerance,
                            double logit_tolerance) {
    char name[32];
    snprintf(name, sizeof name, "%s%s", model, fp32 ? "-fp32" : "");
    fixture f;
    if (!open_model(&f, model, fp32)) {
        print_message("skipped: no build/models (run `make models`)\n");
        skip();
    }
    golden_vec pcm = load(utt, "", "pcm"), states = load(utt, name, "encoder"), keys = load(utt, name, "cross_key0");
    golden_vec tokens = load(utt, name, "tokens"), logits = load(utt, name, "logits"), lp = load(utt, name, "logprobs");
    moonshine_utterance u;
    moonshine_sequence seq;
    moonshine_encoding e;
    encode(&f, &pcm, &u, &seq, &e);
    const moonshine_info *info = moonshine_describe(f.m);
    assert_int_equal((size_t)u.frames * (size_t)info->width, states.count);
    gap s = compare(e.states, states.f32, (size_t)states.count), k = {0};
    if (fp32) k = compare_keys(&f, &seq, &keys);
    print_message("%s %s (%s): states rms %.5f max %.4f of %.3f; keys rms %.5f of %.3f\n", utt, name, kern()->name,
                  s.rms, s.max, s.ref_rms, k.rms, k.ref_rms);
    assert_true(s.rms <= state_tolerance * s.ref_rms);
    assert_true(k.rms <= state_tolerance * k.ref_rms + 1e-3 * k.ref_rms);
    float *mine = mem_alloc((size_t)info->vocab, sizeof *mine);
    int32_t token = info->start_token;
    double worst_lp = 0.0;
    for (int i = 0; i < tokens.count; i++) {
        moonshine_row row = {.seq = &seq, .token = token};
        assert_int_equal(moonshine_decode_step(f.m, &f.a, &row, 1, mine), STENO_OK);
        if (i < logits.shape[0]) {
            gap l = compare(mine, logits.f32 + (size_t)i * (size_t)info->vocab, (size_t)info->vocab);
            print_message("  step %d: logits rms %.5f max %.4f of %.3f\n", i, l.rms, l.max, l.ref_rms);
            assert_true(l.rms <= logit_tolerance * l.ref_rms);
        }
        if (row.next != tokens.i32[i]) { /* allowed only between near ties, and only where activations are quantised */
            float lead = mine[row.next] - mine[tokens.i32[i]];
            print_message("  token %d: %d where onnxruntime says %d, a lead of %.3f\n", i, row.next, tokens.i32[i],
                          (double)lead);
            assert_false(fp32);
            assert_true(lead <= NEAR_TIE);
            break;
        }
        worst_lp = fmax(worst_lp, fabs((double)row.logprob - (double)lp.f32[i]));
        token = row.next;
    }
    print_message("  %d tokens agree; log probabilities within %.4f\n", tokens.count, worst_lp);
    assert_true(worst_lp <= (fp32 ? 0.02 : 0.6));
    mem_free(mine);
    close_model(&f);
    golden_free(&pcm);
    golden_free(&states);
    golden_free(&keys);
    golden_free(&tokens);
    golden_free(&logits);
    golden_free(&lp);
}

static void tiny_fp32_matches(void **state) {
    (void)state;
    check_utterance("austen-0870", "tiny", true, 2e-4, 2e-3);
    check_utterance("austen-0880", "tiny", true, 2e-4, 2e-3);
    check_utterance("goodbye", "tiny", true, 2e-4, 2e-3);
}

static void tiny_int8_agrees(void **state) {
    (void)state;
    check_utterance("austen-0870", "tiny", false, 0.2, 0.2);
    check_utterance("austen-0880", "tiny", false, 0.2, 0.2);
    check_utterance("goodbye", "tiny", false, 0.2, 0.2);
    check_utterance("login", "tiny", false, 0.2, 0.2);
    check_utterance("monkeys", "tiny", false, 0.2, 0.2);
}

static void base_agrees(void **state) {
    (void)state;
    check_utterance("austen-0880", "base", true, 2e-4, 2e-3);
    check_utterance("austen-0880", "base", false, 0.2, 0.2);
}

int main(void) {
    if (!golden_open(&g)) {
        print_message("%s\n", golden_hint);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_fp32_matches),
        cmocka_unit_test(tiny_int8_agrees),
        cmocka_unit_test(base_agrees),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&g);
    return failed;
}
