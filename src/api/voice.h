/* voice.h: one live stream on an engine, fed by a client at the pace of time.
 *
 * Owner      the network thread.
 * Purpose    what every live protocol needs below its own messages: bytes of audio become samples on an engine; what the
 *            engine has no room for is held and the client is not read from meanwhile; controls keep their place in the
 *            order of the audio; what the engine says goes through a privacy gate.
 * Invariants the engine's stream is opened with the first audio, so that a connection that only waits costs next to
 *            nothing; at most VOICE_HELD_MAX samples are held; after DONE or ERROR the voice is over and does nothing.
 */
#ifndef STENO_API_VOICE_H
#define STENO_API_VOICE_H

#include "api/auth.h"
#include "api/pace.h"
#include "api/trace.h"
#include "audio/pcm.h"
#include "net/net.h"
#include "privacy/policy.h"
#include "privacy/released.h"

#define VOICE_RETRY_MS   10   /* what an engine refused is tried again after, if it has not said so before */
#define VOICE_PROMISE_MS 1000 /* more would let people who only connect keep others out */
#define VOICE_HELD_MAX   (2 * PCM_OUT_MAX) /* samples the engine had no room for */

typedef struct service service;
typedef struct engine_slot engine_slot;
typedef struct voice voice;
typedef struct gate gate; /* privacy/gate.h */
typedef struct watch_tap watch_tap;
typedef struct shadow_tap shadow_tap;

/* The user pointer of every stream of an engine of ours points to one of these. */
typedef struct stream_owner stream_owner;
struct stream_owner {
    void (*event)(stream_owner *o, const steno_event *e);
};

typedef struct voice_handler {
    /* What the engine says, and its gate lets pass. With DONE and ERROR the voice is over; without any audio, DONE comes all the same. */
    void (*event)(void *user, voice *w, const released_event *e);
    /* Whether the client is to be read from. */
    void (*reading)(void *user, voice *w, bool on);
    /* A control has reached its place in the audio: voice_configure() (STENO_OK or why not), or a voice_finalize() that
     * failed; one that succeeds is answered by the event FINALIZED. */
    void (*controlled)(void *user, voice *w, bool configure, steno_err e);
} voice_handler;

struct voice {
    stream_owner owner; /* first */
    service *service;
    engine_slot *slot;      /* while the stream lives */
    steno_stream_id stream; /* 0: not yet, or over */
    bool over;
    int dialect;         /* metrics_dialect of whoever owns it */
    int64_t spoke_ms;    /* when the utterance under way began, while it has no words yet; 0: none */
    bool promised;       /* counted as if its stream were open already … */
    int64_t promised_ms; /* … since then */
    const voice_handler *handler;
    void *user;
    gate *gate;
    watch_tap *tap;                  /* counts what passes; NULL: it is not watched, or has heard nothing yet */
    trace_track *track;              /* NULL: no spans of it are wanted */
    shadow_tap *shadow;              /* copies what it hears; NULL: it is not copied */
    net_timer *gate_timer;           /* what the gate holds leaves in time; NULL: it has not held anything */
    auth_pass *pass;                 /* whose minutes it uses; the owner's. NULL: nobody's */
    steno_live_options live, wanted; /* wanted: of a configure that is due */
    steno_speakers_options speakers; /* OFF: they are not told apart */
    steno_voice *speaker_voices;     /* owned copy, until the stream is open */
    pcm audio;
    pace pace;
    bool paced;      /* somebody is connected who can be slowed down */
    uint64_t frames; /* taken, of the client's own rate */
    float *held;     /* [VOICE_HELD_MAX], made when the engine first refuses */
    uint32_t held_at, held_n;
    bool configure_due, finalize_due, finish_due;
    bool finalizing, finishing; /* the engine was told, and has not answered yet */
    bool stalled;               /* the client is not read from */
    voice *stalled_prev, *stalled_next;
};

/* No engine is asked yet; but for VOICE_PROMISE_MS a place is kept for whoever was let in. `ahead_ms`: how far audio may come
 * ahead of time; 0: as configured. `policy`: what becomes of personal data. On failure there is nothing to free. */
STENO_CHECK steno_err voice_init(voice *w, service *v, const pcm_format *audio, const steno_live_options *live,
                                 const gate_policy *policy, int ahead_ms, const voice_handler *handler, void *user);
/* Another policy, from the next utterance on: one that the caller has joined with what is forced. */
void voice_set_policy(voice *w, const gate_policy *policy);
/* Spans of what happens to it hang below `at`; before the first audio. */
void voice_trace(voice *w, const trace_link *at);
/* Speakers are told apart; before the first audio, and after diarize_admit(). Copies the voices. */
STENO_CHECK steno_err voice_tell_speakers(voice *w, const steno_speakers_options *who);
/* As steno_stream_merge_speakers(). Before the first audio there is nobody: STENO_OK. */
STENO_CHECK steno_err voice_merge_speakers(voice *w, int from, int into);
/* Whoever is not over yet ends without more events. */
void voice_free(voice *w);

/* Takes n <= PCM_PIECE_BYTES_MAX bytes; voice_work() is due afterwards. STENO_E_FORMAT: a sample is no number, STENO_E_LIMIT
 * and STENO_E_AGAIN: the engine takes no new stream now; then nothing was taken. */
STENO_CHECK steno_err voice_take(voice *w, const unsigned char *bytes, size_t n);
void voice_configure(voice *w, const steno_live_options *live);
void voice_finalize(voice *w);
void voice_finish(voice *w);

/* Does what is due, tries again what had to wait, and says whether there is more to read. Call it after any of those above. */
void voice_work(voice *w, int64_t now_ms);
/* The engine is closed: a stream on it ends without an event. */
void voice_forget_engine(voice *w, const engine_slot *slot);
/* Whether a new one would find a place: STENO_OK, STENO_E_LIMIT or STENO_E_AGAIN. */
STENO_CHECK steno_err voice_admits(service *v);
/* Once a second: promises do not last for ever. */
void voice_sweep(voice *w, int64_t now_ms);
/* In how many ms a stalled voice is worth another try. */
int voice_wait_ms(const voice *w, int64_t now_ms);

#endif
