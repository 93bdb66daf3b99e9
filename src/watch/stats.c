/* stats.c: see stats.h. Pure functions.
 */
#include "watch/stats.h"

#include <math.h>

#define EVIDENCE_MAX   1e200 /* of a bet: more says nothing more, and a sum of four stays finite */
#define FRACTION_STEPS 300
#define FRACTION_TINY  1e-300

/* ---- distributions ------------------------------------------------------------------------------------------------ */

double stats_normal_tail(double z) {
    return 0.5 * erfc(z / M_SQRT2);
}

double stats_log_normal_tail(double z) {
    if (z < 30) return log(stats_normal_tail(z));
    return -0.5 * z * z - log(z) - 0.5 * log(2 * M_PI) + log1p(-1 / (z * z)); /* Mills' ratio */
}

static double away_from_zero(double x) {
    return fabs(x) < FRACTION_TINY ? FRACTION_TINY : x;
}

/* The continued fraction of the incomplete beta function, by Lentz' method. */
static double beta_fraction(double x, double a, double b) {
    double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), h = d;
    for (int m = 1; m <= FRACTION_STEPS; m++) {
        double k = m * (b - m) * x / ((a - 1 + 2 * m) * (a + 2 * m));
        d = 1 / away_from_zero(1 + k * d);
        c = away_from_zero(1 + k / c);
        h *= d * c;
        k = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 1 + 2 * m));
        d = 1 / away_from_zero(1 + k * d);
        c = away_from_zero(1 + k / c);
        double step = d * c;
        h *= step;
        if (fabs(step - 1) < 1e-13) break;
    }
    return h;
}

static double log_beta(double a, double b) {
    return lgamma(a) + lgamma(b) - lgamma(a + b);
}

/* Where the normal approximation of a Beta is within 1e-6 of it: both parameters large, and the fraction would be long. */
static bool beta_is_normal(double a, double b) {
    return a > 1e5 && b > 1e5;
}

double stats_beta_below(double x, double a, double b) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    if (beta_is_normal(a, b)) {
        double mean = a / (a + b);
        return stats_normal_tail((mean - x) / sqrt(mean * (1 - mean) / (a + b + 1)));
    }
    double front = exp(a * log(x) + b * log1p(-x) - log_beta(a, b));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(x, a, b) / a;
    return 1 - front * beta_fraction(1 - x, b, a) / b;
}

double stats_student_tail(double t, double df) {
    double half = 0.5 * stats_beta_below(df / (df + t * t), 0.5 * df, 0.5);
    return t > 0 ? half : 1 - half;
}

/* ---- one look ----------------------------------------------------------------------------------------------------- */

static double log_choose(double n, double k) {
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

double stats_shares_p(uint64_t y1, uint64_t n1, uint64_t y2, uint64_t n2) {
    double n = (double)(n1 + n2), y = (double)(y1 + y2), first = (double)n1;
    if (n1 == 0 || n2 == 0) return 1;
    double most = y < first ? y : first, p = 0;
    for (uint64_t i = y1; i <= (uint64_t)most; i++) {
        double k = (double)i;
        double term = exp(log_choose(first, k) + log_choose(n - first, y - k) - log_choose(n, y));
        p += term;
        if (term < 1e-18 * p) break;
    }
    return p < 1 ? p : 1;
}

static double variance_of(const stats_moments *m) {
    double v = (m->squares - m->sum * m->sum / m->n) / (m->n - 1);
    return v > 0 ? v : 0;
}

double stats_means_p(const stats_moments *first, const stats_moments *second) {
    if (first->n < 2 || second->n < 2) return 1;
    double a = variance_of(first) / first->n, b = variance_of(second) / second->n;
    double difference = first->sum / first->n - second->sum / second->n;
    if (a + b <= 0) return difference > 0 ? 0 : 1;
    double df = (a + b) * (a + b) / (a * a / (first->n - 1) + b * b / (second->n - 1));
    return stats_student_tail(difference / sqrt(a + b), df);
}

double stats_bernstein_radius(double variance, double n, double range, double delta) {
    if (n < 2) return INFINITY;
    double log_term = log(2 / delta);
    return sqrt(2 * variance * log_term / n) + 7 * range * log_term / (3 * (n - 1));
}

double stats_trend_p(const double *x, size_t n) {
    if (n < 4) return 1;
    double s = 0, ties = 0, count = (double)n;
    for (size_t i = 0; i < n; i++) {
        double same = 1, before = 0;
        for (size_t k = i + 1; k < n; k++) {
            s += (x[k] > x[i]) - (x[k] < x[i]);
            same += x[k] == x[i];
        }
        for (size_t k = 0; k < i; k++) before += x[k] == x[i];
        if (before == 0) ties += same * (same - 1) * (2 * same + 5); /* once a group */
    }
    double variance = (count * (count - 1) * (2 * count + 5) - ties) / 18;
    if (variance <= 0 || s <= 0) return 1;
    return stats_normal_tail((s - 1) / sqrt(variance));
}

/* ---- many looks --------------------------------------------------------------------------------------------------- */

/* log P(X > x) of a Beta; the logarithm of what is too small for a double is that of the front term. */
static double log_beta_above(double x, double a, double b) {
    double above = stats_beta_below(1 - x, b, a);
    if (above > 1e-280) return log(above);
    return a * log(x) + b * log1p(-x) - log_beta(a, b) - log(b);
}

double stats_log_e_share(double y, double n, double p0, double a, double b) {
    double mixed = log_beta(a + y, b + n - y) + log_beta_above(p0, a + y, b + n - y);
    double prior = log_beta(a, b) + log_beta_above(p0, a, b);
    return mixed - prior - y * log(p0) - (n - y) * log1p(-p0);
}

double stats_log_e_mean(double sum, double n, double mu0, double variance, double shift) {
    double s = sum - n * mu0, total = variance + n * shift * shift;
    double z = s * shift / sqrt(variance * total);
    return M_LN2 + 0.5 * log(variance / total) + 0.5 * z * z + stats_log_normal_tail(-z);
}

/* ---- watching for ever -------------------------------------------------------------------------------------------- */

void stats_bet_share(stats_bet *bet, double p0, const double p[STATS_BETS], double dispersion) {
    for (int k = 0; k < STATS_BETS; k++) {
        bet->each[k] = (log1p(-p[k]) - log1p(-p0)) / dispersion;
        bet->up[k] = log(p[k] / p0) / dispersion - bet->each[k];
    }
}

void stats_bet_mean(stats_bet *bet, double r0, const double r[STATS_BETS], double variance) {
    for (int k = 0; k < STATS_BETS; k++) {
        bet->up[k] = (r[k] - r0) / variance;
        bet->each[k] = -0.5 * bet->up[k] * (r[k] + r0);
    }
}

double stats_watch_step(stats_watch *watch, const stats_bet *bet, double y, double w, int64_t now_s) {
    double all = 0, best = 0;
    for (int k = 0; k < STATS_BETS; k++) {
        double step = bet->up[k] * y + bet->each[k] * w;
        double m = (1 + watch->m[k]) * exp(step);
        watch->m[k] = m < EVIDENCE_MAX ? m : EVIDENCE_MAX;
        all += watch->m[k] / STATS_BETS;
        if (k == 0) best = step; /* the nearest alternative: it climbs for every change that matters */
    }
    if (watch->climb <= 0)
        *watch = (stats_watch){.since_s = now_s, .m = {watch->m[0], watch->m[1], watch->m[2], watch->m[3]}};
    watch->climb += best;
    watch->y += y;
    watch->w += w;
    return log(all);
}

/* ---- many tests --------------------------------------------------------------------------------------------------- */

/* Rank of entry i, from 1, when the smallest comes first; ties by place. */
static size_t rank_of(const double *x, size_t n, size_t i) {
    size_t rank = 1;
    for (size_t k = 0; k < n; k++) rank += x[k] < x[i] || (k < i && x[k] == x[i]);
    return rank;
}

size_t stats_bh(const double *p, size_t n, double alpha, bool *reject) {
    size_t most = 0;
    for (size_t i = 0; i < n; i++) {
        size_t rank = rank_of(p, n, i);
        if (p[i] <= alpha * (double)rank / (double)n && rank > most) most = rank;
    }
    for (size_t i = 0; i < n; i++) reject[i] = rank_of(p, n, i) <= most;
    return most;
}

size_t stats_ebh(const double *log_e, size_t n, double alpha, bool *reject) {
    size_t most = 0;
    for (size_t i = 0; i < n; i++) {
        size_t rank = n + 1 - rank_of(log_e, n, i); /* the largest first */
        if (log_e[i] >= log((double)n / (alpha * (double)rank)) && rank > most) most = rank;
    }
    for (size_t i = 0; i < n; i++) reject[i] = n + 1 - rank_of(log_e, n, i) <= most;
    return most;
}
