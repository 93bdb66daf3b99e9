/* openai_models.c: GET /v1/models, and what of OpenAI's API there is not here. See openai.h. */
#include "api/openai_int.h"
#include "api/service_int.h"

#include <stdio.h>
#include <string.h>

#define CREATED_S 1729728000 /* when the model's weights were published: 2024-10-24 */

/* The names that are listed: the model itself, and those that OpenAI's clients are written for. */
static const char *name_at(const call *c, int i, char room[64]) {
    static const char *const others[] = {"whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-transcribe",
                                         "gpt-4o-transcribe-diarize"};
    if (i == 0) {
        snprintf(room, 64, "moonshine-%s", steno_model_name(c->service->slots->model));
        return room;
    }
    return i <= (int)(sizeof others / sizeof *others) ? others[i - 1] : NULL;
}

static json_t *model_json(const char *id) {
    return json_pack("{s:o, s:s, s:I, s:s}", "id", openai_string(id), "object", "model", "created",
                     (json_int_t)CREATED_S, "owned_by", "steno");
}

void openai_answer_models(call *c) {
    char room[64];
    const char *name;
    json_t *list = json_array();
    for (int i = 0; (name = name_at(c, i, room)); i++) json_array_append_new(list, model_json(name));
    reply_json(c->reply, 200, json_pack("{s:s, s:o}", "object", "list", "data", list));
}

void openai_answer_model(call *c) {
    char id[64];
    openai_failure why;
    const char *own = steno_model_name(c->service->slots->model);
    if (!call_segment(c, 0, id, sizeof id)) snprintf(id, sizeof id, "?");
    if (openai_model_of(id, own, true) != OPENAI_MODEL_UNKNOWN) {
        reply_json(c->reply, 200, model_json(id));
        return;
    }
    openai_fail(&why, "model_not_found", "model", "The model '%s' does not exist or you do not have access to it.", id);
    why.status = 404;
    openai_reply_failure(c->reply, &why);
}

void openai_answer_unsupported(call *c) {
    openai_failure why;
    openai_fail(&why, "not_supported", NULL,
                "%s %s is not supported: this server turns speech into text in the language of its model, by POST "
                "/v1/audio/transcriptions and Realtime transcription sessions.",
                c->request->method, c->request->path);
    openai_reply_failure(c->reply, &why);
}
