/* cmd_plan.c: `steno plan`: capacity arithmetic with the formulas in sight.
 *
 * Owner: the main thread. Byte counts are exact integers; what does not fit in 64 bits is an error, never a wrong number.
 */
#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "steno.h"
#include "cmd/cmd_options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_HEADROOM 0.7
#define MAX_INTEGER      (INT64_MAX)

static void help(void) {
    printf("Usage: steno plan rtf --compute S --audio S\n"
           "       steno plan kv --layers L --hidden D --tokens T [--bytes B] [--requests R]\n"
           "                     [--heads H --kv-heads G]\n"
           "       steno plan streams --rtf X (--cores N | --streams N) [--headroom 0.7]\n\n"
           "rtf: how fast recognition is.\n"
           "      --compute S      seconds of computing\n"
           "      --audio S        seconds of audio recognised in that time\n"
           "                       RTF = compute / audio; audio hours an hour = 1 / RTF\n\n"
           "kv: memory for a transformer's cached keys and values.\n"
           "      --layers L       layers\n"
           "      --hidden D       width of a layer: heads * head size\n"
           "      --tokens T       cached tokens a request\n"
           "      --bytes B        bytes a number: 2 (default) for 16-bit, 1 for 8-bit, 4 for fp32\n"
           "      --requests R     requests at once (default 1)\n"
           "      --heads H        attention heads, and\n"
           "      --kv-heads G     key/value heads: grouped queries keep G/H of it (default: all)\n"
           "                       bytes a request = 2 * L * D * T * B * G/H; the sum in all is rounded up to GB as\n"
           "                       memory is sold (1024^3 bytes)\n\n"
           "streams: how many live streams fit.\n"
           "      --rtf X          real-time factor of one stream on one core\n"
           "      --cores N        cores: says how many streams they carry\n"
           "      --streams N      streams: says how many cores they need\n"
           "      --headroom Y     share of each core to plan with; the rest is for bursts (default 0.7)\n"
           "                       streams = cores * headroom / RTF\n\n"
           "  --json               JSON instead of text\n"
           "  -h, --help           this text\n\n"
           "Exit status: 0 answered, 2 wrong usage.\n");
}

/* ---- options ---------------------------------------------------------------------------------------------------------- */

typedef enum plan_key {
    KEY_COMPUTE,
    KEY_AUDIO,
    KEY_RTF,
    KEY_HEADROOM,
    KEY_REALS,
    KEY_LAYERS = KEY_REALS,
    KEY_HIDDEN,
    KEY_TOKENS,
    KEY_BYTES,
    KEY_REQUESTS,
    KEY_HEADS,
    KEY_KV_HEADS,
    KEY_CORES,
    KEY_STREAMS,
    KEY_COUNT
} plan_key;

static const char *const key_names[KEY_COUNT] = {"compute",  "audio",  "rtf",    "headroom", "layers",
                                                 "hidden",   "tokens", "bytes",  "requests", "heads",
                                                 "kv-heads", "cores",  "streams"};

#define BIT(key) (1u << (key))

typedef struct plan_values {
    unsigned given; /* BIT(key) */
    double real[KEY_REALS];
    uint64_t integer[KEY_COUNT]; /* the reals' slots stay unused */
    bool json;
} plan_values;

typedef struct plan_topic {
    const char *name;
    unsigned needed, allowed; /* BIT(key) */
    int (*run)(const plan_values *v);
} plan_topic;

static bool parse_real(const char *text, double *out) {
    char *end;
    errno = 0;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out) && *out > 0.0;
}

static bool parse_integer(const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    if (*text < '0' || *text > '9') return false; /* strtoull takes signs and spaces */
    unsigned long long value = strtoull(text, &end, 10);
    *out = value;
    return errno == 0 && *end == '\0' && value > 0 && value <= (unsigned long long)MAX_INTEGER;
}

static bool take_value(plan_values *v, int key, const char *text) {
    v->given |= BIT(key);
    if (key < KEY_REALS) {
        if (parse_real(text, &v->real[key]) && (key != KEY_HEADROOM || v->real[key] <= 1.0)) return true;
        cli_usage("plan", "--%s '%s' is not a number above 0%s", key_names[key], text,
                  key == KEY_HEADROOM ? " and at most 1" : "");
        return false;
    }
    if (parse_integer(text, &v->integer[key])) return true;
    cli_usage("plan", "--%s '%s' is not a whole number above 0", key_names[key], text);
    return false;
}

/* ---- printing ----------------------------------------------------------------------------------------------------------- */

/* 524288000 as "524,288,000". */
static const char *grouped(uint64_t value, char out[32]) {
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, value), o = 0;
    for (int i = 0; i < n; i++) {
        out[o++] = digits[i];
        if ((n - 1 - i) % 3 == 0 && i + 1 < n) out[o++] = ',';
    }
    out[o] = '\0';
    return out;
}

/* "16.78 GB decimal, 15.63 GiB", in the largest unit that leaves at least 1 of the binary ones. */
static void print_sizes(uint64_t bytes) {
    static const char letters[] = "KMGTPE";
    double decimal = (double)bytes / 1e3, binary = (double)bytes / 1024.0;
    int unit = 0;
    for (; binary >= 1024.0 && letters[unit + 1]; unit++, decimal /= 1e3) binary /= 1024.0;
    printf("%.2f %cB decimal, %.2f %ciB", decimal, letters[unit], binary, letters[unit]);
}

/* Memory is bought in binary gigabytes: the next whole number, or one decimal below ten. */
static void print_memory(uint64_t bytes) {
    double gib = (double)bytes / (1024.0 * 1024.0 * 1024.0);
    if (gib >= 10.0)
        printf("%.0f GB", ceil(gib - 1e-9));
    else
        printf("%.1f GB", ceil(gib * 10.0 - 1e-9) / 10.0);
}

static int too_large(const char *what) {
    return cli_usage("plan", "%s is too large to be written", what);
}

/* ---- topics --------------------------------------------------------------------------------------------------------------- */

static int plan_rtf(const plan_values *v) {
    double rtf = v->real[KEY_COMPUTE] / v->real[KEY_AUDIO], hours = v->real[KEY_AUDIO] / v->real[KEY_COMPUTE];
    if (!isfinite(rtf) || !isfinite(hours) || rtf <= 0.0 || hours <= 0.0) return too_large("the ratio");
    if (v->json) {
        printf("{\"compute_s\":%.10g,\"audio_s\":%.10g,\"rtf\":%.10g,\"audio_hours_per_hour\":%.10g}\n",
               v->real[KEY_COMPUTE], v->real[KEY_AUDIO], rtf, hours);
        return 0;
    }
    printf("RTF %.4g  (%.10g s of computing / %.10g s of audio)\n", rtf, v->real[KEY_COMPUTE], v->real[KEY_AUDIO]);
    if (hours < 1e15)
        printf("%.*f audio hours an hour\n",
               hours < 10.0                               ? 2
               : hours < 100.0 && fmod(hours, 1.0) > 0.05 ? 1
                                                          : 0,
               hours);
    else
        printf("%.4g audio hours an hour\n", hours);
    return 0;
}

typedef struct kv_plan {
    uint64_t layers, hidden, tokens, bytes, requests, heads, kv_heads;
    uint64_t kv_hidden, per_request_bytes, total_bytes;
} kv_plan;

static bool multiply(uint64_t *product, uint64_t factor) {
    return !__builtin_mul_overflow(*product, factor, product) && *product <= (uint64_t)MAX_INTEGER;
}

static int plan_kv_sum(kv_plan *k) {
    if (k->hidden % k->heads != 0)
        return cli_usage("plan", "--hidden %" PRIu64 " is not a multiple of --heads %" PRIu64, k->hidden, k->heads);
    if (k->heads % k->kv_heads != 0)
        return cli_usage("plan", "--heads %" PRIu64 " is not a multiple of --kv-heads %" PRIu64, k->heads, k->kv_heads);
    k->kv_hidden = k->hidden / k->heads * k->kv_heads;
    k->per_request_bytes = 2;
    if (!multiply(&k->per_request_bytes, k->layers) || !multiply(&k->per_request_bytes, k->kv_hidden) ||
        !multiply(&k->per_request_bytes, k->tokens) || !multiply(&k->per_request_bytes, k->bytes))
        return too_large("the memory of a request");
    k->total_bytes = k->per_request_bytes;
    return multiply(&k->total_bytes, k->requests) ? 0 : too_large("the memory in all");
}

static void kv_print(const kv_plan *k) {
    char number[32];
    printf("%s bytes a request  (", grouped(k->per_request_bytes, number));
    print_sizes(k->per_request_bytes);
    printf(")\n  = 2 (key and value) * %" PRIu64 " layers * %" PRIu64 " wide * %" PRIu64 " tokens * %" PRIu64
           " bytes\n",
           k->layers, k->kv_hidden, k->tokens, k->bytes);
    if (k->kv_heads != k->heads)
        printf("  grouped queries: %" PRIu64 " of %" PRIu64 " heads have keys and values, so %.4g times less\n",
               k->kv_heads, k->heads, (double)k->heads / (double)k->kv_heads);
    print_memory(k->total_bytes);
    printf(" in all for %" PRIu64 " request%s: %s bytes  (", k->requests, k->requests == 1 ? "" : "s",
           grouped(k->total_bytes, number));
    print_sizes(k->total_bytes);
    printf(")\n");
}

static int plan_kv(const plan_values *v) {
    bool heads = v->given & BIT(KEY_HEADS), kv_heads = v->given & BIT(KEY_KV_HEADS);
    if (heads != kv_heads) return cli_usage("plan", "--heads and --kv-heads are given together");
    kv_plan k = {.layers = v->integer[KEY_LAYERS],
                 .hidden = v->integer[KEY_HIDDEN],
                 .tokens = v->integer[KEY_TOKENS],
                 .bytes = v->given & BIT(KEY_BYTES) ? v->integer[KEY_BYTES] : 2,
                 .requests = v->given & BIT(KEY_REQUESTS) ? v->integer[KEY_REQUESTS] : 1,
                 .heads = heads ? v->integer[KEY_HEADS] : 1,
                 .kv_heads = kv_heads ? v->integer[KEY_KV_HEADS] : 1};
    if (k.kv_heads > k.heads)
        return cli_usage("plan", "--kv-heads %" PRIu64 " is more than --heads %" PRIu64, k.kv_heads, k.heads);
    int status = plan_kv_sum(&k);
    if (status) return status;
    if (v->json)
        printf("{\"bytes_per_request\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"total_bytes\":%" PRIu64
               ",\"total_gb\":%.10g,\"total_gib\":%.10g,\"kv_hidden\":%" PRIu64 "}\n",
               k.per_request_bytes, k.requests, k.total_bytes, (double)k.total_bytes / 1e9,
               (double)k.total_bytes / 1073741824.0, k.kv_hidden);
    else
        kv_print(&k);
    return 0;
}

static int plan_streams(const plan_values *v) {
    bool by_cores = v->given & BIT(KEY_CORES), by_streams = v->given & BIT(KEY_STREAMS);
    if (by_cores == by_streams) return cli_usage("plan", "plan streams takes either --cores or --streams");
    double headroom = v->given & BIT(KEY_HEADROOM) ? v->real[KEY_HEADROOM] : DEFAULT_HEADROOM;
    double a_core = headroom / v->real[KEY_RTF], cores, streams;
    /* Decimal fractions are not exact: a result that should be whole must not fall a stream short. */
    if (by_cores) {
        cores = (double)v->integer[KEY_CORES];
        streams = floor(cores * a_core * (1.0 + 1e-12));
    } else {
        streams = (double)v->integer[KEY_STREAMS];
        cores = fmax(1.0, ceil(streams / a_core * (1.0 - 1e-12)));
    }
    if (!(streams <= 1e15 && cores <= 1e15)) return too_large("the number of streams or cores");
    if (v->json) {
        printf("{\"rtf\":%.10g,\"headroom\":%.10g,\"cores\":%.0f,\"streams\":%.0f}\n", v->real[KEY_RTF], headroom,
               cores, streams);
        return 0;
    }
    printf("%.0f stream%s on %.0f core%s  (RTF %.4g a stream, %.4g of each core planned for, %.4g streams a core)\n",
           streams, streams == 1.0 ? "" : "s", cores, cores == 1.0 ? "" : "s", v->real[KEY_RTF], headroom, a_core);
    return 0;
}

static const plan_topic topics[] = {
    {"rtf", BIT(KEY_COMPUTE) | BIT(KEY_AUDIO), 0, plan_rtf},
    {"kv", BIT(KEY_LAYERS) | BIT(KEY_HIDDEN) | BIT(KEY_TOKENS),
     BIT(KEY_BYTES) | BIT(KEY_REQUESTS) | BIT(KEY_HEADS) | BIT(KEY_KV_HEADS), plan_kv},
    {"streams", BIT(KEY_RTF), BIT(KEY_CORES) | BIT(KEY_STREAMS) | BIT(KEY_HEADROOM), plan_streams},
};
#define N_TOPICS (sizeof topics / sizeof topics[0])

static int run_topic(const plan_topic *topic, const plan_values *v) {
    for (int key = 0; key < KEY_COUNT; key++) {
        if (topic->needed & BIT(key) & ~v->given)
            return cli_usage("plan", "plan %s needs --%s", topic->name, key_names[key]);
        if (v->given & BIT(key) & ~(topic->needed | topic->allowed))
            return cli_usage("plan", "--%s does not belong to plan %s", key_names[key], topic->name);
    }
    return topic->run(v);
}

enum option_code { OPT_FIRST_KEY = 256, OPT_JSON = OPT_FIRST_KEY + KEY_COUNT };

/* -1: go on; else the exit status. */
static int take_option(plan_values *v, int code) {
    if (code >= OPT_FIRST_KEY && code < OPT_JSON) return take_value(v, code - OPT_FIRST_KEY, optarg) ? -1 : 2;
    if (code == OPT_JSON) {
        v->json = true;
        return -1;
    }
    if (code == 'h') {
        help();
        return 0;
    }
    fprintf(stderr, "steno: see 'steno plan --help'\n");
    return 2;
}

void cmd_plan_options(struct option out[CMD_PLAN_OPTIONS_MAX]) {
    _Static_assert(KEY_COUNT + 3 <= CMD_PLAN_OPTIONS_MAX, "room for every key");
    out[0] = (struct option){"json", no_argument, NULL, OPT_JSON};
    out[1] = (struct option){"help", no_argument, NULL, 'h'};
    for (int key = 0; key < KEY_COUNT; key++)
        out[key + 2] = (struct option){key_names[key], required_argument, NULL, OPT_FIRST_KEY + key};
    out[KEY_COUNT + 2] = (struct option){0};
}

int cmd_plan(int argc, char **argv) {
    struct option options[CMD_PLAN_OPTIONS_MAX];
    cmd_plan_options(options);
    plan_values v = {0};
    optind = 0; /* a fresh scan, also when called again */
    for (int code; (code = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        int status = take_option(&v, code);
        if (status >= 0) return status;
    }
    if (optind == argc) return cli_usage("plan", "what to plan is missing: rtf, kv or streams");
    if (optind + 1 < argc) return cli_usage("plan", "unexpected '%s'", argv[optind + 1]);
    for (size_t i = 0; i < N_TOPICS; i++)
        if (strcmp(argv[optind], topics[i].name) == 0) return run_topic(&topics[i], &v);
    return cli_usage("plan", "unknown plan '%s': rtf, kv or streams", argv[optind]);
}
