/* pools.c: the fixed stacks of audio frames and segments. Any thread; see engine_int.h. */
#include "engine/engine_int.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

/* ---- frames ----------------------------------------------------------------------------------------------------- */

steno_err frame_pool_init(frame_pool *p, int count, int fd) {
    memset(p, 0, sizeof *p);
    p->memory = mem_alloc((size_t)count, sizeof *p->memory);
    p->free = mem_alloc((size_t)count, sizeof(frame *));
    if (!p->memory || !p->free) {
        frame_pool_free(p);
        return err_fail(STENO_E_NOMEM, "cannot reserve %d frames of audio", count);
    }
    pthread_mutex_init(&p->lock, NULL);
    for (int i = 0; i < count; i++) p->free[i] = &p->memory[count - 1 - i];
    p->count = p->free_count = count;
    p->fd = fd;
    return STENO_OK;
}

void frame_pool_free(frame_pool *p) {
    if (p->count) pthread_mutex_destroy(&p->lock);
    mem_free(p->memory);
    mem_free(p->free);
    memset(p, 0, sizeof *p);
}

frame *frame_pool_take(frame_pool *p) {
    frame *f = NULL;
    pthread_mutex_lock(&p->lock);
    if (p->free_count)
        f = p->free[--p->free_count];
    else
        p->wanted = true;
    pthread_mutex_unlock(&p->lock);
    if (f) atomic_store_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void frame_retain(frame *f) {
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
}

void frame_release(frame_pool *p, frame *f) {
    if (atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1) return;
    pthread_mutex_lock(&p->lock);
    assert(p->free_count < p->count);
    p->free[p->free_count++] = f;
    bool tell = p->wanted;
    p->wanted = false;
    pthread_mutex_unlock(&p->lock);
    if (!tell) return;
    uint64_t one = 1;
    ssize_t written = write(p->fd, &one, sizeof one); /* an eventfd that is full is already readable */
    (void)written;
}

/* ---- segments --------------------------------------------------------------------------------------------------- */

steno_err segment_pool_init(segment_pool *p, int count) {
    memset(p, 0, sizeof *p);
    p->memory = mem_alloc((size_t)count, sizeof *p->memory);
    p->free = mem_alloc((size_t)count, sizeof(segment *));
    if (!p->memory || !p->free) {
        segment_pool_free(p);
        return err_fail(STENO_E_NOMEM, "cannot reserve %d segments", count);
    }
    pthread_mutex_init(&p->lock, NULL);
    for (int i = 0; i < count; i++) {
        p->memory[i].pool = p;
        p->free[i] = &p->memory[count - 1 - i];
    }
    p->count = p->free_count = count;
    return STENO_OK;
}

void segment_pool_free(segment_pool *p) {
    if (p->count) pthread_mutex_destroy(&p->lock);
    mem_free(p->memory);
    mem_free(p->free);
    memset(p, 0, sizeof *p);
}

segment *segment_pool_take(segment_pool *p, int keep) {
    pthread_mutex_lock(&p->lock);
    segment *s = p->free_count > keep ? p->free[--p->free_count] : NULL;
    if (!s && keep == 0) p->wanted = true; /* who leaves some for others does without */
    pthread_mutex_unlock(&p->lock);
    return s;
}

bool segment_pool_give(segment_pool *p, segment *s) {
    pthread_mutex_lock(&p->lock);
    assert(p->free_count < p->count);
    p->free[p->free_count++] = s;
    bool wanted = p->wanted;
    p->wanted = false;
    pthread_mutex_unlock(&p->lock);
    return wanted;
}

void segment_pool_want(segment_pool *p) {
    pthread_mutex_lock(&p->lock);
    p->wanted = true;
    pthread_mutex_unlock(&p->lock);
}

void segment_unlabelled(segment *s) {
    s->speaker = STENO_SPEAKER_UNKNOWN;
    s->speaker_margin = 0.0f;
    s->speaker_fixed = false;
}

int segment_samples(const segment *s) {
    int64_t n = s->span.end_sample - s->span.start_sample;
    return n < MOONSHINE_MIN_SAMPLES ? MOONSHINE_MIN_SAMPLES : (int)n;
}

void segment_gather(const segment *s, int from, int n, float *out) {
    int64_t at = s->span.start_sample - s->first_frame * FRAME_SAMPLES + from; /* from the first frame's beginning */
    int64_t real = s->span.end_sample - s->span.start_sample - from;
    int done = 0;
    if (real > n) real = n;
    for (int64_t i = at / FRAME_SAMPLES, skip = at % FRAME_SAMPLES; i < s->frames_n && done < real; i++, skip = 0) {
        int64_t most = FRAME_SAMPLES - skip;
        if (most > real - done) most = real - done;
        memcpy(out + done, s->frames[i]->pcm + skip, (size_t)most * sizeof *out);
        done += (int)most;
    }
    memset(out + done, 0, (size_t)(n - done) * sizeof *out);
    if (s->gain == 1.0f) return;
    for (int i = 0; i < done; i++) out[i] *= s->gain;
}
