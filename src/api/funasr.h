/* funasr.h: the WebSocket of FunASR's runtime, at `/funasr`. docs/dialects/funasr.md. Owner: the network thread. */
#ifndef STENO_API_FUNASR_H
#define STENO_API_FUNASR_H

#include "api/routes.h"

const net_conn_handler *funasr_upgrade(call *c, void **user);

#endif
