/* alarm_rules.c: the table of rules: what each counts, from where on it matters, and what somebody who is woken does. See alarm.h and
 * docs/watching.md.
 *
 * Owner: constant.
 */
#include "watch/alarm.h"

#include <string.h>

#define TAKE(name, events, trials)                                                                                     \
    static void take_##name(const monitor_cell *c, alarm_sample *out) {                                                \
        *out = (alarm_sample){.y = (double)(events), .w = (double)(trials)};                                           \
    }

TAKE(empty, c->empty, c->utterances)
TAKE(looped, c->looped, c->utterances)
TAKE(switches, c->language_switches, c->utterances)
TAKE(clipped, c->streams_clipped, c->streams_judged)
TAKE(quiet, c->streams_quiet, c->streams_judged)
TAKE(noisy, c->streams_noisy, c->streams_judged)
TAKE(narrow, c->streams_narrow, c->streams_judged)
TAKE(partials, c->partial_revisions, c->partials)
TAKE(speakers, c->speaker_revisions, c->speaker_labels)
TAKE(rate, c->characters, c->speech_s)
TAKE(repeated, c->tokens_repeated, c->tokens)
TAKE(compression, c->compression_sum, c->texts)
TAKE(confidence, c->confidence_sum, c->texts)
TAKE(speech, c->speech_s, c->audio_s)
TAKE(heard, c->speech_s, c->loud_s)
TAKE(busy, c->busy_s, c->capacity_s)
TAKE(memory, c->memory_bytes, 1)

/* Counted by alarm.c itself, which knows the percentile. */
static void take_nothing(const monitor_cell *c, alarm_sample *out) {
    (void)c;
    *out = (alarm_sample){0};
}

/* Margins: the healthy drift of a week and the spread between hosts lie within them, the faults they are for far beyond. Streams are
 * counted for their microphones, which do not change within a call. */
static const alarm_rule rules[] = {
    {"empty", "utterances with speech and no text",
     "Listen to the newest empty ones (dashboard, worst utterances); compare input quality, then model files: steno "
     "model verify.",
     ALARM_SHARE, ALARM_OWN_NORM, ALARM_CRITICAL, 1, take_empty, .25, .015, .30, NULL, .02, 0, 50},
    {"speech_rate_low", "characters a second of speech",
     "Speech is lost: look for a wrong language or sample rate, then at vad_threshold and the engine's refusals.",
     ALARM_MEAN, ALARM_OWN_NORM, ALARM_CRITICAL, -1, take_rate, .20, 0, 2.0, "zh", .15, .45, 200},
    {"speech_rate_high", "characters a second of speech",
     "Text that nobody said: look at looped and repeated; then at the newest model or its precision.", ALARM_MEAN,
     ALARM_OWN_NORM, ALARM_WARNING, 1, take_rate, .30, 0, 0, NULL, .15, .45, 200},
    {"looped", "utterances in which the guard cut a loop",
     "The decoder repeats itself: compare with the input's noise; else verify the model's files and try --precision "
     "fp32.",
     ALARM_SHARE, ALARM_OWN_NORM, ALARM_CRITICAL, 1, take_looped, .25, .005, .20, NULL, .01, 0, 50},
    {"repeated", "tokens that repeat those before them", "As for looped; it sees loops too short for the guard.",
     ALARM_SHARE, ALARM_OWN_NORM, ALARM_WARNING, 1, take_repeated, .40, .01, 0, NULL, .01, 0, 500},
    {"compression", "compression ratio of text", "As for looped: text that compresses well says the same again.",
     ALARM_MEAN, ALARM_OWN_NORM, ALARM_WARNING, 1, take_compression, .20, 0, 0, NULL, .10, .20, 50},
    {"confidence_fleet", "mean confidence, against the other hosts",
     "One host is worse than its fleet: steno model verify there, compare versions, STENO_KERN=c to rule out its "
     "processor; take it out meanwhile.",
     ALARM_MEAN, ALARM_FLEET, ALARM_CRITICAL, -1, take_confidence, .10, 0, 0, NULL, .20, .15, 50},
    {"confidence", "mean confidence, against its own past",
     "All hosts alike: a new model or new callers; compare input quality and languages with the week before.",
     ALARM_MEAN, ALARM_OWN_NORM, ALARM_WARNING, -1, take_confidence, .10, 0, 0, NULL, .20, .15, 50},
    {"latency", "finals slower than the learnt 99th percentile",
     "Look at rtf, then tick length and queue depths; a neighbour on the machine, or too many streams: lower "
     "max_streams.",
     ALARM_LATENCY, ALARM_OWN_NORM, ALARM_CRITICAL, 1, take_nothing, .50, .01, 0, NULL, .02, 0, 50},
    {"rtf", "real-time factor",
     "The host computes more than 70 % of the time: fewer streams, more hosts, or somebody else uses its processors.",
     ALARM_LEVEL, ALARM_LIMIT, ALARM_CRITICAL, 1, take_busy, 0, 0, .70, NULL, 0, 0, 0},
    {"memory", "memory", "It grows: note /metrics, restart it at a quiet hour, and report both.", ALARM_TREND,
     ALARM_OWN_NORM, ALARM_WARNING, 1, take_memory, .05, 0, 0, NULL, 0, 0, 0},
    {"speech_share_low", "share of audio that is speech",
     "Voice activity hears too little: vad_threshold, input_quiet, or lines that stay open with nobody there.",
     ALARM_MEAN, ALARM_OWN_NORM, ALARM_WARNING, -1, take_speech, .40, 0, 0, NULL, .30, .60, 600},
    {"speech_share_high", "share of audio that is speech",
     "Voice activity hears too much: vad_threshold, input_noisy, music on hold.", ALARM_MEAN, ALARM_OWN_NORM,
     ALARM_WARNING, 1, take_speech, .40, .05, 0, NULL, .30, .60, 600},
    {"speech_unheard", "speech heard a second of sound",
     "Somebody speaks, or something sounds, and voice activity does not hear it: vad_threshold first, then its model "
     "file (steno model verify), music on hold.",
     ALARM_MEAN, ALARM_OWN_NORM, ALARM_CRITICAL, -1, take_heard, .25, 0, 0, NULL, .20, .35, 300},
    {"input_quiet", "streams below -45 dBFS",
     "A microphone or gateway is turned down: find the key or line it comes from.", ALARM_SHARE, ALARM_OWN_NORM,
     ALARM_WARNING, 1, take_quiet, .25, .03, 0, NULL, 1, 0, 12},
    {"input_clipped", "streams with clipped samples", "A microphone or gateway is turned up too far.", ALARM_SHARE,
     ALARM_OWN_NORM, ALARM_WARNING, 1, take_clipped, .25, .03, 0, NULL, 1, 0, 12},
    {"input_noisy", "streams with an SNR below 5 dB", "A line with noise, or a codec gone wrong: listen to one.",
     ALARM_SHARE, ALARM_OWN_NORM, ALARM_WARNING, 1, take_noisy, .25, .03, 0, NULL, 1, 0, 12},
    {"input_narrow", "streams with nothing above 4 kHz",
     "8 kHz is sent as 16 kHz: the sender should say 8 kHz, or stop resampling.", ALARM_SHARE, ALARM_OWN_NORM,
     ALARM_WARNING, 1, take_narrow, .25, .03, 0, NULL, 1, 0, 12},
    {"partial_revisions", "partials that took back words",
     "Live text flickers: load (partials come late), a new model, or noise.", ALARM_SHARE, ALARM_OWN_NORM,
     ALARM_WARNING, 1, take_partials, .40, .02, 0, NULL, .05, 0, 200},
    {"speaker_revisions", "labels of speakers that were changed",
     "Voices are told apart badly: compare input quality; a new kind of call with many voices.", ALARM_SHARE,
     ALARM_OWN_NORM, ALARM_WARNING, 1, take_speakers, .40, .03, 0, NULL, .10, 0, 200},
    {"language_switches", "utterances that changed language",
     "Guessed languages flicker: name the language in the request, or look at input_noisy.", ALARM_SHARE,
     ALARM_OWN_NORM, ALARM_WARNING, 1, take_switches, .40, .03, 0, NULL, .20, 0, 50},
};

size_t alarm_rules(const alarm_rule **out) {
    *out = rules;
    return sizeof rules / sizeof rules[0];
}

const alarm_rule *alarm_rule_by_name(const char *name) {
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strcmp(rules[i].name, name) == 0) return &rules[i];
    return NULL;
}

const char *alarm_severity_name(alarm_severity severity) {
    return severity == ALARM_CRITICAL ? "critical" : "warning";
}
