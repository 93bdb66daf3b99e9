/* stats.h: when a difference is more than chance: tests for one look at two samples, and evidence that may be looked at
 * after every observation.
 *
 * Purpose    one look: p-values. Many looks: e-values; under the null hypothesis the expectation of one is at most 1 whenever
 *            one stops, so e >= 1/alpha is as good as a test at alpha, and looking early is allowed. Evidence is kept as
 *            its natural logarithm. A detector that watches for ever has no level but a mean time between false alarms:
 *            stats_watch below.
 * Owner      whoever calls; pure functions, no state but what is passed, nothing allocated.
 * Sources    Maurer, Pontil 2009 (empirical Bernstein); Robbins 1970 (mixtures); Wang, Ramdas 2022 (e-BH); Shin, Ramdas, Rinaldo
 *            2022 (e-detectors).
 */
#ifndef STENO_WATCH_STATS_H
#define STENO_WATCH_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- distributions ------------------------------------------------------------------------------------------------ */

/* P(Z > z) of a standard normal, and its logarithm, which stays finite where the former is zero. */
double stats_normal_tail(double z);
double stats_log_normal_tail(double z);

/* P(X <= x) of a Beta(a, b); a, b > 0. Accurate to about 1e-10. */
double stats_beta_below(double x, double a, double b);

/* P(T > t) of Student's t with `df` > 0 degrees of freedom. */
double stats_student_tail(double t, double df);

/* ---- one look ----------------------------------------------------------------------------------------------------- */

/* Chance of a first share at least this much above the second when both are one: Fisher's exact test, one-sided. y of n each. */
double stats_shares_p(uint64_t y1, uint64_t n1, uint64_t y2, uint64_t n2);

typedef struct stats_moments {
    double n, sum, squares;
} stats_moments;

/* Welch's test, one-sided: chance of a first mean at least this much above the second when both are one. 1 below two samples. */
double stats_means_p(const stats_moments *first, const stats_moments *second);

/* How far the mean of `n` values within an interval of length `range` may lie above the true one, but for a chance of `delta`:
 * empirical Bernstein, true for every distribution. `variance` is that of the sample. Infinite below two samples. */
double stats_bernstein_radius(double variance, double n, double range, double delta);

/* Chance of a rising order at least as clear when x[n] has no trend: Mann-Kendall, one-sided, ties counted. 1 below four. */
double stats_trend_p(const double *x, size_t n);

/* ---- many looks --------------------------------------------------------------------------------------------------- */

/* Log evidence that the chance of an event is above p0, after y events of n: a mixture over Beta(a, b) cut at p0. Anytime-valid for
 * every chance <= p0. 0 < p0 < 1; a = b = 1 knows nothing. */
double stats_log_e_share(double y, double n, double p0, double a, double b);

/* Log evidence that the mean is above mu0, after n values with this sum, each of variance `variance` and Gaussian tails: a mixture
 * over shifts that are half-normal with scale `shift`. Anytime-valid for every mean <= mu0. */
double stats_log_e_mean(double sum, double n, double mu0, double variance, double shift);

/* ---- watching for ever -------------------------------------------------------------------------------------------- */

#define STATS_BETS 4

/* A Shiryaev-Roberts e-detector: M <- (1 + M) * e at every step, for several alternatives, averaged. Where every e has an
 * expectation of at most 1 under the null hypothesis, M reaches c on average not before c steps. The log of e is linear in
 * what was counted: up * y + each * w. */
typedef struct stats_bet {
    double up[STATS_BETS], each[STATS_BETS];
} stats_bet;

typedef struct stats_watch {
    double m[STATS_BETS];
    double climb;    /* the best bet's sum since it last was below zero: where evidence begins */
    double y, w;     /* counted since then */
    int64_t since_s; /* when that was */
} stats_watch;

/* Bets that a share is above (or, `down`, below) p0, at the alternatives p[STATS_BETS]. Dispersion >= 1 is how much more a sum of
 * events varies than were they independent: evidence counts that much less. */
void stats_bet_share(stats_bet *bet, double p0, const double p[STATS_BETS], double dispersion);

/* Bets that a ratio y/w is not r0 but one of r[STATS_BETS]; `variance` is that of y - r0 w, for w = 1. */
void stats_bet_mean(stats_bet *bet, double r0, const double r[STATS_BETS], double variance);

/* One step. Returns log M, the average over bets. `now_s` is kept where evidence begins. */
double stats_watch_step(stats_watch *watch, const stats_bet *bet, double y, double w, int64_t now_s);

/* ---- many tests --------------------------------------------------------------------------------------------------- */

/* Which of n hypotheses to reject so that the expected share of false ones among them is at most alpha. p: p-values
 * (Benjamini-Hochberg; independent or positively dependent); log_e: log e-values (e-BH; any dependence). Writes reject[n], returns
 * how many. O(n^2) for n up to some hundred, nothing allocated. */
size_t stats_bh(const double *p, size_t n, double alpha, bool *reject);
size_t stats_ebh(const double *log_e, size_t n, double alpha, bool *reject);

#endif
