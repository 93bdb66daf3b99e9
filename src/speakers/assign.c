/* assign.c: see assign.h. */
#include "speakers/assign.h"

#include "base/mem.h"

#include <math.h>

/* Rows and columns are counted from 1 here; column 0 stands for the row that is being placed. The matrix has at most as many
 * rows as columns. */
typedef struct search {
    const double *gain;
    int rows, columns;
    bool turned;                      /* gain is [columns, rows] */
    double *row_price, *column_price, /* potentials: [rows + 1], [columns + 1] */
        *slack;                       /* [columns + 1] */
    int *row_of, *from;               /* [columns + 1] */
    bool *seen;                       /* [columns + 1] */
} search;

static double cost(const search *s, int row, int column) {
    int i = row - 1, j = column - 1;
    double gain = s->turned ? s->gain[(size_t)j * (size_t)s->rows + (size_t)i]
                            : s->gain[(size_t)i * (size_t)s->columns + (size_t)j];
    return -gain - s->row_price[row] - s->column_price[column];
}

/* The cheapest column that can be reached from those seen so far; prices are changed so that the way there costs nothing. */
static int nearest(search *s, int column) {
    int best = 0;
    s->seen[column] = true;
    for (int j = 1; j <= s->columns; j++) {
        if (s->seen[j]) continue;
        double c = cost(s, s->row_of[column], j);
        if (c < s->slack[j]) {
            s->slack[j] = c;
            s->from[j] = column;
        }
        if (best == 0 || s->slack[j] < s->slack[best]) best = j;
    }
    double step = s->slack[best];
    for (int j = 0; j <= s->columns; j++) {
        if (s->seen[j]) {
            s->row_price[s->row_of[j]] += step;
            s->column_price[j] -= step;
        } else {
            s->slack[j] -= step;
        }
    }
    return best;
}

static void place(search *s, int row) {
    int column = 0;
    s->row_of[0] = row;
    for (int j = 0; j <= s->columns; j++) {
        s->slack[j] = INFINITY;
        s->seen[j] = false;
    }
    do {
        column = nearest(s, column);
    } while (s->row_of[column] != 0);
    while (column) { /* everybody on the way moves on */
        int before = s->from[column];
        s->row_of[column] = s->row_of[before];
        column = before;
    }
}

static void read_off(const search *s, int *column) {
    for (int j = 1; j <= s->columns; j++) {
        int i = s->row_of[j];
        if (i == 0) continue;
        int row = s->turned ? j - 1 : i - 1, to = s->turned ? i - 1 : j - 1;
        double gain = s->gain[(size_t)row * (size_t)(s->turned ? s->rows : s->columns) + (size_t)to];
        if (gain > 0) column[row] = to;
    }
}

steno_err assign_best(const double *gain, int rows, int columns, int *column) {
    for (int i = 0; i < rows; i++) column[i] = -1;
    if (rows == 0 || columns == 0) return STENO_OK;
    bool turned = rows > columns;
    search s = {.gain = gain, .rows = turned ? columns : rows, .columns = turned ? rows : columns, .turned = turned};
    size_t n = (size_t)s.columns + 1;
    s.row_price = mem_alloc(n, sizeof(double));
    s.column_price = mem_alloc(n, sizeof(double));
    s.slack = mem_alloc(n, sizeof(double));
    s.row_of = mem_alloc(n, sizeof(int));
    s.from = mem_alloc(n, sizeof(int));
    s.seen = mem_alloc(n, sizeof(bool));
    bool ok = s.row_price && s.column_price && s.slack && s.row_of && s.from && s.seen;
    for (int i = 1; ok && i <= s.rows; i++) place(&s, i);
    if (ok) read_off(&s, column);
    mem_free(s.row_price);
    mem_free(s.column_price);
    mem_free(s.slack);
    mem_free(s.row_of);
    mem_free(s.from);
    mem_free(s.seen);
    return ok ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory to match %d with %d speakers", rows, columns);
}
