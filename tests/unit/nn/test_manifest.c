/* test_manifest.c: finding models, proving their files, and that models.json says what the program believes. */
#include "nn_test.h"

#include "nn/manifest.h"

#include <jansson.h>
#include <sys/stat.h>

/* ---- the catalogue ---------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    if (!text) fail_msg("models.json: an entry has no %s", key);
    return text;
}

static void sources_agree(const json_t *listed, const catalogue_entry *entry) {
    const json_t *sources = json_object_get(listed, "sources");
    size_t n = 0;
    while (n < CATALOGUE_MAX_SOURCES && entry->sources[n].path) n++;
    assert_int_equal(json_array_size(sources), n);
    for (size_t i = 0; i < n; i++) {
        const json_t *source = json_array_get(sources, i);
        assert_string_equal(text_of(source, "file"), entry->sources[i].path);
        assert_string_equal(text_of(source, "sha256"), entry->sources[i].sha256);
        assert_int_equal(json_integer_value(json_object_get(source, "bytes")), entry->sources[i].bytes);
    }
}

static void models_json_agrees_with_the_program(void **state) {
    (void)state;
    json_error_t why;
    json_t *root = json_load_file("models/models.json", JSON_REJECT_DUPLICATES, &why);
    if (!root) fail_msg("models/models.json: %s", why.text);
    const json_t *models = json_object_get(root, "models");
    assert_int_equal(json_array_size(models), catalogue_size());
    for (size_t i = 0; i < catalogue_size(); i++) {
        const catalogue_entry *e = catalogue_at(i);
        const json_t *m = json_array_get(models, i);
        assert_string_equal(text_of(m, "name"), e->name);
        assert_string_equal(text_of(m, "alias"), e->alias);
        assert_string_equal(text_of(m, "file"), e->file);
        assert_string_equal(text_of(m, "role"), e->role);
        assert_string_equal(text_of(m, "language"), e->language);
        assert_string_equal(text_of(m, "licence"), e->licence);
        assert_string_equal(text_of(m, "licence_note"), e->licence_note);
        assert_string_equal(text_of(m, "package"), e->package);
        assert_string_equal(text_of(m, "sha256"), e->sha256);
        assert_int_equal(strlen(e->sha256), 64);
        assert_int_equal(json_integer_value(json_object_get(m, "bytes")), e->bytes);
        sources_agree(m, e);
    }
    json_decref(root);
}

/* The packages that models.json names are the ones that the lock file pins. */
static void packages_are_the_locked_ones(void **state) {
    (void)state;
    json_error_t why;
    json_t *root = json_load_file("models/package-lock.json", JSON_REJECT_DUPLICATES, &why);
    if (!root) fail_msg("models/package-lock.json: %s", why.text);
    json_t *packages = json_object_get(root, "packages"), *package;
    const char *folder;
    size_t matched = 0;
    json_object_foreach(packages, folder, package) {
        if (!folder[0]) continue;
        const char *alias_of = json_string_value(json_object_get(package, "name"));
        char pinned[256];
        snprintf(pinned, sizeof pinned, "%s@%s", alias_of ? alias_of : folder + strlen("node_modules/"),
                 text_of(package, "version"));
        assert_null(json_object_get(package, "resolved"));
        assert_non_null(strstr(text_of(package, "integrity"), "sha512-"));
        for (size_t i = 0; i < catalogue_size(); i++) matched += strcmp(catalogue_at(i)->package, pinned) == 0;
    }
    assert_int_equal(matched, catalogue_size());
    json_decref(root);
}

/* ---- finding ---------------------------------------------------------------------------------------------------- */

static void models_are_found_in_order(void **state) {
    (void)state;
    char named[TEST_PATH_BYTES], from_env[TEST_PATH_BYTES], path[TEST_PATH_BYTES], want[TEST_PATH_BYTES];
    test_folder(named);
    test_folder(from_env);
    test_path(want, named, "moonshine-tiny.safetensors");
    test_write(want, "x", 1);
    assert_int_equal(setenv("STENO_MODELS", from_env, 1), 0);
    assert_int_equal(models_find("moonshine-tiny", named, path, sizeof path), STENO_OK);
    assert_string_equal(path, want);
    assert_int_equal(models_find("tiny", named, path, sizeof path), STENO_OK);
    assert_string_equal(path, want);
    assert_int_equal(models_find("moonshine-tiny.safetensors", named, path, sizeof path), STENO_OK);
    assert_string_equal(path, want);
    /* A folder that was named is the only one: no falling back. */
    assert_int_equal(models_find("tiny", NULL, path, sizeof path), STENO_E_NOT_FOUND);
    assert_non_null(strstr(steno_error_detail(), from_env));
    assert_non_null(strstr(steno_error_detail(), "make models"));
    test_path(want, from_env, "tokens.txt");
    test_write(want, "x", 1);
    assert_int_equal(models_find("tokens.txt", NULL, path, sizeof path), STENO_OK);
    assert_string_equal(path, want);
    assert_int_equal(models_find("tokens.txt", named, path, sizeof path), STENO_E_NOT_FOUND);
    assert_int_equal(unsetenv("STENO_MODELS"), 0);
    test_folder_remove(named);
    test_folder_remove(from_env);
}

static void other_places_are_named_when_nothing_is_found(void **state) {
    (void)state;
    char path[TEST_PATH_BYTES];
    assert_int_equal(unsetenv("STENO_MODELS"), 0);
    assert_int_equal(models_find("no-such-model", NULL, path, sizeof path), STENO_E_NOT_FOUND);
    assert_non_null(strstr(steno_error_detail(), "build/models, "));
    assert_non_null(strstr(steno_error_detail(), "/models, /usr/share/steno/models"));
    assert_int_equal(models_find("../tiny", NULL, path, sizeof path), STENO_E_INVALID);
    assert_int_equal(models_find("..", NULL, path, sizeof path), STENO_E_INVALID);
    assert_int_equal(models_find("", NULL, path, sizeof path), STENO_E_INVALID);
    assert_int_equal(models_find("tiny", "some/folder", path, 8), STENO_E_LIMIT);
}

/* ---- verifying -------------------------------------------------------------------------------------------------- */

#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* of "abc", FIPS 180-2 */

typedef struct seen {
    size_t intact, bad;
    steno_err err;
    char detail[ERR_DETAIL_BYTES];
} seen;

static void see(void *user, const char *file, steno_err err, const char *detail) {
    seen *s = user;
    assert_non_null(file);
    if (err == STENO_OK) {
        s->intact++;
        return;
    }
    s->bad++;
    s->err = err;
    snprintf(s->detail, sizeof s->detail, "%s", detail);
}

static void write_manifest(const char *dir, const char *text) {
    char path[TEST_PATH_BYTES];
    test_path(path, dir, MANIFEST_NAME);
    test_write(path, text, strlen(text));
}

#define ENTRY(file, sha, bytes) "{\"file\":\"" file "\",\"sha256\":\"" sha "\",\"bytes\":" #bytes "}"
#define MANIFEST(files)         "{\"format\":\"steno-models\",\"version\":1,\"files\":[" files "]}"

static void digests_are_right(void **state) {
    (void)state;
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES], hex[SHA256_HEX_BYTES];
    uint64_t bytes;
    test_folder(dir);
    test_path(path, dir, "abc");
    test_write(path, "abc", 3);
    assert_int_equal(file_sha256(path, hex, &bytes), STENO_OK);
    assert_string_equal(hex, ABC_SHA256);
    assert_int_equal(bytes, 3);
    assert_int_equal(file_sha256(dir, hex, &bytes), STENO_E_INVALID);
    test_folder_remove(dir);
}

static void damaged_file_is_named(void **state) {
    (void)state;
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    test_folder(dir);
    write_manifest(dir, MANIFEST(ENTRY("one", ABC_SHA256, 3) "," ENTRY("two", ABC_SHA256, 3)));
    test_path(path, dir, "one");
    test_write(path, "abc", 3);
    test_path(path, dir, "two");
    static const struct {
        const char *content;
        size_t n;
        steno_err err;
        const char *says;
    } cases[] = {
        {"abc", 3, STENO_OK, ""},
        {"abd", 3, STENO_E_CHECKSUM, "SHA-256"}, /* one bit */
        {"ab", 2, STENO_E_CHECKSUM, "2 bytes instead of 3"},
        {"abcd", 4, STENO_E_CHECKSUM, "4 bytes instead of 3"},
        {"", 0, STENO_E_FORMAT, "empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        seen s = {0};
        test_write(path, cases[i].content, cases[i].n);
        assert_int_equal(manifest_verify(dir, see, &s), cases[i].err);
        assert_int_equal(s.intact, cases[i].err == STENO_OK ? 2 : 1);
        assert_int_equal(s.err, cases[i].err);
        if (cases[i].err != STENO_OK) assert_non_null(strstr(s.detail, path));
        if (!strstr(s.detail, cases[i].says)) fail_msg("'%s' does not say '%s'", s.detail, cases[i].says);
    }
    assert_int_equal(unlink(path), 0);
    seen s = {0};
    assert_int_equal(manifest_verify(dir, see, &s), STENO_E_NOT_FOUND);
    assert_non_null(strstr(s.detail, path));
    test_folder_remove(dir);
}

/* What opening a model checks: one file, against the manifest beside it. */
static void one_file_is_checked_before_use(void **state) {
    (void)state;
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES], other[TEST_PATH_BYTES];
    test_folder(dir);
    test_path(path, dir, "one");
    test_path(other, dir, "other");
    test_write(path, "abd", 3);
    test_write(other, "abc", 3);
    assert_int_equal(manifest_check_file(path), STENO_OK); /* no manifest: nothing to compare with */
    write_manifest(dir, MANIFEST(ENTRY("one", ABC_SHA256, 3)));
    assert_int_equal(manifest_check_file(path), STENO_E_CHECKSUM);
    assert_non_null(strstr(steno_error_detail(), path));
    assert_int_equal(manifest_check_file(other), STENO_E_CHECKSUM); /* not listed */
    assert_non_null(strstr(steno_error_detail(), other));
    test_write(path, "abc", 3);
    assert_int_equal(manifest_check_file(path), STENO_OK);
    write_manifest(dir, "{");
    assert_int_equal(manifest_check_file(path), STENO_E_FORMAT);
    test_folder_remove(dir);
}

static void bad_manifests_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        steno_err err;
    } cases[] = {
        {"", STENO_E_FORMAT},
        {"{", STENO_E_FORMAT},
        {"[]", STENO_E_FORMAT},
        {"{\"format\":\"steno-models\"}", STENO_E_FORMAT},
        {MANIFEST(""), STENO_E_FORMAT},
        {"{\"format\":\"other\",\"files\":[1]}", STENO_E_FORMAT},
        {MANIFEST("1"), STENO_E_FORMAT},
        {MANIFEST("{}"), STENO_E_FORMAT},
        {MANIFEST(ENTRY("../one", ABC_SHA256, 3)), STENO_E_FORMAT},
        {MANIFEST(ENTRY("/etc/passwd", ABC_SHA256, 3)), STENO_E_FORMAT},
        {MANIFEST(ENTRY("one", "ba78", 3)), STENO_E_FORMAT},
        {MANIFEST(ENTRY("one", ABC_SHA256, -3)), STENO_E_FORMAT},
        {MANIFEST(ENTRY("one", ABC_SHA256, "3")), STENO_E_FORMAT},
        /* A manifest that lists another tiny model than this build knows is not believed. */
        {MANIFEST(ENTRY("moonshine-tiny.safetensors", ABC_SHA256, 3)), STENO_E_CHECKSUM},
    };
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    test_folder(dir);
    test_path(path, dir, "one");
    test_write(path, "abc", 3);
    test_path(path, dir, "moonshine-tiny.safetensors");
    test_write(path, "abc", 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        steno_err err = manifest_verify_text(dir, cases[i].text, strlen(cases[i].text), NULL, NULL);
        if (err != cases[i].err) fail_msg("%s for %s", steno_err_name(err), cases[i].text);
        assert_non_null(strstr(steno_error_detail(), dir));
    }
    assert_int_equal(manifest_verify(dir, NULL, NULL), STENO_E_NOT_FOUND);
    assert_non_null(strstr(steno_error_detail(), MANIFEST_NAME));
    test_folder_remove(dir);
}

/* ---- making: what can be said without the packages --------------------------------------------------------------- */

static void wrong_source_is_refused_by_name(void **state) {
    (void)state;
    char from[TEST_PATH_BYTES], path[TEST_PATH_BYTES], to[TEST_PATH_BYTES], folders[3][TEST_PATH_BYTES];
    bool changed;
    const catalogue_entry *e = catalogue_find("silero");
    test_folder(from);
    test_folder(to);
    assert_int_equal(models_convert(e, from, to, &changed), STENO_E_NOT_FOUND);
    assert_non_null(strstr(steno_error_detail(), "silero_vad_v6.onnx"));
    test_path(folders[0], from, "@ricky0123");
    test_path(folders[1], from, "@ricky0123/vad-web");
    test_path(folders[2], from, "@ricky0123/vad-web/dist");
    for (int i = 0; i < 3; i++) assert_int_equal(mkdir(folders[i], 0755), 0);
    test_path(path, from, e->sources[0].path);
    test_write(path, "not the model", 13);
    assert_int_equal(models_convert(e, from, to, &changed), STENO_E_CHECKSUM);
    assert_non_null(strstr(steno_error_detail(), path));
    assert_false(changed);
    assert_int_equal(test_folder_files(to), 0);
    assert_int_equal(models_convert(catalogue_find("tokens"), from, to, &changed), STENO_E_NOT_FOUND);
    assert_non_null(strstr(steno_error_detail(), "tokens.mjs"));
    assert_int_equal(unlink(path), 0);
    for (int i = 2; i >= 0; i--) assert_int_equal(rmdir(folders[i]), 0);
    test_folder_remove(from);
    test_folder_remove(to);
}

/* A damaged output never gets into a manifest. */
static void manifest_describes_only_right_files(void **state) {
    (void)state;
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    bool changed;
    test_folder(dir);
    assert_int_equal(manifest_write(dir, &changed), STENO_OK);
    assert_true(changed);
    assert_int_equal(manifest_write(dir, &changed), STENO_OK);
    assert_false(changed);
    test_path(path, dir, "tokens.txt");
    test_write(path, "abc", 3);
    assert_int_equal(manifest_write(dir, &changed), STENO_E_CHECKSUM);
    assert_non_null(strstr(steno_error_detail(), path));
    assert_false(changed);
    assert_int_equal(test_folder_files(dir), 2);
    test_folder_remove(dir);
}

static steno_err verify_once(void *user) {
    return manifest_verify(user, NULL, NULL);
}

static void failed_allocations_are_reported(void **state) {
    (void)state;
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    test_folder(dir);
    write_manifest(dir, MANIFEST(ENTRY("one", ABC_SHA256, 3)));
    test_path(path, dir, "one");
    test_write(path, "abc", 3);
    assert_int_equal(test_sweep(verify_once, dir), 2);
    test_folder_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_json_agrees_with_the_program),
        cmocka_unit_test(packages_are_the_locked_ones),
        cmocka_unit_test(models_are_found_in_order),
        cmocka_unit_test(other_places_are_named_when_nothing_is_found),
        cmocka_unit_test(digests_are_right),
        cmocka_unit_test(damaged_file_is_named),
        cmocka_unit_test(one_file_is_checked_before_use),
        cmocka_unit_test(bad_manifests_are_refused),
        cmocka_unit_test(wrong_source_is_refused_by_name),
        cmocka_unit_test(manifest_describes_only_right_files),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
