// test_openai.mjs: OpenAI's HTTP API as its own client speaks it: every parameter and every refusal of docs/dialects/openai.md.
import assert from 'node:assert/strict';
import { createReadStream, openAsBlob, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { clientOf, withOpenAI, within } from './openai_client.mjs';
import { concatenate, errorRate, ffmpeg, prompts, skip, steno, test, work, write, writeWav } from './harness.mjs';

const prompt = (id) => prompts().find((p) => p.id === id) ?? skip(`there is no prompt ${id}`);
const one = () => prompt('agent-alreadyon'); // "That agent is already logged on.  Please enter your agent number …"
const longFile = (() => {
  let file = null;
  return () => (file ??= writeWav('openai-long.wav', concatenate([one().file, prompt('conf-onlyone').file, one().file], 24000), { rate: 8000 }));
})();

// Long enough that nobody recognises it while a test looks away.
const minutes = (() => {
  let file = null;
  return () => (file ??= writeWav('openai-minutes.wav', concatenate(Array.from({ length: 60 }, () => one().file), 24000), { rate: 8000 }));
})();

const ask = (client, params, file = one().file) =>
  client.audio.transcriptions.create({ file: createReadStream(file), model: 'gpt-4o-transcribe', ...params });

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof OpenAI.APIError, String(error.stack));
    assert.ok(error.requestID, 'x-request-id');
    assert.ok(typeof error.error?.message === 'string' && typeof error.type === 'string');
    assert.deepEqual(Object.keys(error.error).sort(), ['code', 'message', 'param', 'type']);
    return error;
  }
  return assert.fail('was not refused');
}

const right = (text, what = text) => assert.ok(errorRate(one().text, text) < 0.1, `${what}: ${text}`);

test('openai: every response format', async () => {
  await withOpenAI([], async (client) => {
    const json = await ask(client, {});
    right(json.text);
    assert.equal(json.usage.type, 'tokens');
    assert.equal(json.usage.total_tokens, json.usage.input_tokens + json.usage.output_tokens);
    assert.ok(json.usage.output_tokens > 10 && json.usage.input_token_details.audio_tokens === json.usage.input_tokens);
    const seconds = await ask(client, { model: 'whisper-1', response_format: 'json' });
    assert.equal(seconds.usage.type, 'duration');
    assert.ok(Math.abs(seconds.usage.seconds - 5.516) < 0.1);
    assert.equal(await ask(client, { response_format: 'text' }), `${json.text}\n`);
    const srt = await ask(client, { response_format: 'srt' });
    assert.match(srt, /^1\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\nThat agent/);
    const vtt = await ask(client, { response_format: 'vtt' });
    assert.match(vtt, /^WEBVTT\n\n00:00:0\d\.\d{3} --> /);
    for (const model of ['moonshine-tiny', 'steno', 'gpt-4o-mini-transcribe', 'gpt-transcribe']) right((await ask(client, { model })).text, model);
  });
});

test('openai: verbose_json and its times', async () => {
  await withOpenAI([], async (client) => {
    const verbose = { model: 'whisper-1', response_format: 'verbose_json' };
    const plain = await ask(client, verbose, longFile());
    assert.equal(plain.task, 'transcribe');
    assert.equal(plain.language, 'english');
    assert.ok(plain.duration > 10 && plain.usage.seconds === plain.duration);
    assert.equal(plain.words, undefined);
    assert.ok(plain.segments.length >= 2);
    assert.equal(plain.segments.map((s) => s.text).join(' '), plain.text);
    plain.segments.forEach((s, i) => {
      assert.equal(s.id, i);
      assert.ok(s.start < s.end && s.end <= plain.duration + 0.1);
      assert.ok(Array.isArray(s.tokens) && s.avg_logprob <= 0 && s.compression_ratio < 2.4 && s.no_speech_prob === 0 && s.temperature === 0);
      assert.equal(typeof s.seek, 'number');
    });
    const words = await ask(client, { ...verbose, timestamp_granularities: ['word'] }, longFile());
    assert.equal(words.segments, undefined);
    assert.equal(words.words.map((w) => w.word).join(' '), words.text);
    words.words.forEach((w, i) => assert.ok(w.start <= w.end && (i === 0 || w.start >= words.words[i - 1].start)));
    const both = await ask(client, { ...verbose, timestamp_granularities: ['word', 'segment'] });
    assert.ok(both.words.length > 10 && both.segments.length >= 1);
  });
});

test('openai: files of any kind, however the client sends them', async () => {
  await withOpenAI([], async (client) => {
    const { file } = one();
    const bytes = readFileSync(file);
    const model = 'gpt-4o-transcribe';
    const send = async (upload, what) => right((await client.audio.transcriptions.create({ file: upload, model })).text, what);
    await send(createReadStream(file), 'a stream');
    await send(await toFile(bytes, 'naïve "name".wav'), 'a buffer');
    await send(new File([bytes], 'x.wav', { type: 'audio/wav' }), 'a File');
    await send(await openAsBlob(file), 'a Blob without a name');
    await send(await toFile(createReadStream(file), 'x'), 'no extension');
    for (const [name, options] of [['x.mp3', []], ['x.flac', []], ['x.ogg', ['-c:a', 'libopus']], ['x.webm', ['-c:a', 'libopus']], ['x.m4a', []]]) {
      if (ffmpeg(['-i', file, ...options, `${work}/${name}`])) await send(createReadStream(`${work}/${name}`), name);
    }
  });
});

test('openai: stream=true sends words while the recording is being recognised', async () => {
  await withOpenAI([], async (client) => {
    for (const response_format of ['json', 'text']) {
      const { data, response } = await ask(client, { stream: true, response_format }, longFile()).withResponse();
      assert.match(response.headers.get('content-type'), /^text\/event-stream/);
      const events = [];
      for await (const event of data) events.push(event);
      const deltas = events.slice(0, -1);
      const done = events.at(-1);
      assert.ok(deltas.length >= 2);
      for (const e of deltas) assert.deepEqual(Object.keys(e).sort(), ['delta', 'type']);
      assert.ok(deltas.every((e) => e.type === 'transcript.text.delta'));
      assert.equal(done.type, 'transcript.text.done');
      assert.equal(deltas.map((e) => e.delta).join(''), done.text);
      assert.equal(done.usage.type, 'tokens');
      assert.equal(done.text, (await ask(client, {}, longFile())).text);
    }
  });
});

test('openai: the first words of a stream come before the last are recognised', async () => {
  await withOpenAI([], async (client, server) => {
    const stream = await ask(client, { stream: true }, minutes());
    for await (const event of stream) {
      assert.equal(event.type, 'transcript.text.delta');
      break; // and the client leaves: its recording goes with it
    }
    await server.until((status) => status.engines[0].streams === 0, 'no recording');
    right((await ask(client, {})).text);
  });
});

test('openai: silence is an empty text', async () => {
  const file = writeWav('openai-silence.wav', new Int16Array(32000));
  await withOpenAI([], async (client) => {
    assert.equal((await ask(client, {}, file)).text, '');
    const events = [];
    for await (const event of await ask(client, { stream: true }, file)) events.push(event);
    assert.deepEqual(events.map((e) => e.type), ['transcript.text.done']);
    assert.equal(events[0].text, '');
    const verbose = await ask(client, { response_format: 'verbose_json' }, file);
    assert.deepEqual(verbose.segments, []);
    assert.equal(verbose.duration, 2);
  });
});

test('openai: logprobs are of words, and a warning says so', async () => {
  await withOpenAI([], async (client) => {
    const { data, response } = await ask(client, { include: ['logprobs'] }).withResponse();
    assert.match(response.headers.get('steno-warning'), /logprobs are of words/);
    assert.equal(data.logprobs.map((l) => l.token).join(''), data.text);
    for (const l of data.logprobs) {
      assert.ok(l.logprob <= 0 && l.logprob > -12);
      assert.equal(Buffer.from(l.bytes).toString(), l.token);
    }
    const events = [];
    for await (const event of await ask(client, { include: ['logprobs'], stream: true }, longFile())) events.push(event);
    const done = events.pop();
    assert.deepEqual(events.flatMap((e) => e.logprobs), done.logprobs);
    assert.equal(done.logprobs.map((l) => l.token).join(''), done.text);
  });
});

test('openai: chunking_strategy sets how speech is cut', async () => {
  await withOpenAI([], async (client) => {
    const verbose = { response_format: 'verbose_json' };
    const usual = await ask(client, { ...verbose, chunking_strategy: 'auto' });
    const vad = { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 50, silence_duration_ms: 100 };
    const fine = await ask(client, { ...verbose, chunking_strategy: vad });
    assert.ok(fine.segments.length > usual.segments.length, `${fine.segments.length} ${usual.segments.length}`);
    for (const [field, value] of [['type', 'other'], ['threshold', 2], ['prefix_padding_ms', -1], ['silence_duration_ms', 'x']]) {
      const error = await refusal(ask(client, { chunking_strategy: { ...vad, [field]: value } }));
      assert.equal(error.status, 400);
      assert.match(error.param, /^chunking_strategy/);
    }
  });
});

const noted = async (client, params, pattern) => {
  const { data, response } = await ask(client, params).withResponse();
  right(data.text);
  assert.match(response.headers.get('steno-warning') ?? '', pattern, JSON.stringify(params));
};

test('openai: what has no effect is said in a header', async () => {
  await withOpenAI([], async (client) => {
    await noted(client, { prompt: 'Names: Zoë' }, /prompt is not used/);
    await noted(client, { temperature: 0.3 }, /temperature is not used/);
    await noted(client, { keywords: ['pound key'] }, /keywords are not used/);
    await noted(client, { languages: ['de', 'en'] }, /only 'en' is spoken/);
    await noted(client, { known_speaker_names: ['agent'], known_speaker_references: [`data:audio/wav;base64,${'A'.repeat(200000)}`] },
      /known speakers count with response_format diarized_json only/);
    await noted(client, { something_else: 'x; y\u00e9' }, /'something_else' is not known/);
    await noted(client, { response_format: 'json', chunking_strategy: { type: 'server_vad', other: 1 } }, /'chunking_strategy\[other\]' is not known/);
    const { response } = await ask(client, { language: 'en', temperature: 0, stream: false }).withResponse();
    assert.equal(response.headers.get('steno-warning'), null);
    const verbose = await ask(client, { response_format: 'srt', stream: true }).asResponse();
    assert.match(verbose.headers.get('steno-warning'), /stream is ignored/);
    assert.match(await verbose.text(), /^1\n/);
  });
});

test('openai: refusals have the status, the class and the shape of the original', async () => {
  await withOpenAI([], async (client) => {
    const expect = async (params, status, code, param, file) => {
      const error = await refusal(ask(client, params, file));
      assert.deepEqual([error.status, error.code, error.param], [status, code, param], `${JSON.stringify(params)}: ${error.message}`);
      assert.equal(error.type, 'invalid_request_error');
      return error;
    };
    assert.ok(await expect({ model: 'gpt-5' }, 404, 'model_not_found', 'model') instanceof OpenAI.NotFoundError);
    await expect({ model: undefined }, 400, 'missing_required_parameter', 'model');
    await expect({ response_format: 'xml' }, 400, 'invalid_value', 'response_format');
    await expect({ language: 'de' }, 400, 'unsupported_language', 'language');
    await expect({ languages: ['de', 'fr'] }, 400, 'unsupported_language', 'languages');
    await expect({ temperature: 2 }, 400, 'invalid_value', 'temperature');
    await expect({ stream: 'perhaps' }, 400, 'invalid_value', 'stream');
    await expect({ timestamp_granularities: ['word'] }, 400, 'invalid_value', 'timestamp_granularities');
    await expect({ response_format: 'verbose_json', timestamp_granularities: ['letter'] }, 400, 'invalid_value', 'timestamp_granularities');
    await expect({ include: ['other'] }, 400, 'invalid_value', 'include');
    await expect({ response_format: 'text', include: ['logprobs'] }, 400, 'invalid_value', 'include');
    await expect({ chunking_strategy: 'manual' }, 400, 'invalid_value', 'chunking_strategy');
    await expect({}, 400, 'invalid_value', 'file', write('openai-broken.wav', 'this is no recording at all'));
    await expect({}, 400, 'invalid_value', 'file', write('openai-empty.wav', ''));
    await expect({ stream: true }, 400, 'invalid_value', 'file', write('openai-broken.mp3', 'this is no recording at all'));
    const missing = await refusal(client.post('/audio/transcriptions', { body: new FormData() }).then((x) => x));
    assert.equal(missing.status, 400);
    const form = new FormData();
    form.set('model', 'whisper-1');
    const none = await refusal(client.post('/audio/transcriptions', { body: form }));
    assert.deepEqual([none.status, none.code, none.param], [400, 'missing_required_parameter', 'file']);
    const json = await refusal(client.post('/audio/transcriptions', { body: { model: 'whisper-1' } }));
    assert.deepEqual([json.status, json.code], [415, 'unsupported_media_type']);
  });
});

test('openai: a server that does not tell speakers apart says so', async () => {
  await withOpenAI(['--speaker-streams-max', '0'], async (client) => {
    const error = await refusal(ask(client, { response_format: 'diarized_json' }));
    assert.deepEqual([error.status, error.code, error.param], [400, 'unsupported_value', 'response_format']);
  });
});

test('openai: what there is not is refused clearly', async () => {
  await withOpenAI([], async (client) => {
    const calls = {
      translations: () => client.audio.translations.create({ file: createReadStream(one().file), model: 'whisper-1' }),
      speech: () => client.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'hello' }),
      secrets: () => client.realtime.clientSecrets.create({ session: { type: 'transcription' } }),
      sessions: () => client.beta.realtime.sessions.create({}),
      'transcription sessions': () => client.beta.realtime.transcriptionSessions.create({}),
    };
    for (const [what, start] of Object.entries(calls)) {
      const error = await refusal(start());
      assert.deepEqual([error.status, error.code, error.type], [400, 'not_supported', 'invalid_request_error'], what);
      assert.match(error.message, /not supported/);
    }
  });
});

test('openai: models', async () => {
  await withOpenAI([], async (client) => {
    const names = [];
    for await (const model of client.models.list()) {
      assert.deepEqual([model.object, model.owned_by, typeof model.created], ['model', 'steno', 'number']);
      names.push(model.id);
    }
    assert.ok(names.includes('moonshine-tiny') && names.includes('whisper-1') && names.includes('gpt-4o-transcribe'));
    for (const name of names) assert.equal((await client.models.retrieve(name)).id, name);
    const error = await refusal(client.models.retrieve('gpt-5'));
    assert.deepEqual([error.status, error.code], [404, 'model_not_found']);
    const gone = await refusal(client.models.delete('whisper-1'));
    assert.equal(gone.status, 405);
  });
});

test('openai: ids and times of requests', async () => {
  await withOpenAI([], async (client) => {
    const { data, response, request_id: id } = await ask(client, {}).withResponse();
    assert.ok(id && data._request_id === id);
    assert.match(response.headers.get('openai-processing-ms'), /^\d+$/);
    const named = await client.audio.transcriptions.create({ file: createReadStream(one().file), model: 'whisper-1' },
      { headers: { 'x-request-id': 'mine-1' } });
    assert.equal(named._request_id, 'mine-1');
  });
});

test('openai: a body that is too long is refused, with and without its length', async () => {
  const file = write('openai-large.wav', Buffer.concat([readFileSync(one().file), Buffer.alloc(1500000)]));
  await withOpenAI(['--body-max-mb', '1'], async (client) => {
    for (const upload of [createReadStream(file), await toFile(readFileSync(file), 'x.wav')]) {
      const error = await refusal(client.audio.transcriptions.create({ file: upload, model: 'whisper-1' }));
      assert.equal(error.status, 413);
    }
    // In OpenAI's shape where the length is said beforehand.
    const known = await refusal(client.audio.transcriptions.create({ file: await toFile(readFileSync(file), 'x.wav'), model: 'whisper-1' }));
    assert.equal(known.code, 'too_large');
    assert.match(known.message, /1048576/);
    right((await ask(client, {})).text);
  });
});

test('openai: a compressed body is refused by name', async () => {
  await withOpenAI([], async (client) => {
    const answer = await fetch(`${client.baseURL}/audio/transcriptions`, { method: 'POST', headers: { 'content-encoding': 'gzip', 'content-type': 'audio/wav' }, body: 'x' });
    assert.equal(answer.status, 415);
    assert.equal((await answer.json()).error.code, 'content_encoding');
  });
});

test('openai: keys, and what they allow', async () => {
  const dir = join(work, 'openai-keys');
  const made = steno(['key', 'create', '--name', 'e2e', '--requests-per-minute', '3', '--json', '--data-dir', dir]);
  assert.equal(made.status, 0, made.err);
  const { key } = JSON.parse(made.out);
  await withOpenAI(['--data-dir', dir], async (nobody) => {
    const wrong = await refusal(nobody.models.list());
    assert.ok(wrong instanceof OpenAI.AuthenticationError);
    assert.deepEqual([wrong.code, wrong.type], ['invalid_api_key', 'invalid_request_error']);
    const stream = await refusal(ask(nobody, { stream: true }));
    assert.equal(stream.status, 401);
    const client = clientOf(nobody.baseURL, key);
    right((await ask(client, {})).text);
    await client.models.list();
    await client.models.list();
    const often = await refusal(client.models.list());
    assert.ok(often instanceof OpenAI.RateLimitError);
    assert.deepEqual([often.code, often.type], ['rate_limit_exceeded', 'requests']);
    assert.ok(Number(often.headers.get('retry-after')) > 0);
  });
});

test('openai: minutes of a key are those of its recordings', async () => {
  const dir = join(work, 'openai-minutes');
  const made = steno(['key', 'create', '--audio-minutes-per-day', '1', '--json', '--data-dir', dir]);
  const { key } = JSON.parse(made.out);
  const file = writeWav('openai-minute.wav', new Int16Array(16000 * 61));
  await withOpenAI(['--data-dir', dir], async (nobody) => {
    const client = clientOf(nobody.baseURL, key);
    await client.audio.transcriptions.create({ file: createReadStream(file), model: 'whisper-1' }).catch((e) => e); // it may be the one that is stopped
    const over = await refusal(ask(client, {}));
    assert.deepEqual([over.status, over.code], [429, 'rate_limit_exceeded']);
  });
});

test('openai: many at once', async () => {
  await withOpenAI([], async (client) => {
    const texts = await within(Promise.all(Array.from({ length: 12 }, () => ask(client, {}))), 'twelve requests');
    for (const t of texts) right(t.text);
  });
});

// A request whose client is gone holds nothing: no stream, no file, no connection.
test('openai: clients that hang up leave nothing behind', async () => {
  const wav = readFileSync(longFile());
  await withOpenAI([], async (client, server) => {
    right((await ask(client, {})).text);
    const files = () => readdirSync(`/proc/${server.child.pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${server.child.pid}/fd/${fd}`);
      } catch {
        return ''; // closed meanwhile
      }
    });
    const spools = () => files().filter((name) => /deleted/.test(name) && /\/(var\/)?tmp\//.test(name));
    const left = async (body) => {
      const leave = new AbortController();
      const request = client.audio.transcriptions.create({ file: body(leave), model: 'whisper-1' }, { signal: leave.signal });
      await assert.rejects(request, OpenAI.APIUserAbortError);
    };
    async function* half(leave) {
      yield wav.subarray(0, wav.length / 2);
      await server.until(() => spools().length > 0, 'a spool file');
      leave.abort();
      yield wav.subarray(wav.length / 2);
    }
    await left((leave) => Object.assign(half(leave), { name: 'x.wav' }));
    await left((leave) => { // all of it has come, and is being recognised
      server.until((status) => status.engines[0].streams > 0, 'a stream').then(() => leave.abort());
      return createReadStream(minutes());
    });
    await server.until((status) => status.engines[0].streams === 0 && spools().length === 0, 'nothing left');
  });
});

test('openai: requests with wrong methods or paths', async () => {
  await withOpenAI([], async (client, server) => {
    const wrong = await server.get('/v1/audio/transcriptions');
    assert.equal(wrong.status, 405);
    assert.equal((await wrong.json()).error.type, 'invalid_request_error');
    assert.ok(clientOf(client.baseURL));
  });
});
