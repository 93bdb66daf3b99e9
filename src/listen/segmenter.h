/* segmenter.h: speech probabilities -> spans worth recognising.
 *
 * A stage: init / step / reset; no allocation, no clock, no I/O. Positions are samples from the start of the stream.
 * Rules (constants in steno_vad_options):
 *   - Hysteresis: speech starts at `threshold`, reaches back over the frames before that are at or above neg_threshold,
 *     and goes on down to neg_threshold.
 *   - A pause of min_silence_ms closes a long span and one of join_ms a short one (up to a third of max_segment_s; from
 *     two thirds on min_silence_ms; evenly in between): the recogniser understands words better with others around them.
 *   - Bursts with less than min_speech_ms of speech frames are dropped.
 *   - pad_ms of lead and tail are kept, but two spans never overlap: a gap shorter than two pads is shared half and
 * half. So that the gap is known, a closed span is handed out when the pause is two pads long or speech starts again.
 *   - Speech longer than max_segment_s is cut at the best pause in the second half of the span (the longest, then the
 *     deepest dip below neg_threshold), or where there is none at the lowest probability in its last 40 %. The pieces
 *     touch: no audio is lost or doubled, and the rest of a cut is never dropped as a burst.
 *   - Without VAD (enabled = false) every frame is speech and cuts fall exactly at max_segment_s.
 *   - Live (segmenter_init_live): a pause of endpoint_ms closes a span of any length and hands it out in the same frame,
 *     with a tail of at most half of that pause, so that the whole span is known, and can be recognised, before the
 *     pause is long enough. From 30 % of max_segment_s on shorter and shorter pauses do, down to 160 ms from 60 % on. Where
 *     the text of a shorter span looks unfinished, unfinished_ms more are asked for: the caller says so when
 *     segmenter_decides(), before the frame is stepped. A cut's pieces touch but for silence beyond the rest's lead,
 *     because a live pause may be longer than an utterance.
 * Invariants: spans come in the order of time, do not overlap and are never longer than max_segment_s + 2 * pad_ms.
 */
#ifndef STENO_LISTEN_SEGMENTER_H
#define STENO_LISTEN_SEGMENTER_H

#include "steno.h"

#define SEGMENTER_FRAME_SAMPLES 512
#define SEGMENTER_MAX_FRAMES    1024 /* of probability history: 32.8 s, so max_segment_s <= 30 */

/* What the options may be; segmenter_init() refuses the rest. */
#define SEGMENTER_MIN_SEGMENT_S 1.0f
#define SEGMENTER_MAX_SEGMENT_S 30.0f
#define SEGMENTER_MAX_SPAN_S    31.0f /* max_segment_s + 2 * pad_ms: what the recogniser's buffers are made for */
#define SEGMENTER_MAX_SPEECH_MS 1000  /* min_speech_ms */
#define SEGMENTER_MAX_PAUSE_MS  2000  /* min_silence_ms, at most half of max_segment_s too */
#define SEGMENTER_MAX_JOIN_MS   5000
#define SEGMENTER_MAX_PAD_MS    5000

typedef struct segmenter_span {
    int64_t start_sample, end_sample;               /* with lead and tail */
    int64_t speech_start_sample, speech_end_sample; /* without */
    bool forced;                                    /* cut inside speech because of max_segment_s */
} segmenter_span;

#define SEGMENTER_MIN_ENDPOINT_MS 100
#define SEGMENTER_MAX_ENDPOINT_MS 5000

typedef struct segmenter {
    steno_vad_options opt;
    int64_t frames;                      /* frames seen */
    int64_t open_frame;                  /* first frame of the open span without its lead, -1 when none */
    int64_t last_speech;                 /* last frame at or above neg_threshold while open */
    int64_t floor_sample;                /* nothing before this may be claimed again: end of the last span */
    float history[SEGMENTER_MAX_FRAMES]; /* ring of probabilities, by frame number */
    int64_t speech_frames; /* total frames of speech in the spans handed out, pads aside, for statistics */
    bool ended;
    /* private from here on */
    bool has_pending;       /* `pending` is closed and waits for its tail to be known */
    bool continued;         /* the open span is the rest of a cut */
    segmenter_span pending; /* end_sample not decided */
    int64_t start_sample;   /* of the open span, with lead */
    int64_t speech_start;   /* of the open span: its first speech frame */
    int64_t open_speech;    /* of the open span: speech frames so far */
    int run;                /* frames at or above neg_threshold up to now, at most the reach of the hysteresis */
    int min_speech_frames, min_silence_frames, join_frames, max_frames;
    int64_t pad_samples;
    bool live;
    bool decided, unfinished; /* live: this pause has been judged; it has to last unfinished_frames longer */
    int endpoint_frames, unfinished_frames;
    int64_t planned_cut; /* of the open span, 0: none */
} segmenter;

/* STENO_E_INVALID names the option that is out of range. */
STENO_CHECK steno_err segmenter_init(segmenter *s, const steno_vad_options *opt);

/* The same for a live stream; partial_ms is not looked at. */
STENO_CHECK steno_err segmenter_init_live(segmenter *s, const steno_live_options *opt);
/* Other options from the next frame on; STENO_E_INVALID changes nothing. */
STENO_CHECK steno_err segmenter_configure_live(segmenter *s, const steno_live_options *opt);

/* Back to the start of a stream, with the same options. */
void segmenter_reset(segmenter *s);

/* One frame's probability (NaN counts as 0). Returns true when `span` was filled with a span that is now closed. At
 * most one a frame. */
bool segmenter_step(segmenter *s, float prob, segmenter_span *span);

/* The end of the stream at `total_samples`, which lies within a frame of the last one stepped. Call until it returns
 * false. */
bool segmenter_end(segmenter *s, int64_t total_samples, segmenter_span *span);

/* ---- live only ---------------------------------------------------------------------------------------------------- */

/* True when a span is open that will not be dropped as a burst. */
bool segmenter_speaks(const segmenter *s);
/* Frames of silence at the end of the open span; -1 when none is open. */
int segmenter_pause(const segmenter *s);
/* Frames of silence that belong to a span: from then on in a pause the span does not grow. */
int segmenter_tail_frames(const segmenter *s);
/* True when stepping a frame of this probability would end the pause's first part: whether the text looks unfinished must
 * be known by then, and said with segmenter_decide(). */
bool segmenter_decides(const segmenter *s, float prob);
void segmenter_decide(segmenter *s, bool unfinished);
/* The open span as far as it has been heard, its pause cut to the tail: what a partial shows, and from a pause of
 * tail_frames on exactly what closing it would hand out. Only when segmenter_speaks(). */
void segmenter_peek(const segmenter *s, segmenter_span *span);
/* True in the last second before max_utterance_s: where the open span will be cut if no pause comes before, and what the cut
 * will hand out; so that it, too, can be recognised before it is. */
bool segmenter_plan_cut(segmenter *s, segmenter_span *span);
/* Closes the open span where it stands; false when there was none worth handing out. */
bool segmenter_finalize(segmenter *s, segmenter_span *span);

/* The earliest sample that a later span may still need: audio before it can be let go. Never goes back. */
int64_t segmenter_keep_from(const segmenter *s);

#endif
