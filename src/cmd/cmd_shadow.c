/* cmd_shadow.c: `steno shadow`: what came of a model in the shadow, from a server or from its data folder.
 *
 * Owner: the main thread. See docs/man/steno-shadow.1 and docs/shadow.md.
 */
#include "base/mem.h"
#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "cmd/cmd_options.h"
#include "cmd/data_place.h"
#include "cmd/shadow_report.h"
#include "store/shadow_store.h"

#include <curl/curl.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES_MAX ((size_t)8 << 20)
#define CONNECT_S        10L
#define ANSWER_S         30L
#define URL_BYTES_MAX    2048

enum { OPT_JSON = 256, OPT_HTML, OPT_URL, OPT_KEY, OPT_DATA_DIR, OPT_CONFIG, OPT_RUN };

const struct option cmd_shadow_options[] = {{"help", no_argument, NULL, 'h'},
                                            {"json", no_argument, NULL, OPT_JSON},
                                            {"html", required_argument, NULL, OPT_HTML},
                                            {"url", required_argument, NULL, OPT_URL},
                                            {"key", required_argument, NULL, OPT_KEY},
                                            {"data-dir", required_argument, NULL, OPT_DATA_DIR},
                                            {"config", required_argument, NULL, OPT_CONFIG},
                                            {"run", required_argument, NULL, OPT_RUN},
                                            {NULL, 0, NULL, 0}};

typedef struct shadow_job {
    bool json;
    const char *html, *url, *key, *data_dir, *config, *run;
} shadow_job;

static void help(void) {
    printf(
        "Usage: steno shadow report [--data-dir DIR | --url URL] [--json] [--html FILE]\n\n"
        "What came of a second model that hears a copy of what users say ([shadow] of the configuration): how much it\n"
        "differs from theirs, whether it is better, what both take, and the largest differences.\n\n"
        "  --data-dir DIR     read the server's data_dir (default: as the configuration says), all that is kept\n"
        "  --config FILE      the server's configuration; otherwise the one STENO_CONFIG names, or none\n"
        "  --run NAME         of several pairs of models, this one: 'tiny int8 | base int8' (default: the last)\n"
        "  --url URL          ask a server that runs instead: http://host:port\n"
        "  --key KEY          with this key (default: STENO_KEY in the environment)\n"
        "  --json             print what GET /v1/shadow answers\n"
        "  --html FILE        write a page with charts, one file, and print nothing; '-' is standard output\n"
        "  -h, --help         this text\n\n"
        "Exit status: 0 done, 1 there is nothing or it cannot be read, 2 wrong usage.\n");
}

/* ---- from a server ------------------------------------------------------------------------------------------------------ */

typedef struct answer {
    char *text; /* owned */
    size_t n, room;
    bool too_long;
} answer;

static size_t take(char *bytes, size_t size, size_t count, void *user) {
    answer *a = user;
    size_t n = size * count;
    if (a->n + n + 1 > ANSWER_BYTES_MAX) {
        a->too_long = true;
        return 0;
    }
    if (a->n + n + 1 > a->room) {
        size_t room = 2 * (a->n + n + 1);
        char *more = mem_resize(a->text, a->n, room);
        if (!more) return 0;
        a->text = more;
        a->room = room;
    }
    memcpy(a->text + a->n, bytes, n);
    a->n += n;
    a->text[a->n] = 0;
    return n;
}

static bool set_up(CURL *easy, const char *address, struct curl_slist *headers, answer *a) {
    return curl_easy_setopt(easy, CURLOPT_URL, address) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_S) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT, ANSWER_S) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, a) == CURLE_OK;
}

static steno_err judge_answer(CURL *easy, CURLcode code, const answer *a) {
    long status = 0;
    if (a->too_long) return err_fail(STENO_E_LIMIT, "the answer is longer than %zu bytes", ANSWER_BYTES_MAX);
    if (code != CURLE_OK) return err_fail(STENO_E_IO, "%s", curl_easy_strerror(code));
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) return STENO_OK;
    json_t *o = a->text ? json_loads(a->text, 0, NULL) : NULL;
    const char *message = json_string_value(json_object_get(o, "message"));
    steno_err e =
        err_fail(STENO_E_IO, "the server answers %ld%s%.200s", status, message ? ": " : "", message ? message : "");
    json_decref(o);
    return e;
}

static steno_err fetch(const shadow_job *job, answer *a) {
    char address[URL_BYTES_MAX], line[512];
    const char *key = job->key ? job->key : getenv("STENO_KEY");
    size_t n = strlen(job->url);
    while (n && job->url[n - 1] == '/') n--;
    if (n + 16 > sizeof address) return err_fail(STENO_E_LIMIT, "the address is too long");
    snprintf(address, sizeof address, "%.*s/v1/shadow", (int)n, job->url);
    struct curl_slist *headers = NULL;
    if (key && key[0]) {
        snprintf(line, sizeof line, "Authorization: Bearer %.400s", key);
        headers = curl_slist_append(NULL, line);
    }
    CURL *easy = curl_easy_init();
    steno_err e = err_fail(STENO_E_NOMEM, "no memory to ask a server");
    if (easy && set_up(easy, address, headers, a)) e = judge_answer(easy, curl_easy_perform(easy), a);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    return e;
}

/* Terminals do what control characters tell them, C0 and C1: a strange server's become spaces. */
static void make_plain(char *text) {
    for (char *at = text; *at; at++) {
        unsigned char c = (unsigned char)at[0], next = (unsigned char)at[1];
        if (c < 0x20 || c == 0x7f) *at = ' ';
        if (c == 0xc2 && next >= 0x80 && next < 0xa0) at[0] = at[1] = ' ';
    }
}

static void make_all_plain(json_t *value) {
    const char *name;
    json_t *member;
    size_t i;
    json_object_foreach(value, name, member) make_all_plain(member);
    json_array_foreach(value, i, member) make_all_plain(member);
    char *text = json_is_string(value) ? mem_strdup(json_string_value(value)) : NULL;
    if (!text) return;
    make_plain(text);
    (void)json_string_set(value, text);
    mem_free(text);
}

static steno_err load_url(const shadow_job *job, json_t **out) {
    answer a = {0};
    steno_err e = fetch(job, &a);
    *out = e == STENO_OK && a.text ? json_loads(a.text, 0, NULL) : NULL;
    mem_free(a.text);
    if (e == STENO_OK && !json_is_object(*out)) return err_fail(STENO_E_FORMAT, "the answer is no JSON object");
    if (*out) make_all_plain(*out);
    return e;
}

/* ---- from the store ----------------------------------------------------------------------------------------------------- */

static void add_row(void *ctx, int64_t at_s, const char *text) {
    json_t *o = json_loads(text, 0, NULL);
    (void)at_s;
    if (o) json_array_append_new(ctx, o);
}

static int by_score(const void *a, const void *b) {
    double x = shadow_report_number(*(json_t *const *)a, "score"),
           y = shadow_report_number(*(json_t *const *)b, "score");
    return x < y ? 1 : x > y ? -1 : 0;
}

static json_t *sorted(json_t *list) {
    size_t n = json_array_size(list), i;
    json_t **all = mem_alloc(n + 1, sizeof *all), *one;
    if (!all) return list;
    json_array_foreach(list, i, one) all[i] = json_incref(one);
    qsort(all, n, sizeof *all, by_score);
    json_array_clear(list);
    for (i = 0; i < n; i++) json_array_append_new(list, all[i]);
    mem_free(all);
    return list;
}

static steno_err read_run(db *d, const char *run, json_t **out) {
    shadow_store_run r;
    json_t *minutes = json_array(), *samples = json_array();
    steno_err e = shadow_store_get_run(d, run, &r);
    if (e == STENO_OK && !r.run)
        e = err_fail(STENO_E_NOT_FOUND, "nothing was heard in the shadow yet%s%.60s", run ? " by " : "",
                     run ? run : "");
    if (e == STENO_OK) e = shadow_store_minutes(d, r.run, 0, add_row, minutes);
    if (e == STENO_OK) e = shadow_store_samples(d, r.run, add_row, samples);
    *out = e == STENO_OK ? json_loads(r.summary, 0, NULL) : NULL;
    if (e == STENO_OK && !*out) e = err_fail(STENO_E_FORMAT, "what is stored is no JSON");
    if (*out) {
        json_object_set(*out, "minutes", minutes);
        json_object_set(*out, "samples", sorted(samples));
    }
    json_decref(minutes);
    json_decref(samples);
    shadow_store_run_free(&r);
    return e;
}

static steno_err load_store(const shadow_job *job, json_t **out) {
    char dir[CONFIG_TEXT_BYTES];
    db *d;
    ERR_TRY(data_place_find(job->config, job->data_dir, NULL, dir));
    ERR_TRY(data_place_open(dir, false, "shadow", &d));
    steno_err e = read_run(d, job->run, out);
    db_close(d);
    return e;
}

/* ---- the command -------------------------------------------------------------------------------------------------------- */

static steno_err put_page(const char *path, const json_t *report) {
    FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (!out) return err_fail(STENO_E_IO, "%s: %s", path, strerror(errno));
    shadow_report_html(out, report);
    if (out == stdout) return STENO_OK;
    bool bad = ferror(out) != 0;
    if (fclose(out) != 0 || bad) return err_fail(STENO_E_IO, "%s: cannot be written", path);
    return STENO_OK;
}

static int show(const shadow_job *job) {
    json_t *report = NULL;
    steno_err e = job->url ? load_url(job, &report) : load_store(job, &report);
    if (e == STENO_OK && job->html) e = put_page(job->html, report);
    if (e == STENO_OK && job->json) {
        json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
        putchar('\n');
    }
    if (e == STENO_OK && !job->json && !job->html) shadow_report_print(stdout, report);
    if (e != STENO_OK) cli_complain(job->url ? job->url : "shadow", steno_error_detail());
    json_decref(report);
    return e == STENO_OK ? 0 : 1;
}

static void read_option(shadow_job *job, int code, const char *value) {
    if (code == OPT_JSON) job->json = true;
    if (code == OPT_HTML) job->html = value;
    if (code == OPT_URL) job->url = value;
    if (code == OPT_KEY) job->key = value;
    if (code == OPT_DATA_DIR) job->data_dir = value;
    if (code == OPT_CONFIG) job->config = value;
    if (code == OPT_RUN) job->run = value;
}

int cmd_shadow(int argc, char **argv) {
    shadow_job job = {.config = data_place_config()};
    optind = 0; /* the tests call this more than once */
    for (int code; (code = getopt_long(argc, argv, ":h", cmd_shadow_options, NULL)) != -1;) {
        if (code == 'h') {
            help();
            return 0;
        }
        if (code == '?' || code == ':') return cli_wrong_option("shadow", code, argv);
        read_option(&job, code, optarg);
    }
    if (optind >= argc) return cli_usage("shadow", "no action; want report");
    if (strcmp(argv[optind], "report") != 0)
        return cli_usage("shadow", "unknown action '%.40s'; want report", argv[optind]);
    if (optind + 1 < argc) return cli_usage("shadow", "'%.40s' is one argument too many", argv[optind + 1]);
    if (job.url && (job.data_dir || job.run))
        return cli_usage("shadow", "--url goes with neither --data-dir nor --run");
    return show(&job);
}
