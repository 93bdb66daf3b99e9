/* vosk.h: the WebSocket of vosk-server, at `/` and `/vosk`. docs/dialects/vosk.md. Owner: the network thread. */
#ifndef STENO_API_VOSK_H
#define STENO_API_VOSK_H

#include "api/routes.h"

const net_conn_handler *vosk_upgrade(call *c, void **user);

#endif
