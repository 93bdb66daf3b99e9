/* test_model_command.c: `steno model`: exit statuses, and what it prints about folders that are right, empty or hurt. */
#include "nn_test.h"

#include "cmd/cmd.h"
#include "nn/manifest.h"

#include <fcntl.h>

/* Runs `steno model ARGS…` and keeps what it printed on both streams. */
static int run(char *printed, size_t cap, char *const *args) {
    char path[TEST_PATH_BYTES], dir[TEST_PATH_BYTES], *argv[12] = {(char[]){"model"}};
    int argc = 1, kept[2] = {dup(1), dup(2)};
    test_folder(dir);
    test_path(path, dir, "printed");
    while (args[argc - 1]) {
        assert_true(argc < 11);
        argv[argc] = args[argc - 1];
        argc++;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    fflush(stdout);
    fflush(stderr);
    dup2(fd, 1);
    dup2(fd, 2);
    int status = cmd_model(argc, argv);
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 2; i++) {
        dup2(kept[i], i + 1);
        close(kept[i]);
    }
    ssize_t n = pread(fd, printed, cap - 1, 0);
    printed[n > 0 ? n : 0] = '\0';
    close(fd);
    test_folder_remove(dir);
    return status;
}

static void expect(int status, const char *says, char *const *args) {
    char printed[16384];
    int got = run(printed, sizeof printed, args);
    if (got != status) fail_msg("%s … gave %d: %s", args[0] ? args[0] : "", got, printed);
    if (!strstr(printed, says)) fail_msg("'%s' does not say '%s'", printed, says);
}

#define ARGS(...) ((char *[]){__VA_ARGS__, NULL})

static void wrong_usage_is_two(void **state) {
    (void)state;
    expect(2, "an action is needed", (char *[]){NULL});
    expect(2, "unknown action 'dance'", ARGS("dance"));
    expect(2, "one model", ARGS("info"));
    expect(2, "takes no arguments", ARGS("list", "tiny"));
    expect(2, "--from and --to", ARGS("convert"));
    expect(2, "no model is called 'huge'", ARGS("convert", "--from", "x", "--to", "no/such/place", "huge"));
    expect(2, "bogus", ARGS("list", "--bogus"));
    expect(0, "verify", ARGS("--help"));
}

static void empty_folder_has_no_models(void **state) {
    (void)state;
    char dir[TEST_PATH_BYTES];
    test_folder(dir);
    expect(0, "missing", ARGS("list", "--models-dir", dir));
    expect(0, "make models", ARGS("list", "--models-dir", dir));
    expect(1, dir, ARGS("verify", "--models-dir", dir));
    expect(1, "moonshine-tiny.safetensors", ARGS("info", "--models-dir", dir, "tiny"));
    expect(1, "no/such.safetensors", ARGS("info", "no/such.safetensors"));
    expect(1, "no/such/place", ARGS("convert", "--from", dir, "--to", "no/such/place", "tiny"));
    test_folder_remove(dir);
}

static void damaged_file_is_named_by_verify(void **state) {
    (void)state;
    static const char manifest[] = "{\"format\":\"steno-models\",\"version\":1,\"files\":["
                                   "{\"file\":\"good\",\"bytes\":3,\"sha256\":"
                                   "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"},"
                                   "{\"file\":\"hurt\",\"bytes\":3,\"sha256\":"
                                   "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}]}";
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    test_folder(dir);
    test_path(path, dir, MANIFEST_NAME);
    test_write(path, manifest, sizeof manifest - 1);
    test_path(path, dir, "good");
    test_write(path, "abc", 3);
    test_path(path, dir, "hurt");
    test_write(path, "abc", 3);
    expect(0, "hurt: intact", ARGS("verify", "--models-dir", dir));
    test_write(path, "abd", 3);
    expect(1, "good: intact", ARGS("verify", "--models-dir", dir));
    expect(1, "hurt: wrong or damaged", ARGS("verify", "--models-dir", dir));
    test_folder_remove(dir);
}

static void conversion_is_idempotent(void **state) {
    (void)state;
    char dir[TEST_PATH_BYTES];
    char *from = (char *)(uintptr_t)test_node_modules();
    if (!from) {
        print_message("the published packages are not there; run 'npm ci --ignore-scripts' in models/\n");
        skip();
    }
    test_folder(dir);
    expect(0, "silero-vad-v6.safetensors: written", ARGS("convert", "--from", from, "--to", dir, "silero"));
    expect(0, "nothing to do", ARGS("convert", "--from", from, "--to", dir, "silero"));
    expect(0, "silero-vad-v6.safetensors: intact", ARGS("verify", "--models-dir", dir));
    expect(0, "present", ARGS("list", "--models-dir", dir));
    expect(0, "[512, 128]", ARGS("info", "--models-dir", dir, "silero"));
    expect(1, "tokens.mjs", ARGS("convert", "--from", from, "--to", dir, "tokens"));
    test_folder_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_usage_is_two),
        cmocka_unit_test(empty_folder_has_no_models),
        cmocka_unit_test(damaged_file_is_named_by_verify),
        cmocka_unit_test(conversion_is_idempotent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
