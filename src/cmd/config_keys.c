/* config_keys.c: the table of keys: see config.h. A key is described here and nowhere else; after a change
 * `tools/config-docs.sh` writes docs/configuration.md and docs/man/steno.conf.5 again. */
#include "cmd/config.h"

#include <stddef.h>
#include <string.h>

#define AT(field)    offsetof(config, field)
#define RELOADS      false
#define FIXED        true
#define ANY_VALUES   NULL
#define NOTHING_MORE NULL

#define WHOLE(section, name, fixed, lowest, highest, values, help, more)                                               \
    { section, #name, CONFIG_INT, fixed, lowest, highest, NULL, values, AT(name), help, more }
#define TEXT(section, name, kind, fixed, values, help, more)                                                           \
    { section, #name, kind, fixed, 0, 0, NULL, values, AT(name), help, more }
#define WORDS(section, name, fixed, words, help, more)                                                                 \
    { section, #name, CONFIG_TEXT, fixed, 0, 0, words, NULL, AT(name), help, more }
#define YES_NO(section, name, fixed, help, more)                                                                       \
    { section, #name, CONFIG_BOOL, fixed, 0, 0, NULL, NULL, AT(name), help, more }
#define SHADOW_WHOLE(name, lowest, highest, help, more)                                                                \
    { "shadow", #name, CONFIG_INT, RELOADS, lowest, highest, NULL, NULL, AT(shadow_##name), help, more }
#define SHADOW_WORDS(name, words, help, more)                                                                          \
    { "shadow", #name, CONFIG_TEXT, RELOADS, 0, 0, words, NULL, AT(shadow_##name), help, more }
#define SHADOW_YES_NO(name, help, more)                                                                                \
    { "shadow", #name, CONFIG_BOOL, RELOADS, 0, 0, NULL, NULL, AT(shadow_##name), help, more }
#define LIVE(name, kind, field, lowest, highest, values, help, more)                                                   \
    { "live", name, kind, RELOADS, lowest, highest, NULL, values, AT(live.field), help, more }

const config_key config_keys[] = {
    TEXT("server", bind, CONFIG_TEXT, FIXED, "an address or a name", "address to listen on",
         "Other machines reach it only when this is changed: then let there be keys, and TLS here or in a proxy."),
    WHOLE("server", port, FIXED, 0, 65535, NULL, "port; 0: any that is free",
          "The first lines of the log say which it is."),
    TEXT("server", tls_certificate, CONFIG_PATH, RELOADS, "a PEM file", "certificate chain; with it there is only TLS",
         "SIGHUP reads it again, for new connections; that there is TLS, or is none, changes by a restart only."),
    TEXT("server", tls_key, CONFIG_PATH, RELOADS, "a PEM file", "private key of the certificate", NOTHING_MORE),
    TEXT("server", data_dir, CONFIG_PATH, FIXED, "a folder", "where keys and jobs are kept",
         "Empty: `$STATE_DIRECTORY`, which systemd sets, else `$XDG_DATA_HOME/steno`, else `~/.local/share/steno`."),
    YES_NO("server", allow_anonymous, RELOADS, "requests without a key are taken, although there are keys",
           "As long as there is no key everybody who reaches the server may use it; so it then listens on this machine "
           "only, unless this is `yes`."),
    TEXT("server", allowed_origins, CONFIG_LIST, RELOADS, "a list, or `*`", "pages of other sites that may call",
         "Each as browsers say it, `https://example.org`, between commas. The server's own page always may."),
    WHOLE("server", max_connections, FIXED, 1, 60000, NULL, "connections open at once; more are turned away",
          "Connections of all kinds; more get HTTP 503. Lowered with a warning when the process may not have so many "
          "descriptors."),
    WHOLE("server", body_max_mb, FIXED, 1, 1048576, NULL, "size of an uploaded request; more is refused",
          "With HTTP 413, before it is read where its length is said."),
    WHOLE("server", body_idle_s, FIXED, 1, 3600, NULL, "an upload nothing comes of for so long is ended",
          "With HTTP 408."),
    WHOLE("server", idle_timeout_s, RELOADS, 1, 86400, NULL, "a stream nothing comes from is closed",
          "Neither audio nor a control, that is; with code 1008."),
    WHOLE("server", resume_window_s, RELOADS, 0, 3600, NULL, "a session waits this long for a connection that broke",
          NOTHING_MORE),
    WHOLE("server", max_ahead_ms, RELOADS, 100, 60000, NULL, "audio may come this far ahead of time",
          "Then the client is not read from until time catches up. A client that fell behind (by `resume_window_s` at "
          "most) may catch up at once."),
    WHOLE("server", ping_s, FIXED, 1, 3600, NULL,
          "a silent client is pinged, and dropped when it does not answer for as long", NOTHING_MORE),
    WHOLE("server", drain_s, RELOADS, 0, 86400, NULL, "after SIGTERM streams may go on this long", NOTHING_MORE),
    WHOLE("server", wyoming_port, FIXED, -1, 65535, NULL, "port for Home Assistant (Wyoming); -1: none",
          "0: any that is free. The protocol has neither keys nor TLS."),
    TEXT("server", wyoming_bind, CONFIG_TEXT, FIXED, "an address or a name", "address of that port", NOTHING_MORE),
    WORDS("server", log_level, RELOADS, "error|warn|info|debug", "what is logged",
          "To standard error. What people say never is."),
    WORDS("server", log_format, RELOADS, "text|json", "lines for people, or an object a line for machines",
          NOTHING_MORE),

    WORDS("engine", model, RELOADS, "tiny|base", "the model",
          "base makes fewer mistakes and takes two to three times as long."),
    WORDS("engine", precision, RELOADS, "int8|fp32", "its arithmetic",
          "The published weights in integer arithmetic, or floats."),
    TEXT("engine", models_dir, CONFIG_PATH, RELOADS, "a folder", "where the converted models are",
         "Empty: found as steno-transcribe(1) says."),
    WHOLE("engine", threads, RELOADS, 0, 256, NULL, "compute threads; 0: one a core",
          "Each has its own streams and memory."),
    WHOLE("engine", max_batch, RELOADS, 1, 64, NULL, "utterances decoded together on a thread", NOTHING_MORE),
    WHOLE("engine", max_streams, RELOADS, 1, 20000, NULL, "streams open at once; more are refused",
          "With HTTP 503. Sessions that wait for a lost connection count."),
    WHOLE("engine", speaker_streams_max, RELOADS, -1, 20000, NULL,
          "of them, those that may tell speakers apart; 0: none, -1: all live ones",
          "More are refused with HTTP 503. -1 means none where the model of voices is not installed; any other number "
          "asks for it. Each takes memory, which is reserved at the start."),
    WHOLE("engine", max_wait_ms, RELOADS, 0, 1000, NULL, "a partial may wait this long for others",
          "On a busy thread partials start together, so often; the first words of an utterance never wait."),
    WHOLE("engine", audio_pool_s, RELOADS, 0, 1000000, NULL,
          "seconds of audio held in all; 0: what max_streams may need", NOTHING_MORE),
    WHOLE("engine", kv_pool_mb, RELOADS, 0, 4096, "0, 8 … 4096",
          "key/value memory of a thread; 0: what max_batch and max_streams want", NOTHING_MORE),

    LIVE("endpoint_ms", CONFIG_INT, endpoint_ms, 100, 5000, NULL, "a pause this long ends an utterance", NOTHING_MORE),
    LIVE("unfinished_ms", CONFIG_INT, unfinished_ms, 0, 5000, NULL, "more of it when the text looks unfinished",
         NOTHING_MORE),
    LIVE("max_utterance_s", CONFIG_REAL, max_utterance_s, 2, 30, NULL, "longer utterances are cut at their best pause",
         "With `lead_ms`, `endpoint_ms` and `unfinished_ms` 31 s at most."),
    LIVE("partial_ms", CONFIG_INT, partial_ms, 0, 5000, "0, 100 … 5000", "time between partials; 0: none",
         NOTHING_MORE),
    LIVE("lead_ms", CONFIG_INT, lead_ms, 0, 1000, NULL, "sound kept before speech", NOTHING_MORE),
    LIVE("vad_threshold", CONFIG_REAL, threshold, 0, 1, NULL, "speech starts at this probability", NOTHING_MORE),
    LIVE("vad_neg_threshold", CONFIG_REAL, neg_threshold, 0, 1, NULL, "and goes on down to this one", NOTHING_MORE),
    LIVE("min_speech_ms", CONFIG_INT, min_speech_ms, 0, 1000, NULL, "shorter bursts are dropped", NOTHING_MORE),

    WHOLE("jobs", at_once, FIXED, 1, 64, NULL, "recordings worked on at once", "Live streams go before them."),
    WHOLE("jobs", max_queued, RELOADS, 1, 1000000, NULL, "jobs that may wait; more are refused", "With HTTP 429."),
    WHOLE("jobs", spool_max_mb, RELOADS, 1, 100000000, NULL, "disk space for recordings that wait",
          "An upload that does not fit is refused with HTTP 507."),
    WHOLE("jobs", retention_h, RELOADS, 0, 87600, NULL, "finished jobs are deleted after so long; 0: never",
          NOTHING_MORE),
    YES_NO("jobs", keep_audio, RELOADS, "recordings stay until their job is deleted",
           "Otherwise a recording is deleted as soon as its job is over, and so is one whose words are masked or "
           "redacted."),
    WHOLE("jobs", webhook_timeout_s, RELOADS, 1, 300, NULL, "a webhook's server must have answered by then",
          NOTHING_MORE),
    WHOLE("jobs", webhook_attempts, RELOADS, 1, 100, NULL, "tries at a webhook, ever further apart", NOTHING_MORE),
    WHOLE("jobs", webhook_retry_ms, RELOADS, 10, 3600000, NULL, "a failed webhook is tried again after this",
          "Four times as long after each further failure, up to six hours."),
    TEXT(
        "jobs", webhook_networks, CONFIG_LIST, RELOADS, "a list", "networks that webhooks may go to",
        "As `10.1.0.0/16`, between commas. Without it every address is called but those of the link itself, of clouds' "
        "metadata, and of no single host."),
    TEXT("jobs", webhook_ca_file, CONFIG_PATH, FIXED, "a PEM file",
         "certificates that webhooks' servers are checked with", "Empty: the system's."),

    WHOLE("media", decoders, FIXED, 1, 64, NULL, "files decoded at once",
          "Each in a process of its own, without rights."),
    WHOLE("media", max_audio_h, RELOADS, 1, 1000, NULL, "length of a recording; longer ones are refused", NOTHING_MORE),

    TEXT("speakers", voice_key_file, CONFIG_PATH, FIXED, "a file", "key that voice prints are encrypted with",
         "Empty: `voice.key` in data_dir. Made at first use; must be readable by its owner alone. Without it enrolled "
         "voices "
         "are lost."),
    WHOLE("speakers", voices_max, RELOADS, 1, 100000, NULL, "enrolled voices; more are refused",
          "Of all keys together."),

    WORDS("privacy", redact, RELOADS, "off|mask|redact|tag", "what becomes of personal data",
          "mask: `[PHONE]` stands in its place; redact: `138****5678`; tag: it stays, and is said to be there. A "
          "request may ask for "
          "something else."),
    TEXT("privacy", redact_types, CONFIG_TEXT, RELOADS, "a list", "what is personal data",
         "`default`, `all`, `pci`, `pii`, `numbers`, `names`, or kinds: see docs/privacy.md."),
    YES_NO("privacy", redact_force, RELOADS, "requests get no less than that",
           "Neither may a key. Streams that are open go on as they began."),
    WHOLE("privacy", redact_hold_ms, RELOADS, 0, POLICY_HOLD_MAX_MS, NULL,
          "words that the next utterance may go on with wait so long for it",
          "As the first half of a telephone number. With 0 nothing waits, and a number that is split by a pause may be "
          "shown."),
    TEXT("privacy", redact_rules, CONFIG_PATH, RELOADS, "a file", "rules and allow-lists of your own",
         "See docs/privacy.md."),
    YES_NO("privacy", redact_names, RELOADS, "names of people, places and organisations are looked for", NOTHING_MORE),
    YES_NO("privacy", itn, RELOADS, "spoken numbers, dates and amounts are written in digits", NOTHING_MORE),

    YES_NO("watch", watch, FIXED, "quality is watched: monitors, alarms, /v1/watch",
           "Counts and sums only; see docs/watching.md."),
    YES_NO("watch", key_labels, RELOADS, "monitors by key, too",
           "Each key is a series of its own, here and on /metrics: for a few keys, not for thousands."),
    YES_NO("watch", worst_texts, RELOADS, "the words of the worst utterances of the last hour are shown",
           "In memory alone, masked whatever the stream's policy, and for the key they were said to. `no`: their "
           "figures only."),
    WHOLE("watch", series_max, FIXED, 2, 1024, NULL, "series of monitors; what does not fit is counted together",
          "A series is a model, a language and, with `key_labels`, a key. Each takes 60 KB and, for its alarms, 10."),
    WHOLE("watch", retain_days, RELOADS, 0, 3650, NULL, "minutes of the monitors are kept so long; 0: not at all",
          "In the database; what is normal is learnt from them again after a restart."),
    TEXT("watch", webhook_url, CONFIG_LIST, RELOADS, "an address", "alarms are sent there",
         "As those of jobs are (`webhook_networks`, `webhook_attempts` …). Needs a data_dir."),
    TEXT("watch", webhook_secret_file, CONFIG_PATH, RELOADS, "a file", "what they are signed with, in its first line",
         "As docs/jobs.md says of webhooks. Empty: they are not signed."),
    YES_NO(
        "watch", metrics_public, RELOADS, "/metrics needs no key from anywhere",
        "Otherwise it needs none from this machine itself, and from elsewhere the key that any other request needs."),
    TEXT("watch", fleet, CONFIG_LIST, RELOADS, "a list", "other hosts, whose confidence this one compares itself with",
         "Each as `host:port`, as an address with `https://`, or after `dns:`, when all addresses of a name are hosts; "
         "up to 64. The same list does for all hosts: one knows itself. See docs/watching.md."),
    TEXT("watch", fleet_name, CONFIG_LIST, RELOADS, "a name", "what this host is called in its alarms",
         "Empty: as the machine is called."),
    TEXT("watch", fleet_key_file, CONFIG_PATH, RELOADS, "a file", "keys for their /metrics",
         "In lines: `HOST:PORT KEY`, or `KEY` for all others. Needed unless they have `metrics_public`, or no keys."),
    TEXT("watch", fleet_ca_file, CONFIG_PATH, RELOADS, "a PEM file", "certificates to trust in them",
         "In place of the system's."),
    TEXT("watch", otlp_url, CONFIG_LIST, RELOADS, "an address", "spans go to the OpenTelemetry collector there",
         "As `http://127.0.0.1:4318`; `/v1/traces` is added. Empty: none are recorded. See docs/traces.md."),
    TEXT("watch", otlp_headers_file, CONFIG_PATH, RELOADS, "a file", "headers for it, a line each, as `Name: value`",
         "For its credentials. SIGHUP reads it again."),
    {"watch", "trace_percent", CONFIG_REAL, RELOADS, 0, 100, NULL, NULL, AT(trace_percent),
     "requests without a traceparent that a trace begins with, in per cent",
     "Those that have one are traced as it says. Nothing begins without `otlp_url`."},

    SHADOW_WORDS(model, "off|tiny|base", "a second model hears a copy of streams and is compared",
                 "Nobody sees what it says but whoever asks for the report: see docs/shadow.md."),
    SHADOW_WORDS(precision, "int8|fp32", "its arithmetic", NOTHING_MORE),
    SHADOW_WHOLE(percent, 0, 100, "share of streams that are copied, in percent; 0: none", "Drawn stream by stream."),
    SHADOW_WHOLE(floor_percent, 0, 100, "of them, those heard again by the users' own model, in percent",
                 "What differs there is the noise of timing and batching: the floor."),
    SHADOW_WORDS(referee, "off|tiny|base", "a third model that both are compared with",
                 "Better is then also who is nearer to it."),
    SHADOW_WHOLE(streams, 1, 64, "copies at once", "More streams are not copied, and counted."),
    SHADOW_WHOLE(threads, 1, 64, "compute threads of each model in the shadow",
                 "They run only where nobody else wants to."),
    SHADOW_WHOLE(buffer_s, 10, 3600, "seconds of audio that may wait for it",
                 "64 KB each, once they were needed. What does not fit is not heard, and counted."),
    SHADOW_YES_NO(texts, "the words of the largest differences are kept",
                  "Masked whatever the stream's policy, in the database, for the key they were said to."),
    SHADOW_WHOLE(retain_days, 1, 3650, "minutes and differences are kept so long", NOTHING_MORE),
    SHADOW_WHOLE(seed, 0, 2147483647, "decides which streams are drawn", NOTHING_MORE),
    {0},
};

const char *config_section_title(const char *section) {
    static const char *const titles[][2] = {
        {"server", "the network"},
        {"engine", "recognition and memory"},
        {"live", "how streams are heard"},
        {"jobs", "recordings in the background"},
        {"media", "decoding of files"},
        {"speakers", "enrolled voices"},
        {"privacy", "personal data"},
        {"watch", "metrics, monitors and alarms"},
        {"shadow", "a model tried in the shadow"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        if (strcmp(titles[i][0], section) == 0) return titles[i][1];
    }
    return "";
}
