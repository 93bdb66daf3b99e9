/* nab.c: series.h beside NAB's windowed Gaussian, on made-up series in NAB's manner, by NAB's rules of scoring (tests/watch/nab.h).
 *
 *     nab [SERIES [SEED]]
 *
 * Owner: the main thread. docs/watching.md has the figures.
 */
#include "../../tests/watch/nab.h"

#include <stdio.h>

#define SERIES_MOST 2000

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 58;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    if (count < 1 || count > SERIES_MOST) return 2;
    static const struct {
        const char *name;
        nab_detector *run;
    } detectors[] = {{"windowed Gaussian", nab_gaussian}, {"series.h", nab_ours}};
    printf("%d made-up series, seed %llu; NAB's standard profile\n", count, (unsigned long long)seed);
    for (size_t d = 0; d < sizeof detectors / sizeof detectors[0]; d++) {
        nab_result r;
        if (nab_score(detectors[d].run, count, seed, &r) != 0) return 1;
        printf("%-18s %6.1f   (threshold %.6g: %d of %d windows, %d values outside)\n", detectors[d].name, r.score,
               r.threshold, r.hits, r.windows, r.wrong);
    }
    return 0;
}
