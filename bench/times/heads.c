/* heads.c: word times of a set of recordings for any choice of attention heads; heads.mjs searches with it.
 *
 *   heads MODELS_DIR MODEL LIST
 *
 * Recognises every recording of LIST (a path a line, at most 30 s) as one segment and keeps what each head looked at.
 * Then answers each line of standard input, "layer,head,weight layer,head,weight …", with a line a word, "recording word
 * start end", and a line with a full stop. "sizes" is answered with the number of layers and heads.
 */
#include "audio/media.h"
#include "base/mem.h"
#include "listen/times.h"
#include "models/moonshine_int.h"
#include "models/silero.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SAMPLES (30 * STENO_SAMPLE_RATE_HZ)
#define LEAD        4800 /* samples before and after the speech that the segmenter would keep of a longer silence */
#define DRAFT_ROWS  60

typedef struct heard {
    char path[512];
    float *pcm; /* [samples] */
    int samples, frames, n;
    int32_t ids[MOONSHINE_MAX_TOKENS];
    float logprob[MOONSHINE_MAX_TOKENS];
    float *speech; /* [frames] */
    float *look;   /* [layers * heads, n + 1, frames] */
} heard;

static moonshine *net;
static silero *vad;
static tokenizer *pieces;
static arena scratch;
static kv_pool pages;

static void must(steno_err err) {
    if (err == STENO_OK) return;
    fprintf(stderr, "heads: %s\n", steno_error_detail());
    exit(1);
}

static void *need(void *memory) {
    if (memory) return memory;
    fprintf(stderr, "heads: no memory\n");
    exit(1);
}

static void load(media_host *host, heard *h) {
    media_limits limits;
    media *m;
    size_t n = 0, got = 1;
    media_limits_init(&limits);
    must(media_open(host, h->path, MEDIA_MIX, &limits, &m));
    h->pcm = need(mem_alloc(MAX_SAMPLES, sizeof *h->pcm));
    while (n < MAX_SAMPLES && got > 0) {
        steno_err err = media_read(m, h->pcm + n, MAX_SAMPLES - n, &got);
        n += got;
        if (err == STENO_E_AGAIN) {
            struct pollfd fd = {.fd = media_fd(m), .events = POLLIN};
            poll(&fd, 1, -1);
            got = 1;
            continue;
        }
        must(err);
    }
    media_close(m);
    h->samples = (int)n;
}

/* The probability of speech in the middle of each encoder frame. */
static void detect(heard *h) {
    int n = h->samples / SILERO_FRAME_SAMPLES;
    float *prob = need(mem_alloc((size_t)n + 1, sizeof *prob));
    silero_state state;
    silero_reset(&state);
    for (int at = 0; at < n; at += 64) {
        size_t mark = arena_mark(&scratch);
        silero_job job = {.state = &state,
                          .pcm = h->pcm + (size_t)at * SILERO_FRAME_SAMPLES,
                          .frames = n - at < 64 ? n - at : 64,
                          .prob = prob + at};
        must(silero_step(vad, &scratch, &job, 1));
        arena_release(&scratch, mark);
    }
    h->speech = need(mem_alloc((size_t)h->frames, sizeof *h->speech));
    for (int i = 0; i < h->frames; i++) {
        int at =
            (MOONSHINE_FRAME_FIRST + MOONSHINE_FRAME_SAMPLES / 2 + i * MOONSHINE_FRAME_SAMPLES) / SILERO_FRAME_SAMPLES;
        h->speech[i] = at < n ? prob[at] : -1.0f;
    }
    mem_free(prob);
}

static void decode(heard *h, moonshine_sequence *seq, int limit) {
    int32_t token = net->info.start_token;
    while (h->n < limit) {
        moonshine_row row = {.seq = seq, .token = token};
        must(moonshine_decode_step(net, &scratch, &row, 1, NULL));
        if (row.next == net->info.end_token) return;
        h->logprob[h->n] = row.logprob;
        h->ids[h->n++] = token = row.next;
    }
}

/* What one head looks at while the known tokens are verified as a draft. */
static void look(const heard *h, moonshine_sequence *seq, float *rows_out) {
    seq->position = 0;
    for (int at = 0; at <= h->n; at += DRAFT_ROWS) {
        moonshine_row rows[DRAFT_ROWS];
        int n = h->n + 1 - at < DRAFT_ROWS ? h->n + 1 - at : DRAFT_ROWS;
        for (int i = 0; i < n; i++)
            rows[i] = (moonshine_row){.seq = seq,
                                      .token = at + i ? h->ids[at + i - 1] : net->info.start_token,
                                      .align = rows_out + (size_t)(at + i) * (size_t)h->frames};
        must(moonshine_decode_step(net, &scratch, rows, n, NULL));
    }
}

static void recognise(heard *h) {
    size_t mark = arena_mark(&scratch);
    moonshine_sequence seq = {.frames = moonshine_frames(h->samples)};
    h->frames = seq.frames;
    int taken = moonshine_pages(seq.frames);
    if (!kv_pool_take(&pages, taken, seq.cross) || !kv_pool_take(&pages, MOONSHINE_MAX_TOKENS / 16, seq.self)) exit(1);
    moonshine_utterance u = {.pcm = h->pcm, .samples = h->samples, .pages = seq.cross};
    moonshine_encoding e;
    bool done = false;
    must(moonshine_encode_begin(&e, net, &scratch, &u, 1));
    while (!done) must(moonshine_encode_step(&e, &done));
    arena_release(&scratch, mark);
    decode(h, &seq, moonshine_token_limit(h->samples));
    int layers = net->info.decoder_layers, heads = net->info.heads;
    size_t each = (size_t)(h->n + 1) * (size_t)h->frames;
    h->look = need(mem_alloc(each * (size_t)(layers * heads), sizeof *h->look)); /* zeroed */
    for (int i = 0; i < layers * heads; i++) {
        memset(net->align_weight, 0, sizeof net->align_weight);
        net->align_weight[i / heads][i % heads] = 1.0f;
        look(h, &seq, h->look + each * (size_t)i);
    }
    kv_pool_give(&pages, taken, seq.cross);
    kv_pool_give(&pages, MOONSHINE_MAX_TOKENS / 16, seq.self);
}

/* The segmenter would have kept LEAD samples at most of the silence at both ends; truth.mjs makes 2 * LEAD. */
static int crop(heard *h) {
    if (h->samples < 4 * LEAD) return 0;
    h->samples -= 2 * LEAD;
    memmove(h->pcm, h->pcm + LEAD, (size_t)h->samples * sizeof *h->pcm);
    return LEAD;
}

static void answer(const heard *h, int first, const char *choice) {
    size_t each = (size_t)(h->n + 1) * (size_t)h->frames;
    float *weight = need(mem_alloc(each, sizeof *weight));
    int layer, head, used;
    float share;
    for (; sscanf(choice, " %d,%d,%f%n", &layer, &head, &share, &used) == 3; choice += used) {
        if (layer < 0 || layer >= net->info.decoder_layers || head < 0 || head >= net->info.heads) exit(2);
        const float *from = h->look + each * (size_t)(layer * net->info.heads + head);
        for (size_t i = 0; i < each; i++) weight[i] += share * from[i];
    }
    times_job job = {
        .tokenizer = pieces,
        .ids = h->ids,
        .logprob = h->logprob,
        .n = h->n,
        .weight = weight,
        .rows = h->n + 1,
        .sound = {h->pcm, h->samples, MOONSHINE_FRAME_SAMPLES, MOONSHINE_FRAME_FIRST, h->speech},
        .frames = h->frames,
        .delay_frames = net->info.align_delay_frames,
        .origin_s = (double)first / STENO_SAMPLE_RATE_HZ,
    };
    transcript_token tokens[MOONSHINE_MAX_TOKENS];
    static transcript text;
    void *room = need(mem_alloc(times_scratch_bytes(h->n, h->frames), 1));
    times_of_tokens(&job, room, tokens);
    transcript_build(pieces, tokens, h->n, job.origin_s, 1e9, &text);
    for (uint32_t i = 0; i < text.n_words; i++)
        printf("%s\t%.*s\t%.4f\t%.4f\n", h->path, (int)text.words[i].text_bytes, text.text + text.words[i].text_offset,
               text.words[i].start_s, text.words[i].end_s);
    mem_free(room);
    mem_free(weight);
}

static void open_all(const char *dir, const char *model) {
    char path[512];
    weights *w, *v;
    snprintf(path, sizeof path, "%s/moonshine-%s.safetensors", dir, model);
    must(weights_open(path, &w));
    must(moonshine_open(w, false, &net));
    snprintf(path, sizeof path, "%s/silero-vad-v6.safetensors", dir);
    must(weights_open(path, &v));
    must(silero_open(v, &vad));
    snprintf(path, sizeof path, "%s/tokens.txt", dir);
    must(tokenizer_open(path, &pieces));
    must(arena_init(&scratch, moonshine_encode_bytes(net, MAX_SAMPLES, MAX_SAMPLES) +
                                  moonshine_decode_bytes(net, DRAFT_ROWS) + ((size_t)64 << 20)));
    must(kv_pool_init(&pages, moonshine_page_halfs(net), 100));
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], MEDIA_ZYGOTE_ARG) == 0) return media_zygote_main(argc, argv);
    if (argc != 4) {
        fprintf(stderr, "usage: heads MODELS_DIR MODEL LIST\n");
        return 2;
    }
    open_all(argv[1], argv[2]);
    FILE *list = need(fopen(argv[3], "r"));
    media_host *host;
    must(media_host_start(NULL, &host));
    heard *all = NULL;
    int n = 0, *first = NULL;
    char line[1024];
    while (fgets(line, sizeof line, list)) {
        all = need(realloc(all, (size_t)(n + 1) * sizeof *all));
        first = need(realloc(first, (size_t)(n + 1) * sizeof *first));
        memset(&all[n], 0, sizeof all[n]);
        snprintf(all[n].path, sizeof all[n].path, "%.*s", (int)strcspn(line, "\n"), line);
        load(host, &all[n]);
        first[n] = crop(&all[n]);
        recognise(&all[n]);
        detect(&all[n]);
        n++;
    }
    media_host_stop(host);
    while (fgets(line, sizeof line, stdin)) {
        if (strncmp(line, "sizes", 5) == 0)
            printf("%d\t%d\n", net->info.decoder_layers, net->info.heads);
        else
            for (int i = 0; i < n; i++) answer(&all[i], first[i], line);
        puts(".");
        fflush(stdout);
    }
    return 0;
}
