/* standin_engine.c: TEMPORARY, only with -DSTENO_STANDIN=ON: an engine of arithmetic for trying the server. */
#ifdef STENO_STANDIN
#include "base/err.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ROOM 64000
#define WORD 8000
struct steno_model { char name[32]; };
typedef struct st { bool used, finish; steno_stream_id id; void *user; uint64_t got, words, said; uint32_t seg, rev; size_t full; } st;
typedef struct ev { steno_event e; struct ev *next; } ev;
struct steno_engine { int fd, max, open; st *s; uint64_t next_id, opened; ev *first, **last; };

steno_err steno_model_open(const steno_model_options *o, steno_model **out) { *out = calloc(1, sizeof **out); snprintf((*out)->name, 32, "%s", o->name); return STENO_OK; }
void steno_model_close(steno_model *m) { free(m); }
const char *steno_model_name(const steno_model *m) { return m->name; }
const char *steno_model_language(const steno_model *m) { (void)m; return "en"; }
void steno_engine_config_init(steno_engine_config *c) { *c = (steno_engine_config){.max_batch = 24, .max_streams = 64, .kv_pool_mb = 14}; }
void steno_vad_options_init(steno_vad_options *v) { memset(v, 0, sizeof *v); }
void steno_live_options_init(steno_live_options *l) { *l = (steno_live_options){0.5f, 0.35f, 96, 300, 500, 500, 15, 500}; }
steno_err steno_live_options_check(const steno_live_options *l) { (void)l; return STENO_OK; }
steno_err steno_engine_open(const steno_model *m, const steno_engine_config *c, steno_engine **out) {
    (void)m; steno_engine *g = calloc(1, sizeof *g); g->fd = eventfd(0, EFD_NONBLOCK); g->max = c->max_streams; g->s = calloc((size_t)g->max, sizeof *g->s); g->next_id = 1; g->last = &g->first; *out = g; return STENO_OK; }
void steno_engine_close(steno_engine *g) { close(g->fd); free(g->s); free(g); }
int steno_engine_fd(const steno_engine *g) { return g->fd; }
void steno_engine_get_stats(steno_engine *g, steno_engine_stats *o) { memset(o, 0, sizeof *o); o->shards = 1; o->live = g->open; o->opened = g->opened; }
static st *find(steno_engine *g, steno_stream_id id) { for (int i = 0; i < g->max; i++) if (g->s[i].used && g->s[i].id == id) return &g->s[i]; return NULL; }
static void emit(steno_engine *g, st *s, steno_event e) { ev *n = calloc(1, sizeof *n); e.user = s->user; e.stream = s->id; n->e = e; *g->last = n; g->last = &n->next; uint64_t one = 1; if (write(g->fd, &one, 8) < 0) {} }
steno_err steno_live_open(steno_engine *g, const steno_live_options *o, void *user, steno_stream_id *out) {
    (void)o; for (int i = 0; i < g->max; i++) if (!g->s[i].used) { g->s[i] = (st){.used = true, .id = g->next_id++, .user = user}; *out = g->s[i].id; g->open++; g->opened++; return STENO_OK; }
    return err_fail(STENO_E_LIMIT, "all %d streams are in use", g->max); }
steno_err steno_live_configure(steno_engine *g, steno_stream_id id, const steno_live_options *o) { (void)o; return find(g, id) ? STENO_OK : STENO_E_NOT_FOUND; }
static void words(steno_engine *g, st *s, steno_end_reason end) {
    char *text = calloc(64, s->words - s->said + 1); size_t at = 0; steno_word *w = calloc(s->words - s->said + 1, sizeof *w); uint32_t n = 0;
    for (uint64_t k = s->said; k < s->words; k++) { if (n) text[at++] = ' '; int b = sprintf(text + at, "w%llu", (unsigned long long)k); w[n] = (steno_word){(double)k / 2, (double)k / 2 + 0.4, 0.9f, (uint32_t)at, (uint32_t)b}; at += (size_t)b; n++; }
    steno_event e = {.kind = end ? STENO_EVENT_SEGMENT : STENO_EVENT_PARTIAL, .heard_s = (double)s->got / 16000, .owned = text};
    e.segment = (steno_segment){.id = s->seg, .rev = ++s->rev, .stable_bytes = (uint32_t)(end ? at : at / 2), .end = end, .start_s = (double)s->said / 2, .end_s = (double)s->words / 2, .confidence = 0.9f, .text = text, .words = w, .n_words = n};
    emit(g, s, e); if (end) { s->said = s->words; s->seg++; s->rev = 0; } }
steno_err steno_stream_push(steno_engine *g, steno_stream_id id, const float *p, size_t n, size_t *taken) {
    (void)p; *taken = 0; st *s = find(g, id); if (!s) return err_fail(STENO_E_NOT_FOUND, "no stream"); if ((s->full++ % 7) == 3) n /= 2; *taken = n; s->got += n;
    while (s->words < s->got / WORD) { if (s->words == s->said) emit(g, s, (steno_event){.kind = STENO_EVENT_SPEECH, .segment = {.id = s->seg, .start_s = (double)s->words / 2}}); s->words++; words(g, s, s->words - s->said == 6 ? STENO_END_ENDPOINT : STENO_END_NONE); }
    return STENO_OK; }
steno_err steno_live_finalize(steno_engine *g, steno_stream_id id) { st *s = find(g, id); if (s->words > s->said) words(g, s, STENO_END_FINALIZED); emit(g, s, (steno_event){.kind = STENO_EVENT_FINALIZED}); return STENO_OK; }
steno_err steno_stream_finish(steno_engine *g, steno_stream_id id) { st *s = find(g, id); if (s->words > s->said) words(g, s, STENO_END_STREAM); emit(g, s, (steno_event){.kind = STENO_EVENT_DONE, .stats = {.audio_s = (double)s->got / 16000, .speech_s = (double)s->said / 2}}); s->used = false; g->open--; return STENO_OK; }
steno_err steno_stream_open(steno_engine *g, const steno_vad_options *v, void *u, steno_stream_id *o) { (void)g; (void)v; (void)u; (void)o; return STENO_E_UNSUPPORTED; }
steno_err steno_engine_poll(steno_engine *g, int t, steno_event *e) { (void)t; ev *n = g->first; if (!n) { uint64_t c; if (read(g->fd, &c, 8) < 0) {} return STENO_E_AGAIN; } *e = n->e; g->first = n->next; if (!g->first) g->last = &g->first; free(n); return STENO_OK; }
void steno_event_release(steno_event *e) { free((void *)e->segment.words); free(e->owned); }
#else
typedef int standin_engine_is_not_used;
#endif
