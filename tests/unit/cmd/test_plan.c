/* test_plan.c: the capacity arithmetic, its refusals and its JSON. */
#include "cmd/cmd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "capture.h"

static void says(const char *line, const char *text) {
    assert_int_equal(capture(cmd_plan, line), 0);
    if (!strstr(captured_out, text)) print_message("%s: no '%s' in: %s\n", line, text, captured_out);
    assert_non_null(strstr(captured_out, text));
    assert_string_equal(captured_err, "");
}

static void refuses(const char *line, const char *text) {
    int status = capture(cmd_plan, line);
    if (status != 2 || !strstr(captured_err, text)) print_message("%s: %d, '%s'\n", line, status, captured_err);
    assert_int_equal(status, 2);
    assert_non_null(strstr(captured_err, text));
    assert_int_equal(capture_complaints(), 1);
    assert_string_equal(captured_out, "");
}

static void rtf(void **state) {
    (void)state;
    says("plan rtf --compute 6 --audio 600", "RTF 0.01 ");
    says("plan rtf --compute 6 --audio 600", "\n100 audio hours an hour\n");
    says("plan rtf --compute=3 --audio=2", "RTF 1.5 ");
    says("plan rtf --compute=3 --audio=2", "\n0.67 audio hours an hour\n");
    says("plan --audio 1e300 --compute 1 rtf", "1e+300 audio hours an hour");
}

static void kv(void **state) {
    (void)state;
    const char *line = "plan kv --layers 32 --hidden 4096 --tokens 1000 --bytes 2 --requests 32";
    says(line, "524,288,000 bytes a request");
    says(line, "500.00 MiB");
    says(line, "16 GB in all for 32 requests: 16,777,216,000 bytes");
    says(line, "16.78 GB decimal");
    says("plan kv --layers 32 --hidden 4096 --tokens 1000 --requests 32 --heads 32 --kv-heads 8",
         "131,072,000 bytes a request");
    says("plan kv --layers 32 --hidden 4096 --tokens 1000 --requests 32 --heads 32 --kv-heads 8", "4 times less");
    says("plan kv --layers 1 --hidden 1 --tokens 1 --bytes 1", "2 bytes a request");
    says("plan kv --layers 1 --hidden 1 --tokens 1 --bytes 1", "for 1 request:");
}

static void streams(void **state) {
    (void)state;
    says("plan streams --rtf 0.01 --cores 2", "140 streams on 2 cores"); /* not 139, whatever 0.7 is in binary */
    says("plan streams --rtf 0.01 --cores 2 --headroom 1", "200 streams on 2 cores");
    says("plan streams --rtf 0.01 --streams 140", "on 2 cores");
    says("plan streams --rtf 0.01 --streams 141", "on 3 cores");
    says("plan streams --rtf 0.1 --cores 1", "7 streams on 1 core ");
    says("plan streams --rtf 0.1 --streams 7", "7 streams on 1 core ");
    says("plan streams --rtf 2 --cores 1", "0 streams on 1 core ");
    says("plan streams --rtf 0.001 --streams 1", "1 stream on 1 core ");
}

static json_t *document(const char *line) {
    assert_int_equal(capture(cmd_plan, line), 0);
    json_t *root = json_loads(captured_out, 0, NULL);
    assert_non_null(root);
    return root;
}

static void json(void **state) {
    (void)state;
    json_t *root = document("plan kv --layers 32 --hidden 4096 --tokens 1000 --requests 32 --json");
    assert_int_equal(json_integer_value(json_object_get(root, "bytes_per_request")), 524288000);
    assert_int_equal(json_integer_value(json_object_get(root, "total_bytes")), 16777216000);
    assert_true(json_number_value(json_object_get(root, "total_gib")) == 15.625);
    json_decref(root);
    root = document("plan rtf --compute 6 --audio 600 --json");
    assert_true(json_number_value(json_object_get(root, "rtf")) == 0.01);
    assert_true(json_number_value(json_object_get(root, "audio_hours_per_hour")) == 100.0);
    json_decref(root);
    root = document("plan streams --rtf 0.02 --cores 4 --json");
    assert_true(json_number_value(json_object_get(root, "streams")) == 140.0);
    json_decref(root);
}

static void wrong_usage(void **state) {
    (void)state;
    refuses("plan", "missing");
    refuses("plan nothing", "'nothing'");
    refuses("plan rtf more", "'more'");
    refuses("plan rtf --compute 6", "--audio");
    refuses("plan rtf --compute 0 --audio 1", "--compute '0'");
    refuses("plan rtf --compute -1 --audio 1", "--compute '-1'");
    refuses("plan rtf --compute 1x --audio 1", "'1x'");
    refuses("plan rtf --compute nan --audio 1", "'nan'");
    refuses("plan rtf --compute 1 --audio inf", "'inf'");
    refuses("plan rtf --compute 1 --audio 1e999", "'1e999'");
    refuses("plan rtf --compute 1e300 --audio 1e-300", "too large");
    refuses("plan rtf --compute 1 --audio 1 --layers 3", "--layers does not belong");
    refuses("plan kv --layers 32 --hidden 4096", "--tokens");
    refuses("plan kv --layers 3.5 --hidden 4096 --tokens 1", "'3.5'");
    refuses("plan kv --layers +3 --hidden 4096 --tokens 1", "'+3'");
    refuses("plan kv --layers 0 --hidden 4096 --tokens 1", "'0'");
    refuses("plan kv --layers 99999999999999999999 --hidden 1 --tokens 1", "'99999999999999999999'");
    refuses("plan kv --layers 4294967296 --hidden 4294967296 --tokens 1", "too large");
    refuses("plan kv --layers 2147483648 --hidden 1073741824 --tokens 1 --bytes 1 --requests 4", "in all is too large");
    refuses("plan kv --layers 1 --hidden 10 --tokens 1 --heads 4", "together");
    refuses("plan kv --layers 1 --hidden 10 --tokens 1 --heads 4 --kv-heads 2", "multiple of --heads");
    refuses("plan kv --layers 1 --hidden 12 --tokens 1 --heads 4 --kv-heads 3", "multiple of --kv-heads");
    refuses("plan kv --layers 1 --hidden 12 --tokens 1 --heads 4 --kv-heads 8", "more than");
    refuses("plan streams --rtf 0.1", "either");
    refuses("plan streams --rtf 0.1 --cores 1 --streams 1", "either");
    refuses("plan streams --rtf 0.1 --cores 1 --headroom 1.5", "at most 1");
    refuses("plan streams --rtf 1e-200 --cores 9000000000000", "too large");
    assert_int_equal(capture(cmd_plan, "plan --nonsense"), 2);
}

static void help_explains(void **state) {
    (void)state;
    says("plan --help", "--kv-heads");
    says("plan kv -h", "Usage: steno plan");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rtf),  cmocka_unit_test(kv),          cmocka_unit_test(streams),
        cmocka_unit_test(json), cmocka_unit_test(wrong_usage), cmocka_unit_test(help_explains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
