/* steno.h: the one public header. Embed the speech engine without the server.
 *
 * Purpose   open a model, open an engine on it, push 16 kHz mono audio into streams, receive words.
 * Lifetimes `steno_model` and `steno_engine` are immutable once open and may be shared by threads; a stream is named by
 *           an id with a generation, so a stale id is an error and never a wild pointer.
 * Errors    every failing function returns a steno_err; steno_error_detail() gives the calling thread's last sentence.
 * Units     last in a name: _ms milliseconds, _s seconds (double), _hz, _bytes, _samples (16 kHz unless said otherwise).
 */
#ifndef STENO_H
#define STENO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STENO_VERSION "0.1.0"

/* The sample rate the engine hears, in Hz. Everything else is resampled on the way in (src/audio). */
#define STENO_SAMPLE_RATE_HZ 16000

#if defined(__GNUC__)
#define STENO_CHECK __attribute__((warn_unused_result))
#else
#define STENO_CHECK
#endif

typedef enum steno_err {
    STENO_OK = 0,
    STENO_E_INVALID,     /* an argument or a configuration value is wrong */
    STENO_E_NOT_FOUND,   /* a file, model or id does not exist */
    STENO_E_IO,          /* the operating system refused a read, write, fork … */
    STENO_E_FORMAT,      /* the bytes are not what they claim to be */
    STENO_E_UNSUPPORTED, /* understood, but not something this build does */
    STENO_E_LIMIT,       /* a configured limit would be exceeded */
    STENO_E_NOMEM,       /* memory or a fixed pool is exhausted */
    STENO_E_CHECKSUM,    /* content differs from its manifest */
    STENO_E_AGAIN,       /* not now: a bounded queue is full, or nothing has arrived yet */
    STENO_E_CANCELLED,   /* stopped by the caller */
    STENO_E_INTERNAL     /* a broken invariant that could be reported instead of asserted */
} steno_err;

/* The name of a code, for example "format". Static storage. */
const char *steno_err_name(steno_err code);

/* One sentence about the calling thread's last failure: names the input and the reason. Valid until that thread's next
 * failure. Never NULL. */
const char *steno_error_detail(void);

/* ---- what comes out --------------------------------------------------------------------------------------------- */

/* One word of a segment: its text is segment->text[text_offset .. text_offset + text_bytes). */
typedef struct steno_word {
    double start_s, end_s; /* in the recording */
    float confidence;      /* 0..1: the chance that the word is right, see docs/confidence.md */
    uint32_t text_offset, text_bytes;
    int speaker; /* 0, 1, 2 … of the stream, or STENO_SPEAKER_UNKNOWN, STENO_SPEAKER_OTHER */
} steno_word;

#define STENO_SPEAKER_UNKNOWN (-1) /* nobody was asked, nobody can tell, or not yet */
#define STENO_SPEAKER_OTHER   (-2) /* STENO_SPEAKERS_ENROLLED: none of the enrolled voices */

/* A stretch of speech of one person. Stretches of several people may overlap. */
typedef struct steno_turn {
    double start_s, end_s;
    int speaker;
} steno_turn;

/* Why a live utterance ended. */
typedef enum steno_end_reason {
    STENO_END_NONE,      /* it has not: a partial */
    STENO_END_ENDPOINT,  /* the speaker paused */
    STENO_END_MAX,       /* max_utterance_s: the rest goes on in the next utterance */
    STENO_END_FINALIZED, /* steno_live_finalize() */
    STENO_END_STREAM     /* steno_stream_finish() */
} steno_end_reason;

/* One recognised stretch of speech between two pauses. Everything is owned by the event that carries it. */
typedef struct steno_segment {
    uint32_t id;           /* 0, 1, 2 … in the order of time within a stream; of a live stream: its utterances, of
                              which some may turn out to hold no words */
    uint32_t rev;          /* live: 1, 2, 3 … of the same id, each replacing the one before */
    uint32_t stable_bytes; /* live: this much of the text's front is not taken back before the final */
    steno_end_reason end;  /* live: NONE in a partial */
    double start_s, end_s; /* of the words, or of the span when there are none */
    float confidence;      /* 0..1, mean of the words': the share of them expected to be right */
    bool looped;           /* a repeated-token loop was stopped here */
    const char *text;      /* UTF-8, zero-terminated; never empty but in a live final that takes a partial back */
    const steno_word *words;
    uint32_t n_words;
    int speaker;          /* of most of its words (by time) */
    float speaker_margin; /* 0..1: how much better this speaker fits than the next one; 0 where unknown */
    bool speaker_fixed;   /* the labels of this message never change any more */
} steno_segment;

/* What a stream used, in seconds; stages are CPU seconds of the shard threads attributed to this stream by its share of
 * each batch. */
typedef struct steno_stats {
    double audio_s, speech_s;
    double vad_cpu_s, encode_cpu_s, decode_cpu_s, speakers_cpu_s, other_cpu_s;
    uint64_t segments, tokens;
    uint64_t empty;        /* spans in which somebody seemed to speak and that no text came of … */
    double empty_s;        /* … and how long that speech was */
    uint64_t partials;     /* live: handed out */
    uint64_t draft_tokens; /* live: tokens of drafts that were verified in one parallel pass … */
    uint64_t draft_kept;   /* … and of them, those that stood: decoder steps saved */
} steno_stats;

/* ---- model ------------------------------------------------------------------------------------------------------ */

typedef struct steno_model steno_model;

typedef struct steno_model_options {
    const char *dir;       /* where the converted weights live; NULL: found as the manual page says */
    const char *name;      /* "tiny" (default) or "base" */
    const char *precision; /* "int8" (default) or "fp32" */
    bool no_voices;        /* the network of voices stays on the disk: no speakers, no enrolment */
} steno_model_options;

STENO_CHECK steno_err steno_model_open(const steno_model_options *options, steno_model **out);
void steno_model_close(steno_model *model); /* after every engine on it */
const char *steno_model_name(const steno_model *model);
const char *steno_model_language(const steno_model *model);

/* ---- engine and streams ----------------------------------------------------------------------------------------- */

typedef struct steno_engine steno_engine;

typedef struct steno_vad_options {
    bool enabled;        /* false: the whole recording is speech, cut only at max_segment_s */
    float threshold;     /* speech starts at this probability; default 0.5 */
    float neg_threshold; /* and goes on down to this one; default threshold - 0.15 */
    int min_speech_ms;   /* shorter bursts are dropped; default 96 */
    int min_silence_ms;  /* a pause this long ends a long segment; default 400 */
    int join_ms;         /* and one this long a short segment: words on both sides of a shorter pause are heard
                             together, which the recogniser understands better; default 2000, 0: min_silence_ms always */
    int pad_ms;          /* lead and tail kept round speech; default 300 */
    float max_segment_s; /* longer speech is cut at its best pause; default 20 */
} steno_vad_options;

/* How a live stream is heard. */
typedef struct steno_live_options {
    float threshold;       /* speech starts at this probability; default 0.5 */
    float neg_threshold;   /* and goes on down to this one; default 0.35 */
    int min_speech_ms;     /* shorter bursts are dropped; default 96 */
    int lead_ms;           /* sound kept before speech; default 300 */
    int endpoint_ms;       /* a pause this long ends an utterance; default 500, 100..5000 */
    int unfinished_ms;     /* more silence asked for when the text looks unfinished; default 500, 0: none, ..5000 */
    float max_utterance_s; /* longer ones are cut at their best pause; default 15, 2..30 */
    int partial_ms;        /* time between partials; default 500, 100..5000; 0: finals only */
} steno_live_options;

/* Who is speaking. A stream numbers the people it hears 0, 1, 2 … in the order in which they are told apart; with `voices`
 * the first n_voices numbers are these, in their order, and whoever else speaks gets the numbers behind them. */
#define STENO_SPEAKERS_MAX     16 /* people of one stream, enrolled ones included */
#define STENO_VOICE_FLOATS     64
#define STENO_VOICE_NAME_BYTES 64

typedef enum steno_speakers_contract {
    STENO_SPEAKERS_OFF,     /* default */
    STENO_SPEAKERS_REVISE,  /* words come at once, labels as soon as the voice is known; STENO_EVENT_SPEAKERS mends them
                               later. Of a recording: all labels come at its end, after a look at the whole of it. */
    STENO_SPEAKERS_DELAYED, /* unknown until it is sure or hold_ms have passed, then fixed: a label never changes */
    STENO_SPEAKERS_ENROLLED /* one of `voices`, or OTHER; a label never changes */
} steno_speakers_contract;

/* A voice print: made by steno_voice_enrol(), plain data. It identifies a person: keep it encrypted. */
typedef struct steno_voice {
    char name[STENO_VOICE_NAME_BYTES]; /* UTF-8, zero-terminated */
    float print[STENO_VOICE_FLOATS];
    float speech_s; /* of speech that it was made from */
} steno_voice;

typedef struct steno_speakers_options {
    steno_speakers_contract contract;
    int max_speakers; /* 1 .. STENO_SPEAKERS_MAX; default 8 */
    int min_speakers; /* of a recording, if known; default 0 */
    int hold_ms;      /* DELAYED: a label comes so long after its words at the latest; default 2500, 0: with them */
    bool turns;       /* STENO_EVENT_TURNS is wanted */
    const steno_voice *voices; /* copied by the call that takes these options */
    int n_voices;
} steno_speakers_options;

typedef struct steno_engine_config {
    int shards;      /* compute threads; 0: one a core */
    int max_batch;   /* sequences decoded together on a shard; default 24 */
    int max_streams; /* streams open at once; default 64 */
    int max_live; /* of them, live ones; default -1: max_streams. More are refused (STENO_E_LIMIT), and so are new ones
                         while the shards are overloaded (STENO_E_AGAIN). */
    int max_wait_ms; /* on a busy shard partials start together, so often; so one may wait this long, but the first words of
                         an utterance never do; default 100, 0: all start at once */
    bool no_slices;   /* encodes run from beginning to end, whoever waits: only to measure what slicing is worth */
    int audio_pool_s; /* seconds of audio held in all streams and waiting segments; 0 (default): what max_streams may
                         hold at most. With less, steno_stream_open() refuses streams it could not always feed. */
    int kv_pool_mb;   /* KV pages a shard; default 0: as max_batch and max_live want */
    int max_speaker_streams; /* streams that may tell speakers apart at once, live or not; default 0. Needs the model of
                                voices (STENO_E_NOT_FOUND says what to run). */
    int nice; /* compute threads give way to others of the process by so much (0 to 19, see nice(2)); default 0. 19: they run only
                 where nobody else wants to (SCHED_IDLE) */
} steno_engine_config;

/* Fills in the defaults. */
void steno_engine_config_init(steno_engine_config *config);
void steno_vad_options_init(steno_vad_options *vad);
void steno_live_options_init(steno_live_options *live);
/* STENO_E_INVALID names the option that is out of range. */
STENO_CHECK steno_err steno_live_options_check(const steno_live_options *live);

void steno_speakers_options_init(steno_speakers_options *speakers);
/* STENO_E_INVALID names the option that is out of range. */
STENO_CHECK steno_err steno_speakers_options_check(const steno_speakers_options *speakers);

STENO_CHECK steno_err steno_engine_open(const steno_model *model, const steno_engine_config *config,
                                        steno_engine **out);
/* Stops the shards; streams that are still open end without events. */
void steno_engine_close(steno_engine *engine);

typedef uint64_t steno_stream_id; /* never 0 */

/* A new stream on the least-loaded shard. STENO_E_LIMIT when max_streams are open. `user` comes back in events. */
STENO_CHECK steno_err steno_stream_open(steno_engine *engine, const steno_vad_options *vad, void *user,
                                        steno_stream_id *out);

/* Whether steno_stream_open() would find places for `n` streams now, without those that are kept for live ones (max_live of
 * max_streams, if there are others): STENO_OK or STENO_E_LIMIT. Opens and counts nothing. */
STENO_CHECK steno_err steno_stream_admits(steno_engine *engine, const steno_vad_options *vad, int n);

/* A new live stream on the least-loaded shard: partials while people speak, finals when they pause. Its audio comes in
 * through steno_stream_push() too, at the pace of time. NULL options: the defaults. */
STENO_CHECK steno_err steno_live_open(steno_engine *engine, const steno_live_options *options, void *user,
                                      steno_stream_id *out);
/* Tells the speakers of a stream apart. Before its first audio. STENO_E_LIMIT: max_speaker_streams do so already. */
STENO_CHECK steno_err steno_stream_speakers(steno_engine *engine, steno_stream_id id,
                                            const steno_speakers_options *speakers);
/* Whether steno_stream_speakers() would find places for `n` more streams now: STENO_OK or STENO_E_LIMIT. */
STENO_CHECK steno_err steno_speakers_admits(steno_engine *engine, int n);
/* Makes numbers `from` and `into` one person, as somebody who knows has said: whatever was or would be `from` is `into`, and
 * messages that said `from` are revised. STENO_E_UNSUPPORTED where labels never change; STENO_E_AGAIN: merges asked for before
 * are still on their way to the stream. A number that nobody has is no error: nothing happens. */
STENO_CHECK steno_err steno_stream_merge_speakers(steno_engine *engine, steno_stream_id id, int from, int into);

/* What steno_live_open() would answer now if `promised` more live streams were open: STENO_OK, STENO_E_LIMIT or
 * STENO_E_AGAIN. Opens and counts nothing. */
STENO_CHECK steno_err steno_live_admits(steno_engine *engine, int promised);
/* Other options from the audio pushed next on. STENO_E_AGAIN while earlier ones have not come to their place in the audio. */
STENO_CHECK steno_err steno_live_configure(steno_engine *engine, steno_stream_id id, const steno_live_options *options);
/* Ends the open utterance at the audio pushed so far (whole frames of 32 ms; the rest stays for later), as if the
 * speaker had paused; its final, if any, comes first, then STENO_EVENT_FINALIZED, always. STENO_E_AGAIN while one is
 * under way. */
STENO_CHECK steno_err steno_live_finalize(steno_engine *engine, steno_stream_id id);

/* Hands over up to n samples of 16 kHz mono audio in -1..1; NaN and infinities are refused (STENO_E_FORMAT). Never
 * blocks: *taken < n means the stream's share of the audio pool is full; try again after steno_engine_wait_space(). */
STENO_CHECK steno_err steno_stream_push(steno_engine *engine, steno_stream_id id, const float *pcm, size_t n,
                                        size_t *taken);

/* No more audio: the rest is recognised, then comes STENO_EVENT_DONE, and the id is dead. */
STENO_CHECK steno_err steno_stream_finish(steno_engine *engine, steno_stream_id id);

typedef enum steno_event_kind {
    STENO_EVENT_SEGMENT, /* final words: never changed afterwards */
    STENO_EVENT_DONE,
    STENO_EVENT_ERROR,
    /* live streams only */
    STENO_EVENT_SPEECH,    /* somebody began to speak: segment.id and start_s. Left out for a reader that lags. */
    STENO_EVENT_PARTIAL,   /* words so far of an open utterance; a later PARTIAL or SEGMENT with its id replaces it */
    STENO_EVENT_FINALIZED, /* answers steno_live_finalize() */
    STENO_EVENT_SPEAKERS, /* who speaks the words of a message that came before: segment.id, rev (a higher one), speaker,
                              speaker_margin, speaker_fixed and words[].speaker, of all its words; its text is empty */
    STENO_EVENT_TURNS,    /* live: who spoke in the latest stretch of audio, in the order of time; a recording, before
                              DONE: all turns of it, in one or more events */
    STENO_EVENT_OVERLOAD  /* partial_ms changed, because the shard has too much or again little enough to do */
} steno_event_kind;

typedef struct steno_event {
    steno_event_kind kind;
    steno_stream_id stream;
    void *user;
    steno_segment segment;   /* SEGMENT, PARTIAL, SPEAKERS; SPEECH: id and start_s only */
    const steno_turn *turns; /* TURNS [n_turns] */
    uint32_t n_turns;
    steno_stats stats; /* DONE */
    int partial_ms;    /* OVERLOAD: the time between partials from now on */
    bool overloaded;   /* OVERLOAD: longer than asked for */
    double heard_s;    /* SEGMENT, PARTIAL, SPEECH of a live stream: seconds of its audio heard when this was decided;
                       SPEAKERS, TURNS: seconds in which it is known by now who speaks, or that nobody can tell */
    double speech_start_s, speech_end_s; /* SEGMENT: where voice activity heard its speech, words or not */
    double due_s, done_s; /* SEGMENT, PARTIAL of a live stream: when that audio had come in, and when it was recognised;
                              seconds of CLOCK_MONOTONIC */
    steno_err error;      /* ERROR: the stream is dead */
    char detail[160];
    void *owned; /* freed by steno_event_release() */
} steno_event;

/* Counts by fixed buckets, and their sum. */
#define STENO_HISTOGRAM_BUCKETS 20
typedef struct steno_histogram {
    const double *bounds; /* [n], static: the highest value of each bucket, ascending */
    int n;
    uint64_t count[STENO_HISTOGRAM_BUCKETS + 1]; /* [n + 1]: of each bucket; the last is of what is above all bounds */
    double sum;
} steno_histogram;

/* What a shard spends its time on, what passes wait for, and which batch of the encoder one belongs to. */
typedef enum steno_stage {
    STENO_STAGE_LISTEN, /* voice activity */
    STENO_STAGE_SPEAKERS,
    STENO_STAGE_ENCODE,
    STENO_STAGE_DECODE, /* one step, and word times */
    STENO_STAGES
} steno_stage;
typedef enum steno_pass {
    STENO_PASS_FINAL, /* live; with those that hear a pause and may become one */
    STENO_PASS_PARTIAL,
    STENO_PASS_RECORDING,
    STENO_PASSES
} steno_pass;
typedef enum steno_lane { STENO_LANE_QUICK, STENO_LANE_LONG, STENO_LANE_BULK, STENO_LANE_GROW, STENO_LANES } steno_lane;

/* What the engine is doing: counters since it opened and gauges of now. Any thread. */
typedef struct steno_engine_stats {
    int shards, streams, live;
    bool overloaded;          /* new live streams are refused for it */
    double load;              /* 0..1: the busiest shard's share of time at work, over the last seconds */
    double stretch;           /* 1: partials come as often as asked for; 2: half as often … (the worst shard) */
    uint64_t opened, refused; /* streams */
    uint64_t ticks;
    double busy_s, audio_s; /* time at work and audio heard, all shards and streams */
    uint64_t vad_frames, gated_frames,
        speech_frames; /* heard; of them so silent that the network need not hear them; of
                                                         them inside utterances */
    uint64_t encode_batches, encode_utterances, encode_rows; /* an encoder row is a frame of 24 ms */
    uint64_t decode_steps, decode_rows;
    uint64_t partials, partials_skipped; /* skipped: overtaken before they began */
    uint64_t finals, finals_early;       /* early: recognised during the pause, before it was long enough */
    uint64_t draft_tokens, draft_kept;
    int speaker_streams;       /* open ones that tell speakers apart */
    uint64_t looks, revisions; /* embeddings made; STENO_EVENT_SPEAKERS handed out */
    int kv_pages, kv_pages_free, kv_pages_low;
    int audio_frames, audio_frames_free; /* 32 ms each */
    int segments, segments_free;
    int waiting, active; /* passes that wait for the encoder, that are being decoded */
    int waiting_by[STENO_PASSES];
    uint64_t arena_bytes, arena_peak_bytes;    /* of all shards: reserved, and the most that was ever in use */
    double stage_s[STENO_STAGES];              /* of busy_s */
    steno_histogram tick_s;                    /* length of ticks */
    steno_histogram wait_s[STENO_PASSES];      /* from when a pass was due to when the encoder took it */
    steno_histogram encode_fill[STENO_LANES];  /* rows of a batch as a share of what fits into one */
    steno_histogram encode_batch[STENO_LANES]; /* utterances of a batch */
    steno_histogram decode_batch;              /* rows of a decoder step */
} steno_engine_stats;

void steno_engine_get_stats(steno_engine *engine, steno_engine_stats *out);

/* The next event, waiting up to timeout_ms (-1: for ever, 0: not at all); STENO_E_AGAIN when none came. Events of one
 * stream come in the order of time. One thread polls at a time. */
STENO_CHECK steno_err steno_engine_poll(steno_engine *engine, int timeout_ms, steno_event *event);
void steno_event_release(steno_event *event);

/* A descriptor that is readable while something waits for steno_engine_poll(), or space for a refused push appeared:
 * for the caller's own event loop. */
int steno_engine_fd(const steno_engine *engine);

/* ---- enrolment -------------------------------------------------------------------------------------------------- */

/* What was found in the recordings of one person. */
typedef struct steno_enrolment {
    steno_voice voice; /* without a name */
    double speech_s;   /* speech heard in all of them */
    double snr_db;     /* speech against what is between, estimated */
    double clipped;    /* 0..1: share of samples at the limits */
    double unity;      /* 0..1: how alike its pieces are; two voices are not */
} steno_enrolment;

#define STENO_ENROL_MIN_SPEECH_S 5.0

/* A voice print of n samples of 16 kHz mono audio of one person (several recordings one after the other). Takes about
 * 2 ms of work a second of audio on the calling thread; any thread. STENO_E_INVALID with a reason fit for people when it is too short, too
 * noisy, clipped or holds two voices; *out is filled then too. */
STENO_CHECK steno_err steno_voice_enrol(const steno_model *model, const float *pcm, size_t n, steno_enrolment *out);

#ifdef __cplusplus
}
#endif
#endif
