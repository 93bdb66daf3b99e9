/* watch_ask_int.h: what the files of watch_ask.h share. Owner: the asking thread, but for what is said to be under the lock. */
#ifndef STENO_API_WATCH_ASK_INT_H
#define STENO_API_WATCH_ASK_INT_H

#include "api/watch_ask.h"

#include <curl/curl.h>
#include <pthread.h>

/* One host. */
typedef struct asked {
    asker *owner;
    watch_host host;
    int64_t due_ms, listed_ms; /* when it is asked next; when the list, or the look-up of its name, last had it */
    bool stays;                /* in the list itself: no look-up can take it away */
    CURL *easy;                /* NULL: it is not being asked */
    struct curl_slist *headers, *connect;
    char *body;
    size_t bytes, room;
    bool too_long;
    char id[FLEET_ID_BYTES];
    fleet_host *counters;
    ask_view view;
} asked;

/* The look-up of a name; lives until it is answered, whoever still wants to know. */
typedef struct lookup lookup;

struct asker {
    ask_config *config; /* the thread's */
    CURLM *multi;
    asked *host[WATCH_HOSTS_MAX]; /* those of the list first, by name */
    size_t n;
    int under_way;
    fleet_text text; /* of the answer that is read */
    lookup *lookup[WATCH_HOSTS_MAX];
    bool name_failed[WATCH_HOSTS_MAX]; /* and that was logged */
    int64_t lookup_due_ms;
    pthread_t thread;
    int fd;

    pthread_mutex_t lock; /* of what follows */
    ask_config *wanted;   /* NULL: nothing new */
    bool closing, again;
    monitor_cell *cells;
    size_t n_cells, room_cells, n_views;
    ask_view view[WATCH_HOSTS_MAX];
    ask_counts counts;
};

int64_t ask_now_ms(void); /* a clock that never goes back */
void ask_wake(asker *a);  /* asker_fd() becomes readable */

/* watch_ask_one.c: one host */
steno_err asked_open(asker *a, const watch_host *host, asked **out);
void asked_close(asked *at);
void asked_begin(asked *at);
void asked_finished(asked *at, CURLcode code);

/* watch_ask_names.c: which hosts there are */
void ask_names_changed(asker *a); /* a->config is new */
void ask_names_step(asker *a, int64_t now_ms);
bool ask_names_wait(const asker *a); /* an answer is awaited */
void ask_names_close(asker *a);

#endif
