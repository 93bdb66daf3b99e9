/* wyoming.h: the Wyoming protocol over TCP, for Home Assistant. docs/dialects/wyoming.md. Owner: the network thread. */
#ifndef STENO_API_WYOMING_H
#define STENO_API_WYOMING_H

#include "api/service.h"

/* Listens; `address` says where. STENO_E_IO names the address and the reason. */
STENO_CHECK steno_err wyoming_listen(service *v, const char *bind, int port, char address[80]);

#endif
