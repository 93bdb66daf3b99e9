/* bench_corpus.h: recordings decoded once to 16 kHz PCM16 in memory, and endless talk made of them.
 *
 * Owner: the main thread; a corpus is immutable once read. A talk is a clip, a gap, a clip … in an order of its own that
 * its seed decides; gaps are faint noise (one step of 16 bits), as no microphone is silent.
 */
#ifndef STENO_CMD_BENCH_CORPUS_H
#define STENO_CMD_BENCH_CORPUS_H

#include "base/err.h"
#include "cmd/cli.h"

#define BENCH_CORPUS_SAMPLES_MAX                                                                                       \
    ((size_t)STENO_SAMPLE_RATE_HZ * 7200) /* of all clips; the rest of the list is left out */
#define BENCH_TRIM_KEEP_MS  30
#define BENCH_TRIM_FRAME_MS 10
#define BENCH_TRIM_DB       (-35.0) /* below the clip's loudest frame: silence */

typedef struct bench_clip {
    int16_t *pcm; /* owned */
    size_t n;
} bench_clip;

typedef struct bench_corpus {
    bench_clip *clips; /* owned */
    size_t n;
    double audio_s, trimmed_s; /* kept; cut off */
    size_t failed, left_out;   /* recordings that could not be decoded; over the limit */
} bench_corpus;

/* `where`: a folder of recordings (not the folders in it, in the order of their names) or a list, one a line. */
STENO_CHECK steno_err bench_corpus_read(const char *where, bool trim, bench_corpus *out);
void bench_corpus_free(bench_corpus *c);

/* Where the sound of n samples begins and ends: silence at both ends but for BENCH_TRIM_KEEP_MS. */
void bench_trim(const int16_t *pcm, size_t n, size_t *from, size_t *to);

typedef struct bench_gaps {
    int gap_ms;        /* between clips */
    double talk_share; /* 0: as gap_ms says; else gaps so long that clips are this share of the time, 0.5 to 1.5 times
                          as long as that by chance */
} bench_gaps;

typedef struct bench_talk {
    const bench_corpus *corpus;
    bench_gaps gaps;
    uint64_t random;
    size_t clip, at, gap_left;
    uint64_t silent; /* samples of gaps so far */
} bench_talk;

void bench_talk_init(bench_talk *t, const bench_corpus *corpus, const bench_gaps *gaps, uint64_t seed);
/* The next n samples. */
void bench_talk_next(bench_talk *t, int16_t *out, size_t n);

/* A number below `below`, of a sequence that its state decides. */
uint32_t bench_random(uint64_t *state, uint32_t below);

#endif
