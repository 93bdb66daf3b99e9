/* watch_ask_one.c: one host is asked, and what its answer makes of it. See watch_ask.h. Owner: the asking thread. */
#include "api/watch_ask_int.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define FIRST_BYTES 32768

const char *ask_state_name(ask_state state) {
    static const char *const names[ASK_STATES] = {"new", "up", "self", "twin", "down", "refused", "strange"};
    return names[state];
}

steno_err asked_open(asker *a, const watch_host *host, asked **out) {
    *out = NULL;
    asked *at = mem_alloc(1, sizeof *at);
    if (!at) return err_fail(STENO_E_NOMEM, "no memory for another host");
    *at = (asked){.owner = a, .host = *host, .view = {.since_s = a->config->now_s()}};
    snprintf(at->view.name, sizeof at->view.name, "%s", host->name);
    if (fleet_host_open(host->name, &at->counters) != STENO_OK) {
        mem_free(at);
        return STENO_E_NOMEM;
    }
    *out = at;
    return STENO_OK;
}

static void end_request(asked *at) {
    if (at->easy) {
        curl_multi_remove_handle(at->owner->multi, at->easy);
        curl_easy_cleanup(at->easy);
        at->owner->under_way--;
    }
    curl_slist_free_all(at->headers);
    curl_slist_free_all(at->connect);
    mem_free(at->body);
    at->easy = NULL;
    at->headers = at->connect = NULL;
    at->body = NULL;
    at->bytes = at->room = 0;
}

void asked_close(asked *at) {
    end_request(at);
    fleet_host_close(at->counters);
    mem_free(at);
}

/* ---- asking ------------------------------------------------------------------------------------------------------- */

/* Fewer than it got: libcurl breaks off. */
static size_t take_body(char *bytes, size_t size, size_t n, void *user) {
    asked *at = user;
    size_t more = size * n, room = at->room ? at->room : FIRST_BYTES;
    at->too_long = more > FLEET_TEXT_BYTES_MAX - at->bytes;
    if (at->too_long) return 0;
    while (room < at->bytes + more) room *= 2;
    if (room > at->room) {
        char *body = mem_resize(at->body, at->room, room);
        if (!body) return 0;
        at->body = body;
        at->room = room;
    }
    memcpy(at->body + at->bytes, bytes, more);
    at->bytes += more;
    return more;
}

static bool append(struct curl_slist **list, const char *text) {
    struct curl_slist *more = curl_slist_append(*list, text);
    if (more) *list = more;
    return more != NULL;
}

#define SET(option, value) (ok = ok && curl_easy_setopt(at->easy, option, value) == CURLE_OK)

static bool prepare(asked *at) {
    const ask_config *c = at->owner->config;
    char bearer[WATCH_KEY_BYTES + 32];
    const char *key = watch_key_of(&c->keys, &at->host);
    snprintf(bearer, sizeof bearer, "authorization: Bearer %s", key);
    bool ok = append(&at->headers, "accept: text/plain;version=0.0.4");
    if (key[0]) ok = ok && append(&at->headers, bearer);
    if (at->host.connect[0]) ok = ok && append(&at->connect, at->host.connect);
    SET(CURLOPT_URL, at->host.url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* a name that is being resolved does not hold up the end */
    SET(CURLOPT_TIMEOUT_MS, (long)ASK_TIMEOUT_MS);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)ASK_CONNECT_MS);
    SET(CURLOPT_USERAGENT, "steno/" STENO_VERSION);
    SET(CURLOPT_HTTPHEADER, at->headers);
    if (at->connect) SET(CURLOPT_CONNECT_TO, at->connect);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, at);
    SET(CURLOPT_PRIVATE, at);
    SET(CURLOPT_FORBID_REUSE, 1L); /* the other end would close it before the next time */
    if (c->ca_file[0]) SET(CURLOPT_CAINFO, c->ca_file);
    return ok;
}

void asked_begin(asked *at) {
    at->view.asked++;
    at->too_long = false;
    at->easy = curl_easy_init();
    if (at->easy) at->owner->under_way++;
    if (at->easy && prepare(at) && curl_multi_add_handle(at->owner->multi, at->easy) == CURLM_OK) return;
    asked_finished(at, CURLE_OUT_OF_MEMORY);
}

/* ---- what the answer makes of it ---------------------------------------------------------------------------------- */

static bool is_well(ask_state state) {
    return state == ASK_NEW || state == ASK_UP || state == ASK_SELF || state == ASK_TWIN;
}

/* Said once, however long it stays so. */
static void become(asked *at, ask_state state, const char *why) {
    ask_state was = at->view.state;
    snprintf(at->view.why, sizeof at->view.why, "%s", why);
    if (state == was) return;
    at->view.state = state;
    at->view.since_s = at->owner->config->now_s();
    if (!is_well(state))
        log_event(LOG_LEVEL_WARN, "fleet: a host cannot be compared with", LOG_STR("host", at->view.name),
                  LOG_STR("state", ask_state_name(state)), LOG_STR("why", why));
    else
        log_event(LOG_LEVEL_INFO, is_well(was) ? "fleet: a host" : "fleet: a host answers again",
                  LOG_STR("host", at->view.name), LOG_STR("state", ask_state_name(state)));
}

/* Of several addresses of one process the first of the list counts. */
static ask_state state_of(asked *at) {
    asker *a = at->owner;
    bool before = true;
    if (!at->id[0]) return ASK_UP;
    if (strcmp(at->id, a->config->id) == 0) return ASK_SELF;
    for (size_t i = 0; i < a->n; i++) {
        asked *other = a->host[i];
        if (other == at)
            before = false;
        else if (other->view.state != ASK_UP || strcmp(other->id, at->id) != 0)
            continue;
        else if (before)
            return ASK_TWIN;
        else
            become(other, ASK_TWIN, "");
    }
    return ASK_UP;
}

static void put_cell(void *context, const monitor_cell *cell) {
    asker *a = ((asked *)context)->owner;
    pthread_mutex_lock(&a->lock);
    if (a->n_cells == a->room_cells && a->room_cells < ASK_CELLS_MAX) {
        size_t room = a->room_cells ? 2 * a->room_cells : 16;
        monitor_cell *more = mem_resize(a->cells, a->n_cells * sizeof *more, room * sizeof *more);
        if (more) a->cells = more, a->room_cells = room;
    }
    if (a->n_cells < a->room_cells)
        a->cells[a->n_cells++] = *cell;
    else
        a->counts.cells_lost++;
    pthread_mutex_unlock(&a->lock);
}

static void read_answer(asked *at) {
    asker *a = at->owner;
    int64_t now_s = a->config->now_s();
    if (fleet_text_read(&a->text, at->body ? at->body : "", at->bytes) != STENO_OK) {
        become(at, ASK_STRANGE, steno_error_detail());
        return;
    }
    memcpy(at->id, a->text.id, sizeof at->id);
    memcpy(at->view.version, a->text.version, sizeof at->view.version);
    at->view.series = a->text.n;
    at->view.answered_s = now_s;
    ask_state state = state_of(at);
    become(at, state, "");
    fleet_host_look(at->counters, &a->text, now_s, state == ASK_UP ? put_cell : NULL, at, &at->view.look);
}

static void tell_failure(asked *at, CURLcode code, long status) {
    char why[ASK_WHY_BYTES];
    if (at->too_long) {
        become(at, ASK_STRANGE, "an answer without end");
    } else if (code != CURLE_OK) {
        become(at, ASK_DOWN, curl_easy_strerror(code));
    } else {
        snprintf(why, sizeof why, "HTTP %ld", status);
        become(at, status == 401 || status == 403 ? ASK_REFUSED : status >= 500 ? ASK_DOWN : ASK_STRANGE, why);
    }
}

void asked_finished(asked *at, CURLcode code) {
    asker *a = at->owner;
    long status = 0;
    if (at->easy) curl_easy_getinfo(at->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK && status == 200)
        read_answer(at);
    else
        tell_failure(at, code, status);
    bool well = is_well(at->view.state);
    at->view.failed += !well;
    pthread_mutex_lock(&a->lock);
    a->counts.answered += well;
    a->counts.failed += !well;
    pthread_mutex_unlock(&a->lock);
    end_request(at);
}
