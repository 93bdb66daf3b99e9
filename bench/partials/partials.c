/* partials.c: how good and how dear partial text is when only an utterance's end is encoded again. docs/partials.md has
 * the tables that this makes.
 *
 *   partials MODELS_DIR MODEL LIST [--join S] [--most N] [--times]
 *
 * LIST holds "path<TAB>text" lines; with --join recordings are put together until they last S seconds. Every 0.5 s of
 * each is an update: the whole prefix is encoded and decoded, and so it is from the states of every variant below.
 * --times measures the encoders instead, on the longest utterance.
 */
#include "audio/media.h"
#include "base/mem.h"
#include "cmd/score_text.h"
#include "models/moonshine_chunk.h"
#include "nn/tokenizer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_SAMPLES (30 * STENO_SAMPLE_RATE_HZ)
#define STEP        (STENO_SAMPLE_RATE_HZ / 2)
#define TEXT_BYTES  4096
#define MAX_WORDS   256
#define WHOLE       MOONSHINE_MAX_FRAMES
#define ALL         1000
#define REPEATS     7
#define FROM_START  (-1)
#define FROM_PAUSE  (-2) /* whole again from the quietest place, when it lasts longer than `cache` seconds */

typedef struct utterance {
    float *pcm; /* [MAX_SAMPLES] */
    int samples;
    char text[TEXT_BYTES]; /* what was said */
} utterance;

/* One way to get partial text: the shape's encoder, or whole prefixes, or the states of another variant. */
typedef struct variant {
    const char *name;
    int recompute, cache, sink, warm;
    int percent;  /* with the stem kept: all layers are computed anew when it has grown so much */
    double grown; /* all is computed anew when the utterance is so many times as long as it was the last time */
    int anew;     /* its samples then */
    int again;    /* every so many updates all is computed anew */
    int base;     /* the first sample that is encoded */
    int share;    /* the variant whose encoder states are taken, or -1 */
    int keep;     /* tokens of the last update at its end that are checked again; 0: decoded from the start */

    moonshine_chunk_shape shape;
    moonshine_chunk_state state;
    void *memory;
    moonshine_sequence seq;
    uint16_t *cross[MOONSHINE_MAX_FRAMES / 16];
    char before[TEXT_BYTES]; /* text of what lies before `base` */
    int64_t encoded;         /* samples, in all */
    int32_t ids[MOONSHINE_MAX_TOKENS], draft[MOONSHINE_MAX_TOKENS];
    int n, n_draft;
    bool done;

    int rows, steps;             /* of the decoder, in all */
    int head_errors, head_words; /* all but the last two words, against the whole prefix's text */
    int tail_errors, tail_words; /* the last two */
    int last_wrong, lasts;       /* the last word */
    int same_errors, same_words; /* all but the last two, against the shared variant from the start */
    int true_errors, true_words; /* against the words said up to then */
} variant;

/* The first one is what the others are compared with. */
static variant variants[] = {
    {.name = "whole", .recompute = FROM_START, .share = -1},
    {.name = "whole, 10 ms less at the start", .recompute = FROM_START, .base = 160, .share = -1},
    {.name = "R 0.5 C 4", .recompute = 21, .cache = 167, .warm = 83, .share = -1},
    {.name = "R 1.0 C 4", .recompute = 42, .cache = 167, .warm = 83, .share = -1},
    {.name = "R 1.0 C all", .recompute = 42, .cache = WHOLE, .warm = 83, .share = -1},
    {.name = "R 0.5 C all A 3", .recompute = 21, .cache = WHOLE, .warm = 83, .again = 6, .share = -1},
    {.name = "R 1.0 C all A 2", .recompute = 42, .cache = WHOLE, .warm = 83, .again = 4, .share = -1},
    {.name = "R 1.0 C all A 3", .recompute = 42, .cache = WHOLE, .warm = 83, .again = 6, .share = -1},
    {.name = "R 1.0 C all A 4", .recompute = 42, .cache = WHOLE, .warm = 83, .again = 8, .share = -1},
    {.name = "R 1.0 C all A 25 %", .recompute = 42, .cache = WHOLE, .warm = 83, .grown = 1.25, .share = -1},
    {.name = "R 1.0 C all A 50 %", .recompute = 42, .cache = WHOLE, .warm = 83, .grown = 1.5, .share = -1},
    {.name = "R 1.0 C 4 A 3", .recompute = 42, .cache = 167, .warm = 83, .again = 6, .share = -1},
    {.name = "R 1.0 C 2 S 2 A 3", .recompute = 42, .cache = 83, .sink = 83, .warm = 83, .again = 6, .share = -1},
    {.name = "R 1.0 C 4 S 4 A 3", .recompute = 42, .cache = 167, .sink = 167, .warm = 83, .again = 6, .share = -1},
    {.name = "from a pause, 8 s", .recompute = FROM_PAUSE, .cache = 8, .share = -1},
    {.name = "R 0.5 C 2 S 2 A 50 %", .recompute = 21, .cache = 83, .sink = 83, .warm = 83, .grown = 1.5, .share = -1},
    {.name = "R 0.5 C 2 S 2 A 50 % stem",
     .recompute = 21,
     .cache = 83,
     .sink = 83,
     .warm = 83,
     .percent = 50,
     .share = -1},
    {.name = "R 1.0 C 2 S 2 A 50 % stem",
     .recompute = 42,
     .cache = 83,
     .sink = 83,
     .warm = 83,
     .percent = 50,
     .share = -1},
    {.name = "R 0.5 C 2 S 2 A 25 % stem",
     .recompute = 21,
     .cache = 83,
     .sink = 83,
     .warm = 83,
     .percent = 25,
     .share = -1},
    {.name = "whole, k 8", .share = 0, .keep = 8},
    {.name = "whole, k 16", .share = 0, .keep = 16},
    {.name = "R 1.0 C all A 3, k 8", .share = 7, .keep = 8},
    {.name = "R 1.0 C all A 3, k 16", .share = 7, .keep = 16},
    {.name = "R 0.5 C 2 S 2 A 50 % stem, k 16", .share = 16, .keep = 16},
    {.name = "R 0.5 C 2 S 2 A 50 % stem, k 24", .share = 16, .keep = 24},
    {.name = "R 0.5 C 2 S 2 A 50 % stem, k all", .share = 16, .keep = ALL},
};

#define VARIANTS ((int)(sizeof variants / sizeof variants[0]))

static moonshine *net;
static tokenizer *pieces;
static arena scratch;
static kv_pool pages;

static void must(steno_err err) {
    if (err == STENO_OK) return;
    fprintf(stderr, "partials: %s\n", steno_error_detail());
    exit(1);
}

static void *need(void *memory) {
    if (memory) return memory;
    fprintf(stderr, "partials: no memory\n");
    exit(1);
}

/* ---- recordings -------------------------------------------------------------------------------------------------- */

/* Appends a recording; false when it does not fit. */
static bool load(media_host *host, const char *path, utterance *u) {
    media_limits limits;
    media *m;
    size_t n = (size_t)u->samples, got = 1;
    media_limits_init(&limits);
    must(media_open(host, path, MEDIA_MIX, &limits, &m));
    while (n < MAX_SAMPLES && got > 0) {
        steno_err err = media_read(m, u->pcm + n, MAX_SAMPLES - n, &got);
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
    if (n == MAX_SAMPLES) return false;
    u->samples = (int)n;
    return true;
}

static utterance *load_all(const char *path, double join_s, int *n) {
    FILE *list = need(fopen(path, "r"));
    media_host *host;
    utterance *all = NULL;
    char line[TEXT_BYTES];
    bool open = false;
    *n = 0;
    must(media_host_start(NULL, &host));
    while (fgets(line, sizeof line, list)) {
        line[strcspn(line, "\n")] = '\0';
        char *text = strchr(line, '\t');
        if (text) *text++ = '\0';
        if (!open) {
            all = need(realloc(all, (size_t)(*n + 1) * sizeof *all));
            memset(&all[*n], 0, sizeof *all);
            all[*n].pcm = need(calloc(MAX_SAMPLES, sizeof(float)));
            (*n)++;
        }
        utterance *u = &all[*n - 1];
        if (load(host, line, u) && strlen(u->text) + strlen(text ? text : "") + 2 < sizeof u->text) {
            strcat(strcat(u->text, " "), text ? text : "");
            open = u->samples < (int)(join_s * STENO_SAMPLE_RATE_HZ);
        }
    }
    media_host_stop(host);
    fclose(list);
    return all;
}

/* ---- encoding ---------------------------------------------------------------------------------------------------- */

static void encode_whole(const float *pcm, int samples, uint16_t *const *to) {
    size_t mark = arena_mark(&scratch);
    moonshine_utterance job = {.pcm = pcm, .samples = samples, .pages = to};
    moonshine_encoding e;
    bool done = false;
    must(moonshine_encode_begin(&e, net, &scratch, &job, 1));
    while (!done) must(moonshine_encode_step(&e, &done));
    arena_release(&scratch, mark);
}

static void encode_chunk(const utterance *u, int samples, variant *v) {
    size_t mark = arena_mark(&scratch);
    int first = moonshine_chunk_first_sample(&v->state);
    moonshine_chunk_job job = {.state = &v->state,
                               .pcm = u->pcm + first,
                               .first_sample = first,
                               .samples = samples - first,
                               .pages = v->cross};
    moonshine_chunking c;
    bool done = false;
    must(moonshine_chunk_begin(&c, net, &scratch, &job, 1));
    while (!done) must(moonshine_chunk_step(&c, &done));
    arena_release(&scratch, mark);
}

/* ---- decoding, all variants together ----------------------------------------------------------------------------- */

/* What is kept of the last update becomes the beginning, the rest a draft. */
static void begin_decoding(variant *v, int frames) {
    int kept = v->keep && v->n > v->keep ? v->n - v->keep : 0;
    v->n_draft = v->keep ? v->n - kept : 0;
    memcpy(v->draft, v->ids + kept, (size_t)v->n_draft * sizeof *v->draft);
    v->n = kept;
    v->seq.frames = frames;
    v->done = false;
    memcpy(v->seq.cross, v->share >= 0 ? variants[v->share].cross : v->cross, sizeof v->seq.cross);
}

static int add_rows(variant *v, moonshine_row *rows, int room) {
    int n = 1 + v->n_draft < room ? 1 + v->n_draft : room;
    v->seq.position = v->n;
    rows[0] = (moonshine_row){.seq = &v->seq, .token = v->n ? v->ids[v->n - 1] : moonshine_describe(net)->start_token};
    for (int i = 1; i < n; i++) rows[i] = (moonshine_row){.seq = &v->seq, .token = v->draft[i - 1]};
    return n;
}

static void take_rows(variant *v, const moonshine_row *rows, int n, int limit) {
    for (int i = 0; i < n && !v->done; i++) {
        if (rows[i].next == moonshine_describe(net)->end_token || v->n == limit) {
            v->done = true;
            break;
        }
        v->ids[v->n++] = rows[i].next;
        if (i + 1 < n && v->draft[i] != rows[i].next) break;
    }
    if (v->n >= limit) v->done = true;
    v->rows += n;
    v->steps++;
    v->n_draft = 0;
}

static void decode_all(int samples) {
    for (int i = 0; i < VARIANTS; i++) begin_decoding(&variants[i], moonshine_frames(samples - variants[i].base));
    for (bool more = true; more;) {
        more = false;
        for (int from = 0; from < VARIANTS;) { /* as many variants as fit a step */
            moonshine_row rows[MOONSHINE_MAX_BATCH];
            int first[VARIANTS], count[VARIANTS] = {0}, n = 0, i = from;
            for (; i < VARIANTS; i++) {
                if (variants[i].done) continue;
                if (n > 0 && n + 1 + variants[i].n_draft > MOONSHINE_MAX_BATCH) break;
                first[i] = n;
                count[i] = add_rows(&variants[i], rows + n, MOONSHINE_MAX_BATCH - n);
                n += count[i];
            }
            if (n) must(moonshine_decode_step(net, &scratch, rows, n, NULL));
            for (int j = from; j < i; j++) {
                if (count[j])
                    take_rows(&variants[j], rows + first[j], count[j],
                              moonshine_token_limit(samples - variants[j].base));
                more = more || !variants[j].done;
            }
            from = i;
        }
    }
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

typedef struct difference {
    int head, tail; /* errors before word `split` of the first text and from it on */
    bool last_wrong;
} difference;

/* The cheapest alignment of b with a, and where its errors are. */
static difference compare(const score_tokens *a, const score_tokens *b, int split) {
    static int cost[MAX_WORDS + 1][MAX_WORDS + 1];
    int n = (int)a->n, m = (int)b->n;
    difference d = {0, 0, n > 0};
    for (int i = 0; i <= n; i++) {
        for (int j = 0; j <= m; j++) {
            int best = i ? cost[i - 1][j] + 1 : j;
            if (i && j) {
                int same = score_token_same(a, &a->token[i - 1], b, &b->token[j - 1]) ? 0 : 1;
                best = best < cost[i - 1][j - 1] + same ? best : cost[i - 1][j - 1] + same;
            }
            if (j && cost[i][j - 1] + 1 < best) best = cost[i][j - 1] + 1;
            cost[i][j] = best;
        }
    }
    for (int i = n, j = m; i || j;) {
        int same = i && j && score_token_same(a, &a->token[i - 1], b, &b->token[j - 1]);
        int *to = (i && i - 1 < split) || !i ? &d.head : &d.tail;
        if (i == split && i == n) to = &d.head;
        if (i && j && cost[i][j] == cost[i - 1][j - 1] + !same) {
            *to += !same;
            if (i == n && same) d.last_wrong = false;
            i--, j--;
        } else if (j && cost[i][j] == cost[i][j - 1] + 1) {
            *(i >= split ? &d.tail : &d.head) += 1;
            j--;
        } else {
            *to += 1;
            i--;
        }
    }
    return d;
}

/* Errors of b against the beginning of a that suits it best; *words is how long that is. */
static int compare_prefix(const score_tokens *a, const score_tokens *b, int *words) {
    static int row[2][1024];
    int n = (int)a->n < 1000 ? (int)a->n : 1000, m = (int)b->n, best = 0;
    for (int i = 0; i <= n; i++) row[0][i] = i;
    for (int j = 1; j <= m; j++) {
        int *now = row[j % 2], *old = row[(j + 1) % 2];
        now[0] = j;
        for (int i = 1; i <= n; i++) {
            int c = old[i - 1] + (score_token_same(a, &a->token[i - 1], b, &b->token[j - 1]) ? 0 : 1);
            c = c < old[i] + 1 ? c : old[i] + 1;
            now[i] = c < now[i - 1] + 1 ? c : now[i - 1] + 1;
        }
    }
    for (int i = 1; i <= n; i++) best = row[m % 2][i] < row[m % 2][best] ? i : best;
    *words = best;
    return row[m % 2][best];
}

static void words_of(const char *text, score_tokens *out) {
    must(score_tokens_make(text, strlen(text), SCORE_BASIC, SCORE_WORD, out));
    if (out->n > MAX_WORDS) out->n = MAX_WORDS;
}

static void compare_all(const score_tokens *said) {
    static score_tokens words[VARIANTS];
    char text[TEXT_BYTES];
    for (int i = 0; i < VARIANTS; i++) {
        size_t n = strlen(strcpy(text, variants[i].before));
        tokenizer_decode(pieces, variants[i].ids, (size_t)variants[i].n, text + n, sizeof text - n);
        words_of(text, &words[i]);
    }
    int n = (int)words[0].n, split = n > 2 ? n - 2 : 0;
    for (int i = 0; i < VARIANTS; i++) {
        variant *v = &variants[i];
        difference d = compare(&words[0], &words[i], split);
        v->head_errors += d.head;
        v->head_words += split;
        v->tail_errors += d.tail;
        v->tail_words += n - split;
        v->last_wrong += d.last_wrong;
        v->lasts += n > 0;
        if (v->share >= 0) {
            const score_tokens *base = &words[v->share];
            int shared = (int)base->n > 2 ? (int)base->n - 2 : 0;
            v->same_errors += compare(base, &words[i], shared).head;
            v->same_words += shared;
        }
        int used;
        v->true_errors += compare_prefix(said, &words[i], &used);
        v->true_words += used;
    }
    for (int i = 0; i < VARIANTS; i++) score_tokens_free(&words[i]);
}

/* ---- the experiments --------------------------------------------------------------------------------------------- */

/* The middle of the quietest tenth of a second in [from, to). */
static int quietest(const utterance *u, int from, int to) {
    double best = 1e30;
    int at = from;
    for (int i = from; i + 1600 <= to; i += 160) {
        double e = 0.0;
        for (int k = 0; k < 1600; k++) e += (double)u->pcm[i + k] * (double)u->pcm[i + k];
        if (e < best) best = e, at = i + 800;
    }
    return at;
}

/* A window that became too long is cut at a pause; the text before it is recognised once more and stands. */
static void move_base(const utterance *u, int samples, variant *v) {
    if (samples - v->base <= v->cache * STENO_SAMPLE_RATE_HZ) return;
    int end = quietest(u, v->base + 2 * STEP, samples - 2 * STEP);
    encode_whole(u->pcm + v->base, end - v->base, v->cross);
    v->encoded += end - v->base;
    v->n = 0;
    begin_decoding(v, moonshine_frames(end - v->base));
    while (!v->done) {
        moonshine_row row;
        int n = add_rows(v, &row, 1);
        must(moonshine_decode_step(net, &scratch, &row, n, NULL));
        take_rows(v, &row, n, moonshine_token_limit(end - v->base));
    }
    size_t used = strlen(v->before);
    tokenizer_decode(pieces, v->ids, (size_t)v->n, v->before + used, sizeof v->before - used - 2);
    strcat(v->before, " ");
    v->base = end;
}

static void encode(const utterance *u, int samples, int at, variant *v) {
    if (v->memory) {
        bool due = v->again && at % v->again == 0;
        if (v->grown > 0.0 && samples >= v->grown * v->anew) due = true;
        if (due) moonshine_chunk_reset(&v->state);
        if (due || v->state.settled == 0) v->anew = samples;
        v->encoded += samples - moonshine_chunk_first_sample(&v->state);
        encode_chunk(u, samples, v);
        return;
    }
    if (v->recompute == FROM_PAUSE) move_base(u, samples, v);
    v->encoded += samples - v->base;
    encode_whole(u->pcm + v->base, samples - v->base, v->cross);
}

static void run(const utterance *u) {
    score_tokens said;
    words_of(u->text, &said);
    for (int i = 0; i < VARIANTS; i++) {
        variants[i].n = 0;
        variants[i].before[0] = '\0';
        variants[i].anew = 0;
        if (variants[i].recompute == FROM_PAUSE) variants[i].base = 0;
        if (variants[i].memory) moonshine_chunk_reset(&variants[i].state);
    }
    for (int at = STEP; at < u->samples + STEP; at += STEP) {
        int samples = at < u->samples ? at : u->samples;
        if (samples < MOONSHINE_MIN_SAMPLES) break;
        for (int i = 0; i < VARIANTS; i++) {
            if (variants[i].share < 0) encode(u, samples, at / STEP, &variants[i]);
        }
        decode_all(samples);
        compare_all(&said);
    }
    score_tokens_free(&said);
}

static double percent(int errors, int words) {
    return words ? 100.0 * errors / words : 0.0;
}

static void report(void) {
    printf("| variant | all but the last two: differ %% | last two: differ %% | last word differs %% | ");
    printf("same states from the start: differ %% | errors against what was said %% | rows an update | steps | ");
    printf("encoded s an update |\n|---|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < VARIANTS; i++) {
        const variant *v = &variants[i];
        printf("| %s | %.2f | %.1f | %.1f | %.2f | %.2f | %.1f | %.1f | %.1f |\n", v->name,
               percent(v->head_errors, v->head_words), percent(v->tail_errors, v->tail_words),
               percent(v->last_wrong, v->lasts), percent(v->same_errors, v->same_words),
               percent(v->true_errors, v->true_words), v->lasts ? (double)v->rows / v->lasts : 0.0,
               v->lasts ? (double)v->steps / v->lasts : 0.0,
               v->lasts ? (double)v->encoded / STENO_SAMPLE_RATE_HZ / v->lasts : 0.0);
    }
    printf("(%d updates with text, %d words before the last two)\n", variants[0].lasts, variants[0].head_words);
}

static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double time_whole(const utterance *u, int samples) {
    double best = 1e9;
    for (int r = 0; r < REPEATS; r++) {
        double from = cpu_ms();
        encode_whole(u->pcm, samples, variants[0].cross);
        double took = cpu_ms() - from;
        best = took < best ? took : best;
    }
    return best;
}

/* An update again and again from the same state: the cache's contents do not matter for the time. */
static double time_chunk(const utterance *u, int samples, variant *v) {
    double best = 1e9;
    moonshine_chunk_state before = v->state;
    for (int r = 0; r < REPEATS; r++) {
        v->state = before;
        double from = cpu_ms();
        encode_chunk(u, samples, v);
        double took = cpu_ms() - from;
        best = took < best ? took : best;
    }
    return best;
}

/* A step of n rows of one sequence, 10 s of sound: what a draft of n - 1 tokens costs. */
static void report_steps(const utterance *u) {
    static const int sizes[] = {1, 2, 4, 8, 12, 16, 24, 32, 48, 64};
    variant *v = &variants[0];
    int samples = u->samples < 20 * STEP ? u->samples : 20 * STEP;
    encode_whole(u->pcm, samples, v->cross);
    begin_decoding(v, moonshine_frames(samples));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        moonshine_row rows[MOONSHINE_MAX_BATCH];
        double best = 1e9;
        for (int r = 0; r < 3 * REPEATS; r++) {
            for (int k = 0; k < sizes[i]; k++) rows[k] = (moonshine_row){.seq = &v->seq, .token = 100 + k};
            v->seq.position = 0;
            double from = cpu_ms();
            must(moonshine_decode_step(net, &scratch, rows, sizes[i], NULL));
            double took = cpu_ms() - from;
            best = took < best ? took : best;
        }
        printf("a decoder step of %d rows: %.2f ms\n", sizes[i], best);
    }
}

static void report_times(const utterance *all, int n) {
    const utterance *u = &all[0];
    for (int i = 1; i < n; i++) u = all[i].samples > u->samples ? &all[i] : u;
    printf("| s |");
    for (int i = 0; i < VARIANTS; i++) {
        if (i == 0 || variants[i].memory) printf(" %s |", variants[i].name);
    }
    printf("\n");
    for (int at = STEP; at <= u->samples; at += STEP) {
        int half_seconds = at / STEP;
        bool show = half_seconds % 4 == 0 || half_seconds < 4;
        if (show) printf("| %.1f | %.2f |", half_seconds * 0.5, time_whole(u, at));
        for (int i = 1; i < VARIANTS; i++) {
            if (!variants[i].memory) continue;
            double ms = time_chunk(u, at, &variants[i]);
            if (show) printf(" %.2f |", ms);
        }
        if (show) printf("\n");
    }
    report_steps(u);
}

static void open_all(const char *dir, const char *model) {
    char path[512];
    weights *w;
    snprintf(path, sizeof path, "%s/moonshine-%s.safetensors", dir, model);
    must(weights_open(path, &w));
    must(moonshine_open(w, false, &net));
    snprintf(path, sizeof path, "%s/tokens.txt", dir);
    must(tokenizer_open(path, &pieces));
    must(
        kv_pool_init(&pages, moonshine_page_halfs(net), VARIANTS * (MOONSHINE_MAX_FRAMES + MOONSHINE_MAX_TOKENS) / 16));
    moonshine_chunk_shape widest = {.cache_frames = WHOLE};
    size_t bytes = moonshine_chunk_bytes(net, &widest, MAX_SAMPLES, MAX_SAMPLES);
    size_t decode = moonshine_decode_bytes(net, MOONSHINE_MAX_BATCH);
    must(arena_init(&scratch, bytes > decode ? bytes : decode));
    for (int i = 0; i < VARIANTS; i++) {
        variant *v = &variants[i];
        if (!kv_pool_take(&pages, MOONSHINE_MAX_TOKENS / 16, v->seq.self)) exit(1);
        if (v->share < 0 && !kv_pool_take(&pages, MOONSHINE_MAX_FRAMES / 16, v->cross)) exit(1);
        if (v->share >= 0 || v->recompute < 0) continue;
        v->shape = (moonshine_chunk_shape){
            v->recompute, v->cache, v->sink, v->warm, v->percent ? MOONSHINE_MAX_FRAMES : 0, v->percent};
        v->memory = need(mem_alloc(moonshine_chunk_state_bytes(net, &v->shape), 1));
        must(moonshine_chunk_init(&v->state, net, &v->shape, v->memory));
        fprintf(stderr, "%s: %zu bytes a stream\n", v->name, moonshine_chunk_state_bytes(net, &v->shape));
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], MEDIA_ZYGOTE_ARG) == 0) return media_zygote_main(argc, argv);
    if (argc < 4) {
        fprintf(stderr, "usage: partials MODELS_DIR MODEL LIST [--join S] [--most N] [--times]\n");
        return 2;
    }
    double join_s = 0.0;
    int n, most = 1 << 30;
    bool times = false;
    for (int i = 4; i < argc; i++) {
        if (strcmp(argv[i], "--times") == 0) times = true;
        if (strcmp(argv[i], "--join") == 0 && i + 1 < argc) join_s = atof(argv[i + 1]);
        if (strcmp(argv[i], "--most") == 0 && i + 1 < argc) most = atoi(argv[i + 1]);
    }
    open_all(argv[1], argv[2]);
    utterance *all = load_all(argv[3], join_s, &n);
    int stride = n > most ? n / most : 1;
    if (times) {
        report_times(all, n);
        return 0;
    }
    for (int i = 0; i < n; i += stride) run(&all[i]);
    report();
    return 0;
}
