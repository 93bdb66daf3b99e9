/* enrol.c: see enrol.h. */
#include "speakers/enrol.h"

#include <math.h>
#include <string.h>

#define LOWEST_DBFS  (-100.0)
#define AUDIBLE_DBFS (-90)  /* quieter pauses are no room but a gate's, or an editor's */
#define PAUSE_FRAMES 8      /* so many, 256 ms, say how loud the room is */
#define LIMIT        0.999f /* at the limits */
#define DIP_SHARE    0.05   /* of speech: its quietest frames are the room when no pause is to be heard */
#define BEST_SNR_DB  60.0
#define WORST_SNR_DB (-20.0)
#define SPLIT_ROUNDS 12

/* ---- sound -------------------------------------------------------------------------------------------------------- */

void enrol_sound_reset(enrol_sound *s) {
    memset(s, 0, sizeof *s);
}

static double mean_square(const float *pcm, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)pcm[i] * pcm[i];
    return n ? sum / n : 0;
}

static int level_of(double power) {
    double db = power > 0 ? 10 * log10(power) : LOWEST_DBFS;
    int at = (int)floor(db - LOWEST_DBFS);
    return at < 0 ? 0 : at >= ENROL_LEVELS ? ENROL_LEVELS - 1 : at;
}

/* A peak that touches the limit is none; two samples beside each other are. */
static int clipped_in(const float *pcm, int n) {
    int count = 0;
    for (int i = 0; i < n; i++) {
        bool here = fabsf(pcm[i]) >= LIMIT;
        bool before = i > 0 && pcm[i - 1] * pcm[i] > 0 && fabsf(pcm[i - 1]) >= LIMIT;
        bool after = i + 1 < n && pcm[i + 1] * pcm[i] > 0 && fabsf(pcm[i + 1]) >= LIMIT;
        count += here && (before || after);
    }
    return count;
}

void enrol_sound_step(enrol_sound *s, const float *pcm, int n, float prob) {
    double power = mean_square(pcm, n);
    if (prob >= SPEAKERS_SPEECH_PROB) {
        s->speech[level_of(power)]++;
        s->speech_power += power;
        s->speech_frames++;
        s->speech_samples += n;
        s->at_limit += clipped_in(pcm, n);
    } else if (prob < ENROL_PAUSE_PROB && level_of(power) > AUDIBLE_DBFS - (int)LOWEST_DBFS) {
        s->pause[level_of(power)]++;
        s->pause_frames++;
    }
}

/* The level that `share` of the frames are below, in dBFS. */
static double quantile(const uint32_t *levels, int64_t frames, double share) {
    double below = 0, want = share * (double)frames;
    for (int i = 0; i < ENROL_LEVELS; i++) {
        below += levels[i];
        if (below > want) return LOWEST_DBFS + i + 0.5;
    }
    return LOWEST_DBFS;
}

/* Of pauses where there are any, and never below the quietest moments of speech: a gate that mutes pauses hides no noise. */
static double noise_dbfs(const enrol_sound *s) {
    double dips = quantile(s->speech, s->speech_frames, DIP_SHARE);
    if (s->pause_frames < PAUSE_FRAMES) return dips;
    double room = quantile(s->pause, s->pause_frames, 0.5);
    return room > dips ? room : dips;
}

static double snr_of(const enrol_sound *s) {
    if (s->speech_frames == 0) return WORST_SNR_DB;
    double noise = pow(10, noise_dbfs(s) / 10), both = s->speech_power / (double)s->speech_frames;
    double db = both > noise ? 10 * log10((both - noise) / noise) : WORST_SNR_DB;
    return db < WORST_SNR_DB ? WORST_SNR_DB : db > BEST_SNR_DB ? BEST_SNR_DB : db;
}

/* ---- one voice or two --------------------------------------------------------------------------------------------- */

float enrol_likeness(const float a[SPEAKERS_DIM], const float b[SPEAKERS_DIM]) {
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < SPEAKERS_DIM; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? (float)(ab / sqrt(aa * bb)) : 0;
}

/* Two heaps of looks: their sums by seconds of speech, directions only. */
typedef struct heaps {
    float centre[2][SPEAKERS_DIM];
    float speech_s[2];
} heaps;

static void put(heaps *h, int side, const speakers_look *l) {
    double norm = 0;
    for (int i = 0; i < SPEAKERS_DIM; i++) norm += (double)l->e[i] * l->e[i];
    float scale = norm > 0 ? l->speech_s / (float)sqrt(norm) : 0;
    for (int i = 0; i < SPEAKERS_DIM; i++) h->centre[side][i] += scale * l->e[i];
    h->speech_s[side] += l->speech_s;
}

/* Whichever of the looks is least like `what`. */
static const speakers_look *farthest(const speakers_look *looks, int n, const float *what) {
    const speakers_look *found = looks;
    float least = 2;
    for (int i = 0; i < n; i++) {
        float like = enrol_likeness(looks[i].e, what);
        if (like >= least) continue;
        least = like;
        found = &looks[i];
    }
    return found;
}

static bool same_heaps(const heaps *a, const heaps *b) {
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i < SPEAKERS_DIM; i++) {
            if (a->centre[side][i] != b->centre[side][i]) return false;
        }
    }
    return true;
}

/* Two means, from the two looks that are the least alike, or nearly so. */
static heaps split_in_two(const speakers_look *looks, int n, const float *middle) {
    const speakers_look *one = farthest(looks, n, middle), *two = farthest(looks, n, one->e);
    heaps h = {0};
    put(&h, 0, one);
    put(&h, 1, two);
    for (int round = 0; round < SPLIT_ROUNDS; round++) {
        heaps next = {0};
        for (int i = 0; i < n; i++) {
            bool second = enrol_likeness(looks[i].e, h.centre[1]) > enrol_likeness(looks[i].e, h.centre[0]);
            put(&next, second, &looks[i]);
        }
        if (same_heaps(&next, &h)) break;
        h = next;
    }
    return h;
}

/* How alike the two halves are that differ the most. Of one voice they still have much in common, of two nothing. */
static double unity_of(const speakers_look *looks, int n, const float *middle) {
    if (n < 2) return n;
    heaps h = split_in_two(looks, n, middle);
    float all = h.speech_s[0] + h.speech_s[1], less = fminf(h.speech_s[0], h.speech_s[1]);
    if (less < ENROL_SECOND_SHARE * all) return 1;
    float like = enrol_likeness(h.centre[0], h.centre[1]);
    return like < 0 ? 0 : like;
}

/* ---- the print and the verdict ------------------------------------------------------------------------------------ */

static void average(const speakers_look *looks, int n, float out[SPEAKERS_DIM]) {
    double sum[SPEAKERS_DIM] = {0}, weight = 0;
    for (int k = 0; k < n; k++) {
        weight += looks[k].speech_s;
        for (int i = 0; i < SPEAKERS_DIM; i++) sum[i] += (double)looks[k].speech_s * looks[k].e[i];
    }
    for (int i = 0; i < SPEAKERS_DIM; i++) out[i] = weight > 0 ? (float)(sum[i] / weight) : 0;
}

void enrol_measure(const speakers_look *looks, int n, double speech_s, const enrol_sound *sound, steno_enrolment *out) {
    *out = (steno_enrolment){.speech_s = speech_s, .snr_db = snr_of(sound)};
    out->voice.speech_s = (float)speech_s;
    if (sound->speech_samples > 0) out->clipped = (double)sound->at_limit / (double)sound->speech_samples;
    average(looks, n, out->voice.print);
    out->unity = unity_of(looks, n, out->voice.print);
}

const char *enrol_verdict_name(enrol_verdict v) {
    static const char *const names[ENROL_VERDICTS] = {"good", "too_short", "clipped", "too_noisy", "two_voices"};
    return names[v];
}

static double min_unity(double speech_s) {
    double least = ENROL_MIN_UNITY + ENROL_UNITY_A_S * (speech_s - STENO_ENROL_MIN_SPEECH_S);
    return least < ENROL_MAX_UNITY ? least : ENROL_MAX_UNITY;
}

enrol_verdict enrol_judge(const steno_enrolment *e) {
    if (e->speech_s < STENO_ENROL_MIN_SPEECH_S) return ENROL_TOO_SHORT;
    if (e->clipped > ENROL_MAX_CLIPPED) return ENROL_CLIPPED;
    if (e->snr_db < ENROL_MIN_SNR_DB) return ENROL_TOO_NOISY;
    return e->unity < min_unity(e->speech_s) ? ENROL_TWO_VOICES : ENROL_GOOD;
}

steno_err enrol_check(const steno_enrolment *e) {
    switch (enrol_judge(e)) {
    case ENROL_TOO_SHORT:
        return err_fail(STENO_E_INVALID, "too short: %.1f s of speech were heard, at least %g s are needed",
                        e->speech_s, STENO_ENROL_MIN_SPEECH_S);
    case ENROL_CLIPPED:
        return err_fail(STENO_E_INVALID,
                        "too loud: %.1f %% of the speech is cut off at the limits of the recording; "
                        "record it again at a lower level",
                        100 * e->clipped);
    case ENROL_TOO_NOISY:
        return err_fail(STENO_E_INVALID,
                        "too noisy: speech is only %.0f dB above the noise, at least %.0f dB are needed", e->snr_db,
                        ENROL_MIN_SNR_DB);
    case ENROL_TWO_VOICES:
        return err_fail(STENO_E_INVALID,
                        "two voices: parts of the recording sound like different people (likeness %.2f, at "
                        "least %.2f is needed); one person alone may speak in it",
                        e->unity, min_unity(e->speech_s));
    default:
        return STENO_OK;
    }
}
