/* wyoming_frame.h: Wyoming events on a stream of bytes: a line of JSON, then data, then a payload.
 *
 * Owner      the network thread, one reader a connection. Pure: bytes in, events out.
 * Invariants at most WYOMING_HEADER_BYTES_MAX or WYOMING_DATA_BYTES_MAX bytes are kept, only while an event is not whole;
 *            payloads pass through in pieces; where the bytes are cut changes nothing. After an error the reader is of no
 *            more use.
 */
#ifndef STENO_API_WYOMING_FRAME_H
#define STENO_API_WYOMING_FRAME_H

#include "base/err.h"

#include <jansson.h>

#define WYOMING_HEADER_BYTES_MAX  16384   /* of a header line */
#define WYOMING_DATA_BYTES_MAX    65536   /* of the data behind it */
#define WYOMING_PAYLOAD_BYTES_MAX 1048576 /* of one payload */
#define WYOMING_EVENT_MS          120000 /* an event must be whole by then; its payload may be 65 s of audio we wait with */
#define WYOMING_TYPE_BYTES_MAX    64     /* of an event's type */

typedef enum wyoming_part { WYOMING_HEADER, WYOMING_DATA, WYOMING_PAYLOAD } wyoming_part;

/* Zeroed is ready. */
typedef struct wyoming_reader {
    wyoming_part part; /* what comes next */
    char *text;        /* of a header or data that is not whole */
    size_t n, room;
    json_t *event; /* {"type": …, "data": {…}} */
    size_t data_bytes, payload_bytes, payload_left;
    bool event_due;
    int64_t since_ms; /* when the event that is not whole began; 0: there is none */
} wyoming_reader;

typedef enum wyoming_kind { WYOMING_NOTHING, WYOMING_EVENT, WYOMING_PIECE } wyoming_kind;

/* Valid until the reader's next call. */
typedef struct wyoming_item {
    wyoming_kind kind;
    const char *type;     /* EVENT */
    const json_t *data;   /* EVENT: an object */
    size_t payload_bytes; /* EVENT: so many follow in pieces */
    const unsigned char *bytes;
    size_t n;
    bool last; /* PIECE: of this payload */
} wyoming_item;

/* Takes bytes from *at until something is there to be dealt with; NOTHING: all were taken, more are wanted. STENO_E_FORMAT,
 * STENO_E_LIMIT: the bytes are no Wyoming, or too much of it; STENO_E_NOMEM. */
STENO_CHECK steno_err wyoming_read(wyoming_reader *r, const unsigned char **at, size_t *n, int64_t now_ms,
                                   wyoming_item *out);
/* Whether an event has been coming for longer than WYOMING_EVENT_MS. */
bool wyoming_late(const wyoming_reader *r, int64_t now_ms);
void wyoming_reader_free(wyoming_reader *r);

/* The bytes of an event, by mem_alloc(); `data` (stolen) may be NULL for none. NULL: no memory. */
char *wyoming_write(const char *type, json_t *data, size_t *n);

#endif
