/* store_place.h: a folder for one test, gone after it. */
#ifndef STENO_TESTS_STORE_PLACE_H
#define STENO_TESTS_STORE_PLACE_H

#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct place {
    char root[64], dir[80], file[120];
    db *d;
} place;

static inline int make_place(void **state) {
    place *p = calloc(1, sizeof *p);
    if (!p) return -1;
    snprintf(p->root, sizeof p->root, "/tmp/steno-test-store-XXXXXX");
    if (!mkdtemp(p->root)) return -1;
    snprintf(p->dir, sizeof p->dir, "%s/data", p->root);
    snprintf(p->file, sizeof p->file, "%s/" DB_FILE, p->dir);
    *state = p;
    return 0;
}

static inline int make_place_with_db(void **state) {
    if (make_place(state) != 0) return -1;
    place *p = *state;
    return db_open(p->dir, &p->d) == STENO_OK ? 0 : -1;
}

static inline int drop_place(void **state) {
    place *p = *state;
    char line[120];
    db_close(p->d);
    snprintf(line, sizeof line, "rm -rf %s", p->root);
    int code = system(line); /* NOLINT(cert-env33-c): a name of our own */
    free(p);
    return code;
}

#endif
