/* media_decode.c: container and codec bytes -> 16 kHz interleaved float, by FFmpeg's libraries in the calling process.
 *
 * Purpose    the part that meets untrusted bytes; runs in a confined child (and in the fuzzer).
 * Owner      one thread; everything lives in one `decoder` on its stack.
 * Invariants FFmpeg opens nothing: input comes through one AVIOContext and every other request is refused. Only audio
 *            demuxers on the list below and libavcodec's own audio decoders run, never wrappers round other libraries.
 *            avformat_find_stream_info() is not used: it would start video decoders, and the first decoded frame says
 *            all that is needed.
 */
#include "audio/media_int.h"
#include "audio/media_probe.h"
#include "audio/media_resample.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/cpu.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define IO_BUFFER_BYTES      (32 * 1024)
#define MAX_STREAMS          64
#define SEARCH_PACKETS       4096 /* how far to look for an audio stream that the header does not announce */
#define WAV_PACKET_BYTES     (16 * 1024)
#define MAX_READ_ERRORS      16 /* in a row, before the rest of the file is given up */
#define MAX_PROMISE_S        (1000.0 * 3600)
#define TRUNCATED_SLACK_S    0.2 /* containers round; less missing than this and 1 % is not worth an error */
#define CORRUPT_SHARE        0.9 /* with bad packets and less than this share of the time decoded, it is reported */
#define STREAMING_SIZE_BYTES 0x7fff0000u /* programs that write wav to a pipe put about this in the header */

typedef struct decoder {
    const media_job *job;
    const media_source *source;
    const media_sink *sink;
    media_end *end;
    int64_t offset; /* of the next read */
    bool read_failed, refused_url;
    AVIOContext *io;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    int stream;
    int probe_score;
    double decoded_s;  /* at the source's rate */
    double last_end_s; /* end of the last packet, from the stream's start */
    double cut_wav_s;  /* what a wav header promises when the file is shorter */
    resampler out;
    uint64_t frames_left; /* of output */
    float *chunk;         /* [MEDIA_CHUNK_FLOATS] */
    int channels;         /* of output; 0 until the first frame */
    bool stopped;         /* the outcome is settled, or the sink wants no more */
} decoder;

/* ---- the log ---------------------------------------------------------------------------------------------------- */

/* FFmpeg's callback has no argument of its own; the last complaint of this thread is kept here. */
static _Thread_local char complaint[MEDIA_DETAIL_BYTES];

static void keep_complaint(void *ctx, int level, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));

static void keep_complaint(void *ctx, int level, const char *fmt, va_list ap) {
    (void)ctx;
    if (level > AV_LOG_ERROR) return;
    vsnprintf(complaint, sizeof complaint, fmt, ap);
}

/* Settles how it ended; the first reason stays. */
static void settle(decoder *d, media_outcome outcome, const char *detail) {
    d->stopped = true;
    if (d->end->outcome != MEDIA_DONE) return;
    d->end->outcome = outcome;
    snprintf(d->end->detail, sizeof d->end->detail, "%s", detail ? detail : "");
}

/* An FFmpeg error that has no better explanation. */
static void settle_error(decoder *d, media_outcome outcome, int rc) {
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    if (rc == AVERROR(ENOMEM)) outcome = MEDIA_NO_MEMORY;
    if (d->refused_url) outcome = MEDIA_PLAYLIST;
    if (d->read_failed) outcome = MEDIA_READ_FAILED;
    av_strerror(rc, text, sizeof text);
    settle(d, outcome, complaint[0] ? complaint : text);
}

/* ---- input ------------------------------------------------------------------------------------------------------ */

static int read_bytes(void *ctx, uint8_t *buf, int n) {
    decoder *d = ctx;
    long got = d->source->read_at(d->source->ctx, buf, (size_t)n, d->offset);
    if (got < 0) {
        d->read_failed = true;
        return AVERROR(EIO);
    }
    if (got == 0) return AVERROR_EOF;
    d->offset += got;
    return (int)got;
}

static int64_t seek_bytes(void *ctx, int64_t offset, int whence) {
    decoder *d = ctx;
    if (whence == AVSEEK_SIZE) return d->source->bytes;
    whence &= ~AVSEEK_FORCE;
    if (whence == SEEK_CUR && __builtin_add_overflow(offset, d->offset, &offset)) return AVERROR(EINVAL);
    if (whence == SEEK_END && __builtin_add_overflow(offset, d->source->bytes, &offset)) return AVERROR(EINVAL);
    if (offset < 0) return AVERROR(EINVAL);
    d->offset = offset;
    return offset;
}

static int refuse_url(AVFormatContext *s, AVIOContext **pb, const char *url, int flags, AVDictionary **options) {
    (void)pb, (void)url, (void)flags, (void)options;
    decoder *d = s->opaque;
    d->refused_url = true;
    return AVERROR(EPERM);
}

/* Which demuxer, by content alone: names are the sender's to choose. NULL when it is not decoded. */
static const AVInputFormat *probe(decoder *d) {
    probe_result found;
    probe_kind kind = probe_format(d->job->table, d->io, &found);
    const char *name = found.format ? found.format->name : "";
    const char *long_name = found.format && found.format->long_name ? found.format->long_name : name;
    d->probe_score = found.score;
    if (d->read_failed)
        settle(d, MEDIA_READ_FAILED, "");
    else if (kind == PROBE_NO_MEMORY)
        settle(d, MEDIA_NO_MEMORY, "");
    else if (kind == PROBE_PLAYLIST)
        settle(d, MEDIA_PLAYLIST, long_name);
    else if (kind != PROBE_RECORDING)
        settle(d, MEDIA_NOT_AUDIO, long_name);
    return d->stopped ? NULL : found.format;
}

static bool open_io(decoder *d) {
    unsigned char *buffer = av_malloc(IO_BUFFER_BYTES);
    if (buffer) d->io = avio_alloc_context(buffer, IO_BUFFER_BYTES, 0, d, read_bytes, NULL, seek_bytes);
    if (!d->io) {
        av_free(buffer);
        settle(d, MEDIA_NO_MEMORY, "");
        return false;
    }
    d->io->seekable = AVIO_SEEKABLE_NORMAL;
    return true;
}

static bool open_container(decoder *d) {
    if (!open_io(d)) return false;
    const AVInputFormat *format = probe(d);
    if (!format) return false;
    d->format = avformat_alloc_context();
    if (!d->format) {
        settle(d, MEDIA_NO_MEMORY, "");
        return false;
    }
    d->format->pb = d->io;
    d->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    d->format->opaque = d;
    d->format->io_open = refuse_url;
    d->format->max_streams = MAX_STREAMS;
    d->format->protocol_whitelist = av_strdup("none");
    d->format->format_whitelist = av_strdup(format->name);
    int rc = avformat_open_input(&d->format, "", format, NULL);       /* frees the context when it fails */
    if (rc < 0 && strncmp(complaint, "Invalid sample rate", 19) == 0) /* says a demuxer that read 0 or beyond an int */
        settle(d, MEDIA_BAD_HEADER, "a sample rate of 0 or beyond all bounds");
    if (rc < 0) settle_error(d, d->probe_score <= AVPROBE_SCORE_RETRY ? MEDIA_NOT_AUDIO : MEDIA_CORRUPT, rc);
    return rc >= 0;
}

/* ---- the stream ------------------------------------------------------------------------------------------------- */

/* libavcodec's own decoder, or NULL: wrappers call libraries that are not in this process any more (media_lean.c). */
static const AVCodec *own_decoder(enum AVCodecID id) {
    void *at = NULL;
    const AVCodec *codec;
    while ((codec = av_codec_iterate(&at))) {
        if (codec->id == id && codec->type == AVMEDIA_TYPE_AUDIO && av_codec_is_decoder(codec) &&
            !codec->wrapper_name && !(codec->capabilities & AV_CODEC_CAP_EXPERIMENTAL))
            return codec;
    }
    return NULL;
}

/* FFmpeg's lists are filled on first use, by calls into libraries that are about to be unmapped. */
void media_decode_setup(struct probe_table *table) {
    av_log_set_callback(keep_complaint);
    av_get_cpu_flags();
    (void)own_decoder(AV_CODEC_ID_NONE);
    probe_table_init(table);
}

/* The first audio stream, or the first one marked as default among those known so far; -1 when there is none. */
static int pick_stream(const AVFormatContext *format) {
    int best = -1;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVStream *s = format->streams[i];
        if (s->codecpar->codec_type != AVMEDIA_TYPE_AUDIO) continue;
        bool better = (s->disposition & AV_DISPOSITION_DEFAULT) && best >= 0 &&
                      !(format->streams[best]->disposition & AV_DISPOSITION_DEFAULT);
        if (best < 0 || better) best = (int)i;
    }
    return best;
}

/* Others are skipped by the demuxer, which saves parsing and mostly even reading them. */
static void discard_others(decoder *d) {
    for (unsigned i = 0; i < d->format->nb_streams; i++) {
        if ((int)i != d->stream) d->format->streams[i]->discard = AVDISCARD_ALL;
    }
}

/* Finds the audio stream. Containers without a header (MPEG-TS, FLV) announce it only with a packet, which is then left
 * in d->packet: *have says so. */
static bool find_stream(decoder *d, bool *have) {
    *have = false;
    d->stream = pick_stream(d->format);
    for (int i = 0; d->stream < 0 && (d->format->ctx_flags & AVFMTCTX_NOHEADER) && i < SEARCH_PACKETS; i++) {
        if (av_read_frame(d->format, d->packet) < 0) break;
        d->stream = pick_stream(d->format);
        *have = d->stream == d->packet->stream_index;
        if (!*have) av_packet_unref(d->packet);
    }
    if (d->stream >= 0) {
        discard_others(d);
        return true;
    }
    if (d->read_failed)
        settle(d, MEDIA_READ_FAILED, "");
    else
        settle(d, MEDIA_NO_AUDIO, "");
    return false;
}

/* What the header says, where it says something: a decoder is not started on nonsense. */
static bool sane_header(decoder *d, int64_t rate_hz, int64_t channels) {
    char text[80];
    if (rate_hz < RESAMPLE_MIN_HZ || rate_hz > RESAMPLE_MAX_HZ) {
        snprintf(text, sizeof text, "a sample rate of %lld Hz", (long long)rate_hz);
        settle(d, MEDIA_BAD_HEADER, text);
        return false;
    }
    if (channels < 1 || channels > d->job->max_channels) {
        snprintf(text, sizeof text, "%lld", (long long)channels);
        settle(d, MEDIA_TOO_MANY_CHANNELS, text);
        return false;
    }
    return true;
}

static bool open_codec(decoder *d) {
    const AVCodecParameters *p = d->format->streams[d->stream]->codecpar;
    if (p->sample_rate != 0 && !sane_header(d, p->sample_rate, p->ch_layout.nb_channels ? p->ch_layout.nb_channels : 1))
        return false;
    if (p->ch_layout.nb_channels < 1 && av_get_exact_bits_per_sample(p->codec_id) > 0) {
        settle(d, MEDIA_BAD_HEADER, "0 channels");
        return false;
    }
    const AVCodec *codec = own_decoder(p->codec_id);
    if (!codec) {
        settle(d, MEDIA_NO_DECODER, p->codec_id == AV_CODEC_ID_NONE ? "unknown" : avcodec_get_name(p->codec_id));
        return false;
    }
    d->codec = avcodec_alloc_context3(codec);
    int rc = d->codec ? avcodec_parameters_to_context(d->codec, p) : AVERROR(ENOMEM);
    if (rc >= 0) {
        d->codec->thread_count = 1;
        /* A damaged packet is better lost than heard as noise; other codecs would refuse packets that merely are odd. */
        if (codec->id == AV_CODEC_ID_FLAC) d->codec->err_recognition |= AV_EF_CRCCHECK | AV_EF_EXPLODE;
        d->codec->pkt_timebase = d->format->streams[d->stream]->time_base;
        rc = avcodec_open2(d->codec, codec, NULL);
    }
    if (rc < 0) settle_error(d, MEDIA_CORRUPT, rc);
    return rc >= 0;
}

/* ---- how long it should be -------------------------------------------------------------------------------------- */

/* Seconds the header promises for this stream, or 0. The container's own figure counts only when there is no other
 * stream that it could be about. */
static double promised_s(const decoder *d) {
    const AVStream *s = d->format->streams[d->stream];
    double seconds = d->cut_wav_s;
    if (s->duration != AV_NOPTS_VALUE && s->duration > 0)
        seconds = (double)s->duration * av_q2d(s->time_base);
    else if (d->format->duration != AV_NOPTS_VALUE && d->format->nb_streams == 1)
        seconds = (double)d->format->duration / AV_TIME_BASE;
    return isfinite(seconds) && seconds > 0 && seconds < MAX_PROMISE_S ? seconds : 0;
}

/* The size that writers put into a header when they cannot know it yet is no promise. */
static bool is_placeholder(const decoder *d, double seconds) {
    const AVCodecParameters *p = d->format->streams[d->stream]->codecpar;
    int bits = av_get_exact_bits_per_sample(p->codec_id);
    if (bits <= 0) return false;
    return seconds * p->sample_rate * p->ch_layout.nb_channels * bits / 8 >= STREAMING_SIZE_BYTES;
}

/* For progress only, so the container's figure will do. */
static double duration_hint_s(const decoder *d) {
    double seconds = promised_s(d);
    if (seconds == 0 && d->format->duration != AV_NOPTS_VALUE) seconds = (double)d->format->duration / AV_TIME_BASE;
    return is_placeholder(d, seconds) ? 0 : seconds;
}

/* ---- samples out ------------------------------------------------------------------------------------------------ */

static void send_chunk(decoder *d, int frames) {
    if (frames <= 0 || d->stopped) return;
    bool too_long = (uint64_t)frames > d->frames_left;
    if (too_long) frames = (int)d->frames_left;
    d->frames_left -= (uint64_t)frames;
    if (frames > 0 && !d->sink->data(d->sink->ctx, d->chunk, frames)) d->stopped = true;
    if (too_long) settle(d, MEDIA_TOO_LONG, "");
}

static bool chunk_ready(void *ctx, int frames) {
    decoder *d = ctx;
    send_chunk(d, frames);
    return !d->stopped;
}

/* The first frame, or one in another format than those before: sets the resampler up for it. */
static bool adapt(decoder *d) {
    const AVFrame *f = d->frame;
    if (resampler_matches(&d->out, f)) return true;
    if (!sane_header(d, f->sample_rate, f->ch_layout.nb_channels)) return false;
    int channels = d->job->channels == MEDIA_MIX ? 1 : f->ch_layout.nb_channels;
    if (d->channels && channels != d->channels) {
        settle(d, MEDIA_CORRUPT, "the number of channels changes");
        return false;
    }
    if (!resampler_flush(&d->out)) return false;
    bool first = d->channels == 0;
    d->channels = channels;
    int rc = resampler_open(&d->out, f, channels, d->chunk, MEDIA_CHUNK_FLOATS / channels, chunk_ready, d);
    if (rc < 0) settle_error(d, MEDIA_CORRUPT, rc);
    if (rc >= 0 && first && !d->sink->head(d->sink->ctx, channels, duration_hint_s(d))) d->stopped = true;
    return !d->stopped;
}

static void take_frame(decoder *d) {
    if (d->frame->nb_samples <= 0 || !adapt(d)) return;
    d->decoded_s += (double)d->frame->nb_samples / d->frame->sample_rate;
    int rc = resampler_push(&d->out, d->frame);
    if (rc < 0) settle_error(d, MEDIA_CORRUPT, rc);
}

/* All frames that are ready; false when the packet was bad. */
static bool drain_codec(decoder *d) {
    while (!d->stopped) {
        int rc = avcodec_receive_frame(d->codec, d->frame);
        if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) return true;
        if (rc == AVERROR(ENOMEM)) settle_error(d, MEDIA_NO_MEMORY, rc);
        if (rc < 0) return false;
        take_frame(d);
        av_frame_unref(d->frame);
    }
    return true;
}

static void take_packet(decoder *d) {
    const AVStream *s = d->format->streams[d->stream];
    int64_t start = s->start_time != AV_NOPTS_VALUE ? s->start_time : 0;
    if (d->packet->pts != AV_NOPTS_VALUE) {
        double end_s = ((double)d->packet->pts + (double)d->packet->duration - (double)start) * av_q2d(s->time_base);
        if (end_s > d->last_end_s) d->last_end_s = end_s;
    }
    d->end->packets++;
    int rc = avcodec_send_packet(d->codec, d->packet);
    if (rc == AVERROR(ENOMEM)) settle_error(d, MEDIA_NO_MEMORY, rc);
    bool good = rc >= 0;
    if (!drain_codec(d)) good = false;
    if (!good) d->end->bad_packets++;
}

/* The bytes of a wav file's data chunk when it holds plain samples, otherwise 0. */
static int64_t plain_wav_bytes(const decoder *d) {
    const AVStream *s = d->format->streams[d->stream];
    const AVCodecParameters *p = s->codecpar;
    int64_t bytes = INT64_MAX; /* as long as the file goes on */
    if (strcmp(d->format->iformat->name, "wav") != 0 || d->format->nb_streams != 1) return 0;
    if (p->block_align < 1 || p->block_align > WAV_PACKET_BYTES) return 0;
    if (av_get_exact_bits_per_sample(p->codec_id) * p->ch_layout.nb_channels != p->block_align * 8) return 0;
    if (s->duration > 0 && __builtin_mul_overflow(s->duration, (int64_t)p->block_align, &bytes)) return INT64_MAX;
    return bytes;
}

/* libavformat ignores the size of a data chunk that goes beyond the end of the file; here it is the promise that the file
 * does not keep. The size stands right before the samples. */
static void note_cut_wav(decoder *d) {
    const AVStream *s = d->format->streams[d->stream];
    AVIOContext *io = d->format->pb;
    int64_t start = avio_tell(io);
    unsigned char h[8] = {0};
    if (s->duration > 0 || start < (int64_t)sizeof h || avio_seek(io, start - (int64_t)sizeof h, SEEK_SET) < 0) return;
    bool read = avio_read(io, h, sizeof h) == (int)sizeof h;
    if (avio_seek(io, start, SEEK_SET) < 0 || !read || memcmp(h, "data", 4) != 0) return;
    uint32_t bytes = (uint32_t)h[4] | (uint32_t)h[5] << 8 | (uint32_t)h[6] << 16 | (uint32_t)h[7] << 24;
    if (start + (int64_t)bytes <= d->source->bytes || bytes >= STREAMING_SIZE_BYTES) return;
    d->cut_wav_s = (double)bytes / s->codecpar->block_align / s->codecpar->sample_rate;
}

/* Plain samples need no demuxer, which hands them out in small pieces after asking every demuxer there is whether a
 * compressed stream hides among them: that alone takes as long as all the rest. */
static void read_plain_wav(decoder *d, int64_t bytes) {
    int align = d->format->streams[d->stream]->codecpar->block_align;
    while (!d->stopped && bytes >= align) {
        int want = WAV_PACKET_BYTES / align * align;
        if (want > bytes) want = (int)(bytes / align * align);
        int got = av_get_packet(d->format->pb, d->packet, want);
        if (got == AVERROR(ENOMEM)) settle_error(d, MEDIA_NO_MEMORY, got);
        if (got < 0) break;
        bytes -= got;
        got = got / align * align; /* the rest of a sample at the end of a cut file */
        if (got == 0) break;
        av_shrink_packet(d->packet, got);
        take_packet(d);
        av_packet_unref(d->packet);
    }
    av_packet_unref(d->packet);
}

static void read_packets(decoder *d, bool have) {
    int errors = 0;
    int64_t plain = plain_wav_bytes(d);
    if (plain > 0) {
        note_cut_wav(d);
        read_plain_wav(d, plain);
    }
    while (!plain && !d->stopped && errors < MAX_READ_ERRORS) {
        if (!have) {
            int rc = av_read_frame(d->format, d->packet);
            if (rc == AVERROR_EOF) break;
            if (rc == AVERROR(ENOMEM)) settle_error(d, MEDIA_NO_MEMORY, rc);
            if (d->read_failed) break;
            errors = rc < 0 ? errors + 1 : 0;
            if (rc < 0) continue;
        }
        have = false;
        if (d->packet->stream_index == d->stream) take_packet(d);
        av_packet_unref(d->packet);
    }
    if (d->stopped) return;
    if (avcodec_send_packet(d->codec, NULL) >= 0) drain_codec(d);
    if (!d->stopped) resampler_flush(&d->out);
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/* Everything was read; was it what it claimed to be? */
static void judge(decoder *d) {
    media_end *end = d->end;
    double promise = promised_s(d);
    double reached = d->decoded_s > d->last_end_s ? d->decoded_s : d->last_end_s;
    end->promised_s = promise;
    end->reached_s = reached;
    if (d->read_failed) {
        settle(d, MEDIA_READ_FAILED, "");
    } else if (d->channels == 0) {
        bool tried = end->bad_packets > 0 || complaint[0] || promise > 0;
        if (tried && d->probe_score <= AVPROBE_SCORE_RETRY)
            settle(d, MEDIA_NOT_AUDIO, "");
        else
            settle(d, tried ? MEDIA_CORRUPT : MEDIA_NO_SAMPLES, complaint);
    } else if (end->bad_packets > end->packets / 2 ||
               (end->bad_packets > 0 && d->decoded_s < CORRUPT_SHARE * reached)) {
        settle(d, MEDIA_CORRUPT, complaint);
    } else if (promise - reached > TRUNCATED_SLACK_S + 0.01 * promise && !is_placeholder(d, promise)) {
        settle(d, MEDIA_TRUNCATED, "");
    }
}

static void decode(decoder *d) {
    bool have = false;
    d->packet = av_packet_alloc();
    d->frame = av_frame_alloc();
    d->chunk = av_malloc(MEDIA_CHUNK_FLOATS * sizeof *d->chunk);
    if (!d->packet || !d->frame || !d->chunk) {
        settle(d, MEDIA_NO_MEMORY, "");
        return;
    }
    if (!open_container(d) || !find_stream(d, &have) || !open_codec(d)) return;
    read_packets(d, have);
    if (!d->stopped) judge(d);
}

void media_decode(const media_job *job, const media_source *source, const media_sink *sink, media_end *end) {
    decoder d = {.job = job, .source = source, .sink = sink, .end = end, .stream = -1};
    d.frames_left = (uint64_t)(job->max_audio_s * MEDIA_RATE_HZ);
    memset(end, 0, sizeof *end);
    complaint[0] = '\0';
    decode(&d);
    resampler_close(&d.out);
    avcodec_free_context(&d.codec);
    avformat_close_input(&d.format);
    if (d.io) av_freep(&d.io->buffer);
    avio_context_free(&d.io);
    av_frame_free(&d.frame);
    av_packet_free(&d.packet);
    av_freep(&d.chunk);
}
