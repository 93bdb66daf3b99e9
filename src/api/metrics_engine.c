/* metrics_engine.c: the engines' part of /metrics. See metrics.h. Owner: the network thread. */
#include "api/metrics.h"

#define FRAME_S 0.032 /* of voice activity */

static const char *const passes[STENO_PASSES] = {"final", "partial", "recording"};
static const char *const lanes[STENO_LANES] = {"quick", "long", "bulk", "grow"};
static const char *const stages[STENO_STAGES] = {"listen", "speakers", "encode", "decode"};

typedef struct line {
    const char *name, *help;
    double value;
} line;

static void put_lines(expo *e, expo_type type, const line *lines, size_t n) {
    for (size_t i = 0; i < n; i++) expo_one(e, lines[i].name, type, lines[i].help, lines[i].value);
}

#define PUT_LINES(e, type, ...)                                                                                        \
    put_lines(e, type, (const line[]){__VA_ARGS__}, sizeof((const line[]){__VA_ARGS__}) / sizeof(line))

static void put_load(expo *e, const steno_engine_stats *s) {
    expo_family(e, "steno_engine_streams", EXPO_GAUGE, "Open streams on engines.");
    expo_sample(e, EXPO_LABELS({"kind", "live"}), s->live);
    expo_sample(e, EXPO_LABELS({"kind", "recording"}), s->streams - s->live);
    PUT_LINES(e, EXPO_GAUGE, {"steno_engine_shards", "Compute threads.", s->shards},
              {"steno_engine_speaker_streams", "Open streams that tell speakers apart.", s->speaker_streams},
              {"steno_engine_overloaded", "1: new live streams are refused for it.", s->overloaded},
              {"steno_engine_load_ratio", "The busiest shard's share of time at work, over the last seconds.", s->load},
              {"steno_engine_stretch_ratio", "1: partials come as often as asked for; 2: half as often.", s->stretch});
    expo_family(e, "steno_engine_busy_seconds_total", EXPO_COUNTER, "Time at work of all shards, by what they did.");
    for (int i = 0; i < STENO_STAGES; i++) expo_sample(e, EXPO_LABELS({"stage", stages[i]}), s->stage_s[i]);
    expo_family(e, "steno_tick_seconds", EXPO_HISTOGRAM, "Length of a shard's ticks.");
    expo_histogram(e, NULL, &s->tick_s);
}

static void put_audio(expo *e, const steno_engine_stats *s) {
    PUT_LINES(e, EXPO_COUNTER, {"steno_audio_seconds_total", "Audio heard.", s->audio_s},
              {"steno_audio_speech_seconds_total", "Of it, inside utterances.", (double)s->speech_frames * FRAME_S},
              {"steno_audio_skipped_seconds_total", "Of it, so silent that no network heard it.",
               (double)s->gated_frames * FRAME_S},
              {"steno_engine_streams_opened_total", "Streams opened on engines.", (double)s->opened},
              {"steno_engine_streams_refused_total", "Streams that engines had no room for.", (double)s->refused});
}

static void put_batches(expo *e, const steno_engine_stats *s) {
    expo_family(e, "steno_encode_wait_seconds", EXPO_HISTOGRAM,
                "From when a pass over an utterance was due to when the encoder took it.");
    for (int i = 0; i < STENO_PASSES; i++) expo_histogram(e, EXPO_LABELS({"pass", passes[i]}), &s->wait_s[i]);
    expo_family(e, "steno_encode_batch_utterances", EXPO_HISTOGRAM, "Utterances encoded together.");
    for (int i = 0; i < STENO_LANES; i++) expo_histogram(e, EXPO_LABELS({"lane", lanes[i]}), &s->encode_batch[i]);
    expo_family(e, "steno_encode_batch_fill_ratio", EXPO_HISTOGRAM, "Rows of a batch, of those that fit into one.");
    for (int i = 0; i < STENO_LANES; i++) expo_histogram(e, EXPO_LABELS({"lane", lanes[i]}), &s->encode_fill[i]);
    expo_family(e, "steno_decode_batch_rows", EXPO_HISTOGRAM, "Rows of a decoder step.");
    expo_histogram(e, NULL, &s->decode_batch);
}

static void put_work(expo *e, const steno_engine_stats *s) {
    PUT_LINES(e, EXPO_COUNTER, {"steno_encode_rows_total", "Encoder rows, 24 ms each.", (double)s->encode_rows},
              {"steno_decode_rows_total", "Decoder rows.", (double)s->decode_rows},
              {"steno_partials_total", "Partials recognised.", (double)s->partials},
              {"steno_partials_skipped_total", "Partials overtaken before they began.", (double)s->partials_skipped},
              {"steno_finals_total", "Finals recognised.", (double)s->finals},
              {"steno_finals_early_total", "Of them, during the pause that ended them.", (double)s->finals_early},
              {"steno_draft_tokens_total", "Tokens of drafts that were verified.", (double)s->draft_tokens},
              {"steno_draft_tokens_kept_total", "Of them, those that stood.", (double)s->draft_kept},
              {"steno_speaker_looks_total", "Embeddings of voices.", (double)s->looks},
              {"steno_speaker_revisions_total", "Labels of speakers handed out again.", (double)s->revisions});
}

static void put_pool(expo *e, const char *pool, int all, int free) {
    expo_sample(e, EXPO_LABELS({"pool", pool}, {"state", "used"}), all - free);
    expo_sample(e, EXPO_LABELS({"pool", pool}, {"state", "free"}), free);
}

static void put_memory(expo *e, const steno_engine_stats *s) {
    expo_family(e, "steno_pool_slots", EXPO_GAUGE, "Fixed pools: KV pages, frames of audio, passes over utterances.");
    put_pool(e, "kv_pages", s->kv_pages, s->kv_pages_free);
    put_pool(e, "audio_frames", s->audio_frames, s->audio_frames_free);
    put_pool(e, "segments", s->segments, s->segments_free);
    PUT_LINES(e, EXPO_GAUGE, {"steno_kv_pages_free_low", "The fewest KV pages that ever were free.", s->kv_pages_low},
              {"steno_arena_bytes", "Reserved for batches' tensors.", (double)s->arena_bytes},
              {"steno_arena_peak_bytes", "The most of it that ever was in use.", (double)s->arena_peak_bytes});
    expo_family(e, "steno_engine_queue_depth", EXPO_GAUGE, "Passes that wait for the encoder, or are being decoded.");
    for (int i = 0; i < STENO_PASSES; i++) expo_sample(e, EXPO_LABELS({"queue", passes[i]}), s->waiting_by[i]);
    expo_sample(e, EXPO_LABELS({"queue", "decoding"}), s->active);
}

void metrics_put_engine(expo *e, const steno_engine_stats *s) {
    put_load(e, s);
    put_audio(e, s);
    put_batches(e, s);
    put_work(e, s);
    put_memory(e, s);
}
