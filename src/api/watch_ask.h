/* watch_ask.h: the thread that asks the other hosts for their /metrics.
 *
 * Purpose    every host of the list is asked once a period, each at its own moment of it; what was counted there since comes out as cells
 *            (watch/fleet.h), and how every host is as a view. This host itself, and one that has two addresses, are told by the random
 *            id of their process and left out.
 * Owner      the network thread configures and takes; libcurl, look-ups of names and the reading of answers are on a thread of its own.
 * Invariants at most ASK_AT_ONCE requests are under way, each for ASK_TIMEOUT_MS and FLEET_TEXT_BYTES_MAX at most; redirects are not
 *            followed, no proxy is used, certificates are checked; at most ASK_CELLS_MAX cells wait to be taken. A host that does not
 *            answer is logged once, and once when it does again.
 */
#ifndef STENO_API_WATCH_ASK_H
#define STENO_API_WATCH_ASK_H

#include "api/watch_hosts.h"
#include "watch/fleet.h"

#define ASK_AT_ONCE    16
#define ASK_CONNECT_MS 3000
#define ASK_TIMEOUT_MS 10000
#define ASK_CELLS_MAX  4096
#define ASK_PERIOD_MS  60000
#define ASK_KEEP_S     600 /* an address that its name does not lead to any more is asked for so long */
#define ASK_PATH_BYTES 1024
#define ASK_WHY_BYTES  160

typedef enum ask_state {
    ASK_NEW,     /* has not been asked */
    ASK_UP,      /* it is compared with */
    ASK_SELF,    /* it is this very process */
    ASK_TWIN,    /* another address leads to the same one */
    ASK_DOWN,    /* no answer, or HTTP's 5xx */
    ASK_REFUSED, /* it wants another key */
    ASK_STRANGE, /* what it says are no metrics of steno */
    ASK_STATES
} ask_state;
const char *ask_state_name(ask_state state);

typedef struct ask_config {
    watch_names names;
    watch_keys keys;              /* sent as bearers */
    char ca_file[ASK_PATH_BYTES]; /* more certificates to trust; "": the system's */
    char id[FLEET_ID_BYTES];      /* this process's own */
    int period_ms;                /* 0: they are asked only when asker_again() says so */
    int64_t (*now_s)(void);       /* Unix time */
} ask_config;

/* One host, as it is shown. */
typedef struct ask_view {
    char name[CELL_HOST_BYTES], version[FLEET_VERSION_BYTES];
    char why[ASK_WHY_BYTES]; /* the last failure; "" when there is none */
    ask_state state;
    int64_t since_s, answered_s; /* of the state; of the last answer, 0: none */
    uint64_t asked, failed;
    size_t series;
    fleet_look look; /* of the last answer */
} ask_view;

typedef struct asker asker;

/* Asks everybody at once, and then by the period. STENO_E_NOMEM, STENO_E_IO. asker_close() breaks off; NULL is allowed. */
STENO_CHECK steno_err asker_open(const ask_config *config, asker **out);
void asker_close(asker *a);
/* Another list or key from now on; hosts that stay keep what they counted. STENO_E_NOMEM. */
STENO_CHECK steno_err asker_configure(asker *a, const ask_config *config);
/* Everybody at once, names looked up anew. Those being asked are asked again. */
void asker_again(asker *a);

/* Readable when cells wait or a view has changed. */
int asker_fd(const asker *a);
/* The cells that wait; the array [*n] is the caller's, freed by mem_free(); NULL: none. */
monitor_cell *asker_take(asker *a, size_t *n);
/* Views into out [WATCH_HOSTS_MAX], those of the list first, by name; returns how many. */
size_t asker_views(asker *a, ask_view *out);

typedef struct ask_counts {
    uint64_t answered, failed, cells_lost; /* requests; cells that nobody took in time */
    size_t hosts_lost;                     /* addresses of names beyond WATCH_HOSTS_MAX */
} ask_counts;
void asker_count(asker *a, ask_counts *out);

#endif
