/* level.c: see level.h for the rules.
 *
 * Owner: one stream. Levels are powers (mean squares) here, so that no logarithm is taken.
 * A normal voice begins quietly too: with a breath, an "s", a fade-in. So the gain of a new stream stays 1 until
 * LEVEL_SURE_FRAMES low sounds (vowels, not hisses) have been heard and none was loud. That costs a quiet stream nothing
 * but the start of its very first word, which the segmenter's lead makes good.
 */
#include "listen/level.h"

#include <math.h>
#include <string.h>

#define LANES 8 /* sums side by side, in one order on every machine */

/* 10^(dB/10) of level.h's constants, the gain's 10^(dB/20). */
#define GATE_POWER   2.5118864e-9f
#define SOUND_POWER  1.0e-8f
#define SOUND_RATIO  10.0f
#define NORMAL_POWER 5.0118723e-4f
#define TARGET_POWER 5.0118723e-2f
#define MAX_GAIN     316.22777f
#define FALL_A_FRAME 0.97095271f /* 4 dB/s in 32 ms */
#define LOW_SLOPE    0.2f        /* power of the differences by the power: a tone of 1,150 Hz */

typedef struct frame_level {
    float power;
    bool low; /* most of it lies where vowels are */
} frame_level;

static float add_lanes(const float *lane) {
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static frame_level measure(const float *pcm) {
    float sum[LANES] = {0}, square[LANES] = {0}, slope[LANES] = {0};
    for (int i = 0; i < LEVEL_FRAME_SAMPLES; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            float x = pcm[i + l], d = i + l ? x - pcm[i + l - 1] : 0.0f;
            sum[l] += x;
            square[l] += x * x;
            slope[l] += d * d;
        }
    }
    const float n = (float)LEVEL_FRAME_SAMPLES;
    float mean = add_lanes(sum) / n;
    float power = fmaxf(add_lanes(square) / n - mean * mean, 0.0f);
    return (frame_level){.power = power, .low = add_lanes(slope) / n < LOW_SLOPE * power};
}

void level_reset(level *s) {
    memset(s, 0, sizeof *s);
    s->gain = 1.0f;
    s->room = s->room_before = HUGE_VALF;
}

static void follow_room(level *s, float power) {
    if (s->room_frames == LEVEL_ROOM_FRAMES) {
        s->room_before = s->room;
        s->room = power;
        s->room_frames = 0;
    }
    s->room_frames++;
    s->room = fminf(s->room, power);
}

static void follow_loudest(level *s, frame_level f) {
    bool sound = f.power >= SOUND_POWER && f.power > SOUND_RATIO * fminf(s->room, s->room_before);
    bool sure = s->sure_frames == LEVEL_SURE_FRAMES;
    if (sound && sure) s->loudest *= FALL_A_FRAME;
    if (sound && !sure && f.low) s->sure_frames++;
    if (f.power >= NORMAL_POWER) s->sure_frames = LEVEL_SURE_FRAMES; /* loud is certain at once */
    if (sound || sure || f.power >= NORMAL_POWER) s->loudest = fmaxf(s->loudest, f.power);
}

static float wanted_gain(const level *s) {
    if (s->sure_frames < LEVEL_SURE_FRAMES || s->loudest >= NORMAL_POWER) return 1.0f;
    return fminf(MAX_GAIN, sqrtf(TARGET_POWER / s->loudest));
}

/* Up within the frame, so that there is no step to be heard; down at once, so that nothing is ever too loud. */
static void apply_gain(level *s, float gain, float *pcm) {
    float from = fminf(s->gain, gain);
    s->gain = gain;
    if (from == 1.0f && gain == 1.0f) return;
    float step = (gain - from) / (float)LEVEL_FRAME_SAMPLES;
    for (int i = 0; i < LEVEL_FRAME_SAMPLES; i++) pcm[i] *= from + step * (float)(i + 1);
}

bool level_step(level *s, float *pcm) {
    frame_level f = measure(pcm);
    follow_room(s, f.power);
    follow_loudest(s, f);
    if (f.power >= GATE_POWER) {
        s->silent_frames = 0;
    } else if (s->silent_frames == LEVEL_GATE_FRAMES) {
        return false;
    } else {
        s->silent_frames++;
    }
    apply_gain(s, wanted_gain(s), pcm);
    return true;
}
