/* webhook_send.c: see webhook_send.h. */
#include "api/webhook_send.h"

#include "api/webhook.h"
#include "base/mem.h"
#include "watch/trace_text.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 1000

typedef enum slot_state { SLOT_FREE, SLOT_PUT, SLOT_SENDING, SLOT_ANSWERED } slot_state;

/* One message: the caller's while FREE or ANSWERED, the thread's while PUT or SENDING. */
typedef struct slot {
    sender *owner;
    slot_state state; /* under the lock */
    delivery message;
    send_answer answer;
    CURL *easy;
    struct curl_slist *headers;
    size_t answer_bytes;
    bool refused; /* an address was */
} slot;

struct sender {
    send_config config, wanted; /* config: the thread's; wanted: under the lock */
    char ca_file[DB_PATH_BYTES_MAX];
    char headers[SEND_HEADERS_BYTES], wanted_headers[SEND_HEADERS_BYTES]; /* likewise */
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock;
    bool closing; /* under the lock */
    int fd;
    slot slots[SEND_AT_ONCE];
};

/* ---- what libcurl asks (the thread) ------------------------------------------------------------------------------- */

/* The address is the one the connection is made to. */
static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *a) {
    slot *at = user;
    (void)purpose;
    if (at->owner->config.trusted || webhook_networks_allow(&at->owner->config.networks, &a->addr)) {
        int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
        return fd < 0 ? CURL_SOCKET_BAD : fd;
    }
    at->refused = true;
    return CURL_SOCKET_BAD;
}

/* What there is no memory for is not kept. */
static void keep_answer(send_answer *a, const char *bytes, size_t n) {
    char *more = mem_resize(a->body, a->n, a->n + n);
    if (!more) return;
    memcpy(more + a->n, bytes, n);
    a->body = more;
    a->n += n;
}

/* Fewer than it got: libcurl breaks off. The status is known by then. */
static size_t take_answer(char *bytes, size_t size, size_t n, void *user) {
    slot *at = user;
    n *= size;
    at->answer_bytes += n;
    if (at->answer_bytes > SEND_ANSWER_BYTES_MAX) return 0;
    if (n && at->owner->config.keep_answers) keep_answer(&at->answer, bytes, n);
    return n;
}

/* ---- a message ---------------------------------------------------------------------------------------------------- */

static bool add_header(slot *at, const char *format, const char *value) {
    char line[SEND_HEAD_BYTES];
    snprintf(line, sizeof line, format, value);
    struct curl_slist *more = curl_slist_append(at->headers, line);
    if (!more) return false;
    at->headers = more;
    return true;
}

/* The lines that every message has. */
static bool add_fixed(slot *at) {
    char line[SEND_HEAD_BYTES];
    for (const char *from = at->owner->headers; *from;) {
        size_t n = strcspn(from, "\n");
        snprintf(line, sizeof line, "%.*s", (int)n, from);
        if (!add_header(at, "%s", line)) return false;
        from += n + (from[n] == '\n');
    }
    return true;
}

/* Who receives it can go on with the trace: below this attempt, or below whoever it came from. */
static bool add_trace(slot *at) {
    static const unsigned char none[TRACE_SPAN_BYTES];
    char parent[TRACE_PARENT_BYTES], state[TRACE_STATE_BYTES];
    trace_link link;
    if (!trace_text_read(at->message.trace, &link, state)) return true;
    if (memcmp(at->message.span, none, sizeof none) != 0) memcpy(link.span, at->message.span, sizeof link.span);
    trace_parent_write(&link, parent);
    return add_header(at, "traceparent: %s", parent) && (!state[0] || add_header(at, "tracestate: %s", state));
}

static bool add_headers(slot *at) {
    const delivery *v = &at->message;
    char stamp[24], signature[WEBHOOK_SIGNATURE_BYTES];
    bool ok = add_header(at, "content-type: %s", v->content_type) && add_header(at, "%s", "expect:") &&
              (!v->id[0] || add_header(at, "webhook-id: %s", v->id)) && add_fixed(at) && add_trace(at);
    if (!ok || v->kind != DELIVERY_SIGNED) return ok;
    int64_t now_s = at->owner->config.wall_ms() / 1000;
    snprintf(stamp, sizeof stamp, "%" PRId64, now_s);
    if (!add_header(at, "webhook-timestamp: %s", stamp)) return false;
    if (!v->secret[0]) return true;
    return webhook_sign(v->secret, v->id, now_s, v->body, v->n, signature) == STENO_OK &&
           add_header(at, "webhook-signature: %s", signature);
}

#define SET(option, value) (ok = ok && curl_easy_setopt(at->easy, option, value) == CURLE_OK)

static bool prepare(slot *at) {
    const sender *s = at->owner;
    bool ok = true;
    SET(CURLOPT_URL, at->message.url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* not what the environment says: the address check would see the proxy's */
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* a name that is being resolved does not hold up the end */
    SET(CURLOPT_TIMEOUT_MS, (long)s->config.timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)SEND_CONNECT_MS);
    SET(CURLOPT_USERAGENT, "steno/" STENO_VERSION);
    SET(CURLOPT_HTTPHEADER, at->headers);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDS, at->message.body);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)at->message.n);
    if (at->message.kind == DELIVERY_PLAIN_PUT) SET(CURLOPT_CUSTOMREQUEST, "PUT");
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, at);
    SET(CURLOPT_WRITEFUNCTION, take_answer);
    SET(CURLOPT_WRITEDATA, at);
    SET(CURLOPT_PRIVATE, at);
    if (!s->config.trusted) SET(CURLOPT_FORBID_REUSE, 1L); /* each attempt resolves and asks anew */
    if (s->ca_file[0]) SET(CURLOPT_CAINFO, s->ca_file);
    return ok;
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void answer(slot *at) {
    sender *s = at->owner;
    uint64_t one = 1;
    at->answer.ended_ns = now_ns();
    if (at->easy) {
        curl_multi_remove_handle(s->multi, at->easy);
        curl_easy_cleanup(at->easy);
    }
    curl_slist_free_all(at->headers);
    at->easy = NULL;
    at->headers = NULL;
    mem_free(at->message.body);
    at->message.body = NULL;
    pthread_mutex_lock(&s->lock);
    at->state = SLOT_ANSWERED;
    pthread_mutex_unlock(&s->lock);
    if (write(s->fd, &one, sizeof one) < 0) return; /* the counter is full: it is readable */
}

/* "https://example.org:8443": neither names, passwords nor what stands behind the host. */
static void copy_origin(const char *url, char out[SEND_ORIGIN_BYTES]) {
    const char *host = strstr(url, "://");
    out[0] = 0;
    if (!host) return;
    host += 3;
    size_t n = strcspn(host, "/?#");
    for (size_t i = n; i > 0; i--) {
        if (host[i - 1] != '@') continue;
        host += i;
        n -= i;
        break;
    }
    snprintf(out, SEND_ORIGIN_BYTES, "%.*s%.*s", (int)(strstr(url, "://") + 3 - url), url,
             n < SEND_ORIGIN_BYTES ? (int)n : 0, host);
}

static void begin(slot *at) {
    delivery *v = &at->message;
    at->answer = (send_answer){.attempts = v->attempts + 1, .begun_ns = now_ns(), .put = v->kind == DELIVERY_PLAIN_PUT};
    memcpy(at->answer.id, v->id, sizeof v->id);
    memcpy(at->answer.trace, v->trace, sizeof v->trace);
    memcpy(at->answer.span, v->span, sizeof v->span);
    copy_origin(v->url, at->answer.origin);
    at->answer_bytes = 0;
    at->refused = false;
    at->easy = curl_easy_init();
    if (at->easy && add_headers(at) && prepare(at) && curl_multi_add_handle(at->owner->multi, at->easy) == CURLM_OK)
        return;
    snprintf(at->answer.error, sizeof at->answer.error, "the request could not be made");
    answer(at);
}

static void finished(slot *at, CURLcode code) {
    send_answer *a = &at->answer;
    long status = 0;
    curl_off_t retry_s = 0;
    curl_easy_getinfo(at->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(at->easy, CURLINFO_RETRY_AFTER, &retry_s);
    bool cut = code == CURLE_WRITE_ERROR && at->answer_bytes > SEND_ANSWER_BYTES_MAX;
    a->status = code == CURLE_OK || cut ? (int)status : 0;
    a->retry_after_s = retry_s > WEBHOOK_RETRY_AFTER_S ? WEBHOOK_RETRY_AFTER_S : retry_s > 0 ? (int)retry_s : 0;
    if (at->refused && a->status == 0) {
        a->hopeless = true;
        snprintf(a->error, sizeof a->error, "the address is not one that webhooks may be sent to");
    } else if (a->status == 0) {
        snprintf(a->error, sizeof a->error, "%s", curl_easy_strerror(code));
    } else if (status < 200 || status > 299) {
        snprintf(a->error, sizeof a->error, "HTTP %ld%s", status,
                 status > 299 && status < 400 ? ": redirects are not followed" : "");
    }
    answer(at);
}

/* ---- the thread --------------------------------------------------------------------------------------------------- */

/* False: the end. */
static bool take_new(sender *s) {
    bool put[SEND_AT_ONCE] = {false};
    pthread_mutex_lock(&s->lock);
    bool closing = s->closing;
    s->config.networks = s->wanted.networks;
    s->config.timeout_ms = s->wanted.timeout_ms;
    memcpy(s->headers, s->wanted_headers, sizeof s->headers);
    for (int i = 0; i < SEND_AT_ONCE; i++) {
        put[i] = s->slots[i].state == SLOT_PUT;
        if (put[i]) s->slots[i].state = SLOT_SENDING;
    }
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < SEND_AT_ONCE && !closing; i++) {
        if (put[i]) begin(&s->slots[i]);
    }
    return !closing;
}

static void take_finished(sender *s) {
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(s->multi, &left));) {
        slot *at = NULL;
        if (m->msg != CURLMSG_DONE) continue;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&at);
        finished(at, code);
    }
}

static void *send_main(void *arg) {
    sender *s = arg;
    int running;
    while (take_new(s)) {
        curl_multi_perform(s->multi, &running);
        take_finished(s);
        curl_multi_poll(s->multi, NULL, 0, POLL_MS, NULL);
    }
    return NULL;
}

/* ---- the network thread's side ------------------------------------------------------------------------------------ */

bool sender_put(sender *s, delivery *v) {
    bool took = false;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < SEND_AT_ONCE && !took; i++) {
        slot *at = &s->slots[i];
        if (at->state != SLOT_FREE) continue;
        at->message = *v;
        at->state = SLOT_PUT;
        took = true;
    }
    pthread_mutex_unlock(&s->lock);
    if (!took) return false;
    *v = (delivery){0};
    curl_multi_wakeup(s->multi);
    return true;
}

int sender_fd(const sender *s) {
    return s->fd;
}

bool sender_take(sender *s, send_answer *out) {
    uint64_t count;
    bool got = false;
    if (read(s->fd, &count, sizeof count) < 0 && errno != EAGAIN) return false;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < SEND_AT_ONCE && !got; i++) {
        slot *at = &s->slots[i];
        if (at->state != SLOT_ANSWERED) continue;
        *out = at->answer;
        at->answer.body = NULL; /* the caller's */
        at->state = SLOT_FREE;
        got = true;
    }
    pthread_mutex_unlock(&s->lock);
    return got;
}

static steno_err start(sender *s) {
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->fd < 0) return err_fail(STENO_E_IO, "no descriptor for webhooks: %s", strerror(errno));
    s->multi = curl_multi_init();
    if (!s->multi) return err_fail(STENO_E_NOMEM, "no memory for webhooks");
    int code = pthread_create(&s->thread, NULL, send_main, s);
    return code == 0 ? STENO_OK : err_fail(STENO_E_IO, "no thread for webhooks: %s", strerror(code));
}

static void drop(sender *s) {
    for (int i = 0; i < SEND_AT_ONCE; i++) {
        slot *at = &s->slots[i];
        if (at->easy) curl_multi_remove_handle(s->multi, at->easy);
        if (at->easy) curl_easy_cleanup(at->easy);
        curl_slist_free_all(at->headers);
        mem_free(at->message.body);
        mem_free(at->answer.body);
    }
    if (s->multi) curl_multi_cleanup(s->multi);
    if (s->fd >= 0) close(s->fd);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

steno_err sender_open(const send_config *config, sender **out) {
    *out = NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return err_fail(STENO_E_INTERNAL, "libcurl does not start");
    sender *s = mem_alloc(1, sizeof *s);
    if (!s) return err_fail(STENO_E_NOMEM, "no memory for webhooks");
    s->config = s->wanted = *config;
    s->fd = -1;
    if (config->ca_file) snprintf(s->ca_file, sizeof s->ca_file, "%s", config->ca_file);
    if (config->headers) snprintf(s->wanted_headers, sizeof s->wanted_headers, "%s", config->headers);
    for (int i = 0; i < SEND_AT_ONCE; i++) s->slots[i].owner = s;
    pthread_mutex_init(&s->lock, NULL);
    steno_err e = start(s);
    if (e != STENO_OK) {
        drop(s);
        return e;
    }
    *out = s;
    return STENO_OK;
}

void sender_configure(sender *s, const send_config *config) {
    pthread_mutex_lock(&s->lock);
    s->wanted.networks = config->networks;
    s->wanted.timeout_ms = config->timeout_ms;
    if (config->headers) snprintf(s->wanted_headers, sizeof s->wanted_headers, "%s", config->headers);
    pthread_mutex_unlock(&s->lock);
}

void sender_close(sender *s) {
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_mutex_unlock(&s->lock);
    curl_multi_wakeup(s->multi);
    pthread_join(s->thread, NULL);
    drop(s);
}
