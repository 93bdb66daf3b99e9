/* spans.c: where the voice activity cascade hears speech; onsets.mjs and gate.mjs ask it.
 *
 *   spans MODELS_DIR STAGE [probs]     STAGE: plain (the network alone), gain (without the gate), level (the whole cascade)
 *
 * Each line of standard input names a file of 16 kHz mono float samples. The answer is a line of JSON: spans as
 * [start, end, speech start] in samples with 300 ms of lead and tail and a pause of 400 ms, frames, frames heard, and with
 * `probs` each frame's probability.
 */
#include "base/mem.h"
#include "listen/level.h"
#include "listen/segmenter.h"
#include "models/silero.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct cascade {
    const silero *net;
    arena scratch;
    bool gain, gate;
    silero_state state;
    level level;
    segmenter segmenter;
    int frames, heard;
} cascade;

static void must(steno_err err) {
    if (err == STENO_OK) return;
    fprintf(stderr, "spans: %s\n", steno_error_detail());
    exit(1);
}

static void begin(cascade *c) {
    const steno_vad_options options = {.enabled = true,
                                       .threshold = 0.5f,
                                       .neg_threshold = 0.35f,
                                       .min_speech_ms = 96,
                                       .min_silence_ms = 400,
                                       .join_ms = 0,
                                       .pad_ms = 300,
                                       .max_segment_s = 20.0f};
    silero_reset(&c->state);
    level_reset(&c->level);
    must(segmenter_init(&c->segmenter, &options));
    c->frames = c->heard = 0;
}

static float hear(cascade *c, float *pcm) {
    float prob;
    c->frames++;
    if (c->gain && !level_step(&c->level, pcm) && c->gate) return LEVEL_GATED_PROB;
    c->heard++;
    silero_job job = {.state = &c->state, .pcm = pcm, .frames = 1, .prob = &prob};
    size_t mark = arena_mark(&c->scratch);
    must(silero_step(c->net, &c->scratch, &job, 1));
    arena_release(&c->scratch, mark);
    return prob;
}

static const char *print_span(const segmenter_span *s, const char *comma) {
    printf("%s[%lld,%lld,%lld]", comma, (long long)s->start_sample, (long long)s->end_sample,
           (long long)s->speech_start_sample);
    return ",";
}

static void answer(cascade *c, FILE *in, float *prob, int most) {
    float pcm[LEVEL_FRAME_SAMPLES];
    segmenter_span span;
    const char *comma = "";
    begin(c);
    printf("{\"spans\":[");
    while (c->frames < most && fread(pcm, sizeof *pcm, LEVEL_FRAME_SAMPLES, in) == LEVEL_FRAME_SAMPLES) {
        float p = hear(c, pcm);
        prob[c->frames - 1] = p;
        if (segmenter_step(&c->segmenter, p, &span)) comma = print_span(&span, comma);
    }
    while (segmenter_end(&c->segmenter, (int64_t)c->frames * LEVEL_FRAME_SAMPLES, &span))
        comma = print_span(&span, comma);
    printf("],\"frames\":%d,\"heard\":%d", c->frames, c->heard);
}

int main(int argc, char **argv) {
    static float prob[1 << 20];
    static cascade c;
    char line[4096];
    weights *w;
    silero *net;
    if (argc < 3) {
        fprintf(stderr, "usage: spans MODELS_DIR plain|gain|level [probs]\n");
        return 2;
    }
    snprintf(line, sizeof line, "%s/silero-vad-v6.safetensors", argv[1]);
    must(weights_open(line, &w));
    must(silero_open(w, &net));
    must(arena_init(&c.scratch, silero_arena_bytes(1)));
    c.net = net;
    c.gain = strcmp(argv[2], "plain") != 0;
    c.gate = strcmp(argv[2], "level") == 0;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        FILE *in = fopen(line, "rb");
        if (!in) must(STENO_E_IO);
        answer(&c, in, prob, 1 << 20);
        fclose(in);
        if (argc > 3) {
            printf(",\"prob\":[");
            for (int i = 0; i < c.frames; i++) printf("%s%.6f", i ? "," : "", (double)prob[i]);
            printf("]");
        }
        puts("}");
    }
    return 0;
}
