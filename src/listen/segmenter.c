/* segmenter.c: see segmenter.h for the rules.
 *
 * Owner: one stream. Two things are remembered at most: a closed span whose tail is not decided yet (`pending`) and the
 * open span. They never meet at a cut, because opening a span hands the pending one out.
 */
#include "listen/segmenter.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

#define HZ_PER_MS         (STENO_SAMPLE_RATE_HZ / 1000)
#define REACH_FRAMES      15    /* how far back hysteresis looks for a quiet onset: 480 ms */
#define JOIN_FULL         0.33f /* up to this share of max_segment_s a pause of join_ms ends a span, */
#define JOIN_NONE         0.67f /* from this one on a pause of min_silence_ms; in between it shrinks evenly */
#define LAST_PART         0.6f  /* without a pause, a cut falls behind this share of the span */
#define MIN_REST_FRAMES   16    /* and leaves at least this much speech to the rest: 512 ms */
#define LONG_FROM         0.3f  /* from this share of max_utterance_s on shorter and shorter pauses end a live span, */
#define PLAN_FRAMES       31    /* a live cut is planned this long before it is due: 1 s */
#define LONG_FULL         0.6f  /* and from this one on the shortest that do: */
#define LONG_PAUSE_FRAMES 5     /* 160 ms */
#define MAX_SPAN          ((int64_t)(SEGMENTER_MAX_SPAN_S * STENO_SAMPLE_RATE_HZ))

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static float at(const segmenter *s, int64_t frame) {
    return s->history[frame % SEGMENTER_MAX_FRAMES];
}

static bool is_speech(const segmenter *s, int64_t frame) {
    return at(s, frame) >= s->opt.neg_threshold;
}

static int frames_of_ms(int ms) {
    int samples = ms * HZ_PER_MS;
    return (samples + SEGMENTER_FRAME_SAMPLES - 1) / SEGMENTER_FRAME_SAMPLES;
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

/* Comparisons are written so that NaN fails them. */
static steno_err check_options(const steno_vad_options *o) {
    if (!(o->threshold > 0.0f && o->threshold <= 1.0f))
        return err_fail(STENO_E_INVALID, "vad threshold %g is not above 0 and at most 1", (double)o->threshold);
    if (!(o->neg_threshold > 0.0f && o->neg_threshold <= o->threshold))
        return err_fail(STENO_E_INVALID, "vad neg_threshold %g is not above 0 and at most the threshold %g",
                        (double)o->neg_threshold, (double)o->threshold);
    if (!(o->max_segment_s >= SEGMENTER_MIN_SEGMENT_S && o->max_segment_s <= SEGMENTER_MAX_SEGMENT_S))
        return err_fail(STENO_E_INVALID, "vad max_segment_s %g is not in %g..%g", (double)o->max_segment_s,
                        (double)SEGMENTER_MIN_SEGMENT_S, (double)SEGMENTER_MAX_SEGMENT_S);
    if (o->min_speech_ms < 0 || o->min_speech_ms > SEGMENTER_MAX_SPEECH_MS)
        return err_fail(STENO_E_INVALID, "vad min_speech_ms %d is not in 0..%d", o->min_speech_ms,
                        SEGMENTER_MAX_SPEECH_MS);
    if (o->min_silence_ms < 1 || o->min_silence_ms > SEGMENTER_MAX_PAUSE_MS)
        return err_fail(STENO_E_INVALID, "vad min_silence_ms %d is not in 1..%d", o->min_silence_ms,
                        SEGMENTER_MAX_PAUSE_MS);
    if (o->join_ms < 0 || o->join_ms > SEGMENTER_MAX_JOIN_MS)
        return err_fail(STENO_E_INVALID, "vad join_ms %d is not in 0..%d", o->join_ms, SEGMENTER_MAX_JOIN_MS);
    if ((float)o->min_silence_ms > o->max_segment_s * 500.0f)
        return err_fail(STENO_E_INVALID, "vad min_silence_ms %d is more than half of max_segment_s %g",
                        o->min_silence_ms, (double)o->max_segment_s);
    if (o->pad_ms < 0 || o->pad_ms > SEGMENTER_MAX_PAD_MS)
        return err_fail(STENO_E_INVALID, "vad pad_ms %d is not in 0..%d", o->pad_ms, SEGMENTER_MAX_PAD_MS);
    return STENO_OK;
}

static void init(segmenter *s, const steno_vad_options *opt) {
    s->opt = *opt;
    s->live = false;
    s->endpoint_frames = s->unfinished_frames = 0;
    segmenter_reset(s);
}

steno_err segmenter_init(segmenter *s, const steno_vad_options *opt) {
    ERR_TRY(check_options(opt));
    if (opt->max_segment_s + 0.002f * (float)opt->pad_ms > SEGMENTER_MAX_SPAN_S)
        return err_fail(STENO_E_INVALID, "vad max_segment_s %g with two pads of %d ms is more than %g s",
                        (double)opt->max_segment_s, opt->pad_ms, (double)SEGMENTER_MAX_SPAN_S);
    init(s, opt);
    return STENO_OK;
}

static steno_err check_live(const steno_live_options *o) {
    if (!(o->max_utterance_s >= 2.0f && o->max_utterance_s <= SEGMENTER_MAX_SEGMENT_S))
        return err_fail(STENO_E_INVALID, "max_utterance_s %g is not in 2..%g", (double)o->max_utterance_s,
                        (double)SEGMENTER_MAX_SEGMENT_S);
    if (o->lead_ms < 0 || o->lead_ms > 1000)
        return err_fail(STENO_E_INVALID, "lead_ms %d is not in 0..1000", o->lead_ms);
    if (o->endpoint_ms < SEGMENTER_MIN_ENDPOINT_MS || o->endpoint_ms > SEGMENTER_MAX_ENDPOINT_MS)
        return err_fail(STENO_E_INVALID, "endpoint_ms %d is not in %d..%d", o->endpoint_ms, SEGMENTER_MIN_ENDPOINT_MS,
                        SEGMENTER_MAX_ENDPOINT_MS);
    if (o->unfinished_ms < 0 || o->unfinished_ms > SEGMENTER_MAX_ENDPOINT_MS)
        return err_fail(STENO_E_INVALID, "unfinished_ms %d is not in 0..%d", o->unfinished_ms,
                        SEGMENTER_MAX_ENDPOINT_MS);
    int pause_ms = o->lead_ms + o->endpoint_ms + o->unfinished_ms;
    if (o->max_utterance_s + 0.001f * (float)pause_ms > SEGMENTER_MAX_SPAN_S)
        return err_fail(STENO_E_INVALID,
                        "max_utterance_s %g with lead_ms, endpoint_ms and unfinished_ms of %d ms is more than %g s",
                        (double)o->max_utterance_s, pause_ms, (double)SEGMENTER_MAX_SPAN_S);
    return STENO_OK;
}

/* The tail is half of the pause, which leaves the other half for recognising the span before it is closed; short pauses
 * give nearly all to the tail, because words need some silence behind them. */
static int tail_of(int endpoint_frames, int lead_frames) {
    int tail = (int)max64(endpoint_frames / 2, min64(4, endpoint_frames - 1));
    return (int)min64(tail, max64(lead_frames, 4));
}

static void set_pauses(segmenter *s, const steno_live_options *o) {
    s->live = true;
    s->endpoint_frames = frames_of_ms(o->endpoint_ms);
    s->unfinished_frames = frames_of_ms(o->unfinished_ms);
}

/* How much of max_frames the open span has used. */
static float share_used(const segmenter *s) {
    if (s->open_frame < 0) return 0.0f;
    return (float)(s->last_speech + 1 - s->open_frame) / (float)s->max_frames;
}

/* The pause that ends the open span: endpoint_frames, and less and less the longer it has lasted, so that somebody who
 * hardly pauses is not cut inside a word. It changes with speech only, never within a pause. */
static int live_pause(const segmenter *s) {
    float share = share_used(s), full = (float)s->endpoint_frames;
    int least = (int)min64(s->endpoint_frames, LONG_PAUSE_FRAMES);
    if (share <= LONG_FROM) return s->endpoint_frames;
    int pause = (int)(full - (full - (float)least) * (share - LONG_FROM) / (LONG_FULL - LONG_FROM));
    return pause > least ? pause : least;
}

int segmenter_tail_frames(const segmenter *s) {
    return tail_of(live_pause(s), (int)((s->pad_samples + SEGMENTER_FRAME_SAMPLES - 1) / SEGMENTER_FRAME_SAMPLES));
}

/* A live stream's rules in the words of a recording's: what they share is checked and derived in one place. */
static steno_err live_as_vad(const steno_live_options *o, steno_vad_options *vad) {
    ERR_TRY(check_live(o));
    *vad = (steno_vad_options){.enabled = true,
                               .threshold = o->threshold,
                               .neg_threshold = o->neg_threshold,
                               .min_speech_ms = o->min_speech_ms,
                               .min_silence_ms = 1,
                               .join_ms = 0,
                               .pad_ms = o->lead_ms,
                               .max_segment_s = o->max_utterance_s};
    return check_options(vad); /* but for a recording's two pads: a live span has a lead and at most half a pause */
}

steno_err segmenter_init_live(segmenter *s, const steno_live_options *opt) {
    steno_vad_options vad;
    ERR_TRY(live_as_vad(opt, &vad));
    init(s, &vad);
    set_pauses(s, opt);
    return STENO_OK;
}

static void derive(segmenter *s) {
    const steno_vad_options *o = &s->opt;
    s->min_speech_frames = frames_of_ms(o->min_speech_ms);
    s->min_silence_frames = frames_of_ms(o->min_silence_ms);
    s->max_frames = (int)(o->max_segment_s * (float)STENO_SAMPLE_RATE_HZ / (float)SEGMENTER_FRAME_SAMPLES);
    s->join_frames = (int)max64(s->min_silence_frames, min64(frames_of_ms(o->join_ms), s->max_frames / 2));
    s->pad_samples = (int64_t)o->pad_ms * HZ_PER_MS;
}

steno_err segmenter_configure_live(segmenter *s, const steno_live_options *opt) {
    steno_vad_options vad;
    ERR_TRY(live_as_vad(opt, &vad));
    /* An utterance that has been announced does not become a burst, and what was let go of is no lead any more. */
    if (segmenter_speaks(s)) s->continued = true;
    s->floor_sample = segmenter_keep_from(s);
    s->opt = vad;
    derive(s);
    set_pauses(s, opt);
    return STENO_OK;
}

void segmenter_reset(segmenter *s) {
    steno_vad_options opt = s->opt;
    int endpoint = s->endpoint_frames, unfinished = s->unfinished_frames;
    bool live = s->live;
    memset(s, 0, sizeof *s);
    s->opt = opt;
    s->live = live;
    s->endpoint_frames = endpoint;
    s->unfinished_frames = unfinished;
    s->open_frame = -1;
    derive(s);
}

/* ---- spans ------------------------------------------------------------------------------------------------------ */

static void hand_out(segmenter *s, const segmenter_span *made, segmenter_span *span) {
    *span = *made;
    s->floor_sample = span->end_sample;
    s->speech_frames += (span->speech_end_sample - span->speech_start_sample) / SEGMENTER_FRAME_SAMPLES;
}

/* The pending span, with its share of the gap up to `gap_end_sample` as its tail. */
static void flush_pending(segmenter *s, int64_t gap_end_sample, segmenter_span *span) {
    segmenter_span made = s->pending;
    int64_t share = (gap_end_sample - made.speech_end_sample) / 2;
    made.end_sample = made.speech_end_sample + min64(s->pad_samples, share);
    s->has_pending = false;
    hand_out(s, &made, span);
}

/* Opens a span whose newest frame is `frame`. Returns true when that settled the span before it. */
static bool open_span(segmenter *s, int64_t frame, segmenter_span *span) {
    int64_t first = s->opt.enabled ? frame - (s->run - 1) : frame;
    bool flushed = s->has_pending;
    if (flushed) flush_pending(s, first * SEGMENTER_FRAME_SAMPLES, span);
    s->open_frame = first;
    s->speech_start = first;
    s->last_speech = frame;
    s->open_speech = frame - first + 1;
    s->continued = s->decided = s->unfinished = false;
    s->start_sample = max64(s->floor_sample, first * SEGMENTER_FRAME_SAMPLES - s->pad_samples);
    return flushed;
}

static bool worth_keeping(const segmenter *s) {
    return s->continued || s->open_speech >= s->min_speech_frames;
}

/* The open span ends with its last speech frame: it waits for its tail, or is dropped as a burst. */
static void close_span(segmenter *s) {
    if (worth_keeping(s)) {
        s->has_pending = true;
        s->pending.start_sample = s->start_sample;
        s->pending.speech_start_sample = s->speech_start * SEGMENTER_FRAME_SAMPLES;
        s->pending.speech_end_sample = (s->last_speech + 1) * SEGMENTER_FRAME_SAMPLES;
        s->pending.forced = false;
    }
    s->open_frame = -1;
}

/* The open span up to `end_sample`, with at most the live tail. A lead from before the options changed may leave less. */
static segmenter_span live_span(const segmenter *s, int64_t end_sample) {
    int64_t speech_end = (s->last_speech + 1) * SEGMENTER_FRAME_SAMPLES;
    end_sample = min64(end_sample, s->start_sample + MAX_SPAN);
    return (segmenter_span){.start_sample = s->start_sample,
                            .end_sample =
                                min64(end_sample, speech_end + segmenter_tail_frames(s) * SEGMENTER_FRAME_SAMPLES),
                            .speech_start_sample = s->speech_start * SEGMENTER_FRAME_SAMPLES,
                            .speech_end_sample = speech_end};
}

/* The open span ends for good and is handed out, or dropped as a burst. */
static bool close_live(segmenter *s, segmenter_span *span) {
    bool keep = worth_keeping(s);
    if (keep) {
        segmenter_span made = live_span(s, s->frames * SEGMENTER_FRAME_SAMPLES);
        hand_out(s, &made, span);
    }
    s->open_frame = -1;
    return keep;
}

/* ---- cutting long speech ---------------------------------------------------------------------------------------- */

/* The middle of the best pause in [from, to), or -1. A pause is a run of frames below neg_threshold. */
static int64_t best_pause(const segmenter *s, int64_t from, int64_t to) {
    int64_t best = -1, best_frames = 0, run_frames = 0;
    float best_depth = 2.0f, depth = 2.0f;
    for (int64_t f = from; f < to; f++) {
        if (is_speech(s, f)) {
            run_frames = 0;
            depth = 2.0f;
            continue;
        }
        run_frames++;
        if (at(s, f) < depth) depth = at(s, f);
        if (run_frames > best_frames || (run_frames == best_frames && depth <= best_depth)) {
            best = f - run_frames + 1 + run_frames / 2;
            best_frames = run_frames;
            best_depth = depth;
        }
    }
    return best;
}

/* The last of the frames of lowest probability in [from, to); from < to. */
static int64_t lowest(const segmenter *s, int64_t from, int64_t to) {
    int64_t best = from;
    for (int64_t f = from + 1; f < to; f++)
        if (at(s, f) <= at(s, best)) best = f;
    return best;
}

/* The first frame of the rest, in (speech_start, now]: the silence that a rest begins with is no pause of it. */
static int64_t cut_frame(const segmenter *s, int64_t now) {
    if (!s->opt.enabled) return now;
    int64_t frames = now - s->open_frame, spoken = s->speech_start + 1;
    int64_t cut = best_pause(s, max64(s->open_frame + frames - frames / 2, spoken), now);
    if (cut < 0) {
        int64_t from = max64(s->open_frame + (int64_t)((float)frames * LAST_PART), spoken);
        cut = lowest(s, from, max64(from + 1, now - min64(MIN_REST_FRAMES, frames / 4)));
    }
    /* A long pause right at the limit would stretch the first piece: it keeps no more tail than a pad. */
    cut = min64(cut, s->open_frame + s->max_frames + s->pad_samples / SEGMENTER_FRAME_SAMPLES);
    return s->live ? min64(cut, (s->start_sample + MAX_SPAN) / SEGMENTER_FRAME_SAMPLES) : cut;
}

/* The open span up to frame `cut`. */
static segmenter_span front_of(const segmenter *s, int64_t cut) {
    int64_t last = cut - 1;
    while (last > s->speech_start && !is_speech(s, last)) last--;
    return (segmenter_span){.start_sample = s->start_sample,
                            .end_sample = cut * SEGMENTER_FRAME_SAMPLES,
                            .speech_start_sample = s->speech_start * SEGMENTER_FRAME_SAMPLES,
                            .speech_end_sample = (last + 1) * SEGMENTER_FRAME_SAMPLES,
                            .forced = true};
}

/* Hands out the front of the open span; the rest, which ends with speech frame `now`, stays open and touches it. */
static void cut_span(segmenter *s, int64_t now, segmenter_span *span) {
    int64_t cut = s->planned_cut > s->open_frame ? s->planned_cut : cut_frame(s, now), next = cut;
    while (next < now && !is_speech(s, next)) next++;
    segmenter_span made = front_of(s, cut);
    hand_out(s, &made, span);
    /* A live pause may be longer than an utterance: only a lead of it goes to the rest, or that would be cut again in it. */
    if (s->live) cut = max64(cut, next - s->pad_samples / SEGMENTER_FRAME_SAMPLES);
    s->open_frame = cut;
    s->start_sample = cut * SEGMENTER_FRAME_SAMPLES;
    s->speech_start = next;
    s->continued = true;
}

/* ---- the stage -------------------------------------------------------------------------------------------------- */

/* The pause that ends the open span, in frames: long while the span is short. */
static int ending_pause(const segmenter *s) {
    if (s->live) return live_pause(s) + (s->unfinished ? s->unfinished_frames : 0);
    float share = share_used(s);
    if (share <= JOIN_FULL) return s->join_frames;
    if (share >= JOIN_NONE) return s->min_silence_frames;
    float left = (JOIN_NONE - share) / (JOIN_NONE - JOIN_FULL);
    return s->min_silence_frames + (int)(left * (float)(s->join_frames - s->min_silence_frames));
}

static bool advance_open(segmenter *s, int64_t frame, segmenter_span *span) {
    if (is_speech(s, frame)) {
        s->last_speech = frame;
        s->open_speech++;
        s->decided = s->unfinished = false;
        if (frame - s->open_frame + 1 > s->max_frames) {
            cut_span(s, frame, span);
            return true;
        }
    } else if (frame - s->last_speech >= ending_pause(s)) {
        if (s->live) return close_live(s, span);
        close_span(s);
    }
    return false;
}

bool segmenter_step(segmenter *s, float prob, segmenter_span *span) {
    int64_t frame = s->frames++;
    if (!s->opt.enabled || prob > 1.0f) prob = 1.0f;
    if (!(prob >= 0.0f)) prob = 0.0f;
    s->history[frame % SEGMENTER_MAX_FRAMES] = prob;
    s->run = prob >= s->opt.neg_threshold ? (s->run < REACH_FRAMES ? s->run + 1 : s->run) : 0;
    bool given = false;
    if (s->open_frame >= 0)
        given = advance_open(s, frame, span);
    else if (prob >= s->opt.threshold)
        given = open_span(s, frame, span);
    int64_t settled = s->pending.speech_end_sample + 2 * s->pad_samples;
    if (!given && s->has_pending && s->frames * SEGMENTER_FRAME_SAMPLES >= settled) {
        /* Frames that may yet turn out to be a quiet onset already belong to the gap's other side. */
        flush_pending(s, (s->frames - s->run) * SEGMENTER_FRAME_SAMPLES, span);
        given = true;
    }
    return given;
}

/* Without VAD even the samples after the last whole frame are speech. */
static bool end_unsegmented(segmenter *s, int64_t total_samples, segmenter_span *span) {
    int64_t total = min64(total_samples, (s->frames + 1) * SEGMENTER_FRAME_SAMPLES);
    segmenter_span made = {.start_sample = s->open_frame >= 0 ? s->start_sample : s->floor_sample, .end_sample = total};
    s->open_frame = -1;
    if (made.start_sample >= total) return false;
    made.speech_start_sample = made.start_sample;
    made.speech_end_sample = total;
    hand_out(s, &made, span);
    return true;
}

bool segmenter_end(segmenter *s, int64_t total_samples, segmenter_span *span) {
    s->ended = true;
    if (!s->opt.enabled) return end_unsegmented(s, total_samples, span);
    if (s->open_frame >= 0) close_span(s); /* nothing is pending then: opening settled it */
    if (!s->has_pending) return false;
    /* The last frame may be filled up with zeros behind the end of the stream. */
    segmenter_span *p = &s->pending;
    p->speech_end_sample = min64(p->speech_end_sample, total_samples);
    if (p->start_sample >= total_samples || p->speech_start_sample >= p->speech_end_sample) {
        s->has_pending = false;
        return false;
    }
    /* Nothing follows: the tail shares the gap with nobody. */
    flush_pending(s, p->speech_end_sample + 2 * (total_samples - p->speech_end_sample), span);
    return true;
}

/* ---- live ---------------------------------------------------------------------------------------------------------- */

bool segmenter_speaks(const segmenter *s) {
    return s->open_frame >= 0 && worth_keeping(s);
}

int segmenter_pause(const segmenter *s) {
    return s->open_frame >= 0 ? (int)(s->frames - 1 - s->last_speech) : -1;
}

bool segmenter_decides(const segmenter *s, float prob) {
    return s->unfinished_frames > 0 && !s->decided && segmenter_speaks(s) && !(prob >= s->opt.neg_threshold) &&
           share_used(s) <= LONG_FROM && s->frames - s->last_speech >= s->endpoint_frames;
}

void segmenter_decide(segmenter *s, bool unfinished) {
    s->decided = true;
    s->unfinished = unfinished;
}

void segmenter_peek(const segmenter *s, segmenter_span *span) {
    *span = live_span(s, s->frames * SEGMENTER_FRAME_SAMPLES);
}

bool segmenter_plan_cut(segmenter *s, segmenter_span *span) {
    if (!segmenter_speaks(s) || s->frames - s->open_frame < s->max_frames - PLAN_FRAMES) return false;
    if (s->frames - 2 <= s->speech_start) return false; /* nothing but the lead could be cut off yet */
    if (s->planned_cut <= s->open_frame) s->planned_cut = cut_frame(s, s->frames - 1);
    *span = front_of(s, s->planned_cut);
    return true;
}

bool segmenter_finalize(segmenter *s, segmenter_span *span) {
    if (s->open_frame < 0 || !close_live(s, span)) return false;
    s->run = 0; /* what was handed out is no onset of what comes next */
    return true;
}

int64_t segmenter_keep_from(const segmenter *s) {
    if (s->has_pending) return s->pending.start_sample;
    if (s->open_frame >= 0) return s->start_sample;
    int64_t reach = (s->frames - s->run) * SEGMENTER_FRAME_SAMPLES - s->pad_samples;
    return max64(s->floor_sample, max64(reach, 0));
}
