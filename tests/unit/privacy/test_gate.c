/* test_gate.c: a gate over a finder that knows telephone numbers and Bob (fake_find.h): what leaves, when, and as what. */
#include "gate_test.h"
#include "fake_find.h"

#include <math.h>

typedef struct bench {
    privacy *p;
    gate *g;
    outcome out;
    draft d;
    int64_t now_ms;
} bench;

static bench b;

static gate_policy policy_of(redact_mode mode) {
    gate_policy p;
    policy_init(&p);
    p.mode = mode;
    p.types = entity_all_set;
    return p;
}

static void open_with(const gate_policy *policy) {
    assert_int_equal(privacy_open(NULL, &b.p), STENO_OK);
    assert_int_equal(gate_open(b.p, policy, keep, &b.out, &b.g), STENO_OK);
    privacy_close(b.p);
    b.now_ms = 0;
}

static void open_mode(redact_mode mode) {
    gate_policy p = policy_of(mode);
    open_with(&p);
}

static int close_all(void **state) {
    (void)state;
    gate_free(b.g);
    outcome_clear(&b.out);
    memset(&b, 0, sizeof b);
    return 0;
}

/* Events at the time of their audio. */
static void say(draft *d) {
    if (d->e.heard_s * 1000 > (double)b.now_ms) b.now_ms = (int64_t)(d->e.heard_s * 1000);
    gate_event(b.g, &d->e, b.now_ms);
}

static void final_at(uint32_t id, uint32_t rev, const char *text, double start_s, double end_s) {
    say(draft_of(&b.d, STENO_EVENT_SEGMENT, id, rev, text, start_s, end_s));
}

static void final_of(uint32_t id, const char *text, double start_s, double end_s, int speaker) {
    draft_of(&b.d, STENO_EVENT_SEGMENT, id, 1, text, start_s, end_s);
    draft_speaker(&b.d, speaker);
    say(&b.d);
}

static void partial_at(uint32_t id, uint32_t rev, const char *text, size_t stable, double start_s, double end_s) {
    draft_of(&b.d, STENO_EVENT_PARTIAL, id, rev, text, start_s, end_s);
    b.d.e.segment.stable_bytes = (uint32_t)stable;
    say(&b.d);
}

static void event_at(steno_event_kind kind, uint32_t id, double at_s) {
    say(draft_of(&b.d, kind, id, 0, "", at_s, at_s));
}

static const released_segment *seen(int i) {
    assert_true(i < b.out.n);
    return &b.out.events[i].segment;
}

static void expect(int i, steno_event_kind kind, const char *text) {
    assert_true(i < b.out.n);
    assert_int_equal(b.out.events[i].kind, kind);
    assert_string_equal(seen(i)->text, text);
}

#define FINAL   STENO_EVENT_SEGMENT
#define PARTIAL STENO_EVENT_PARTIAL

/* ---- nothing to do ---------------------------------------------------------------------------------------------- */

static void off_passes_everything_without_a_byte(void **state) {
    (void)state;
    gate_policy p = policy_of(REDACT_OFF);
    assert_int_equal(gate_open(NULL, &p, keep, &b.out, &b.g), STENO_OK);
    draft_of(&b.d, FINAL, 0, 1, "call 138 1234 5678", 1, 3);
    uint64_t before = mem_alloc_count();
    gate_event(b.g, &b.d.e, 0);
    assert_int_equal(mem_alloc_count() - before, 0);
    expect(0, FINAL, "call 138 1234 5678");
    assert_int_equal(seen(0)->n_words, 4);
    assert_int_equal(gate_wait_ms(b.g, 0), -1);
}

static void masking_without_rules_is_refused(void **state) {
    (void)state;
    gate_policy p = policy_of(REDACT_MASK);
    assert_int_equal(gate_open(NULL, &p, keep, &b.out, &b.g), STENO_E_INVALID);
}

/* ---- one final -------------------------------------------------------------------------------------------------- */

static void a_number_is_one_word(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    final_at(3, 7, "it is (138 1234 5678), Bob!", 10, 15);
    expect(0, FINAL, "it is ([PHONE]), [PERSON]!");
    const released_segment *s = seen(0);
    assert_int_equal(s->n_words, 4);
    assert_string_equal(word_of(s, 1), "is");
    assert_string_equal(word_of(s, 2), "([PHONE]),");
    assert_string_equal(word_of(s, 3), "[PERSON]!");
    assert_true(fabs(s->words[2].start_s - (10 + 2 * 5. / 6)) < 1e-9);
    assert_true(fabs(s->words[2].end_s - (10 + 5 * 5. / 6)) < 1e-9);
    assert_float_equal(s->words[2].confidence, (.7f + .8f + .9f) / 3, 1e-5);
    assert_int_equal(s->rev, 7);
    assert_int_equal(s->stable_bytes, strlen(s->text));
    assert_int_equal(s->n_entities, 2);
    assert_int_equal(s->entities[0].type, ENTITY_PHONE);
    assert_string_equal(s->entities[0].name, "phone");
    assert_int_equal(s->entities[0].text_offset, 7);
    assert_int_equal(s->entities[0].text_bytes, 7);
    assert_int_equal(s->entities[0].first_word, 2);
    assert_int_equal(s->entities[0].n_words, 1);
    assert_true(fabs(s->entities[0].start_s - (s->words[2].start_s)) < 1e-9);
    assert_true(fabs(s->entities[0].end_s - (s->words[2].end_s)) < 1e-9);
    assert_int_equal(s->entities[1].first_word, 3);
    gate_counts counts;
    gate_get_counts(b.g, &counts);
    assert_int_equal(counts.segments, 1);
    assert_int_equal(counts.entities[ENTITY_PHONE], 1);
    assert_int_equal(counts.held, 0);
}

static void a_tag_leaves_the_text(void **state) {
    (void)state;
    open_mode(REDACT_TAG);
    final_at(0, 1, "it is 138 1234 5678, Bob!", 0, 6);
    expect(0, FINAL, "it is 138 1234 5678, Bob!");
    assert_int_equal(seen(0)->n_words, 6);
    assert_int_equal(seen(0)->n_entities, 2);
    assert_int_equal(seen(0)->entities[0].text_offset, 6);
    assert_int_equal(seen(0)->entities[0].text_bytes, 13);
    assert_int_equal(seen(0)->entities[0].first_word, 2);
    assert_int_equal(seen(0)->entities[0].n_words, 3);
    assert_true(fabs(seen(0)->entities[0].start_s - (2)) < 1e-9);
    assert_true(fabs(seen(0)->entities[0].end_s - (5)) < 1e-9);
}

static void a_part_stays_readable(void **state) {
    (void)state;
    open_mode(REDACT_PARTLY);
    final_at(0, 1, "it is 138 1234 5678 Bob .", 0, 6);
    expect(0, FINAL, "it is 138****5678 B*** .");
}

static void han_names_inside_words_are_exact(void **state) {
    (void)state;
    open_mode(REDACT_PARTLY);
    draft_of(&b.d, FINAL, 0, 1, "我是张三吗", 0, 5);
    draft_words(&b.d, true);
    say(&b.d);
    expect(0, FINAL, "我是张*吗");
    assert_int_equal(seen(0)->n_words, 4);
    assert_string_equal(word_of(seen(0), 1), "是");
    assert_string_equal(word_of(seen(0), 2), "张*");
    assert_string_equal(word_of(seen(0), 3), "吗");
    outcome_clear(&b.out);
    final_at(1, 1, "我是张三吗 好", 6, 7); /* one word with more in it than the name */
    assert_string_equal(word_of(seen(0), 0), "我是张*吗");
    assert_string_equal(word_of(seen(0), 1), "好");
}

static void segments_without_words_are_masked_as_well(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    draft_of(&b.d, FINAL, 0, 1, "it is 138 1234 5678 now", 3, 6);
    b.d.e.segment.n_words = 0;
    say(&b.d);
    expect(0, FINAL, "it is [PHONE] now");
    assert_int_equal(seen(0)->n_entities, 1);
    assert_int_equal(seen(0)->entities[0].n_words, 0);
    assert_true(fabs(seen(0)->entities[0].start_s - (3)) < 1e-9);
    assert_true(fabs(seen(0)->entities[0].end_s - (6)) < 1e-9);
}

static void masks_are_numbered(void **state) {
    (void)state;
    gate_policy p = policy_of(REDACT_MASK);
    p.count = true;
    open_with(&p);
    final_at(0, 1, "138 1234 5678 or 139 1234 5678 or 138 1234 5678 Bob Bob .", 0, 6);
    expect(0, FINAL, "[PHONE_1] or [PHONE_2] or [PHONE_1] [PERSON_1] [PERSON_1] .");
    final_at(1, 1, "139 1234 5678 .", 7, 8);
    expect(1, FINAL, "[PHONE_2] .");
}

static void numbers_end_somewhere(void **state) {
    (void)state;
    gate_policy p = policy_of(REDACT_MASK);
    char text[64];
    p.count = true;
    open_with(&p);
    for (int i = 0; i < 600; i++) {
        snprintf(text, sizeof text, "138 0000 %04d .", i);
        final_at((uint32_t)i, 1, text, i, i + 1);
    }
    expect(511, FINAL, "[PHONE_512] .");
    expect(512, FINAL, "[PHONE] .");
    final_at(600, 1, "138 0000 0007 .", 700, 701);
    expect(600, FINAL, "[PHONE_8] .");
}

static void what_is_too_long_is_withheld(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    char *text = malloc(FIND_TEXT_MAX + 2);
    memset(text, 'a', FIND_TEXT_MAX + 1);
    text[FIND_TEXT_MAX + 1] = '\0';
    final_at(0, 1, text, 0, 6);
    expect(0, FINAL, "[REDACTED]");
    assert_int_equal(seen(0)->n_words, 1);
    assert_string_equal(word_of(seen(0), 0), "[REDACTED]");
    partial_at(1, 1, text, 0, 7, 8);
    assert_int_equal(b.out.n, 1);
    free(text);
    final_at(1, 2, "Bob .", 7, 8);
    expect(1, FINAL, "[PERSON] .");
}

/* ---- partials --------------------------------------------------------------------------------------------------- */

static void a_partial_shows_what_is_settled(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    partial_at(0, 1, "call", 0, 0, 1); /* the word may grow: nothing to say */
    assert_int_equal(b.out.n, 0);
    partial_at(0, 2, "call me 13", 8, 0, 2);
    expect(0, PARTIAL, "call me");
    assert_int_equal(seen(0)->n_words, 2);
    assert_int_equal(seen(0)->stable_bytes, 7);
    assert_int_equal(seen(0)->rev, 2);
    assert_true(fabs(seen(0)->end_s - (2 * 2. / 3)) < 1e-9);
    partial_at(0, 3, "call me 138 1234 5678", 12, 0, 3);
    expect(1, PARTIAL, "call me");
    partial_at(0, 4, "call me 138 1234 5678 now", 25, 0, 4);
    expect(2, PARTIAL, "call me [PHONE]");
    partial_at(0, 5, "x", 0, 0, 4);
    expect(3, PARTIAL, ""); /* takes back what was shown */
    final_at(0, 6, "call me 138 1234 5678 now", 0, 4);
    expect(4, FINAL, "call me [PHONE] now");
}

static void a_partial_of_a_number_alone_says_nothing(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    partial_at(0, 1, "138 12", 4, 0, 1);
    partial_at(0, 2, "138 1234 56", 8, 0, 1);
    assert_int_equal(b.out.n, 0);
    assert_int_equal(gate_wait_ms(b.g, b.now_ms), -1);
}

/* ---- two finals ------------------------------------------------------------------------------------------------- */

static void a_split_number_is_masked_in_both(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    final_at(0, 3, "it is 138 1234", 0, 3);
    assert_int_equal(b.out.n, 0);
    assert_in_range(gate_wait_ms(b.g, b.now_ms), 1, 2000);
    event_at(STENO_EVENT_SPEECH, 1, 3.9);
    partial_at(1, 1, "5678 I", 0, 4, 5);
    assert_int_equal(b.out.n, 0);
    partial_at(1, 2, "5678 I think", 7, 4, 6);
    expect(0, FINAL, "it is [PHONE]");
    assert_int_equal(b.out.events[1].kind, STENO_EVENT_SPEECH);
    expect(2, PARTIAL, "[PHONE] I");
    assert_int_equal(seen(2)->stable_bytes, strlen("[PHONE] I"));
    final_at(1, 3, "5678 I think", 4, 6);
    expect(3, FINAL, "[PHONE] I think");
    assert_int_equal(seen(0)->n_words, 3);
    assert_int_equal(seen(3)->n_words, 3);
    assert_int_equal(seen(3)->n_entities, 1);
    assert_int_equal(gate_wait_ms(b.g, b.now_ms), -1);
}

/* People go on while what they said is still being recognised: the engine says so before the words. */
static void who_goes_on_may_be_known_before_the_final(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    event_at(STENO_EVENT_SPEECH, 0, 0.2);
    event_at(STENO_EVENT_SPEECH, 1, 3.4);
    final_at(0, 1, "it is 138 1234", 0, 3);
    assert_int_equal(b.out.n, 2);
    event_at(STENO_EVENT_SPEECH, 2, 9.2); /* long after the end of the first one: there is another between */
    assert_int_equal(b.out.n, 2);
    final_at(1, 1, "56", 3.3, 9);
    assert_int_equal(b.out.n, 2);
    partial_at(2, 1, "78 I", 4, 9.1, 10);
    final_at(2, 2, "78 I think", 9.1, 11);
    expect(2, FINAL, "it is [PHONE]");
    bool split = false;
    for (int i = 3; i < b.out.n; i++) {
        if (b.out.events[i].kind == STENO_EVENT_SEGMENT) split |= strcmp(seen(i)->text, "[PHONE]") == 0;
        assert_null(strpbrk(seen(i)->text, "0123456789"));
    }
    assert_true(split);
}

/* A partial that comes before the final of the utterance before it shows nothing: it may be the rest of that. */
static void a_partial_may_come_before_the_final_before_it(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    partial_at(0, 1, "it is 138 1234", 0, 0, 3);
    int before = b.out.n;
    partial_at(1, 1, "5678 I think", 12, 4, 6);
    assert_int_equal(b.out.n, before);
    final_at(0, 2, "it is 138 1234", 0, 3);
    partial_at(1, 2, "5678 I think", 12, 4, 6);
    final_at(1, 3, "5678 I think", 4, 6);
    for (int i = 0; i < b.out.n; i++) assert_null(strpbrk(seen(i)->text, "0123456789"));
}

static void a_split_number_shows_its_own_figures(void **state) {
    (void)state;
    open_mode(REDACT_PARTLY);
    final_at(0, 1, "it is 138 1234!", 0, 3);
    final_at(1, 1, "5678 I think", 4, 6);
    expect(0, FINAL, "it is 138****!");
    expect(1, FINAL, "5678 I think");
    final_at(2, 1, "138", 7, 8);
    final_at(3, 1, "12 34", 9, 10);
    final_at(4, 1, "56 78 ok", 11, 12);
    expect(2, FINAL, "138");
    expect(3, FINAL, "****");
    expect(4, FINAL, "5678 ok");
}

static void the_front_of_what_waits_is_shown(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    partial_at(0, 1, "it is", 0, 0, 1);
    expect(0, PARTIAL, "it");
    final_at(0, 2, "it is 138 1234", 0, 3);
    expect(1, PARTIAL, "it is");
    assert_int_equal(seen(1)->rev, 2);
    assert_int_equal(seen(1)->end, STENO_END_NONE);
    final_at(1, 1, "and so on", 4, 6);
    expect(2, FINAL, "it is 138 1234");
    assert_int_equal(seen(2)->rev, 3);
    draft_of(&b.d, STENO_EVENT_SPEAKERS, 0, 3, "it is 138 1234", 0, 3); /* as many words */
    b.d.e.segment.text = "";
    say(&b.d);
    assert_int_equal(b.out.events[4].segment.rev, 4);
    assert_int_equal(b.out.events[4].segment.n_words, 4);
}

static void nobody_goes_on(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    final_at(0, 1, "it is 138 1234", 0, 3);
    assert_int_equal(gate_wait_ms(b.g, 3500), 1800); /* 2 s after its end, and what it takes to know */
    gate_tick(b.g, 5299);
    assert_int_equal(b.out.n, 0);
    gate_tick(b.g, 5300);
    expect(0, FINAL, "it is 138 1234");
    final_at(1, 1, "5678 x", 5.4, 6);
    expect(1, FINAL, "5678 x");
    final_at(2, 1, "138 1234", 7, 8); /* the audio itself says so */
    event_at(STENO_EVENT_TURNS, 0, 10.4);
    expect(2, FINAL, "138 1234");
    assert_int_equal(b.out.events[3].kind, STENO_EVENT_TURNS);
    final_at(3, 1, "138 1234", 17, 18);
    event_at(STENO_EVENT_SPEECH, 4, 20.1);
    expect(4, FINAL, "138 1234");
    final_at(4, 1, "138 1234", 21, 22);
    final_at(5, 1, "5678 x", 24.1, 25);
    expect(6, FINAL, "138 1234");
    expect(7, FINAL, "5678 x");
    gate_counts counts;
    gate_get_counts(b.g, &counts);
    assert_int_equal(counts.held, 4);
    assert_int_equal(counts.forced_out, 0);
    assert_in_range(counts.held_ms, 8300, 8300);
}

static void the_end_lets_everything_out(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    final_at(0, 1, "it is 138 1234", 0, 3);
    event_at(STENO_EVENT_FINALIZED, 0, 0);
    event_at(STENO_EVENT_DONE, 0, 0);
    expect(0, FINAL, "it is 138 1234");
    assert_int_equal(b.out.events[1].kind, STENO_EVENT_FINALIZED);
    assert_int_equal(b.out.events[2].kind, STENO_EVENT_DONE);
}

static void somebody_else_does_not_go_on(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    final_of(0, "138 1234", 0, 3, 0);
    final_of(1, "5678 x", 4, 5, 1);
    expect(0, FINAL, "138 1234");
    expect(1, FINAL, "5678 x");
    final_of(2, "138 1234", 6, 7, 0);
    final_of(3, "5678 x", 8, 9, STENO_SPEAKER_UNKNOWN);
    expect(2, FINAL, "[PHONE]");
    expect(3, FINAL, "[PHONE] x");
}

static void okay_breaks_nothing(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    final_of(0, "138 1234", 0, 3, 0);
    draft_of(&b.d, PARTIAL, 1, 1, "Okay", 3.2, 3.4);
    say(&b.d);
    final_of(1, "Okay.", 3.2, 3.5, 1);
    final_of(2, "嗯", 3.6, 3.7, 0);
    assert_int_equal(b.out.n, 0);
    draft_of(&b.d, PARTIAL, 3, 1, "5678 oh", 4, 4.5);
    say(&b.d);
    expect(0, FINAL, "[PHONE]");
    expect(1, FINAL, "Okay.");
    expect(2, FINAL, "嗯");
    expect(3, PARTIAL, "[PHONE]");
    final_of(3, "5678 oh", 4, 4.5, 0);
    expect(4, FINAL, "[PHONE] oh");
}

static void okay_that_goes_on_is_no_okay(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    final_of(0, "138 1234", 0, 3, 0);
    partial_at(1, 1, "ok", 2, 3.2, 3.4);
    partial_at(1, 2, "okay then", 9, 3.2, 3.6);
    expect(0, FINAL, "138 1234");
    expect(1, PARTIAL, "okay");
}

/* A word that the recogniser may take back tells nothing about what came before. */
static void unstable_words_settle_nothing(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    final_at(0, 1, "138 1234", 0, 3);
    partial_at(1, 1, "five hello", 0, 3.5, 4);
    partial_at(1, 2, "fine hello there", 0, 3.5, 4);
    assert_int_equal(b.out.n, 0);
    final_at(1, 3, "5678 hello", 3.5, 4);
    expect(0, FINAL, "[PHONE]");
    expect(1, FINAL, "[PHONE] hello");
}

static void recordings_wait_by_their_own_time(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    draft_of(&b.d, FINAL, 0, 1, "138 1234", 0, 3);
    b.d.e.segment.end = STENO_END_NONE;
    gate_event(b.g, &b.d.e, 0);
    assert_int_equal(gate_wait_ms(b.g, 0), -1);
    gate_tick(b.g, 3600000);
    assert_int_equal(b.out.n, 0);
    draft_of(&b.d, FINAL, 1, 1, "5678 x", 4, 5);
    b.d.e.segment.end = STENO_END_NONE;
    gate_event(b.g, &b.d.e, 3600001);
    expect(0, FINAL, "[PHONE]");
    expect(1, FINAL, "[PHONE] x");
}

/* ---- limits ----------------------------------------------------------------------------------------------------- */

static void what_is_forced_out_is_masked_as_far_as_is_known(void **state) {
    (void)state;
    open_mode(REDACT_PARTLY);
    final_at(0, 1, "it is 138 1234", 0, 3);
    event_at(STENO_EVENT_SPEECH, 1, 3.9);
    partial_at(1, 1, "5678", 4, 4, 5);
    gate_tick(b.g, b.now_ms + 2500);
    expect(0, PARTIAL, "it is");
    assert_int_equal(b.out.n, 1); /* somebody goes on: hold_ms is not all */
    assert_in_range(gate_wait_ms(b.g, b.now_ms), 2000, GATE_FOLLOW_MS);
    gate_tick(b.g, b.now_ms + 20000);
    expect(1, FINAL, "it is [PHONE]"); /* no figures: the number may be another one in the end */
    assert_int_equal(b.out.events[2].kind, STENO_EVENT_SPEECH);
    assert_int_equal(b.out.n, 3);
    b.now_ms += 20000;
    final_at(1, 2, "5678 I think", 4, 6);
    expect(3, FINAL, "[PHONE] I think");
    gate_counts counts;
    gate_get_counts(b.g, &counts);
    assert_int_equal(counts.forced_out, 1);
}

static void figures_of_which_nothing_is_known_are_numbers(void **state) {
    (void)state;
    open_mode(REDACT_PARTLY);
    final_at(0, 1, "Bob, it is 138 , 12 34", 0, 3);
    event_at(STENO_EVENT_SPEECH, 1, 3.9);
    gate_tick(b.g, b.now_ms + 14000); /* no partials: what he says is known when he has said it */
    assert_int_equal(b.out.n, 0);
    gate_tick(b.g, b.now_ms + 20000);
    expect(0, FINAL, "B***, it is 138 , [NUMBER]");
    assert_int_equal(seen(0)->n_entities, 2);
    assert_int_equal(seen(0)->entities[1].first_word, 5);
    outcome_clear(&b.out);
    final_at(2, 1, "it is 138 1234", 40, 43);
    event_at(STENO_EVENT_SPEECH, 3, 43.9);
    gate_tick(b.g, b.now_ms + 20000);
    expect(0, FINAL, "it is [NUMBER]");
    b.now_ms += 20000;
    final_at(3, 2, "5678 I think", 44, 46);
    expect(2, FINAL, "[PHONE] I think");
}

static void no_more_finals_wait_than_there_is_room_for(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    for (uint32_t i = 0; i < 40; i++) {
        final_at(i, 1, "1", i, i + .5);
        assert_true(b.out.n + GATE_HELD_MAX >= (int)i + 1);
    }
    event_at(STENO_EVENT_DONE, 0, 41);
    assert_int_equal(b.out.n, 41);
    for (uint32_t i = 0; i < 40; i++) assert_int_equal(seen((int)i)->id, i);
}

static void no_more_events_wait_than_there_is_room_for(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    final_at(0, 1, "138 1234", 0, 3);
    for (int i = 0; i < 300; i++) event_at(STENO_EVENT_OVERLOAD, 0, 0);
    assert_int_equal(b.out.n, 301);
    expect(0, FINAL, "138 1234");
}

static void only_the_newest_partial_waits(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    final_at(0, 1, "138 1234", 0, 3);
    for (uint32_t i = 1; i < 500; i++) partial_at(1, i, "56", 2, 4, 5);
    assert_int_equal(b.out.n, 0);
    final_at(1, 500, "5678 x", 4, 5);
    assert_int_equal(b.out.n, 2);
}

static void memory_that_runs_out_shows_nothing(void **state) {
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        gate_policy p = policy_of(REDACT_MASK);
        p.count = true;
        assert_int_equal(privacy_open(NULL, &b.p), STENO_OK);
        mem_fault_arm(nth);
        steno_err e = gate_open(b.p, &p, keep, &b.out, &b.g);
        if (e == STENO_OK) {
            const char *texts[] = {"it is 138 1234", "okay", "5678 or 138 1234 5678 Bob .", "Bob ."};
            for (uint32_t i = 0; i < 4; i++) gate_event(b.g, &draft_of(&b.d, FINAL, i, 1, texts[i], i, i + .5)->e, 0);
            gate_event(b.g, &draft_of(&b.d, STENO_EVENT_DONE, 0, 0, "", 0, 0)->e, 0);
        }
        bool hit = mem_fault_hit();
        mem_fault_arm(0);
        privacy_close(b.p);
        bool first_half = false, second_half = false;
        for (int i = 0; i < b.out.n; i++) {
            const char *text = seen(i)->text;
            assert_null(strstr(text, "1234 5678"));
            assert_null(strstr(text, "Bob"));
            first_half |= strstr(text, "1234") != NULL;
            second_half |= strstr(text, "5678") != NULL;
        }
        assert_false(first_half && second_half);
        if (e == STENO_OK) assert_int_equal(b.out.n, 5);
        if (e == STENO_OK) gate_free(b.g);
        b.g = NULL;
        outcome_clear(&b.out);
        if (!hit) return;
        assert_true(nth < 1000);
    }
}

/* ---- what else leaves ------------------------------------------------------------------------------------------- */

static void labels_follow_the_words(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    final_at(0, 1, "it is 138 1234 5678 Bob .", 0, 7);
    assert_int_equal(seen(0)->n_words, 5);
    draft_of(&b.d, STENO_EVENT_SPEAKERS, 0, 2, "it is 138 1234 5678 Bob .", 0, 7);
    int speakers[] = {0, 0, 0, 1, 1, 2, 2};
    for (int i = 0; i < 7; i++) b.d.words[i].speaker = speakers[i];
    b.d.e.segment.text = "";
    say(&b.d);
    assert_int_equal(b.out.events[1].kind, STENO_EVENT_SPEAKERS);
    const released_segment *s = seen(1);
    assert_int_equal(s->n_words, 5);
    int want[] = {0, 0, 1, 2, 2};
    for (int i = 0; i < 5; i++) assert_int_equal(s->words[i].speaker, want[i]);
    assert_int_equal(s->rev, 2);
    assert_true(fabs(s->words[2].start_s - (2)) < 1e-9);
    assert_true(fabs(s->words[2].end_s - (5)) < 1e-9);
}

static void forgotten_messages_are_not_revised(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    for (uint32_t i = 0; i < 2600; i++) {
        final_at(2 * i, 1, "138 1234 5678 .", 2 * i, 2 * i + .5);
        final_at(2 * i + 1, 1, "nothing here .", 2 * i + 1, 2 * i + 1.5);
        outcome_clear(&b.out);
    }
    draft_of(&b.d, STENO_EVENT_SPEAKERS, 0, 2, "138 1234 5678 .", 0, 1);
    say(&b.d);
    assert_int_equal(b.out.n, 0);
    draft_of(&b.d, STENO_EVENT_SPEAKERS, 5198, 2, "138 1234 5678 .", 5198, 5199);
    say(&b.d);
    assert_int_equal(seen(0)->n_words, 2);
    draft_of(&b.d, STENO_EVENT_SPEAKERS, 5199, 2, "nothing here .", 5198, 5199);
    say(&b.d);
    assert_int_equal(seen(1)->n_words, 3);
}

static void policies_change_between_utterances(void **state) {
    (void)state;
    open_mode(REDACT_OFF);
    gate_policy mask = policy_of(REDACT_MASK), off = policy_of(REDACT_OFF);
    partial_at(0, 1, "Bob", 3, 0, 1);
    gate_set_policy(b.g, &mask);
    final_at(0, 2, "Bob .", 0, 1);
    expect(1, FINAL, "Bob .");
    final_at(1, 1, "Bob 138 1234", 2, 3);
    gate_set_policy(b.g, &off);
    final_at(2, 1, "Bob .", 3, 4);
    expect(2, FINAL, "[PERSON] 138 1234");
    expect(3, FINAL, "Bob .");
    assert_int_equal(gate_get_policy(b.g)->mode, REDACT_OFF);
}

static void a_sink_may_free_the_gate(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    b.out.free_at_final = b.g;
    final_at(0, 1, "138 1234", 0, 1);
    final_at(1, 1, "138 1234", 2, 3);
    final_at(2, 1, "x .", 3, 4);
    b.g = NULL;
    assert_int_equal(b.out.n, 1);
}

static void nothing_is_allocated_once_warm(void **state) {
    (void)state;
    static const char *const texts[] = {"it is 138 1234", "5678 or 138 1234 5678 Bob .", "nothing at all here ."};
    open_mode(REDACT_MASK);
    uint64_t before = 0;
    for (uint32_t i = 0; i < 300; i++) {
        if (i == 60) before = mem_alloc_count();
        draft_of(&b.d, PARTIAL, i, 1, texts[i % 3], i, i + .5);
        b.d.e.segment.stable_bytes /= 2;
        gate_event(b.g, &b.d.e, i * 1000);
        gate_event(b.g, &draft_of(&b.d, FINAL, i, 2, texts[i % 3], i, i + .5)->e, i * 1000);
    }
    assert_in_range(mem_alloc_count() - before, 0, 4); /* maps of labels, which grow to their limit */
}

int main(void) {
#define TEST(name) cmocka_unit_test_teardown(name, close_all)
    const struct CMUnitTest tests[] = {
        TEST(off_passes_everything_without_a_byte),
        TEST(masking_without_rules_is_refused),
        TEST(a_number_is_one_word),
        TEST(a_tag_leaves_the_text),
        TEST(a_part_stays_readable),
        TEST(han_names_inside_words_are_exact),
        TEST(segments_without_words_are_masked_as_well),
        TEST(masks_are_numbered),
        TEST(numbers_end_somewhere),
        TEST(what_is_too_long_is_withheld),
        TEST(a_partial_shows_what_is_settled),
        TEST(a_partial_of_a_number_alone_says_nothing),
        TEST(a_split_number_is_masked_in_both),
        TEST(who_goes_on_may_be_known_before_the_final),
        TEST(a_partial_may_come_before_the_final_before_it),
        TEST(a_split_number_shows_its_own_figures),
        TEST(the_front_of_what_waits_is_shown),
        TEST(nobody_goes_on),
        TEST(the_end_lets_everything_out),
        TEST(somebody_else_does_not_go_on),
        TEST(okay_breaks_nothing),
        TEST(okay_that_goes_on_is_no_okay),
        TEST(unstable_words_settle_nothing),
        TEST(recordings_wait_by_their_own_time),
        TEST(what_is_forced_out_is_masked_as_far_as_is_known),
        TEST(figures_of_which_nothing_is_known_are_numbers),
        TEST(no_more_finals_wait_than_there_is_room_for),
        TEST(no_more_events_wait_than_there_is_room_for),
        TEST(only_the_newest_partial_waits),
        TEST(memory_that_runs_out_shows_nothing),
        TEST(labels_follow_the_words),
        TEST(forgotten_messages_are_not_revised),
        TEST(policies_change_between_utterances),
        TEST(a_sink_may_free_the_gate),
        TEST(nothing_is_allocated_once_warm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
