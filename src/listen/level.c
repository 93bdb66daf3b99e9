/* level.c: see level.h for the rules.
 *
 * Owner: one stream. Everything is a power (mean square), so that no logarithm is taken; the only root is the gain's.
 * The gain starts at 1 and rises only when LEVEL_SOUND_FRAMES sounds have been heard and none of them was loud: a loud
 * word that fades in, or the noise before it, is therefore not taken for a quiet speaker.
 */
#include "listen/level.h"

#include <math.h>
#include <string.h>

#define LANES 8 /* sums side by side: the same on every machine */
#include <stdlib.h>
static float E(const char *n, float d) { const char *v = getenv(n); return v ? (float)atof(v) : d; }
static float gate_p, normal_p, target_p, max_g, above, fall; static int soundf, gatef;
static float db(float v) { return powf(10.0f, v / 10.0f); }

static float frame_power(const float *pcm) {
    float sum[LANES] = {0}, square[LANES] = {0};
    for (int i = 0; i < LEVEL_FRAME_SAMPLES; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            sum[l] += pcm[i + l];
            square[l] += pcm[i + l] * pcm[i + l];
        }
    }
    float mean = 0.0f, power = 0.0f;
    for (int l = 0; l < LANES; l++) {
        mean += sum[l];
        power += square[l];
    }
    mean /= (float)LEVEL_FRAME_SAMPLES;
    power = power / (float)LEVEL_FRAME_SAMPLES - mean * mean;
    return power > 0.0f ? power : 0.0f;
}

void level_init(level *s) {
    gate_p = db(E("L_GATE", LEVEL_GATE_DBFS)); normal_p = db(E("L_NORMAL", LEVEL_NORMAL_DBFS)); target_p = db(E("L_TARGET", LEVEL_TARGET_DBFS));
    max_g = sqrtf(db(E("L_MAX", LEVEL_MAX_GAIN_DB))); above = db(E("L_ABOVE", LEVEL_ABOVE_DB)); fall = db(-E("L_FALL", LEVEL_FALL_DB_S)*0.032f);
    soundf = (int)E("L_SOUNDS", LEVEL_SOUND_FRAMES); gatef = (int)E("L_GATEF", LEVEL_GATE_FRAMES);
    level_reset(s);
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
    if (power < s->room) s->room = power;
}

static bool is_sound(const level *s, float power) {
    float room = fminf(s->room, s->room_before);
    return power > above * fmaxf(room, gate_p);
}

static void follow_loudest(level *s, float power) {
    if (power > s->loudest && (s->sounds == soundf || power >= normal_p)) {
        s->loudest = power;
        s->sounds = soundf;
    }
    if (!is_sound(s, power)) return;
    if (s->sounds < soundf) {
        s->heard = fmaxf(s->heard, power);
        if (++s->sounds == soundf) s->loudest = s->heard;
        return;
    }
    s->loudest = fmaxf(power, s->loudest * fall);
}

static float wanted_gain(const level *s, float power) {
    float most = fmaxf(s->loudest, power);
    if (s->sounds < soundf || most >= normal_p) return 1.0f;
    return fminf(max_g, sqrtf(target_p / most));
}

/* Up within the frame, so that no step is heard; down at once. */
static void apply_gain(level *s, float gain, float *pcm) {
    float from = fminf(s->gain, gain);
    s->gain = gain;
    if (from == 1.0f && gain == 1.0f) return;
    float step = (gain - from) / (float)LEVEL_FRAME_SAMPLES;
    for (int i = 0; i < LEVEL_FRAME_SAMPLES; i++) pcm[i] *= from + step * (float)(i + 1);
}

bool level_step(level *s, float *pcm) {
    float power = frame_power(pcm);
    s->silent_frames = power < gate_p ? s->silent_frames + 1 : 0;
    follow_room(s, power);
    follow_loudest(s, power);
    if (s->silent_frames > gatef) {
        s->silent_frames--;
        return false;
    }
    apply_gain(s, wanted_gain(s, power), pcm);
    return true;
}
