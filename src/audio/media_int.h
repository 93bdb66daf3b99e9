/* media_int.h: what the parent, the zygote and the child say to each other. Inside src/audio only.
 *
 * Channels   one SOCK_SEQPACKET socket parent -> zygote: a media_request with three descriptors (input, data pipe, status
 *            pipe). The data pipe carries the child's frames; the status pipe one media_exit, written by the zygote after
 *            it has reaped the child and before it closes its own end of the data pipe. So end-of-file on the data pipe
 *            means that the status is already there, or that the zygote is dead: no race, and no waiting on a timer.
 * Trust      the zygote trusts the parent; the parent trusts the zygote's media_exit and nothing from the child.
 */
#ifndef STENO_AUDIO_MEDIA_INT_H
#define STENO_AUDIO_MEDIA_INT_H

#include "audio/media.h"

#include <stddef.h>
#include <stdint.h>

struct probe_table;

#define MEDIA_RATE_HZ STENO_SAMPLE_RATE_HZ

/* ---- parent -> zygote ------------------------------------------------------------------------------------------- */

#define MEDIA_REQUEST_MAGIC 0x51455253u
#define MEDIA_REQUEST_FDS   3
#define MEDIA_ZYGOTE_FD     3                    /* where the zygote finds its socket */
#define MEDIA_ZYGOTE_ENV    "STENO_MEDIA_ZYGOTE" /* set for the zygote, so that a program cannot start itself for ever */

typedef struct media_request {
    uint32_t magic;
    uint32_t channels; /* media_channels */
    uint32_t max_channels;
    uint32_t max_cpu_s;
    uint64_t max_memory_bytes;
    int64_t input_bytes; /* size of the input when it was opened */
    double max_audio_s;
} media_request;

/* ---- zygote -> parent ------------------------------------------------------------------------------------------- */

typedef struct media_exit {
    int32_t signal; /* that killed the child, or 0 */
    int32_t code;   /* its exit status otherwise */
    double cpu_s;
} media_exit;

#define MEDIA_EXIT_OK         0
#define MEDIA_EXIT_UNCONFINED 3 /* the child could not confine itself and did not decode */
#define MEDIA_EXIT_BUSY       4 /* the zygote has MEDIA_MAX_CHILDREN already */
#define MEDIA_EXIT_NO_FORK    5

#define MEDIA_MAX_CHILDREN 256

/* ---- child -> parent: frames on the data pipe ------------------------------------------------------------------- */

/* A frame is a media_frame and its payload: HEAD then DATA … then END, and nothing after. Native byte order. */
#define MEDIA_FRAME_MAGIC 0x314d5453u
enum media_frame_type { MEDIA_FRAME_HEAD = 1, MEDIA_FRAME_DATA = 2, MEDIA_FRAME_END = 3 };

typedef struct media_frame {
    uint32_t magic, type;
    uint32_t count; /* DATA: audio frames that follow, 1..MEDIA_MAX_CHUNK_FRAMES; others: bytes of payload */
    uint32_t zero;
} media_frame;

typedef struct media_head {
    uint32_t channels;
    uint32_t zero;
    double duration_s; /* 0 unknown */
} media_head;

/* How decoding ended, by the child's own account. */
typedef enum media_outcome {
    MEDIA_DONE,
    MEDIA_NOT_AUDIO,  /* unknown bytes, or a known format that is not audio (detail: its name) */
    MEDIA_PLAYLIST,   /* names other files (detail: its format) */
    MEDIA_NO_AUDIO,   /* a container without an audio stream */
    MEDIA_NO_SAMPLES, /* an audio stream with nothing in it */
    MEDIA_NO_DECODER, /* detail: the codec */
    MEDIA_BAD_HEADER, /* detail: what is absurd */
    MEDIA_CORRUPT,    /* detail: the decoder's complaint */
    MEDIA_TRUNCATED,  /* `promised_s` and `reached_s` say how far */
    MEDIA_TOO_LONG,   /* more than max_audio_s */
    MEDIA_TOO_MANY_CHANNELS,
    MEDIA_NO_MEMORY,
    MEDIA_READ_FAILED, /* the input descriptor returned an error */
    MEDIA_OUTCOMES     /* how many there are */
} media_outcome;

#define MEDIA_DETAIL_BYTES 160

typedef struct media_end {
    uint32_t outcome; /* media_outcome */
    uint32_t bad_packets, packets;
    uint32_t zero;
    double promised_s, reached_s;
    char detail[MEDIA_DETAIL_BYTES]; /* not necessarily terminated */
} media_end;

/* Also how much the child writes at once: half a second of one channel fits four times in an enlarged pipe. */
#define MEDIA_CHUNK_FLOATS     8192
#define MEDIA_MAX_CHUNK_FRAMES MEDIA_CHUNK_FLOATS
#define MEDIA_PIPE_BYTES       (256 * 1024)

/* ---- media_parser.c: the parent's view of the data pipe --------------------------------------------------------- */

typedef struct media_parser {
    uint32_t max_channels; /* 1 when mixing */
    uint64_t frames_left;  /* of the whole output */
    int channels;          /* 0 before HEAD */
    double duration_s;
    uint32_t chunk_left; /* audio frames of the current DATA frame */
    bool ended;
    media_end end;     /* valid when ended; detail is clean, terminated UTF-8 */
    const char *fault; /* why the bytes are refused; static text */
    bool not_numbers;  /* a sample was NaN or infinite */
} media_parser;

void media_parser_init(media_parser *p, int max_channels, double max_audio_s);

/* Consumes bytes from in[0..n): returns how many. Writes whole audio frames, clipped to -1..1, to out [cap, channels]
 * and counts them in *got. Stops when the input holds no complete unit, `out` is full, the END frame was read, or the
 * bytes are refused (fault or not_numbers is set; nothing is accepted after that). With cap = 0 it reads up to HEAD.
 * `out` must have room for cap * max_channels floats until `channels` is known. */
size_t media_parser_step(media_parser *p, const unsigned char *in, size_t n, float *out, size_t cap, size_t *got);

/* The longest unit: a caller that offers at least this many bytes always makes progress. */
#define MEDIA_UNIT_BYTES (sizeof(media_frame) + sizeof(media_end))

/* Copies text of unknown origin as one printable line of valid UTF-8, at most cap - 1 bytes: control characters become
 * spaces, broken bytes '?'. `text` need not be terminated within its n bytes. */
void media_clean_text(const char *text, size_t n, char *out, size_t cap);

/* ---- media_input.c ---------------------------------------------------------------------------------------------- */

#define MEDIA_NAME_BYTES 256

/* A short printable name for messages: the path, its head cut when it is long. */
void media_display_name(const char *path, char out[MEDIA_NAME_BYTES]);

typedef struct media_input {
    int fd;        /* the recording; while `spool` is open, what it is copied from */
    int spool;     /* the copy of what cannot be seeked, while it grows; else -1 */
    int64_t bytes; /* of the recording, so far */
} media_input;

/* Errors are sentences with `name`. After one of opening, nothing is left to close. */
STENO_CHECK steno_err media_input_open(const char *path, const char *name, media_input *in);
/* Copies what is there. STENO_OK: fd is seekable and whole. STENO_E_AGAIN: come back when fd is readable. */
STENO_CHECK steno_err media_input_step(media_input *in, const char *name, uint64_t max_spool_bytes);
void media_input_close(media_input *in);

/* STENO_E_AGAIN when descriptors are short, which passes; else STENO_E_IO. */
steno_err media_os_error(int error);

/* ---- media_decode.c: runs in the child -------------------------------------------------------------------------- */

typedef struct media_source {
    /* Up to n bytes at `offset`; 0 at the end, -1 on an error. */
    long (*read_at)(void *ctx, void *buf, size_t n, int64_t offset);
    void *ctx;
    int64_t bytes;
} media_source;

typedef struct media_sink {
    /* False stops decoding. `head` comes once, before any data; `pcm` is [frames, channels]. */
    bool (*head)(void *ctx, int channels, double duration_s);
    bool (*data)(void *ctx, const float *pcm, int frames);
    void *ctx;
} media_sink;

typedef struct media_job {
    media_channels channels;
    int max_channels;
    double max_audio_s;
    const struct probe_table *table; /* from media_decode_setup() */
} media_job;

/* Decodes `source` into `sink`. Reads no files, opens no URLs, prints nothing; everything it has to say is in *end. */
void media_decode(const media_job *job, const media_source *source, const media_sink *sink, media_end *end);

/* Once, before media_decode() in this process: silences FFmpeg's log, warms what it detects, fills the table. */
void media_decode_setup(struct probe_table *table);

/* ---- media_child.c ---------------------------------------------------------------------------------------------- */

struct confine_filter;

/* What the zygote prepares for all its children. */
typedef struct media_prepared {
    const struct confine_filter *filter;
    const struct probe_table *table;
    size_t base_memory_bytes; /* what the libraries take when idle */
} media_prepared;

/* The child's whole life: descriptors 0 (input) and 1 (data pipe) are in place. Never returns. */
_Noreturn void media_child_run(const media_request *request, const media_prepared *prepared);

/* ---- media_lean.c ----------------------------------------------------------------------------------------------- */

/* Unmaps every shared library that decoding audio does not need. After it the process must leave by _exit() and fork by
 * _Fork(). Returns how many were dropped. */
int media_lean(void);

#endif
