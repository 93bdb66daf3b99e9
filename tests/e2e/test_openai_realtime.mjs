// test_openai_realtime.mjs: Realtime transcription sessions as OpenAI's own client speaks them, of today and of the beta.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import WebSocket from 'ws';
import { raw, Realtime, session, withOpenAI, within } from './openai_client.mjs';
import { concatenate, errorRate, prompts, skip, steno, test, work, writeWav } from './harness.mjs';

const FAST = ['--max-ahead-ms', '60000'];
const TLS = { tls: true };
const INTENT = { intent: 'transcription' };

const prompt = (id) => prompts().find((p) => p.id === id) ?? skip(`there is no prompt ${id}`);
const first = () => prompt('agent-alreadyon');
const second = () => prompt('conf-onlyone');
const waves = {};
// Two sentences with two seconds of silence behind each, and one.
const two = () => (waves.two ??= writeWav('openai-two.wav', concatenate([first().file, second().file], 16000), { rate: 8000 }));
const one = () => (waves.one ??= writeWav('openai-one.wav', concatenate([first().file], 16000), { rate: 8000 }));
const right = (text, wanted = first().text) => assert.ok(errorRate(wanted, text) < 0.35, `${text} / ${wanted}`);

const COMPLETED = 'conversation.item.input_audio_transcription.completed';
const DELTA = 'conversation.item.input_audio_transcription.delta';

// Ids without repetition; deltas add up to the front of what is completed, and nothing comes behind it.
function checkEvents(events) {
  const ids = events.map((e) => e.event_id);
  assert.ok(ids.every((id) => typeof id === 'string') && new Set(ids).size === ids.length);
  const deltas = new Map();
  const over = new Set();
  for (const e of events) {
    if (e.item_id) assert.ok(!over.has(e.item_id), `after its end: ${JSON.stringify(e)}`);
    if (e.type === DELTA) {
      assert.ok(e.delta.length > 0 && e.content_index === 0);
      deltas.set(e.item_id, (deltas.get(e.item_id) ?? '') + e.delta);
    }
    if (e.type !== COMPLETED) continue;
    over.add(e.item_id);
    assert.equal(e.content_index, 0);
    assert.ok(e.usage.type === 'duration' && e.usage.seconds >= 0);
  }
  return deltas;
}

const EFFECTS = ['input_audio_buffer.speech_stopped', 'input_audio_buffer.committed', 'conversation.item.added', 'conversation.item.done', COMPLETED];

test('openai realtime: turns are found, committed and completed in the documented order', async () => {
  await withOpenAI(FAST, async (client, server, pair) => {
    await session(client, pair, INTENT, async (s) => {
      const created = await s.event('session.created');
      assert.deepEqual(
        [created.session.type, created.session.object, created.session.audio.input.format, created.session.audio.input.turn_detection],
        ['transcription', 'realtime.transcription_session', { type: 'audio/pcm', rate: 24000 },
          { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 500 }]);
      s.send({ type: 'session.update', session: { type: 'transcription',
        audio: { input: { format: { type: 'audio/pcm', rate: 24000 }, transcription: { model: 'gpt-4o-transcribe', language: 'en' },
          turn_detection: { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 200, silence_duration_ms: 600 } } } } });
      const updated = await s.event('session.updated');
      assert.deepEqual(updated.session.audio.input.transcription, { model: 'gpt-4o-transcribe', language: 'en', prompt: '' });
      assert.equal(updated.session.audio.input.turn_detection.silence_duration_ms, 600);
      assert.equal(updated.steno_warnings, undefined);
      s.append(raw(two()));
      await s.event(COMPLETED, 2);
      const deltas = checkEvents(s.events);
      const items = s.of('speech_started').map((e) => e.item_id);
      assert.equal(items.length, 2);
      const completed = s.of('.completed');
      right(completed[0].transcript);
      right(completed[1].transcript, second().text);
      let previous = null;
      items.forEach((item, i) => {
        assert.equal(completed[i].item_id, item);
        assert.equal(deltas.get(item), completed[i].transcript);
        const mine = s.events.filter((e) => (e.item_id ?? e.item?.id) === item);
        assert.equal(mine[0].type, 'input_audio_buffer.speech_started');
        assert.deepEqual(mine.map((e) => e.type).filter((t) => EFFECTS.includes(t)), EFFECTS);
        assert.ok(mine[0].audio_start_ms < mine.find((e) => e.type === EFFECTS[0]).audio_end_ms);
        assert.equal(mine.find((e) => e.type === 'input_audio_buffer.committed').previous_item_id, previous);
        const added = mine.find((e) => e.type === 'conversation.item.added');
        assert.equal(added.previous_item_id, previous);
        assert.deepEqual(added.item, { id: item, object: 'realtime.item', type: 'message', status: 'completed', role: 'user',
          content: [{ type: 'input_audio', transcript: null }] });
        previous = item;
      });
      assert.ok(s.of('speech_started')[1].audio_start_ms > 7000);
      assert.deepEqual(s.errors, []);
      assert.equal((await s.close()).code, 1000);
    });
  }, TLS);
});

const manual = (model = 'gpt-4o-transcribe') =>
  ({ type: 'session.update', session: { type: 'transcription', audio: { input: { transcription: { model }, turn_detection: null } } } });

test('openai realtime: without turn detection the client commits', async () => {
  await withOpenAI(FAST, async (client, server, pair) => {
    await session(client, pair, INTENT, async (s) => {
      s.send(manual());
      assert.equal((await s.event('session.updated')).session.audio.input.turn_detection, null);
      s.send({ type: 'input_audio_buffer.commit', event_id: 'too-soon' });
      const empty = await s.event('error');
      assert.deepEqual([empty.error.type, empty.error.code, empty.error.event_id], ['invalid_request_error', 'input_audio_buffer_commit_empty', 'too-soon']);
      s.append(raw(two()));
      s.send({ type: 'input_audio_buffer.commit' });
      s.append(raw(one()));
      s.send({ type: 'input_audio_buffer.commit' });
      await s.event(COMPLETED, 2);
      const [a, b] = s.of('.completed');
      right(a.transcript, `${first().text} ${second().text}`);
      right(b.transcript);
      checkEvents(s.events);
      assert.deepEqual(s.of('speech_started'), []);
      assert.deepEqual(s.of('.committed').map((e) => [e.item_id, e.previous_item_id]), [[a.item_id, null], [b.item_id, a.item_id]]);
      assert.ok(Math.abs(a.usage.seconds - raw(two()).length / 48000) < 0.1, JSON.stringify(a.usage));
      s.append(Buffer.alloc(24000));
      s.send({ type: 'input_audio_buffer.commit' }); // half a second of silence: a turn without words
      assert.equal((await s.event(COMPLETED, 3)).transcript, '');
      assert.equal(s.errors.length, 1);
    });
  }, TLS);
});

test('openai realtime: what is cleared is not heard', async () => {
  await withOpenAI(FAST, async (client, server, pair) => {
    for (const turns of [null, { type: 'server_vad' }]) {
      await session(client, pair, INTENT, async (s) => {
        s.send({ type: 'session.update', session: { type: 'transcription', audio: { input: { turn_detection: turns } } } });
        await s.event('session.updated');
        s.append(raw(first().file).subarray(0, 96000)); // two seconds, within speech
        s.send({ type: 'input_audio_buffer.clear' });
        await s.event('input_audio_buffer.cleared');
        s.append(Buffer.alloc(96000));
        s.append(raw(writeWav('openai-second.wav', concatenate([second().file], 16000), { rate: 8000 })));
        s.send({ type: 'input_audio_buffer.commit' });
        const done = await s.event((e) => e.type === COMPLETED && e.transcript !== '');
        right(done.transcript, second().text);
        assert.ok(!s.of('.completed').some((e) => /agent/i.test(e.transcript)), JSON.stringify(s.of('.completed')));
      });
    }
  }, TLS);
});

test('openai realtime: a commit within speech ends the turn there', async () => {
  await withOpenAI(FAST, async (client, server, pair) => {
    await session(client, pair, INTENT, async (s) => {
      s.append(raw(first().file)); // its last word ends the recording
      await s.event('input_audio_buffer.speech_started');
      s.send({ type: 'input_audio_buffer.commit' });
      const done = await s.event(COMPLETED);
      assert.match(s.of('.completed').map((e) => e.transcript).join(' '), /agent/);
      checkEvents(s.events);
      assert.equal(s.of('.committed').filter((e) => e.item_id === done.item_id).length, 1);
    });
  }, TLS);
});

test('openai realtime: the client of the beta', async () => {
  await withOpenAI(FAST, async (client, server, pair) => {
    await session(client, pair, { model: 'gpt-4o-mini-transcribe' }, async (s) => {
      const created = await s.event('session.created');
      assert.equal(created.session.input_audio_format, 'pcm16');
      assert.equal(created.session.input_audio_transcription.model, 'gpt-4o-mini-transcribe');
      s.send({ type: 'transcription_session.update', session: { input_audio_format: 'pcm16',
        input_audio_transcription: { model: 'whisper-1', prompt: '', language: 'en' },
        input_audio_noise_reduction: { type: 'near_field' },
        turn_detection: { type: 'server_vad', threshold: 0.4, prefix_padding_ms: 300, silence_duration_ms: 500 },
        include: ['item.input_audio_transcription.logprobs'] } });
      const updated = await s.event('transcription_session.updated');
      assert.equal(updated.session.turn_detection.threshold, 0.4);
      assert.deepEqual(updated.session.input_audio_noise_reduction, { type: 'near_field' });
      assert.match(updated.steno_warnings.join(), /noise_reduction has no effect.*logprobs are of words/);
      s.append(raw(one()));
      const done = await s.event(COMPLETED);
      right(done.transcript);
      assert.equal(done.logprobs.map((l) => l.token).join(''), done.transcript);
      const deltas = checkEvents(s.events);
      assert.equal(deltas.get(done.item_id), done.transcript);
      assert.equal(s.of('.delta').length, 1); // whisper-1: the whole text at once
      assert.equal(s.of('conversation.item.created').length, 1);
      assert.equal(s.of('conversation.item.added').length, 0);
    }, true);
  }, TLS);
});

test('openai realtime: every audio format, and any rate', async () => {
  await withOpenAI(FAST, async (client, server, pair) => {
    for (const [format, options] of [
      [{ type: 'audio/pcmu' }, ['-f', 'mulaw', '-ar', '8000']],
      [{ type: 'audio/pcma' }, ['-f', 'alaw', '-ar', '8000']],
      [{ type: 'audio/pcm', rate: 16000 }, ['-f', 's16le', '-ar', '16000']],
    ]) {
      await session(client, pair, INTENT, async (s) => {
        s.send({ type: 'session.update', session: { type: 'transcription', audio: { input: { format } } } });
        assert.deepEqual((await s.event('session.updated')).session.audio.input.format, format);
        s.append(raw(one(), options), 4001);
        right((await s.event(COMPLETED)).transcript);
        s.send({ type: 'session.update', session: { type: 'transcription', audio: { input: { format: { type: 'audio/pcm', rate: 24000 } } } } });
        assert.match((await s.event('error')).error.message, /cannot change once audio/);
      });
    }
    for (const [input_audio_format, options] of [['g711_ulaw', ['-f', 'mulaw', '-ar', '8000']], ['g711_alaw', ['-f', 'alaw', '-ar', '8000']]]) {
      await session(client, pair, { model: 'whisper-1' }, async (s) => {
        s.send({ type: 'transcription_session.update', session: { input_audio_format } });
        assert.equal((await s.event('transcription_session.updated')).session.input_audio_format, input_audio_format);
        s.append(raw(one(), options));
        right((await s.event(COMPLETED)).transcript);
      }, true);
    }
  }, TLS);
});

test('openai realtime: words that are settled come while people still speak', async () => {
  // The server takes audio at the pace of time, so that partials come as they do when people speak.
  await withOpenAI(['--partial-ms', '100', '--max-ahead-ms', '100'], async (client, server, pair) => {
    for (const turns of [{ type: 'server_vad' }, null]) {
      await session(client, pair, { model: 'gpt-realtime-whisper' }, async (s) => {
        s.send({ type: 'session.update', session: { type: 'transcription', audio: { input: { turn_detection: turns } } } });
        await s.event('session.updated');
        s.append(raw(one()));
        s.send({ type: 'input_audio_buffer.commit' });
        const done = await s.event(COMPLETED);
        right(done.transcript);
        const deltas = s.of('.delta').filter((e) => e.item_id === done.item_id);
        const committed = s.events.findIndex((e) => e.type === 'input_audio_buffer.committed' && e.item_id === done.item_id);
        const early = deltas.filter((e) => s.events.indexOf(e) < committed);
        assert.ok(early.length >= 2, JSON.stringify(s.events.map((e) => e.delta ?? e.type)));
        assert.ok(done.transcript.startsWith(early[0].delta), `${early[0].delta} / ${done.transcript}`);
        checkEvents(s.events);
      });
    }
  }, TLS);
});

test('openai realtime: one event with all the audio in it', async () => {
  await withOpenAI(FAST, async (client, server, pair) => {
    await session(client, pair, INTENT, async (s) => {
      const bytes = raw(two());
      const silence = Buffer.alloc(2 * 1048576); // before it: more than other streams may send at once
      s.append(Buffer.concat([silence, bytes]), Infinity);
      await s.event(COMPLETED, 2);
      right(s.of('.completed')[1].transcript, second().text);
    });
  }, TLS);
});

test('openai realtime: what has no effect is said in session.updated', async () => {
  await withOpenAI(FAST, async (client, server, pair) => {
    await session(client, pair, INTENT, async (s) => {
      let n = 0;
      const update = async (input, rest = {}) => {
        s.send({ type: 'session.update', session: { type: 'transcription', ...rest, audio: { input } } });
        return s.event('session.updated', ++n);
      };
      const says = async (pattern, input, rest) => assert.match((await update(input, rest)).steno_warnings.join('; '), pattern);
      await says(/prompt has no effect/, { transcription: { prompt: 'expect names' } });
      await says(/keywords has no effect.*delay has no effect/, { transcription: { keywords: ['x'], delay: 'low' } });
      await says(/of the languages only 'en'/, { transcription: { languages: ['de', 'en'] } });
      await says(/cannot be without transcription/, { transcription: null });
      await says(/noise_reduction has no effect/, { noise_reduction: { type: 'far_field' } });
      await says(/idle_timeout_ms has no effect/, { turn_detection: { type: 'server_vad', idle_timeout_ms: 5000 } });
      await says(/prefix_padding_ms 3000 is taken as 1000; silence_duration_ms 20 is taken as 100/,
        { turn_detection: { type: 'server_vad', prefix_padding_ms: 3000, silence_duration_ms: 20 } });
      await says(/threshold 0 is taken as 0.02/, { turn_detection: { type: 'server_vad', threshold: 0 } });
      await says(/session.instructions is not known/, {}, { instructions: 'be kind' });
      await says(/logprobs are of words/, {}, { include: ['item.input_audio_transcription.logprobs'] });
      await says(/semantic_vad is approximated/, { turn_detection: { type: 'semantic_vad', eagerness: 'high' } });
      const quiet = await update({ noise_reduction: null, turn_detection: { type: 'server_vad', create_response: true, interrupt_response: true } }, { include: null });
      assert.equal(quiet.steno_warnings, undefined);
      await update({ turn_detection: { type: 'semantic_vad', eagerness: 'low' } });
      s.append(raw(one()));
      s.append(Buffer.alloc(48000 * 6));
      right((await s.event(COMPLETED)).transcript);
      assert.deepEqual(s.errors, []);
    });
    const ws = new Realtime(client, pair, { ...INTENT, buildRealtimeURL: () => `wss://${server.address}/v1/realtime?intent=transcription&colour=red` });
    assert.match((await ws.event('session.created')).steno_warnings[0], /'colour' is not known/);
    await ws.close();
  }, TLS);
});

test('openai realtime: events that cannot be are answered by errors, and the session goes on', async () => {
  await withOpenAI(FAST, async (client, server, pair) => {
    await session(client, pair, INTENT, async (s) => {
      let n = 0;
      const expect = async (event, code, param) => {
        s.send(event);
        const { error } = await s.event('error', ++n);
        assert.deepEqual([error.type, error.code, error.param, error.event_id], ['invalid_request_error', code, param, event.event_id ?? null],
          JSON.stringify([event, error]));
      };
      for (const type of ['response.create', 'response.cancel', 'conversation.item.create', 'conversation.item.delete',
        'conversation.item.retrieve', 'conversation.item.truncate', 'output_audio_buffer.clear']) {
        await expect({ type, event_id: `of-${type}` }, 'not_supported', 'type');
      }
      await expect({ type: 'sing', event_id: '1' }, 'invalid_value', 'type');
      await expect({ event_id: '2' }, 'missing_required_parameter', 'type');
      await expect({ type: 'input_audio_buffer.append', event_id: '3', audio: 'no base64!' }, 'invalid_value', 'audio');
      await expect({ type: 'input_audio_buffer.append', event_id: '4' }, 'missing_required_parameter', 'audio');
      const update = (input, rest = {}) => ({ type: 'session.update', session: { type: 'transcription', ...rest, audio: { input } } });
      await expect({ type: 'session.update' }, 'invalid_value', 'session');
      await expect({ type: 'session.update', session: { type: 'realtime' } }, 'invalid_value', 'session.type');
      await expect(update({ transcription: { model: 'gpt-5' } }), 'model_not_found', 'transcription.model');
      await expect(update({ transcription: { language: 'de' } }), 'unsupported_language', 'transcription.language');
      await expect(update({ transcription: { languages: ['de'] } }), 'unsupported_language', 'transcription.languages');
      await expect(update({ transcription: { prompt: 1 } }), 'invalid_value', 'transcription.prompt');
      await expect(update({ format: { type: 'audio/mp3' } }), 'invalid_value', 'audio.input.format');
      await expect(update({ format: { type: 'audio/pcm', rate: 1 } }), 'invalid_value', 'audio.input.format.rate');
      await expect(update({ noise_reduction: { type: 'magic' } }), 'invalid_value', 'noise_reduction.type');
      await expect(update({ turn_detection: { type: 'none' } }), 'invalid_value', 'turn_detection.type');
      await expect(update({ turn_detection: { type: 'server_vad', threshold: 'x' } }), 'invalid_value', 'turn_detection.threshold');
      await expect(update({ turn_detection: { type: 'server_vad', silence_duration_ms: -1 } }), 'invalid_value', 'turn_detection.silence_duration_ms');
      await expect(update({ turn_detection: { type: 'server_vad', prefix_padding_ms: -1 } }), 'invalid_value', 'turn_detection.prefix_padding_ms');
      await expect(update({ turn_detection: { type: 'semantic_vad', eagerness: 'wild' } }), 'invalid_value', 'turn_detection.eagerness');
      await expect(update({}, { include: ['everything'] }), 'invalid_value', 'session.include');
      s.rt.socket.send('{"type":');
      assert.equal((await s.event('error', ++n)).error.code, 'invalid_json');
      s.rt.socket.send(Buffer.from([1, 2, 3]));
      assert.equal((await s.event('error', ++n)).error.code, 'invalid_json');
      s.rt.socket.send(JSON.stringify({ type: 'session.update', session: { instructions: 'x'.repeat(100000) } }));
      assert.equal((await s.event('error', ++n)).error.code, 'event_too_large');
      s.append(raw(one()));
      right((await s.event(COMPLETED)).transcript);
      assert.equal(s.errors.length, n);
    });
  }, TLS);
});

test('openai realtime: sessions that cannot be say why and end', async () => {
  await withOpenAI([], async (client, server, pair) => {
    const at = (query) => ({ ...INTENT, buildRealtimeURL: () => `wss://${server.address}/v1/realtime?${query}` });
    for (const [props, code] of [
      [{ model: 'gpt-realtime' }, 'model_not_found'],
      [{ callID: 'rtc_1' }, 'not_supported'],
      [at('intent=conversation'), 'invalid_value'],
      [at(''), 'missing_model'],
    ]) {
      const s = new Realtime(client, pair, props);
      assert.equal((await s.event('error')).error.code, code);
      assert.equal((await within(s.closed, 'close')).code, 4000);
      assert.equal(s.errors.length, 1);
    }
  }, TLS);
});

// Browsers set no headers: they offer sub-protocols, and hang up unless one of them is chosen.
test('openai realtime: as browsers open it', async () => {
  await withOpenAI([], async (client, server) => {
    for (const [protocols, type] of [
      [['realtime', 'openai-insecure-api-key.sk-test'], 'session.created'],
      [['realtime', 'openai-insecure-api-key.sk-test', 'openai-beta.realtime-v1'], 'transcription_session.created'],
    ]) {
      const ws = new WebSocket(`ws://${server.address}/v1/realtime?intent=transcription`, protocols);
      const message = await within(new Promise((resolve, reject) => {
        ws.on('message', resolve);
        ws.on('error', reject);
      }), 'the first event');
      assert.equal(JSON.parse(message).type, type);
      assert.equal(ws.protocol, 'realtime');
      ws.close();
    }
  });
});

test('openai realtime: the classes for browsers', async () => {
  await withOpenAI(FAST, async (client, server, pair) => {
    await session(client, pair, { ...INTENT, browser: true }, async (s) => {
      assert.equal((await s.event('session.created')).session.type, 'transcription');
      s.append(raw(one()));
      right((await s.event(COMPLETED)).transcript);
      assert.deepEqual(s.errors, []);
    });
    await session(client, pair, { model: 'gpt-4o-transcribe', browser: true }, async (s) => {
      assert.equal((await s.event('session.created')).session.input_audio_format, 'pcm16');
      s.append(raw(one()));
      right((await s.event(COMPLETED)).transcript);
      assert.equal(s.of('conversation.item.created').length, 1);
    }, true);
  }, TLS);
});

test('openai realtime: keys, as headers and as browsers send them', async () => {
  const dir = join(work, 'openai-realtime-keys');
  const { key } = JSON.parse(steno(['key', 'create', '--json', '--data-dir', dir]).out);
  const { key: page } = JSON.parse(steno(['key', 'create', '--origin', 'https://example.org', '--json', '--data-dir', dir]).out);
  await withOpenAI(['--data-dir', dir], async (client, server) => {
    const open = (protocols, options) => within(new Promise((resolve, reject) => {
      const ws = new WebSocket(`ws://${server.address}/v1/realtime?intent=transcription`, protocols, options);
      ws.on('error', () => {});
      ws.on('unexpected-response', async (request, response) => {
        let body = '';
        for await (const bytes of response) body += bytes;
        resolve({ status: response.statusCode, error: JSON.parse(body).error });
      });
      ws.on('message', (message) => {
        resolve(JSON.parse(message));
        ws.terminate();
      });
      ws.on('close', reject);
    }), 'an answer');
    const none = await open([]);
    assert.deepEqual([none.status, none.error.code, none.error.type], [401, 'invalid_api_key', 'invalid_request_error']);
    assert.equal((await open([], { headers: { authorization: `Bearer ${key}` } })).type, 'session.created');
    assert.equal((await open(['realtime', `openai-insecure-api-key.${page}`], { origin: 'https://example.org' })).type, 'session.created');
    assert.equal((await open(['realtime', `openai-insecure-api-key.${page}`], { origin: 'https://example.com' })).status, 403);
  });
});

// The native stream beside it shows that the configured time has passed.
test('openai realtime: a session may be silent for longer than other streams', async () => {
  await withOpenAI([...FAST, '--idle-timeout-s', '1'], async (client, server, pair) => {
    await session(client, pair, INTENT, async (s) => {
      await s.event('session.created');
      const other = new WebSocket(`wss://${server.address}/v1/stream`, { ca: pair.ca });
      const [code] = await within(new Promise((resolve) => other.on('close', (...a) => resolve(a))), 'the end of the other');
      assert.equal(code, 1008);
      s.append(raw(one()));
      right((await s.event(COMPLETED)).transcript);
    });
  }, TLS);
});

test('openai realtime: a server that goes away says what it understood', async () => {
  await withOpenAI(FAST, async (client, server, pair) => {
    await session(client, pair, INTENT, async (s) => {
      s.send(manual());
      s.append(raw(one()));
      await s.event(DELTA);
      server.child.kill('SIGTERM');
      right((await s.event(COMPLETED)).transcript);
      checkEvents(s.events);
      assert.equal((await within(s.closed, 'close')).code, 1001);
    });
  }, TLS);
});

test('openai realtime: a full server refuses in the shape of the API', async () => {
  await withOpenAI(['--max-streams', '1'], async (client, server) => {
    const url = `ws://${server.address}/v1/realtime?intent=transcription`;
    const ws = new WebSocket(url);
    await within(new Promise((resolve) => ws.on('message', resolve)), 'the first session');
    ws.send(JSON.stringify({ type: 'input_audio_buffer.append', audio: Buffer.alloc(9600).toString('base64') })); // who only connects has a place for a second
    await server.until((s) => s.engines[0].live === 1, 'its place taken');
    const refused = new WebSocket(url);
    refused.on('error', () => {});
    const response = await within(new Promise((resolve) => refused.on('unexpected-response', (request, r) => resolve(r))), 'a refusal');
    let body = '';
    for await (const bytes of response) body += bytes;
    assert.equal(response.statusCode, 503);
    assert.equal(JSON.parse(body).error.type, 'server_error');
    ws.terminate();
  });
});
