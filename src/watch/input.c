/* input.c: see input.h.
 *
 * Power above 4 kHz: a filter of 47 taps, computed at every eighth sample only, because its mean square is wanted and not its output.
 * SNR: the span's mean power against the level that a tenth of its frames stay below; speech has pauses between its syllables, so no
 * voice activity is needed.
 */
#include "watch/input.h"

#include <math.h>
#include <string.h>

#define EVERY         8
#define HISTORY       (INPUT_TAPS - 1)
#define STEPS_A_DB    2.0
#define LOWEST_DB     (-127.5)
#define OFFSET_SHARE  0.03f  /* of the newest frame: some second is remembered */
#define BEFORE_FRAMES 31     /* a second before the span: there is its noise */
#define FLOOR_RISE    0.128f /* steps a frame: 2 dB a second */
#define QUIET         0.10
#define SNR_MAX_DB    100.0

/* Windowed sinc (Kaiser, beta 6), -6 dB at 4.5 kHz, -70 dB below 3.8 kHz. */
static const float above_4_khz[INPUT_TAPS] = {
    -0.0000402f, -0.0003828f, 0.0003958f,  0.0007928f,  -0.0013839f, -0.0009062f, 0.0031994f,  -0.0000000f,
    -0.0056473f, 0.0028479f,  0.0078858f,  -0.0084502f, -0.0082918f, 0.0171118f,  0.0044678f,  -0.0283015f,
    0.0068468f,  0.0405643f,  -0.0310337f, -0.0517696f, 0.0841926f,  0.0596563f,  -0.3105818f, 0.4375000f,
    -0.3105818f, 0.0596563f,  0.0841926f,  -0.0517696f, -0.0310337f, 0.0405643f,  0.0068468f,  -0.0283015f,
    0.0044678f,  0.0171118f,  -0.0082918f, -0.0084502f, 0.0078858f,  0.0028479f,  -0.0056473f, -0.0000000f,
    0.0031994f,  -0.0009062f, -0.0013839f, 0.0007928f,  0.0003958f,  -0.0003828f, -0.0000402f};

/* ---- frames --------------------------------------------------------------------------------------------------------- */

static uint8_t step_of(float power) {
    double step = (10.0 * log10((double)power + 1e-13) - LOWEST_DB) * STEPS_A_DB;
    return step <= 0.0 ? 0 : step >= 255.0 ? 255 : (uint8_t)lrint(step);
}

static double db_of(double step) {
    return step / STEPS_A_DB + LOWEST_DB;
}

static double power_of(uint8_t step) {
    return exp2(db_of(step) * 0.33219280948873623); /* 10^(dB / 10) */
}

static float high_power(const float *pcm) {
    float power = 0.0f;
    for (int at = 0; at < INPUT_FRAME_SAMPLES; at += EVERY) {
        float sum[8] = {0};
        int k = 0;
        for (; k + 8 <= INPUT_TAPS; k += 8)
            for (int j = 0; j < 8; j++) sum[j] += above_4_khz[k + j] * pcm[at + k + j];
        for (; k < INPUT_TAPS; k++) sum[k & 7] += above_4_khz[k] * pcm[at + k];
        float y = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
        power += y * y;
    }
    return power / (INPUT_FRAME_SAMPLES / EVERY);
}

/* The floor is the lowest of the last seconds: speech has pauses between its syllables, noise without an end becomes the floor. */
static void hear(input *in, uint8_t level) {
    const float hush = (float)((INPUT_HUSH_DB - LOWEST_DB) * STEPS_A_DB);
    float step = level > hush ? level : hush, risen = in->floor + FLOOR_RISE;
    in->floor = in->frames == 1 || step < risen ? step : risen;
    in->loud += step >= in->floor + (float)(INPUT_LOUD_DB * STEPS_A_DB);
}

double input_take_loud_s(input *in) {
    uint32_t loud = in->loud;
    in->loud = 0;
    return loud * (INPUT_FRAME_SAMPLES / 16000.0);
}

static void end_frame(input *in) {
    const float *pcm = in->pcm + HISTORY;
    float sums[8] = {0}, squares[8] = {0};
    int full[8] = {0};
    for (int i = 0; i < INPUT_FRAME_SAMPLES; i += 8) {
        for (int j = 0; j < 8; j++) {
            float x = pcm[i + j];
            sums[j] += x;
            squares[j] += x * x;
            full[j] += fabsf(x) >= INPUT_FULL;
        }
    }
    for (int j = 1; j < 8; j++) sums[0] += sums[j], squares[0] += squares[j], full[0] += full[j];
    float mean = sums[0] / INPUT_FRAME_SAMPLES, power = squares[0] / INPUT_FRAME_SAMPLES - mean * mean;
    size_t at = in->frames++ % INPUT_FRAMES;
    in->offset += (mean - in->offset) * (in->frames == 1 ? 1.0f : OFFSET_SHARE);
    in->level[at] = step_of(power > 0.0f ? power : 0.0f);
    hear(in, in->level[at]);
    in->high[at] = step_of(high_power(in->pcm));
    in->clipped[at] = (uint8_t)(full[0] > 255 ? 255 : full[0]);
    memmove(in->pcm, in->pcm + INPUT_FRAME_SAMPLES, HISTORY * sizeof in->pcm[0]);
    in->filled = 0;
}

void input_add(input *in, const float *pcm, size_t n) {
    while (n > 0) {
        size_t room = INPUT_FRAME_SAMPLES - in->filled, take = n < room ? n : room;
        memcpy(in->pcm + HISTORY + in->filled, pcm, take * sizeof *pcm);
        in->filled += (uint32_t)take;
        pcm += take;
        n -= take;
        if (in->filled == INPUT_FRAME_SAMPLES) end_frame(in);
    }
}

/* ---- spans ---------------------------------------------------------------------------------------------------------- */

/* The step that a share p of the frames from..to stay below. */
static int step_at(const input *in, uint64_t from, uint64_t to, double p) {
    uint32_t count[256] = {0};
    for (uint64_t f = from; f < to; f++) count[in->level[f % INPUT_FRAMES]]++;
    double left = p * (double)(to - from);
    int step = 0;
    for (; step < 255; step++) {
        left -= count[step];
        if (left < 0.0) break;
    }
    return step;
}

static double snr_db(const input *in, uint64_t from, uint64_t to, uint64_t oldest, double power) {
    uint64_t before = from > oldest + BEFORE_FRAMES ? from - BEFORE_FRAMES : oldest;
    double noise = power_of((uint8_t)step_at(in, before, to, QUIET));
    double ratio = (power - noise) / noise;
    double db = ratio > 1e-2 ? 10.0 * log10(ratio) : -20.0;
    return db < SNR_MAX_DB ? db : SNR_MAX_DB;
}

static uint64_t frame_at(double s, uint64_t lowest, uint64_t highest) {
    double f = s * 16000.0 / INPUT_FRAME_SAMPLES;
    return !(f > (double)lowest) ? lowest : f > (double)highest ? highest : (uint64_t)f;
}

static void judge(input_quality *q) {
    q->is_quiet = q->level_db < INPUT_QUIET_DB;
    q->is_noisy = q->snr_db < INPUT_NOISY_DB;
    q->is_clipped = q->clipped > INPUT_CLIPPED;
    q->is_narrow = q->high_db < INPUT_NARROW_DB;
}

bool input_look(const input *in, double start_s, double end_s, input_quality *out) {
    uint64_t oldest = in->frames > INPUT_FRAMES ? in->frames - INPUT_FRAMES : 0;
    uint64_t from = frame_at(start_s, oldest, in->frames), to = frame_at(end_s, oldest, in->frames);
    double power = 0.0, high = 0.0, clipped = 0.0;
    *out = (input_quality){0};
    if (to <= from) return false;
    for (uint64_t f = from; f < to; f++) {
        power += power_of(in->level[f % INPUT_FRAMES]);
        high += power_of(in->high[f % INPUT_FRAMES]);
        clipped += in->clipped[f % INPUT_FRAMES];
    }
    double n = (double)(to - from);
    out->level_db = 10.0 * log10(power / n);
    out->high_db = 10.0 * log10(high / power);
    out->clipped = clipped / (n * INPUT_FRAME_SAMPLES);
    out->snr_db = snr_db(in, from, to, oldest, power / n);
    out->offset = (double)in->offset;
    judge(out);
    return true;
}
