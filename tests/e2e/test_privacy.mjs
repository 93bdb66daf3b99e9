// test_privacy.mjs: a telephone number is said, and no sink shows a figure of it: not the wires, live or not, not files, the store, the
// terminal, the log. Without redaction each of them does, so that this would notice.
import assert from 'node:assert/strict';
import net from 'node:net';
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import WebSocket from 'ws';
import { ffmpeg, riff, samples, skip, steno, test, work, write } from './harness.mjs';
import { Client, turn, withServer, within } from './live_client.mjs';
import { form, Receiver } from './jobs_client.mjs';

const SOUNDS = '/usr/share/asterisk/sounds/en_US_f_Allison';
const NUMBER = '2127530147';
const FAST = ['--max-ahead-ms', '60000'];
const FORCED = ['--redact', 'mask', '--redact-force', 'yes'];

// ---- what is said --------------------------------------------------------------------------------------------------

// Speech without the silence round it.
function prompt(name) {
  const file = join(SOUNDS, `${name}.wav`);
  if (!existsSync(file)) skip('the Asterisk prompts are not installed');
  const bytes = readFileSync(file);
  const all = new Int16Array(bytes.buffer.slice(bytes.byteOffset + 44, bytes.byteOffset + bytes.length - (bytes.length % 2)));
  let first = 0;
  let end = all.length;
  while (first < end && Math.abs(all[first]) < 800) first++;
  while (end > first && Math.abs(all[end - 1]) < 800) end--;
  return all.subarray(Math.max(0, first - 160), end + 240);
}

const PROMPT_RATE = 8000;
const RATE = 16000;
let said = null;
// "Telephone number, two, one, two … Goodbye." and silence: one utterance.
function speech() {
  if (said) return said;
  const pause = new Int16Array(PROMPT_RATE * 0.05);
  const parts = [];
  for (const name of ['telephone-number', ...[...NUMBER].map((d) => `digits/${d}`), 'goodbye']) parts.push(prompt(name), pause);
  parts.push(new Int16Array(PROMPT_RATE * 2));
  const pcm = Int16Array.from(parts.flatMap((p) => [...p]));
  const narrow = write('privacy/narrow.wav', riff({ rate: PROMPT_RATE, data: Buffer.from(pcm.buffer) }));
  const file = join(work, 'privacy/number.wav');
  assert.ok(ffmpeg(['-i', narrow, '-ar', String(RATE), '-c:a', 'pcm_s16le', file]));
  const wav = readFileSync(file);
  said = { bytes: Buffer.from(samples(file).buffer), wav, file };
  return said;
}

// ---- what leaks ----------------------------------------------------------------------------------------------------

const NAMES = { 0: 'zero|oh', 1: 'one', 2: 'two', 3: 'three', 4: 'four', 5: 'five', 7: 'seven' };
const figures = (n, digit) => {
  const windows = [];
  for (let i = 0; i + n <= NUMBER.length; i++) windows.push([...NUMBER.slice(i, i + n)].map(digit).join('[\\s,.-]*'));
  return new RegExp(windows.join('|'), 'i');
};
const SPOKEN = figures(2, (d) => `\\b(?:${NAMES[d]})\\b`); // two of its words
const WRITTEN = figures(6, (d) => d); // anywhere: times and ids have figures too
const SHORT = figures(3, (d) => d); // in what is said to be text
const unmasked = (text) => text.replace(/\[[A-Z_]+(_\d+)?\]/g, '[]');

// The texts of a JSON document, those of its words one after the other.
function texts(value, key = '') {
  if (Array.isArray(value)) return value.map((v) => texts(v, key)).join(' ');
  if (value && typeof value === 'object') return Object.entries(value).map(([k, v]) => texts(v, k)).join(' ');
  return typeof value === 'string' && /^(text|word|punctuated_word|transcript|delta|partial|token|segment)$/.test(key) ? value : '';
}

function shown(message) {
  const parsed = (() => { try { return JSON.parse(message); } catch { return null; } })();
  const text = unmasked(String(message));
  const inside = parsed ? unmasked(texts(parsed)) : '';
  return SPOKEN.test(text) || WRITTEN.test(text) || SHORT.test(inside) || SPOKEN.test(inside);
}

// All messages of a sink: none of them shows anything, and something stands in its place; or, with redaction off, one does.
function check(name, messages, redacted, mask = /\[PHONE(_1)?\]/) {
  const leak = messages.find(shown);
  if (redacted) assert.ok(!leak, `${name} shows ${String(leak).slice(0, 600)}`);
  else assert.ok(leak, `${name} shows nothing even without redaction: ${messages.join('\n').slice(0, 600)}`);
  if (redacted && mask) assert.match(messages.join('\n'), mask, name);
}

// ---- sinks ---------------------------------------------------------------------------------------------------------

const PIECE = 3200;

// A WebSocket that is told things and then heard to its end, or until `enough` of what it said.
function wire(server, path, { headers, protocols = [], talk, enough }) {
  const heard = [];
  const ws = new WebSocket(`ws://${server.address}${path}`, protocols, { perMessageDeflate: false, headers });
  const over = new Promise((resolve, reject) => {
    ws.on('error', reject);
    ws.on('open', () => talk(ws));
    ws.on('message', (data) => {
      heard.push(String(data));
      if (enough?.(String(data))) ws.close();
    });
    ws.on('close', () => resolve(heard));
  });
  return within(over, path);
}

const pieces = (ws, bytes, wrap = (b) => b) => {
  for (let at = 0; at < bytes.length; at += PIECE) ws.send(wrap(bytes.subarray(at, at + PIECE)));
};

async function native(server, query = {}) {
  const client = new Client(server, { sample_rate: RATE, partial_ms: 200, ...query });
  await client.opened;
  const ready = await client.event('ready');
  client.pieces(speech().bytes, [PIECE]);
  await client.finish();
  return { ready, messages: client.events.map((e) => JSON.stringify(e)), events: client.events };
}

const deepgramLive = (server, query = '', headers = {}) =>
  wire(server, `/v1/listen?encoding=linear16&sample_rate=${RATE}&interim_results=true&endpointing=500${query}`, {
    headers, talk: (ws) => { pieces(ws, speech().bytes); ws.send('{"type":"CloseStream"}'); } });

const post = async (server, path, body, headers = {}) => {
  const answer = await server.get(path, { method: 'POST', body, headers });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return text;
};
const deepgramFile = (server, query = '', headers = {}) =>
  post(server, `/v1/listen?utterances=true&paragraphs=true${query}`, speech().wav, { 'Content-Type': 'audio/wav', ...headers });

const OPENAI_FORMATS = ['json', 'text', 'srt', 'vtt', 'verbose_json', 'diarized_json'];
const openai = (server, fields, headers = {}) => {
  const body = new FormData();
  for (const [name, value] of Object.entries({ model: 'gpt-4o-transcribe', ...fields })) body.append(name, value);
  body.append('file', new Blob([speech().wav]), 'number.wav');
  return post(server, '/v1/audio/transcriptions', body, headers);
};

const realtime = (server, more = {}, headers = {}) =>
  wire(server, '/v1/realtime?intent=transcription', {
    headers,
    talk: (ws) => {
      const format = { type: 'audio/pcm', rate: RATE };
      ws.send(JSON.stringify({ type: 'session.update', session: { type: 'transcription', ...more,
        include: ['item.input_audio_transcription.logprobs'],
        audio: { input: { format, transcription: { model: 'gpt-4o-transcribe' }, turn_detection: { type: 'server_vad', silence_duration_ms: 500 } } } } }));
      pieces(ws, speech().bytes, (b) => JSON.stringify({ type: 'input_audio_buffer.append', audio: b.toString('base64') }));
    },
    enough: (text) => text.includes('transcription.completed') });

const vosk = (server) =>
  wire(server, '/', { talk: (ws) => {
    ws.send(JSON.stringify({ config: { sample_rate: RATE, words: true, max_alternatives: 0 } }));
    pieces(ws, speech().bytes);
    ws.send('{"eof" : 1}');
  } });

const funasr = (server) =>
  wire(server, '/funasr', {
    protocols: ['binary'],
    talk: (ws) => {
      ws.send(JSON.stringify({ mode: '2pass', audio_fs: RATE, wav_name: 'demo', wav_format: 'pcm', is_speaking: true, itn: true, chunk_size: [5, 10, 5] }));
      pieces(ws, speech().bytes);
      ws.send('{"is_speaking": false}');
    },
    enough: (text) => JSON.parse(text).is_final });

function wyoming(address) {
  const [, host, port] = address.match(/tcp:\/\/(.*):(\d+)/);
  const socket = net.connect(Number(port), host);
  const event = (type, data, payload = Buffer.alloc(0)) => {
    const json = Buffer.from(JSON.stringify(data));
    return Buffer.concat([Buffer.from(`${JSON.stringify({ type, data_length: json.length, payload_length: payload.length })}\n`), json, payload]);
  };
  const format = { rate: RATE, width: 2, channels: 1 };
  socket.write(event('transcribe', { language: 'en' }));
  socket.write(event('audio-start', format));
  for (let at = 0; at < speech().bytes.length; at += PIECE) socket.write(event('audio-chunk', format, speech().bytes.subarray(at, at + PIECE)));
  socket.write(event('audio-stop', {}));
  let heard = '';
  return within(new Promise((resolve) => {
    socket.on('data', (bytes) => {
      heard += bytes;
      if (/"transcript(-stop)?"[^]*"text"/.test(heard)) socket.end();
    });
    socket.on('close', () => resolve([heard]));
  }), 'wyoming');
}

const RESULTS = ['json', 'txt', 'srt', 'vtt', 'tsv', 'ctm'];
async function job(server, fields, headers) {
  const request = form([speech().file], fields);
  const { jobs: [made] } = await (await server.get('/v1/jobs', { ...request, headers })).json();
  const auth = { headers };
  const ask = async (path) => (await server.get(`/v1/jobs/${made.id}${path}`, auth)).text();
  await within((async () => { while (!['done', 'failed'].includes(JSON.parse(await ask('')).state)) await turn(); })(), 'a job');
  assert.equal(JSON.parse(await ask('')).state, 'done');
  const all = { job: await ask('') };
  for (const format of RESULTS) all[format] = await ask(`/result?format=${format}`);
  return all;
}

const filesIn = (dir) => readdirSync(dir, { recursive: true }).map((f) => join(dir, f)).filter((f) => statSync(f).isFile());

// ---- tests ---------------------------------------------------------------------------------------------------------

for (const redacted of [true, false]) {
  const how = redacted ? 'no sink of a server that must redact shows a figure' : 'without redaction each sink would';
  test(`privacy: ${how}`, async () => {
    const dir = mkdtempSync(join(work, 'privacy-'));
    const receiver = await new Receiver().listen();
    await withServer([...FAST, '--data-dir', dir, '--wyoming-port', '0', '--log-level', 'debug', '--retention-h', '1', ...(redacted ? FORCED : [])], async (server) => {
      const [, tcp] = await server.said(/Wyoming\) on (tcp:\S+)/);
      const off = redacted ? { redact: 'off' } : {}; // asking for less is in vain
      const talk = await native(server, off);
      assert.equal(talk.ready.config.redact, redacted ? 'mask' : 'off');
      check('native', talk.messages, redacted);
      check('deepgram live', await deepgramLive(server, redacted ? '&redact=false' : ''), redacted);
      check('deepgram file', [await deepgramFile(server)], redacted);
      for (const response_format of OPENAI_FORMATS) {
        if (response_format === 'diarized_json') continue; // its words are those of the others; it wants a model of voices
        const model = ['srt', 'vtt', 'verbose_json'].includes(response_format) ? 'whisper-1' : 'gpt-4o-transcribe';
        const more = response_format === 'verbose_json' ? { 'timestamp_granularities[]': 'word' } : {};
        check(`openai ${response_format}`, [await openai(server, { model, response_format, ...more, ...off })], redacted);
      }
      check('openai events', [await openai(server, { stream: 'true', 'include[]': 'logprobs', ...off })], redacted);
      check('openai realtime', await realtime(server, off), redacted);
      check('vosk', await vosk(server), redacted);
      check('funasr', await funasr(server), redacted);
      check('wyoming', await wyoming(tcp), redacted);
      const results = await job(server, { ...off, webhook: receiver.url });
      for (const format of RESULTS) check(`job as ${format}`, [results[format]], redacted);
      check('job', [results.job], true, null);
      await receiver.came(1);
      server.child.kill('SIGTERM');
      assert.equal((await server.end()).status, 0);
      check('log', [server.log], true, null);
      const kept = filesIn(dir).map((f) => readFileSync(f, 'latin1'));
      check('store', kept, redacted, redacted ? /\[PHONE\]/ : null);
    });
    check('webhook', receiver.seen.map((m) => m.body), true, null);
    assert.equal(receiver.seen.length, 1);
    await receiver.close();
  });
}

test('privacy: what a request asks for is done, in each dialect by its own names', async () => {
  await withServer([...FAST, '--data-dir', mkdtempSync(join(work, 'privacy-'))], async (server) => {
    const talk = await native(server, { redact: 'redact', redact_types: 'phone,email' });
    assert.deepEqual([talk.ready.config.redact, talk.ready.config.redact_types], ['redact', 'phone, email']);
    check('native, redact', talk.messages.map((m) => m.replace(/\*+\d{0,4}/g, '')).map((m) => m.replace(/\d{3}\*/g, '')), true, null);
    const masked = await native(server, { redact: 'mask' });
    check('native, mask', masked.messages, true);
    const final = masked.events.find((e) => e.type === 'final' && e.text.includes('[PHONE]'));
    const [entity] = final.entities;
    assert.equal(entity.type, 'phone');
    assert.equal([...final.text].slice(entity.start_char, entity.end_char).join(''), '[PHONE]');
    assert.equal(entity.words, 1);
    assert.match(final.words[entity.first_word].word, /\[PHONE\]/);
    assert.ok(entity.end > entity.start && entity.confidence > 0);
    const tagged = await native(server, { redact: 'tag' });
    const there = tagged.events.find((e) => e.type === 'final' && e.entities.length);
    assert.match(there.text.slice(there.entities[0].start_char, there.entities[0].end_char), /2127530147|two/i);
    const plain = await native(server);
    assert.ok(plain.events.every((e) => !('entities' in e)));
    check('deepgram live', await deepgramLive(server, '&redact=numbers&smart_format=true'), true, /\[(PHONE|NUMBER)_1\]/);
    check('deepgram file', [await deepgramFile(server, '&redact=pii&redact=ssn')], true, /\[PHONE_1\]/);
    check('deepgram file, another kind', [await deepgramFile(server, '&redact=email_address')], false);
    const refused = await server.get('/v1/listen?redact=phi', { method: 'POST', body: speech().wav, headers: { 'Content-Type': 'audio/wav' } });
    assert.equal(refused.status, 400);
    check('openai', [await openai(server, { redact: 'mask' })], true);
    const wrong = new FormData();
    for (const [name, value] of [['model', 'whisper-1'], ['redact', 'maybe']]) wrong.append(name, value);
    wrong.append('file', new Blob([speech().wav]), 'number.wav');
    const answer = await server.get('/v1/audio/transcriptions', { method: 'POST', body: wrong });
    assert.equal(answer.status, 400);
    assert.equal((await answer.json()).error.param, 'redact');
    const said = await realtime(server, { redact: 'mask' });
    check('realtime', said, true);
    assert.ok(said.some((m) => JSON.parse(m).session?.redact === 'mask'));
    const results = await job(server, { redact: 'mask', redact_types: 'phone' });
    for (const format of RESULTS) check(`job as ${format}`, [results[format]], true);
    assert.equal(JSON.parse(results.job).redact, 'mask');
    assert.equal(JSON.parse(results.json).segments.flatMap((s) => s.entities)[0].type, 'phone');
  });
});

test('privacy: partials, at the pace of time, show nothing that is masked later', async () => {
  for (const redacted of [true, false]) {
    await withServer([...(redacted ? FORCED : [])], async (server) => {
      const talk = await native(server);
      const partials = talk.events.filter((e) => e.type === 'partial');
      assert.ok(partials.length > 0 && partials.every((e) => e.text.length > 0));
      check('partials', partials.map((e) => JSON.stringify(e)), redacted, null);
      check('native', talk.messages, redacted);
    });
  }
});

test('privacy: configure turns it on, and a wrong value changes nothing', async () => {
  await withServer(FAST, async (server) => {
    const client = new Client(server, { sample_rate: RATE });
    await client.opened;
    await client.event('ready');
    client.control({ type: 'configure', redact: 'hide' });
    assert.equal((await client.event('error')).code, 'bad_message');
    client.control({ type: 'configure', redact: 'mask', redact_types: 'phone' });
    await client.event((e) => e.type === 'stats' && e.configured);
    client.pieces(speech().bytes, [PIECE]);
    await client.finish();
    check('configured', client.events.map((e) => JSON.stringify(e)), true);
    assert.equal((await new Client(server, { redact: 'hide' }).refusal()).status, 400);
    assert.equal((await new Client(server, { redact: 'mask', redact_types: 'fone' }).refusal()).status, 400);
  });
});

test('privacy: a key that must redact cannot be talked out of it', async () => {
  const dir = mkdtempSync(join(work, 'privacy-'));
  const create = (...args) => {
    const made = steno(['key', 'create', '--data-dir', dir, ...args]);
    assert.equal(made.status, 0, made.err);
    return made.out.trim();
  };
  const forced = create('--redact', 'mask', '--redact-types', 'phone');
  const free = create();
  assert.match(steno(['key', 'list', '--data-dir', dir, '--json']).out, /"redact": "mask",\s*"redact_types": "phone"/);
  assert.equal(steno(['key', 'create', '--data-dir', dir, '--redact', 'off']).status, 2);
  assert.equal(steno(['key', 'create', '--data-dir', dir, '--redact-types', 'phone']).status, 2);
  await withServer([...FAST, '--data-dir', dir], async (server) => {
    for (const [key, redacted] of [[forced, true], [free, false]]) {
      const bearer = { Authorization: `Bearer ${key}` };
      const talk = await native(server, { access_token: key, redact: 'off' });
      check('native', talk.messages, redacted);
      const configured = new Client(server, { sample_rate: RATE, access_token: key });
      await configured.opened;
      await configured.event('ready');
      configured.control({ type: 'configure', redact: 'off', redact_types: 'email' });
      await configured.event((e) => e.type === 'stats' && e.configured);
      configured.pieces(speech().bytes, [PIECE]);
      await configured.finish();
      check('configured', configured.events.map((e) => JSON.stringify(e)), redacted);
      check('deepgram live', await deepgramLive(server, '', { Authorization: `Token ${key}` }), redacted);
      check('deepgram file', [await deepgramFile(server, '', { Authorization: `Token ${key}` })], redacted);
      check('openai', [await openai(server, { redact: 'off', redact_types: 'email' }, bearer)], redacted);
      check('realtime', await realtime(server, { redact: 'off' }, bearer), redacted);
      const results = await job(server, { redact: 'off' }, bearer);
      check('job', [results.json], redacted);
    }
  });
});

test('privacy: SIGHUP takes a new policy, for new streams', async () => {
  const file = write('privacy/steno.conf', '[privacy]\nredact = off\n');
  await withServer(['--config', file, ...FAST], async (server) => {
    check('before', [await deepgramFile(server)], false);
    write('privacy/steno.conf', '[privacy]\nredact = mask\nredact_force = yes\nredact_types = phone\n');
    server.child.kill('SIGHUP');
    await server.said(/SIGHUP: new streams use/);
    check('after', [await deepgramFile(server)], true, /\[PHONE\]/);
    write('privacy/steno.conf', '[privacy]\nredact = mask\nredact_types = fone\n');
    server.child.kill('SIGHUP');
    await server.said(/SIGHUP: the old configuration stays/);
    check('still', [await deepgramFile(server)], true, /\[PHONE\]/);
  });
});

test('privacy: steno transcribe and steno live mask what they write', () => {
  const { file } = speech();
  for (const [args, redacted] of [[['--redact', 'mask'], true], [[], false]]) {
    for (const format of ['text', 'json', 'srt', 'vtt', 'ctm', 'tsv']) {
      const r = steno(['transcribe', '--format', format, ...args, file]);
      assert.equal(r.status, 0, r.err);
      check(`transcribe ${format}`, [r.out], redacted);
    }
    for (const format of ['text', 'json']) {
      const r = steno(['live', '--partials', '--speed', '4', '--format', format, ...args, file]);
      assert.equal(r.status, 0, r.err);
      check(`live ${format}`, r.out.split('\n').filter(Boolean), redacted);
    }
  }
  assert.equal(steno(['transcribe', '--redact', 'hide', file]).status, 2);
  assert.equal(steno(['live', '--redact-types', 'fone', file]).status, 2);
});
