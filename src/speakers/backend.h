/* backend.h: stand-in until branch backend brings the real one */
#ifndef STENO_SPEAKERS_BACKEND_H
#define STENO_SPEAKERS_BACKEND_H
#include "speakers/look.h"
extern const float backend_between[SPEAKERS_DIM];
#endif
