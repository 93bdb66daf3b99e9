/* backend.c: see backend.h. The table is generated: `make train-speakers`. */
#include "speakers/backend.h"

#include <string.h>

#include "speakers/backend_table.inc" /* backend_between, offset [SPEAKERS_DIM], matrix [BACKEND_POST][SPEAKERS_DIM] */

/* A row of the matrix at a time: sums in a fixed order that the compiler can still do side by side. */
void backend_project(const float *restrict post, float *restrict z) {
    memcpy(z, offset, sizeof offset);
    for (int i = 0; i < BACKEND_POST; i++) {
        for (int d = 0; d < SPEAKERS_DIM; d++) z[d] += post[i] * matrix[i][d];
    }
}
