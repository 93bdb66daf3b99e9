/* test_vb.c: variational Bayes: one round against plain sums in double precision, and what many rounds find. */
#include "speakers/vb.h"

#include "made_looks.h"

#define SEED  20261128u
#define LOOKS 1200

static vb w;
static const vb_options options = {.fa = 0.3f, .fb = 7.0f, .loop = 0.9f};
static const float nothing[VB_DIM];

/* Looks of people who take turns of 20, the k-th of them [k * 20 % LOOKS]. */
static int who_at(const made *m, int i) {
    return i / 20 % m->people;
}

static void load(made *m, int n) {
    vb_begin(&w, n, &options);
    for (int i = 0; i < n; i++) {
        speakers_look l = made_look(m, who_at(m, i), i + 6);
        memcpy(w.rho[i], l.e, sizeof w.rho[i]);
    }
    vb_centre(&w, nothing);
}

/* A guess by chance over `speakers` hypotheses. */
static void guess(made *m, int speakers) {
    w.speakers = speakers;
    for (int k = 0; k < speakers; k++) w.share[k] = 1.0f / (float)speakers;
    for (int i = 0; i < w.n; i++) {
        float sum = 0.0f;
        for (int k = 0; k < speakers; k++) sum += w.gamma[i][k] = (float)made_uniform(m);
        for (int k = 0; k < speakers; k++) w.gamma[i][k] /= sum;
    }
}

/* A guess that knows it roughly: hypothesis k is person k % people. */
static void guess_well(made *m, int speakers) {
    w.speakers = speakers;
    for (int k = 0; k < speakers; k++) w.share[k] = 1.0f / (float)speakers;
    for (int i = 0; i < w.n; i++) {
        float sum = 0.0f;
        for (int k = 0; k < speakers; k++)
            sum += w.gamma[i][k] = (k % m->people == who_at(m, i) ? 40.0f : 1.0f) + (float)made_uniform(m);
        for (int k = 0; k < speakers; k++) w.gamma[i][k] /= sum;
    }
}

static void assert_probabilities(void) {
    double sum = 0.0;
    for (int i = 0; i < w.n; i++, sum = 0.0) {
        for (int k = 0; k < w.speakers; k++) {
            assert_true(w.gamma[i][k] >= 0.0f && w.gamma[i][k] <= 1.0001f);
            sum += (double)w.gamma[i][k];
        }
        if (!(fabs(sum - 1.0) < 1e-4)) fail_msg("look %d adds up to %g", i, sum);
    }
    for (int k = 0; k < w.speakers; k++) sum += (double)w.share[k];
    assert_true(fabs(sum - 1.0) < 1e-4);
}

/* ---- one round, as the paper has it ------------------------------------------------------------------------------- */

#define K 5

typedef struct plain {
    double alpha[K][VB_DIM], spread[K][VB_DIM], like[LOOKS][K], gamma[LOOKS][K], share[K];
} plain;

static void plain_speakers(plain *p) {
    double per = (double)options.fa / (double)options.fb;
    for (int k = 0; k < K; k++) {
        double n = 0.0;
        for (int i = 0; i < w.n; i++) n += (double)w.gamma[i][k];
        for (int d = 0; d < VB_DIM; d++) {
            double sum = 0.0;
            for (int i = 0; i < w.n; i++) sum += (double)w.gamma[i][k] * (double)w.rho[i][d];
            p->spread[k][d] = 1.0 / (1.0 + per * n * (double)w.between[d]);
            p->alpha[k][d] = per * p->spread[k][d] * sum;
        }
    }
    for (int i = 0; i < w.n; i++) {
        for (int k = 0; k < K; k++) {
            double s = 0.0;
            for (int d = 0; d < VB_DIM; d++)
                s += (double)w.rho[i][d] * p->alpha[k][d] -
                     0.5 * (double)w.between[d] * (p->spread[k][d] + p->alpha[k][d] * p->alpha[k][d]);
            p->like[i][k] = (double)options.fa * s; /* logarithm */
        }
    }
}

static double log_sum(const double *v, int n) {
    double most = v[0], sum = 0.0;
    for (int k = 1; k < n; k++) most = v[k] > most ? v[k] : most;
    for (int k = 0; k < n; k++) sum += exp(v[k] - most);
    return most + log(sum);
}

/* Forward and backward in logarithms, every transition by itself. */
static void plain_states(plain *p) {
    static double f[LOOKS][K], b[LOOKS][K];
    double loop = (double)options.loop, way[K], all;
    for (int i = 0; i < w.n; i++) {
        for (int k = 0; k < K; k++) {
            if (i == 0) f[i][k] = log((double)w.share[k]) + p->like[i][k];
            for (int j = 0; j < K && i > 0; j++)
                way[j] = f[i - 1][j] + log((j == k ? loop : 0.0) + (1.0 - loop) * (double)w.share[k]);
            if (i > 0) f[i][k] = p->like[i][k] + log_sum(way, K);
        }
    }
    all = log_sum(f[w.n - 1], K);
    for (int i = w.n - 1; i >= 0; i--) {
        for (int k = 0; k < K; k++) {
            b[i][k] = 0.0;
            if (i == w.n - 1) continue;
            for (int j = 0; j < K; j++)
                way[j] =
                    b[i + 1][j] + p->like[i + 1][j] + log((j == k ? loop : 0.0) + (1.0 - loop) * (double)w.share[j]);
            b[i][k] = log_sum(way, K);
        }
    }
    for (int k = 0; k < K; k++) {
        p->share[k] = 0.0;
        for (int i = 0; i < w.n; i++) {
            p->gamma[i][k] = exp(f[i][k] + b[i][k] - all);
            if (i == 0) p->share[k] += p->gamma[i][k];
            /* Changes to k, one from itself to itself by way of the shares included. */
            if (i > 0)
                p->share[k] +=
                    exp(log_sum(f[i - 1], K) + log((1.0 - loop) * (double)w.share[k]) + p->like[i][k] + b[i][k] - all);
        }
    }
}

static void one_round_is_the_papers(void **state) {
    (void)state;
    static plain p;
    made m;
    made_people(&m, SEED, 3);
    load(&m, LOOKS);
    guess(&m, K);
    w.share[0] = 0.6f, w.share[1] = w.share[2] = w.share[3] = w.share[4] = 0.1f;
    for (int round = 0; round < 4; round++) {
        double sum = 0.0;
        plain_speakers(&p);
        plain_states(&p);
        (void)vb_round(&w);
        for (int k = 0; k < K; k++) sum += p.share[k];
        for (int k = 0; k < K; k++) {
            if (!(fabs(p.share[k] / sum - (double)w.share[k]) < 1e-3)) fail_msg("round %d, share %d", round, k);
            for (int d = 0; d < VB_DIM; d++) assert_true(fabs(p.alpha[k][d] - (double)w.mean[k][d]) < 1e-3);
            for (int i = 0; i < LOOKS; i++) {
                if (!(fabs(p.gamma[i][k] - (double)w.gamma[i][k]) < 1e-3))
                    fail_msg("round %d, look %d, speaker %d: %g, not %g", round, i, k, (double)w.gamma[i][k],
                             p.gamma[i][k]);
            }
        }
    }
}

/* ---- many rounds -------------------------------------------------------------------------------------------------- */

/* A look whose speaker has gone may be anybody's. */
static void who_goes_leaves_his_looks_to_all(void **state) {
    (void)state;
    made m;
    made_people(&m, SEED + 60, 2);
    load(&m, 200);
    guess_well(&m, 2);
    w.speakers = 3;
    for (int i = 0; i < w.n; i++) {
        w.gamma[i][2] = i % 100 == 50 ? 1.0f : 0.0f;
        for (int k = 0; k < 2 && i % 100 == 50; k++) w.gamma[i][k] = 0.0f;
    }
    w.share[0] = w.share[1] = 0.0f, w.share[2] = 1.0f; /* and changes led to nobody else */
    vb_prune(&w, 3.0f);
    assert_int_equal(w.speakers, 2);
    for (int k = 0; k < 2; k++) {
        assert_true(w.gamma[50][k] == 0.5f && w.gamma[150][k] == 0.5f && w.share[k] == 0.5f);
    }
    assert_probabilities();
    (void)vb_round(&w);
    assert_probabilities();
}

static int best(int i) {
    int k = 0;
    for (int j = 1; j < w.speakers; j++) k = w.gamma[i][j] > w.gamma[i][k] ? j : k;
    return k;
}

static void people_are_found_and_spare_ones_fade(void **state) {
    (void)state;
    made m;
    for (int people = 1; people <= 6; people++) {
        made_people(&m, SEED + (unsigned)people, people);
        load(&m, LOOKS);
        guess_well(&m, 3 * people);
        for (int round = 0; round < 60; round++) {
            (void)vb_round(&w);
            assert_probabilities();
            vb_prune(&w, 0.5f);
            assert_probabilities();
        }
        assert_int_equal(w.speakers, people);
        int right = 0, of[VB_SPEAKERS];
        for (int p = 0; p < people; p++) of[p] = best(p * 20 + 10);
        for (int i = 0; i < LOOKS; i++) right += best(i) == of[who_at(&m, i)];
        assert_true(right >= LOOKS * 97 / 100);
        assert_true(vb_round(&w) < 0.01f); /* it has come to rest */
    }
}

/* Looks so far out that likelihoods underflow, and ones that are all the same. */
static void odd_looks_keep_adding_up(void **state) {
    (void)state;
    made m;
    made_people(&m, SEED, 4);
    for (int kind = 0; kind < 3; kind++) {
        load(&m, LOOKS);
        for (int i = 0; i < LOOKS; i++) {
            for (int d = 0; d < VB_DIM; d++)
                w.rho[i][d] = kind == 0 ? 0.0f : kind == 1 ? 1.0f : w.rho[i][d] * (i % 7 ? 1.0f : 100.0f);
        }
        guess(&m, VB_SPEAKERS);
        for (int round = 0; round < 20; round++) {
            (void)vb_round(&w);
            assert_probabilities();
        }
    }
    load(&m, 1);
    guess(&m, 3);
    (void)vb_round(&w);
    assert_probabilities();
    load(&m, LOOKS);
    guess(&m, 3);
    w.share[1] = 0.0f; /* who was never changed to */
    (void)vb_round(&w);
    assert_probabilities();
}

static void who_has_least_goes(void **state) {
    (void)state;
    made m;
    made_people(&m, SEED, 3);
    load(&m, 60);
    w.speakers = 4;
    for (int i = 0; i < 60; i++) {
        const float row[4] = {0.3f, 0.1f, 0.4f, 0.2f};
        memcpy(w.gamma[i], row, sizeof row);
    }
    for (int k = 0; k < 4; k++) w.share[k] = 0.25f;
    vb_drop_least(&w);
    assert_int_equal(w.speakers, 3);
    assert_probabilities();
    assert_true(fabsf(w.gamma[7][0] - 0.3f / 0.9f) < 1e-5f && fabsf(w.gamma[7][1] - 0.4f / 0.9f) < 1e-5f);
    vb_prune(&w, 16.0f);
    assert_int_equal(w.speakers, 2);
    assert_probabilities();
    vb_prune(&w, 1000.0f); /* one stays in any case */
    assert_int_equal(w.speakers, 1);
    assert_true(w.gamma[5][0] == 1.0f && w.share[0] == 1.0f);
    w.speakers = 3;
    for (int i = 0; i < 60; i++) w.gamma[i][0] = w.gamma[i][1] = w.gamma[i][2] = 1.0f / 3.0f;
    vb_drop_least(&w); /* all have the same: one goes */
    assert_int_equal(w.speakers, 2);
}

static int setup(void **state) {
    (void)state;
    return vb_open(&w, LOOKS) == STENO_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    vb_free(&w);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_round_is_the_papers),
        cmocka_unit_test(who_goes_leaves_his_looks_to_all),
        cmocka_unit_test(people_are_found_and_spare_ones_fade),
        cmocka_unit_test(odd_looks_keep_adding_up),
        cmocka_unit_test(who_has_least_goes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
