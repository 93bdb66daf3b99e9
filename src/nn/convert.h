/* convert.h: published ONNX and Kaldi files -> safetensors with canonical tensor names.
 *
 * Pure: the same input bytes give the same output bytes. Values of ONNX files are copied untouched (u8 and i8 stay as
 * published, matrices [K, N] row-major as in ONNX); only names and layout change. A graph that is not the expected network
 * is refused with a sentence that names the file and the part.
 */
#ifndef STENO_NN_CONVERT_H
#define STENO_NN_CONVERT_H

#include "base/err.h"
#include "nn/kaldi.h"
#include "nn/onnx.h"

/* What the header says about origin. Every string is required. */
typedef struct convert_source {
    const char *name;     /* "moonshine-tiny" */
    const char *language; /* "en"; "any" for a network that hears no language */
    const char *package;  /* "package@version" */
    const char *licence;
    const char *sha256[3]; /* of the files in the order given; NULL where there are fewer */
} convert_source;

#define CONVERT_MAX_LAYERS 32

STENO_CHECK steno_err convert_moonshine(const onnx *encoder, const onnx *decoder, const convert_source *source,
                                        const char *out_path);
STENO_CHECK steno_err convert_silero(const onnx *model, const convert_source *source, const char *out_path);

/* The x-vector network as fp32 layers [N, K] (PyTorch's out, in) with its batch norms, centring and whitening folded in.
 * mean [CONVERT_XVECTOR_DIM], transform [CONVERT_XVECTOR_DIM, CONVERT_XVECTOR_DIM]. */
#define CONVERT_XVECTOR_DIM 128
STENO_CHECK steno_err convert_xvector(const kaldi *net, const float *mean, const float *transform,
                                      const convert_source *source, const char *out_path);

#endif
