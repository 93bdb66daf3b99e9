/* assets.c: see assets.h. */
#include "api/assets.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

const asset *asset_find(const char *path) {
    if (strcmp(path, "/") == 0) path = "/index.html";
    if (strcmp(path, "/dashboard") == 0) path = "/dashboard.html";
    if (strcmp(path, "/favicon.ico") == 0) path = "/icon.svg"; /* browsers ask for it where no page names another */
    for (const asset *a = assets; a->path; a++) {
        if (strcmp(a->path, path) == 0) return a;
    }
    return NULL;
}

const char *asset_type(const char *path) {
    static const struct {
        const char *ending, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".svg", "image/svg+xml"},
                 {".png", "image/png"},
                 {".ico", "image/x-icon"},
                 {".json", "application/json"},
                 {".woff2", "font/woff2"},
                 {".wasm", "application/wasm"},
                 {".txt", "text/plain; charset=utf-8"},
                 {".yaml", "application/yaml"}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(dot, types[i].ending) == 0) return types[i].type;
    }
    return "application/octet-stream";
}

void asset_etag(const asset *a, char out[ASSET_ETAG_BYTES]) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a: it names a version, it proves nothing */
    for (const unsigned char *b = a->bytes; b < a->end; b++) hash = (hash ^ *b) * 1099511628211u;
    snprintf(out, ASSET_ETAG_BYTES, "\"%016" PRIx64 "\"", hash);
}
