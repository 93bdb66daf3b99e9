/* test_media_formats.c: every container, codec, rate and layout that users bring comes out as the tones that went in. */
#include "media_fixture.h"

static const double left_right_hz[] = {440, 1000};

static void check_named(const char *name, const heard *h, int channel, double hz, double want, double tolerance) {
    double got = tone_amplitude(h, channel, hz);
    if (fabs(got - want) <= tolerance) return;
    fail_msg("%s: channel %d at %.0f Hz: %.4f instead of %.4f", name, channel, hz, got, want);
}

static void check_tone(const heard *h, int channel, double hz, double want, double tolerance) {
    check_named("here", h, channel, hz, want, tolerance);
}

static void check_ok(const char *name, const heard *h, double seconds, double slack_s) {
    if (h->error != STENO_OK) fail_msg("%s: %s", name, h->detail);
    double got = (double)h->frames / STENO_SAMPLE_RATE_HZ;
    if (fabs(got - seconds) > slack_s) fail_msg("%s: %.3f s instead of %.3f s", name, got, seconds);
}

/* 16-bit samples at 16 kHz pass through unchanged. */
static void same_rate_is_exact(void **state) {
    (void)state;
    double tone = 700;
    int16_t *pcm = fixture_tones(16000, 1, &tone, 0.7, 40000);
    fixture_wav("exact.wav", (wav){16000, 1, 16, 1, 0, false}, pcm, 80000);
    heard h = fixture_hear(fixture_path("exact.wav"), MEDIA_MIX);
    check_ok("exact.wav", &h, 2.5, 0);
    assert_int_equal(h.channels, 1);
    assert_true(fabs(h.hint_s - 2.5) < 1e-6);
    assert_true(h.cpu_s > 0);
    for (size_t i = 0; i < h.frames; i++) assert_true(h.pcm[i] == (float)pcm[i] / 32768.0f);
    free(h.pcm);
    free(pcm);
}

static void stereo_split_and_mix_are_exact(void **state) {
    (void)state;
    int16_t *pcm = fixture_tones(16000, 2, left_right_hz, 0.6, 20000);
    fixture_wav("stereo.wav", (wav){16000, 2, 16, 1, 0, false}, pcm, 80000);
    heard split = fixture_hear(fixture_path("stereo.wav"), MEDIA_SPLIT);
    heard mix = fixture_hear(fixture_path("stereo.wav"), MEDIA_MIX);
    check_ok("split", &split, 1.25, 0);
    check_ok("mix", &mix, 1.25, 0);
    assert_int_equal(split.channels, 2);
    assert_int_equal(mix.channels, 1);
    for (size_t i = 0; i < mix.frames; i++) {
        float l = (float)pcm[2 * i] / 32768.0f, r = (float)pcm[2 * i + 1] / 32768.0f;
        assert_true(split.pcm[2 * i] == l && split.pcm[2 * i + 1] == r);
        assert_true(fabsf(mix.pcm[i] - (l + r) / 2) < 1e-6f);
    }
    free(split.pcm);
    free(mix.pcm);
    free(pcm);
}

/* The parent's chunk size must not matter. */
static void reading_in_small_pieces_is_the_same(void **state) {
    (void)state;
    fixture_tone_wav("pieces.wav", 8000, 2, left_right_hz, 0.5, 1.5);
    media_limits limits;
    media_limits_init(&limits);
    heard whole = fixture_hear(fixture_path("pieces.wav"), MEDIA_SPLIT), pieces = {0};
    media *m;
    assert_int_equal(media_open(fixture_host, fixture_path("pieces.wav"), MEDIA_SPLIT, &limits, &m), STENO_OK);
    heard_rest(&pieces, m, 7);
    media_close(m);
    assert_int_equal(whole.frames, 24000);
    assert_int_equal(pieces.frames, whole.frames);
    assert_memory_equal(pieces.pcm, whole.pcm, whole.frames * 2 * sizeof *whole.pcm);
    free(whole.pcm);
    free(pieces.pcm);
}

/* Every rate: the tone keeps its height, its strength and its length. */
static void all_rates(void **state) {
    (void)state;
    static const uint32_t rates[] = {8000,  11025, 12000, 16000, 22050, 24000,
                                     32000, 44100, 48000, 88200, 96000, 192000};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        char name[32];
        double tone = 3000;
        snprintf(name, sizeof name, "rate%u.wav", rates[i]);
        fixture_tone_wav(name, rates[i], 1, &tone, 0.5, 1.0);
        heard h = fixture_hear(fixture_path(name), MEDIA_MIX);
        check_ok(name, &h, 1.0, 0.002);
        check_tone(&h, 0, 3000, 0.5, 0.002);
        check_tone(&h, 0, 5000, 0, 0.0005); /* where 8 kHz would mirror it */
        free(h.pcm);
    }
}

/* Sound above the band we hear must vanish, not fold down into it. */
static void no_aliases(void **state) {
    (void)state;
    double tone = 11000;
    fixture_tone_wav("alias.wav", 48000, 1, &tone, 0.9, 1.0);
    heard h = fixture_hear(fixture_path("alias.wav"), MEDIA_MIX);
    check_ok("alias.wav", &h, 1.0, 0.002);
    for (size_t i = 2000; i < h.frames - 2000; i++) assert_true(fabsf(h.pcm[i]) < 0.001f);
    free(h.pcm);
}

/* Six channels, a tone each: all weigh the same and the LFE (the fourth) is not speech. */
static void surround(void **state) {
    (void)state;
    static const double hz[] = {300, 500, 700, 900, 1100, 1300};
    fixture_tone_wav("six.wav", 16000, 6, hz, 0.5, 1.0);
    if (!fixture_shell("ffmpeg -y -i six.wav -af channelmap=channel_layout=5.1 -c:a pcm_s16le surround.wav")) skip();
    heard mix = fixture_hear(fixture_path("surround.wav"), MEDIA_MIX);
    heard split = fixture_hear(fixture_path("surround.wav"), MEDIA_SPLIT);
    check_ok("mix", &mix, 1.0, 0);
    check_ok("split", &split, 1.0, 0);
    assert_int_equal(split.channels, 6);
    for (int c = 0; c < 6; c++) {
        check_tone(&mix, 0, hz[c], c == 3 ? 0 : 0.1, 0.001);
        for (int other = 0; other < 6; other++) check_tone(&split, c, hz[other], c == other ? 0.5 : 0, 0.001);
    }
    free(mix.pcm);
    free(split.pcm);
}

/* Ten channels have no layout with a name. */
static void many_channels_within_the_limit(void **state) {
    (void)state;
    static const double hz[] = {200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100};
    media_limits limits;
    media_limits_init(&limits);
    limits.max_channels = 10;
    fixture_tone_wav("ten.wav", 8000, 10, hz, 0.5, 1.0);
    heard split = fixture_hear_limited(fixture_path("ten.wav"), MEDIA_SPLIT, &limits);
    heard mix = fixture_hear_limited(fixture_path("ten.wav"), MEDIA_MIX, &limits);
    check_ok("split", &split, 1.0, 0.001);
    check_ok("mix", &mix, 1.0, 0.001);
    assert_int_equal(split.channels, 10);
    for (int c = 0; c < 10; c++) {
        check_tone(&split, c, hz[c], 0.5, 0.002);
        check_tone(&mix, 0, hz[c], 0.05, 0.001);
    }
    free(split.pcm);
    free(mix.pcm);
}

/* Louder than full scale is clipped, as a player would. */
static void loud_floats_are_clipped(void **state) {
    (void)state;
    float pcm[1600];
    for (int i = 0; i < 1600; i++) pcm[i] = i % 2 ? 3.0f : -1e30f;
    fixture_wav("loud.wav", (wav){16000, 1, 32, 3, 0, false}, pcm, sizeof pcm);
    heard h = fixture_hear(fixture_path("loud.wav"), MEDIA_MIX);
    check_ok("loud.wav", &h, 0.1, 0);
    for (size_t i = 0; i < h.frames; i++) assert_true(h.pcm[i] == (i % 2 ? 1.0f : -1.0f));
    free(h.pcm);
}

/* Chunks before and after the samples are not samples. */
static void other_chunks_in_wav(void **state) {
    (void)state;
    unsigned char file[44 + 34 + 3200 + 8 + 1000] =
        "RIFF\0\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0LIST\x1a\0\0\0";
    unsigned char *at = file + 36 + 34;
    memcpy(file + 44, "INFOISFT\x0e\0\0\0abcdefghijklm", 26);
    memcpy(at, "data\x80\x0c\0\0", 8);
    memset(at + 8, 0x10, 3200);
    memcpy(at + 8 + 3200, "LIST\xe8\x03\0\0", 8);
    memset(at + 8 + 3200 + 8, 0x7f, 1000);
    fixture_write("chunks.wav", file, sizeof file);
    heard h = fixture_hear(fixture_path("chunks.wav"), MEDIA_MIX);
    check_ok("chunks.wav", &h, 0.1, 0);
    for (size_t i = 0; i < h.frames; i++) assert_true(h.pcm[i] == (float)0x1010 / 32768.0f);
    free(h.pcm);
}

/* What ffmpeg makes of one stereo recording: every codec keeps two tones apart. */
typedef struct made {
    const char *file, *arguments;
    double tolerance, slack_s;
} made;

static const made all_made[] = {
    {"u8.wav", "-c:a pcm_u8", 0.01, 0.001},
    {"s24.wav", "-c:a pcm_s24le", 0.001, 0.001},
    {"s32.wav", "-c:a pcm_s32le", 0.001, 0.001},
    {"f32.wav", "-c:a pcm_f32le", 0.001, 0.001},
    {"f64.wav", "-c:a pcm_f64le", 0.001, 0.001},
    {"mulaw.wav", "-c:a pcm_mulaw -ar 8000", 0.01, 0.001},
    {"alaw.wav", "-c:a pcm_alaw -ar 8000", 0.01, 0.001},
    {"adpcm.wav", "-c:a adpcm_ima_wav", 0.02, 0.1},
    {"rf64.wav", "-rf64 always", 0.001, 0.001},
    {"a.w64", "", 0.001, 0.001},
    {"a.aiff", "", 0.001, 0.001},
    {"a.au", "", 0.001, 0.001},
    {"a.caf", "", 0.001, 0.001},
    {"a.flac", "", 0.001, 0.001},
    {"a.wv", "", 0.001, 0.001},
    {"a.mp3", "-b:a 128k", 0.03, 0.1}, /* LAME makes everything 5 % quieter */
    {"tagged.mp3", "-b:a 128k -metadata title=tone -id3v2_version 3", 0.03, 0.1},
    {"a.ogg", "-c:a libvorbis", 0.02, 0.1},
    {"a.opus", "-c:a libopus", 0.03, 0.1},
    {"a.webm", "-c:a libopus", 0.03, 0.1},
    {"a.m4a", "-c:a aac", 0.02, 0.1},
    {"a.aac", "-c:a aac", 0.02, 0.15},
    {"a.mka", "-c:a flac", 0.001, 0.01},
    {"a.ac3", "-ar 48000", 0.03, 0.1},
    {"movie.mp4", "-c:a aac -f lavfi -i testsrc=d=2:s=64x64 -c:v mpeg4 -shortest", 0.02, 0.2},
    {"movie.mkv", "-c:a libvorbis -f lavfi -i testsrc=d=2:s=64x64 -c:v mpeg4 -shortest", 0.02, 0.2},
    {"movie.ts", "-c:a mp2 -f lavfi -i testsrc=d=2:s=64x64 -c:v mpeg2video -shortest", 0.03, 0.2},
    {"movie.avi", "-c:a libmp3lame -f lavfi -i testsrc=d=2:s=64x64 -c:v mpeg4 -shortest", 0.03, 0.2},
    {"movie.flv", "-ar 44100 -c:a libmp3lame -f lavfi -i testsrc=d=2:s=64x64 -c:v flv -shortest", 0.03, 0.2},
};

/* Output options come after all inputs, so an extra input in `arguments` goes in front of the rest. */
static bool make(const made *f) {
    char line[600], output[300];
    const char *input = strstr(f->arguments, "-f lavfi");
    const char *end = input ? strstr(input, " -c:v") : NULL;
    if (input && end)
        snprintf(output, sizeof output, "%.*s %.*s %s", (int)(end - input), input, (int)(input - f->arguments),
                 f->arguments, end);
    else
        snprintf(output, sizeof output, "%s", f->arguments);
    snprintf(line, sizeof line, "ffmpeg -y -i source.wav %s %s", output, f->file);
    return fixture_shell(line);
}

static void all_codecs(void **state) {
    (void)state;
    size_t done = 0, n = sizeof all_made / sizeof all_made[0];
    fixture_tone_wav("source.wav", 44100, 2, left_right_hz, 0.5, 2.0);
    for (size_t i = 0; i < n; i++) {
        const made *f = &all_made[i];
        if (!make(f)) {
            print_message("not tested: ffmpeg did not make %s\n", f->file);
            continue;
        }
        heard split = fixture_hear(fixture_path(f->file), MEDIA_SPLIT);
        check_ok(f->file, &split, 2.0, f->slack_s);
        assert_int_equal(split.channels, 2);
        for (int c = 0; c < 2; c++) {
            check_named(f->file, &split, c, left_right_hz[c], 0.5, f->tolerance);
            check_named(f->file, &split, c, left_right_hz[1 - c], 0, f->tolerance);
        }
        heard mix = fixture_hear(fixture_path(f->file), MEDIA_MIX);
        check_ok(f->file, &mix, 2.0, f->slack_s);
        for (int c = 0; c < 2; c++) check_named(f->file, &mix, 0, left_right_hz[c], 0.25, f->tolerance);
        free(split.pcm);
        free(mix.pcm);
        done++;
    }
    if (done == 0) skip();
    assert_true(done >= n - 4); /* an encoder may be missing, not most of them */
}

/* The prompts that the word error rate is measured on. */
static void debian_prompts(void **state) {
    (void)state;
    const char *path = "/usr/share/asterisk/sounds/en/vm-intro.wav";
    if (access(path, R_OK) != 0) {
        print_message("not tested: asterisk-core-sounds-en-wav is not installed\n");
        skip();
    }
    heard h = fixture_hear(path, MEDIA_MIX);
    check_ok(path, &h, h.hint_s, 0.001);
    assert_true(h.frames > 16000);
    free(h.pcm);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_rate_is_exact),
        cmocka_unit_test(stereo_split_and_mix_are_exact),
        cmocka_unit_test(reading_in_small_pieces_is_the_same),
        cmocka_unit_test(all_rates),
        cmocka_unit_test(no_aliases),
        cmocka_unit_test(surround),
        cmocka_unit_test(many_channels_within_the_limit),
        cmocka_unit_test(loud_floats_are_clipped),
        cmocka_unit_test(other_chunks_in_wav),
        cmocka_unit_test(all_codecs),
        cmocka_unit_test(debian_prompts),
    };
    if (argc > 1 && strcmp(argv[1], MEDIA_ZYGOTE_ARG) == 0) return media_zygote_main(argc, argv);
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
