/* assets.h: the files of web/, which are part of the program. Immutable; any thread. */
#ifndef STENO_API_ASSETS_H
#define STENO_API_ASSETS_H

#include <stddef.h>

typedef struct asset {
    const char *path; /* "/app.js" */
    const unsigned char *bytes, *end;
} asset;

/* Made by tools/embed.cmake; ends with a NULL path. */
extern const asset assets[];

/* NULL: no such file. "/" is "/index.html", "/dashboard" is "/dashboard.html". */
const asset *asset_find(const char *path);
/* By the end of the path. */
const char *asset_type(const char *path);
/* A quoted hash of the content. */
#define ASSET_ETAG_BYTES 24
void asset_etag(const asset *a, char out[ASSET_ETAG_BYTES]);

#endif
