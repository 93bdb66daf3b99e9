/* json.c: the JSON transcript, one document a recording; docs/transcript.schema.json describes it.
 *
 * Written as it comes: members that are known only at the end (duration, stats) stand after the segments. With several
 * recordings on one stream a document is one line (JSON Lines); alone it has one line a segment, for people.
 */
#include "output/format.h"

#include <inttypes.h>
#include <string.h>

static void put_string(FILE *out, const char *bytes, size_t n) {
    putc('"', out);
    output_put_text(out, bytes, n, output_escape_json);
    putc('"', out);
}

static void put_member_string(FILE *out, const char *key, const char *value) {
    fprintf(out, "\"%s\":", key);
    put_string(out, value, strlen(value));
}

static void put_member_number(FILE *out, const char *key, double value) {
    fprintf(out, "\"%s\":", key);
    output_put_number(out, value);
}

static void json_begin(output *o) {
    putc('{', o->out);
    put_member_string(o->out, "file", o->head.file);
    putc(',', o->out);
    put_member_string(o->out, "model", o->head.model);
    putc(',', o->out);
    put_member_string(o->out, "language", o->head.language);
    fputs(",\"segments\":[", o->out);
}

static void put_speaker(const output *o, int speaker) {
    char room[SPEAKER_LABEL_BYTES];
    const char *label = o->head.speakers ? speaker_label(o->head.speakers, speaker, room) : NULL;
    if (!o->head.speakers) return;
    putc(',', o->out);
    if (label)
        put_member_string(o->out, "speaker", label);
    else
        fputs("\"speaker\":null", o->out);
}

static void put_words(const output *o, const released_segment *s) {
    FILE *out = o->out;
    output_units units;
    output_unit w;
    const char *comma = "";
    fputs(",\"words\":[", out);
    output_units_begin(&units, s);
    while (output_units_next(&units, &w)) {
        fprintf(out, "%s{\"word\":", comma);
        put_string(out, s->text + w.offset, w.bytes);
        putc(',', out);
        put_member_number(out, "start", w.start_s);
        putc(',', out);
        put_member_number(out, "end", w.end_s);
        putc(',', out);
        put_member_number(out, "confidence", (double)w.confidence);
        put_speaker(o, w.speaker);
        putc('}', out);
        comma = ",";
    }
    putc(']', out);
}

static uint32_t characters(const char *text, size_t n) {
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static void put_entities(FILE *out, const released_segment *s) {
    fputs(",\"entities\":[", out);
    for (uint32_t i = 0; i < s->n_entities; i++) {
        const released_entity *e = &s->entities[i];
        uint32_t first = characters(s->text, e->text_offset);
        fputs(i ? ",{" : "{", out);
        put_member_string(out, "type", e->name);
        fprintf(out,
                ",\"start_char\":%" PRIu32 ",\"end_char\":%" PRIu32 ",\"first_word\":%" PRIu32 ",\"words\":%" PRIu32
                ",",
                first, first + characters(s->text + e->text_offset, e->text_bytes), e->first_word, e->n_words);
        put_member_number(out, "start", e->start_s);
        putc(',', out);
        put_member_number(out, "end", e->end_s);
        putc(',', out);
        put_member_number(out, "confidence", (double)e->confidence);
        putc('}', out);
    }
    putc(']', out);
}

static void json_segment(output *o, int channel, const released_segment *s) {
    FILE *out = o->out;
    if (o->segments) putc(',', out);
    if (!o->head.many) fputs("\n  ", out);
    fprintf(out, "{\"id\":%" PRIu32 ",", o->segments);
    if (o->head.split) fprintf(out, "\"channel\":%d,", channel);
    put_member_number(out, "start", s->start_s);
    putc(',', out);
    put_member_number(out, "end", s->end_s);
    putc(',', out);
    put_member_string(out, "text", s->text);
    putc(',', out);
    put_member_number(out, "confidence", (double)s->confidence);
    put_speaker(o, s->speaker);
    if (s->looped) fputs(",\"looped\":true", out);
    if (o->head.words) put_words(o, s);
    if (o->head.entities) put_entities(out, s);
    putc('}', out);
}

/* Who spoke, and how long; of each channel its own people. */
static void put_speakers(const output *o) {
    const char *comma = "";
    fputs(",\"speakers\":[", o->out);
    for (int c = 0; c < OUTPUT_CHANNELS_MAX; c++) {
        for (int i = 0; i <= STENO_SPEAKERS_MAX; i++) {
            int speaker = i ? i - 1 : STENO_SPEAKER_OTHER;
            char room[SPEAKER_LABEL_BYTES];
            if (o->spoken_s[c][i] <= 0) continue;
            fprintf(o->out, "%s{", comma);
            if (o->head.split) fprintf(o->out, "\"channel\":%d,", c + 1);
            put_member_string(o->out, "label", speaker_label(o->head.speakers, speaker, room));
            putc(',', o->out);
            put_member_number(o->out, "seconds", o->spoken_s[c][i]);
            putc('}', o->out);
            comma = ",";
        }
    }
    putc(']', o->out);
}

static void json_end(output *o, const output_tail *t) {
    FILE *out = o->out;
    const steno_stats *s = t->stats;
    fputs(o->head.many ? "]," : "\n],", out);
    put_member_number(out, "duration", t->duration_s);
    if (o->head.speakers) put_speakers(o);
    if (t->error) {
        putc(',', out);
        put_member_string(out, "error", t->error);
    }
    fputs(",\"stats\":{", out);
    put_member_number(out, "speech", s->speech_s);
    fprintf(out, ",\"segments\":%" PRIu32 ",\"tokens\":%" PRIu64 ",\"cpu\":{", o->segments, s->tokens);
    const struct {
        const char *key;
        double value;
    } cpu[] = {{"media", t->media_cpu_s},
               {"vad", s->vad_cpu_s},
               {"encode", s->encode_cpu_s},
               {"decode", s->decode_cpu_s},
               {"other", s->other_cpu_s}};
    for (size_t i = 0; i < sizeof cpu / sizeof cpu[0]; i++) {
        if (i) putc(',', out);
        put_member_number(out, cpu[i].key, cpu[i].value);
    }
    fputs("}}}\n", out);
}

const output_format output_json = {"json", "json", false, json_begin, json_segment, json_end, NULL};
