/* worker.c: see worker.h. One mutex guards two lists; nobody holds it while working. */
#include "store/worker.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct work_list {
    work *first, *last;
} work_list;

struct worker {
    db *database; /* the store thread's while it runs */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    work_list todo, answered; /* under the lock */
    int under_way;            /* under the lock */
    bool closing;             /* under the lock */
    int fd;
};

static void append(work_list *l, work *w) {
    w->next = NULL;
    if (l->last)
        l->last->next = w;
    else
        l->first = w;
    l->last = w;
}

static work *take(work_list *l) {
    work *w = l->first;
    if (!w) return NULL;
    l->first = w->next;
    if (!l->first) l->last = NULL;
    w->next = NULL;
    return w;
}

/* The next item; NULL: the end. */
static work *wait_for_work(worker *w) {
    pthread_mutex_lock(&w->lock);
    while (!w->todo.first && !w->closing) pthread_cond_wait(&w->filled, &w->lock);
    work *item = take(&w->todo);
    pthread_mutex_unlock(&w->lock);
    return item;
}

static void *store_main(void *arg) {
    worker *w = arg;
    uint64_t one = 1;
    for (work *item; (item = wait_for_work(w));) {
        item->error = item->run(item, w->database);
        if (item->error != STENO_OK) snprintf(item->why, sizeof item->why, "%s", steno_error_detail());
        pthread_mutex_lock(&w->lock);
        append(&w->answered, item);
        pthread_mutex_unlock(&w->lock);
        if (write(w->fd, &one, sizeof one) < 0) continue; /* the counter is full: it is readable anyway */
    }
    return NULL;
}

bool worker_put(worker *w, work *item) {
    pthread_mutex_lock(&w->lock);
    bool fits = w->under_way < WORKER_QUEUE_MAX && !w->closing;
    if (fits) {
        w->under_way++;
        append(&w->todo, item);
        pthread_cond_signal(&w->filled);
    }
    pthread_mutex_unlock(&w->lock);
    return fits;
}

static work *take_answer(worker *w, bool *more) {
    pthread_mutex_lock(&w->lock);
    work *item = take(&w->answered);
    if (item) w->under_way--;
    *more = w->answered.first != NULL;
    pthread_mutex_unlock(&w->lock);
    return item;
}

void worker_deliver(worker *w) {
    uint64_t count;
    bool more = true;
    if (read(w->fd, &count, sizeof count) < 0 && errno != EAGAIN) return;
    for (int i = 0; i < WORKER_TURN_MAX && more; i++) {
        work *item = take_answer(w, &more);
        if (item) item->done(item);
    }
    count = 1;
    if (more && write(w->fd, &count, sizeof count) < 0) return; /* full, hence readable */
}

int worker_fd(const worker *w) {
    return w->fd;
}

static steno_err start(worker *w) {
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->fd < 0) return err_fail(STENO_E_IO, "no descriptor for the store thread: %s", strerror(errno));
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->filled, NULL);
    int code = pthread_create(&w->thread, NULL, store_main, w);
    if (code == 0) return STENO_OK;
    pthread_cond_destroy(&w->filled);
    pthread_mutex_destroy(&w->lock);
    close(w->fd);
    return err_fail(STENO_E_IO, "no thread for the store: %s", strerror(code));
}

steno_err worker_open(db *d, worker **out) {
    worker *w = mem_alloc(1, sizeof *w);
    *out = NULL;
    steno_err e = w ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for the store thread");
    if (w) {
        w->database = d;
        e = start(w);
    }
    if (e != STENO_OK) {
        mem_free(w);
        db_close(d);
        return e;
    }
    *out = w;
    return STENO_OK;
}

void worker_close(worker *w) {
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    pthread_cond_signal(&w->filled);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    bool more = true;
    while (more) {
        work *item = take_answer(w, &more);
        if (item) item->done(item);
    }
    pthread_cond_destroy(&w->filled);
    pthread_mutex_destroy(&w->lock);
    close(w->fd);
    db_close(w->database);
    mem_free(w);
}
