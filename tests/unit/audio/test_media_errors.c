/* test_media_errors.c: what is wrong with an input is said in one line that names the file. */
#include "audio/confine.h"
#include "media_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

/* The file fails with this code; the sentence begins with its path and has `reason` in it. */
static heard check_fails_limited(const char *path, steno_err code, const char *reason, const media_limits *limits) {
    heard h = fixture_hear_limited(path, MEDIA_MIX, limits);
    if (h.error != code) fail_msg("%s: %s: %s", path, steno_err_name(h.error), h.detail);
    if (!strstr(h.detail, reason)) fail_msg("'%s' lacks '%s'", h.detail, reason);
    if (strncmp(h.detail, path, strlen(path)) != 0) fail_msg("'%s' does not begin with the name", h.detail);
    assert_null(strchr(h.detail, '\n'));
    return h;
}

static heard check_fails(const char *name, steno_err code, const char *reason) {
    media_limits limits;
    media_limits_init(&limits);
    return check_fails_limited(fixture_path(name), code, reason, &limits);
}

static void seen_at_once(void **state) {
    (void)state;
    fixture_write("empty.wav", "", 0);
    assert_int_equal(mkdir(fixture_path("folder"), 0700), 0);
    check_fails("missing.wav", STENO_E_NOT_FOUND, "no such file");
    check_fails("empty.wav/inside.wav", STENO_E_NOT_FOUND, "no such file");
    check_fails("empty.wav", STENO_E_FORMAT, "is empty");
    check_fails("folder", STENO_E_INVALID, "is a directory");
    if (access("/dev/zero", R_OK) == 0) {
        media_limits limits;
        media_limits_init(&limits);
        check_fails_limited("/dev/zero", STENO_E_INVALID, "is a device", &limits);
    }
}

static void no_permission(void **state) {
    (void)state;
    fixture_write("secret.wav", "x", 1);
    assert_int_equal(chmod(fixture_path("secret.wav"), 0), 0);
    int fd = open(fixture_path("secret.wav"), O_RDONLY);
    if (fd >= 0) { /* root may read everything */
        close(fd);
        print_message("not tested: this user may read any file\n");
        skip();
    }
    check_fails("secret.wav", STENO_E_IO, "no permission");
}

static void not_audio(void **state) {
    (void)state;
    unsigned char noise[50000];
    uint32_t x = 12345;
    for (size_t i = 0; i < sizeof noise; i++) {
        x = x * 1664525u + 1013904223u;
        noise[i] = (unsigned char)(x >> 24);
    }
    fixture_write("noise.bin", noise, sizeof noise);
    fixture_write("one.bin", "x", 1);
    fixture_write("text.txt", "The quick brown fox jumps over the lazy dog.\n", 45);
    fixture_write("picture.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90\x77\x53\xde", 33);
    check_fails("noise.bin", STENO_E_FORMAT, "not audio");
    check_fails("one.bin", STENO_E_FORMAT, "not audio");
    check_fails("text.txt", STENO_E_FORMAT, "not audio");
    check_fails("picture.png", STENO_E_FORMAT, "looks like");
}

static void video_without_sound(void **state) {
    (void)state;
    if (!fixture_shell("ffmpeg -y -f lavfi -i testsrc=d=1:s=64x64 -c:v mpeg4 silent.mp4 && "
                       "ffmpeg -y -i silent.mp4 -c:v mpeg2video silent.ts"))
        skip();
    check_fails("silent.mp4", STENO_E_FORMAT, "has no audio stream");
    check_fails("silent.ts", STENO_E_FORMAT, "has no audio stream");
}

static void absurd_headers(void **state) {
    (void)state;
    static const int16_t pcm[16000];
    fixture_wav("zero_hz.wav", (wav){0, 1, 16, 1, 0, false}, pcm, sizeof pcm);
    fixture_wav("slow.wav", (wav){10, 1, 16, 1, 0, false}, pcm, sizeof pcm);
    fixture_wav("giga_hz.wav", (wav){2000000000, 1, 16, 1, 0, false}, pcm, sizeof pcm);
    fixture_wav("negative_hz.wav", (wav){4000000000, 1, 16, 1, 0, false}, pcm, sizeof pcm);
    fixture_wav("crowd.wav", (wav){16000, 10000, 16, 1, 0, false}, pcm, sizeof pcm);
    fixture_wav("nobody.wav", (wav){16000, 0, 16, 1, 0, false}, pcm, sizeof pcm);
    fixture_wav("codec.wav", (wav){16000, 1, 16, 0x0999, 0, false}, pcm, sizeof pcm);
    fixture_wav("nothing.wav", (wav){16000, 1, 16, 1, 0, false}, pcm, 0);
    check_fails("zero_hz.wav", STENO_E_FORMAT, "absurd header");
    check_fails("slow.wav", STENO_E_FORMAT, "absurd header (a sample rate of 10 Hz)");
    check_fails("giga_hz.wav", STENO_E_FORMAT, "absurd header (a sample rate of 2000000000 Hz)");
    check_fails("negative_hz.wav", STENO_E_FORMAT, "absurd header");
    check_fails("crowd.wav", STENO_E_LIMIT, "10000 channels; at most 8");
    check_fails("nobody.wav", STENO_E_FORMAT, "absurd header (0 channels)");
    check_fails("codec.wav", STENO_E_UNSUPPORTED, "no decoder");
    check_fails("nothing.wav", STENO_E_FORMAT, "without any samples");
}

/* Sizes that promise more than is there: the samples come, then the error. */
static void truncated(void **state) {
    (void)state;
    static const int16_t pcm[16000];
    fixture_wav("promise.wav", (wav){16000, 1, 16, 1, 320000, true}, pcm, sizeof pcm);
    heard h =
        check_fails("promise.wav", STENO_E_FORMAT, "truncated: its header promises 10.0 s, but it ends after 1.0 s");
    assert_int_equal(h.frames, 16000);
    free(h.pcm);
    if (!fixture_shell(
            "ffmpeg -y -f lavfi -i sine=d=4:r=16000 whole.flac && ffmpeg -y -i whole.flac -b:a 64k whole.mp3 && "
            "ffmpeg -y -i whole.flac -c:a aac whole.m4a && head -c 20000 whole.flac > cut.flac && "
            "head -c 16000 whole.mp3 > cut.mp3 && head -c 12000 whole.m4a > cut.m4a && "
            "ffmpeg -y -i whole.flac -c:a aac -movflags +faststart fast.m4a && head -c 16000 fast.m4a > cutfast.m4a"))
        skip();
    static const char *const cut[] = {"cut.flac", "cut.mp3", "cutfast.m4a"};
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        h = check_fails(cut[i], STENO_E_FORMAT, "truncated: its header promises 4.");
        if (h.frames < 8000 || h.frames > 56000) fail_msg("%s: %zu frames", cut[i], h.frames);
        free(h.pcm);
    }
    check_fails("cut.m4a", STENO_E_FORMAT, "corrupt: nothing in it could be decoded"); /* its index stood at the end */
}

/* Programs that write wav to a pipe cannot know the size: that is no promise. */
static void streamed_sizes_are_no_promise(void **state) {
    (void)state;
    static const int16_t pcm[16000];
    static const uint32_t sizes[] = {0, 0x7ffff000u, 0x7fffffffu, 0xfffffffeu, 0xffffffffu};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        fixture_wav("streamed.wav", (wav){16000, 1, 16, 1, sizes[i], true}, pcm, sizeof pcm);
        heard h = fixture_hear(fixture_path("streamed.wav"), MEDIA_MIX);
        if (h.error != STENO_OK) fail_msg("size %u: %s", sizes[i], h.detail);
        assert_int_equal(h.frames, 16000);
        free(h.pcm);
    }
}

/* Overwrites n bytes of a file at each of `times` places from `start` on. */
static void damage(const char *from, const char *to, long start, long step, int n) {
    FILE *f = fopen(fixture_path(from), "rb");
    assert_non_null(f);
    static unsigned char bytes[1 << 20];
    long size = (long)fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (long at = start; at + n < size; at += step) memset(bytes + at, 0xa5, (size_t)n);
    fixture_write(to, bytes, (size_t)size);
}

static void corrupt(void **state) {
    (void)state;
    if (!fixture_shell(
            "ffmpeg -y -f lavfi -i sine=d=10:r=16000 tone.wav && ffmpeg -y -i tone.wav -c:a flac good.flac && "
            "ffmpeg -y -i tone.wav -c:a libopus -b:a 32k good.opus"))
        skip();
    damage("good.flac", "hurt.flac", 40000, 1000000, 40);
    heard h = fixture_hear(fixture_path("hurt.flac"), MEDIA_MIX); /* one bad packet: players go on */
    if (h.error != STENO_OK) fail_msg("%s", h.detail);
    assert_true(h.frames > 8 * 16000);
    free(h.pcm);
    damage("good.flac", "wreck.flac", 9000, 1000, 40);
    h = check_fails("wreck.flac", STENO_E_FORMAT, "corrupt");
    free(h.pcm);
    damage("good.opus", "wreck.opus", 100, 200, 40);
    h = check_fails("wreck.opus", STENO_E_FORMAT, "corrupt: nothing in it could be decoded");
    free(h.pcm);
}

static void not_numbers(void **state) {
    (void)state;
    static float pcm[32000];
    static const uint32_t rates[] = {8000, 16000, 44100};
    static const double wild[] = {(double)NAN, (double)INFINITY, (double)-INFINITY};
    for (size_t r = 0; r < 3; r++) {
        for (size_t v = 0; v < 3; v++) {
            pcm[20000] = (float)wild[v];
            fixture_wav("nan.wav", (wav){rates[r], 1, 32, 3, 0, false}, pcm, sizeof pcm);
            heard h = check_fails("nan.wav", STENO_E_FORMAT, "contains samples that are not numbers");
            assert_true(h.frames <= (size_t)32000 * 16000 / rates[r]);
            for (size_t i = 0; i < h.frames; i++) assert_true(isfinite(h.pcm[i]));
            free(h.pcm);
        }
    }
}

/* Nothing that a file names is opened, however the playlist is written. */
static void playlists(void **state) {
    (void)state;
    char text[1024];
    double tone = 440;
    fixture_tone_wav("target.wav", 16000, 1, &tone, 0.5, 1);
    const char *target = fixture_path("target.wav");
    int n = snprintf(text, sizeof text,
                     "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n%s\n#EXT-X-ENDLIST\n", target);
    fixture_write("list.m3u8", text, (size_t)n);
    n = snprintf(text, sizeof text, "ffconcat version 1.0\nfile '%s'\n", target);
    fixture_write("list.ffconcat", text, (size_t)n);
    n = snprintf(text, sizeof text, "#EXTM3U\n%s\n", target);
    fixture_write("list.m3u", text, (size_t)n);
    n = snprintf(text, sizeof text,
                 "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n");
    fixture_write("list.sdp", text, (size_t)n);
    check_fails("list.m3u8", STENO_E_UNSUPPORTED, "refers to other files");
    check_fails("list.ffconcat", STENO_E_UNSUPPORTED, "refers to other files");
    check_fails("list.sdp", STENO_E_UNSUPPORTED, "refers to other files");
    check_fails("list.m3u", STENO_E_FORMAT, "not audio");
}

static void limits_hold(void **state) {
    (void)state;
    double tone = 440;
    media_limits limits;
    media_limits_init(&limits);
    fixture_tone_wav("long.wav", 16000, 1, &tone, 0.5, 3);
    limits.max_audio_s = 2;
    heard h = check_fails_limited(fixture_path("long.wav"), STENO_E_LIMIT, "longer than the limit of 2 s", &limits);
    assert_int_equal(h.frames, 32000);
    free(h.pcm);
    media_limits_init(&limits);
    limits.max_memory_bytes = 200000;
    if (CONFINE_STRICT) check_fails_limited(fixture_path("long.wav"), STENO_E_LIMIT, "it needed more than", &limits);
    limits.max_channels = 0;
    media *m;
    assert_int_equal(media_open(fixture_host, fixture_path("long.wav"), MEDIA_MIX, &limits, &m), STENO_E_INVALID);
    assert_null(m);
}

/* Hours of silence cost no disk, but more than a second of processor time. */
static void processor_time_is_limited(void **state) {
    (void)state;
    media_limits limits;
    media_limits_init(&limits);
    limits.max_cpu_s = 1;
    limits.max_audio_s = 1e8;
    fixture_wav("hours.wav", (wav){11025, 1, 8, 1, 0xffffffffu, true}, "", 0);
    assert_int_equal(truncate(fixture_path("hours.wav"), (off_t)2 << 30), 0);
    heard h = {0};
    media *m;
    size_t got;
    static float buffer[16384];
    assert_int_equal(media_open(fixture_host, fixture_path("hours.wav"), MEDIA_MIX, &limits, &m), STENO_OK);
    while ((h.error = media_read(m, buffer, 16384, &got)) == STENO_E_AGAIN || (h.error == STENO_OK && got > 0)) {
        if (h.error == STENO_E_AGAIN) fixture_wait(m);
    }
    assert_int_equal(h.error, STENO_E_LIMIT);
    assert_non_null(strstr(steno_error_detail(), "it used more than 1 s of processor time"));
    assert_true(media_cpu_s(m) >= 0.9);
    assert_int_equal(media_read(m, buffer, 16384, &got), STENO_E_LIMIT); /* it says so again */
    assert_non_null(strstr(steno_error_detail(), "hours.wav"));
    media_close(m);
}

/* Names come from outside too. */
static void names_are_cleaned(void **state) {
    (void)state;
    char path[700];
    media_limits limits;
    media_limits_init(&limits);
    heard h = fixture_hear("/nowhere/a\x1b[31mred\nline\xff.wav", MEDIA_MIX);
    assert_string_equal(h.detail, "/nowhere/a [31mred line?.wav: no such file");
    memset(path, 'd', sizeof path);
    for (size_t i = 0; i < sizeof path; i += 50) path[i] = '/';
    memcpy(path + sizeof path - 9, "last.wav", 9);
    h = fixture_hear(path, MEDIA_MIX);
    assert_non_null(strstr(h.detail, "last.wav: no such file"));
    assert_true(strlen(h.detail) < 300);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seen_at_once),
        cmocka_unit_test(no_permission),
        cmocka_unit_test(not_audio),
        cmocka_unit_test(video_without_sound),
        cmocka_unit_test(absurd_headers),
        cmocka_unit_test(truncated),
        cmocka_unit_test(streamed_sizes_are_no_promise),
        cmocka_unit_test(corrupt),
        cmocka_unit_test(not_numbers),
        cmocka_unit_test(playlists),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(processor_time_is_limited),
        cmocka_unit_test(names_are_cleaned),
    };
    if (argc > 1 && strcmp(argv[1], MEDIA_ZYGOTE_ARG) == 0) return media_zygote_main(argc, argv);
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
