/* shadow_tap.h: drafts past the tap of a copied stream, on their way to its gate: for the doors alone (tools/gate.sh). Owner: the
 * network thread. */
#ifndef STENO_API_SHADOW_TAP_H
#define STENO_API_SHADOW_TAP_H

#include "api/shadow.h"
#include "steno.h"

/* Holds a final's text until its pair is whole. NULL is allowed. */
void shadow_tap_event(shadow_tap *t, const steno_event *e);

#endif
