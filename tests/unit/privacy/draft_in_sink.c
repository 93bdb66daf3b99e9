/* draft_in_sink.c: what draft-in-sink.sh compiles: a sink that is given what a gate released, or with DRAFT a draft. */
#include "output/format.h"

#ifdef DRAFT
typedef steno_segment given;
#else
typedef released_segment given;
#endif

steno_err show(output *o, const given *s);

steno_err show(output *o, const given *s) {
    return output_segment(o, 1, s);
}
