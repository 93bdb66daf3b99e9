/* serve_parts.h: what `steno serve` opens before its service: engines, the media host, the store, as configured.
 *
 * Owner: the main thread; serve_open_engine() any thread. See cmd_serve.c.
 */
#ifndef STENO_CMD_SERVE_PARTS_H
#define STENO_CMD_SERVE_PARTS_H

#include "api/service.h"
#include "cmd/config.h"

typedef struct serve_parts {
    media_host *media;
    worker *store;    /* until a service has taken it over; NULL: nothing is kept */
    keys_table *keys; /* the same */
    voices_table *voices;
    privacy *privacy; /* the same */
    int n_keys;       /* -1: no store */
    char bind[CONFIG_TEXT_BYTES];
    bool loopback;               /* what `bind` is */
    char dir[CONFIG_TEXT_BYTES]; /* of the store */
    char voice_key_file[CONFIG_KEY_FILE_BYTES];
} serve_parts;

/* *speaker_streams: how many of its streams may tell speakers apart; *weights_bytes: what the model made resident. */
STENO_CHECK steno_err serve_open_engine(const config *c, steno_model **model, steno_engine **engine,
                                        int *speaker_streams, double *weights_bytes);
/* Of the process. */
double serve_resident_bytes(void);

/* What listens in the shadow of these users' model; *out NULL: nobody is wanted. What cannot be opened is said in it: users need it not.
 * Any thread. */
void serve_open_shadow(const config *c, const steno_model *users, double users_bytes, shadow_engines **out);

/* The database in data_dir with its thread, and where to listen, which depends on whether there are keys. Where nobody
 * named a place and none can be made there are none, and the log says so; a place that is there but cannot be used is a
 * failure: keys would be unknown. */
STENO_CHECK steno_err serve_open_store(const config *c, serve_parts *parts);
/* What finds personal data, as configured. Any thread. */
STENO_CHECK steno_err serve_open_privacy(const config *c, privacy **out);
void serve_give_store(serve_parts *parts); /* a service has taken it over, and what finds personal data */
void serve_close_parts(serve_parts *parts);

/* Texts point into both arguments. */
service_config serve_service_config(const config *c, const serve_parts *parts);

#endif
