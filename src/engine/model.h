/* model.h: the networks a steno_model holds. Immutable once open; any thread. */
#ifndef STENO_ENGINE_MODEL_H
#define STENO_ENGINE_MODEL_H

#include "models/moonshine.h"
#include "models/silero.h"
#include "models/xvector.h"
#include "nn/tokenizer.h"
#include "steno.h"

struct steno_model {
    char name[32];
    moonshine *asr;
    silero *vad;
    xvector *voices; /* NULL: not wanted, or the folder of models has none */
    tokenizer *tokens;
};

#endif
