/* data_place.c: see data_place.h. */
#include "cmd/data_place.h"

#include "cmd/config_options.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *data_place_config(void) {
    const char *file = getenv("STENO_CONFIG");
    return file && file[0] ? file : NULL;
}

steno_err data_place_find(const char *file, const char *dir, config *c, char out[CONFIG_TEXT_BYTES]) {
    config_inputs in = {.file = file, .environment = (const char *const *)environ};
    config_report report = {.say = config_complain};
    config own;
    if (dir) snprintf(out, CONFIG_TEXT_BYTES, "%s", dir);
    if (dir && !c) return STENO_OK;
    if (!c) c = &own;
    ERR_TRY(config_load(&in, c, NULL, &report));
    return dir ? STENO_OK : config_data_dir(c, out);
}

static steno_err become_owner_of(const char *dir) {
    struct stat st;
    if (geteuid() != 0 || stat(dir, &st) != 0 || st.st_uid == 0) return STENO_OK;
    if (setgroups(0, NULL) == 0 && setgid(st.st_gid) == 0 && setuid(st.st_uid) == 0) return STENO_OK;
    return err_fail(STENO_E_IO, "%s: root cannot become its owner: %s", dir, strerror(errno));
}

steno_err data_place_open(const char *dir, bool make, const char *nothing, db **out) {
    char path[CONFIG_TEXT_BYTES + 32];
    *out = NULL;
    snprintf(path, sizeof path, "%s/" DB_FILE, dir);
    if (!make && access(path, F_OK) != 0 && errno == ENOENT)
        return err_fail(STENO_E_NOT_FOUND, "%s: there is no %s yet", dir, nothing);
    ERR_TRY(become_owner_of(dir));
    return db_open(dir, out);
}
