// test_deepgram.mjs: /v1/listen with the vendor's own clients, unmodified, of three majors; and what they never send.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import WebSocket from 'ws';
import { concatenate, errorRate, ffmpeg, prompts, recording, riff, samples, skip, steno, test, work, write, writeWav } from './harness.mjs';
import { turn, withServer } from './live_client.mjs';

const require = createRequire(import.meta.url);
const FAST = ['--max-ahead-ms', '60000'];
const LIMIT_MS = 120000; // a hang is a failure, not a wait for ever
const PIECE = 3200;

const within = (promise, what) => {
  let timer;
  const limit = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`${what}: nothing for ${LIMIT_MS} ms`)), LIMIT_MS)));
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
};

const load = (name) => {
  try {
    return require(name);
  } catch {
    return skip(`${name} is not installed: npm ci --ignore-scripts in tests/e2e`);
  }
};

const KEY = 'a-key-of-nobody';
const bytesOf = (pcm) => Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
const speech = () => bytesOf(samples(recording('0870')));
const silence = (ms, rate = 16000) => Buffer.alloc((ms * rate * 2) / 1000);

// ---- the clients --------------------------------------------------------------------------------------------------

// What came on a live connection, and waiting for it; a client calls on() and over().
class Inbox {
  constructor() {
    this.all = [];
    this.waiting = [];
    this.closed = new Promise((resolve) => (this.close = resolve));
    this.closed.then(() => this.look(true));
  }

  on(message) {
    this.all.push(message);
    this.look(false);
  }

  look(over) {
    this.waiting = this.waiting.filter((w) => {
      const found = this.all.slice(w.from).find(w.wanted);
      if (found) w.resolve(found);
      else if (over) w.reject(new Error(`closed before ${w.wanted}: ${JSON.stringify(this.all.at(-1))}`));
      return !found && !over;
    });
  }

  next(wanted, from = 0) {
    const test = typeof wanted === 'string' ? (m) => m.type === wanted : wanted;
    return within(new Promise((resolve, reject) => {
      this.waiting.push({ wanted: test, from, resolve, reject });
      this.look(false);
    }), String(wanted));
  }

  of(type) {
    return this.all.filter((m) => m.type === type);
  }

  get finals() {
    return this.of('Results').filter((m) => m.is_final);
  }

  get text() {
    return textOf(this.finals);
  }
}

const first = (m) => m.channel.alternatives[0];
const textOf = (results) => results.map((m) => first(m).transcript).filter(Boolean).join(' ');

// The SDK of majors 3 and 4: createClient(), with another address for everything under `global`.
const older = (name) => ({
  name,
  client: (server) => load(name).createClient(KEY, { global: { fetch: { options: { url: `http://${server.address}` } }, websocket: { options: { url: `ws://${server.address}` } } } }),
  async live(server, options) {
    const sdk = load(name);
    const inbox = new Inbox();
    const c = this.client(server).listen.live(options);
    const E = sdk.LiveTranscriptionEvents;
    for (const kind of [E.Transcript, E.Metadata, E.UtteranceEnd, E.SpeechStarted, E.Unhandled]) c.on(kind, (m) => inbox.on(m));
    c.on(E.Close, (e) => inbox.close({ code: e.code, reason: e.reason }));
    const failed = new Promise((resolve) => c.on(E.Error, resolve));
    const opened = new Promise((resolve) => c.on(E.Open, () => resolve(null)));
    const error = await within(Promise.race([opened, failed]), 'an open connection');
    return { inbox, error, send: (b) => c.send(b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength)), keepAlive: () => c.keepAlive(), finalize: () => c.finalize(), closeStream: () => c.requestClose(), configure: (o) => c.configure(o) };
  },
  async file(server, body, options) {
    const { result, error } = await this.client(server).listen.prerecorded.transcribeFile(body, options);
    if (error) throw Object.assign(new Error(error.message), { status: error.status, body: JSON.parse(error.message) });
    return result;
  },
  async url(server, url, options) {
    const { error } = await this.client(server).listen.prerecorded.transcribeUrl({ url }, options);
    return { status: error.status, body: JSON.parse(error.message) };
  },
});

// Major 5: DeepgramClient, with another `environment` or `baseUrl`.
const newest = {
  name: '@deepgram/sdk',
  client(server, way = 'environment') {
    const { DeepgramClient } = load(this.name);
    const there = way === 'environment'
      ? { environment: { base: `http://${server.address}`, production: `ws://${server.address}`, agent: `ws://${server.address}`, agentRest: `http://${server.address}` } }
      : { baseUrl: `http://${server.address}` };
    return new DeepgramClient({ apiKey: KEY, maxRetries: 0, ...there });
  },
  async live(server, options, way) {
    const inbox = new Inbox();
    const c = await this.client(server, way).listen.v1.connect({ model: 'tiny', reconnectAttempts: 0, ...options });
    c.on('message', (m) => inbox.on(m));
    c.on('close', (e) => inbox.close({ code: e.code, reason: e.reason }));
    const failed = new Promise((resolve) => c.on('error', resolve));
    c.connect();
    const error = await within(Promise.race([c.waitForOpen().then(() => null, (e) => e), failed]), 'an open connection');
    return { inbox, error, send: (b) => c.sendMedia(b), keepAlive: () => c.sendKeepAlive({ type: 'KeepAlive' }), finalize: () => c.sendFinalize({ type: 'Finalize' }), closeStream: () => c.sendCloseStream({ type: 'CloseStream' }) };
  },
  async file(server, body, options) {
    try {
      return await this.client(server).listen.v1.media.transcribeFile(body, options);
    } catch (error) {
      throw Object.assign(new Error(error.message), { status: error.statusCode, body: error.body });
    }
  },
  async url(server, url, options) {
    return this.client(server).listen.v1.media.transcribeUrl({ url, ...options }).then(
      () => assert.fail('it was fetched'),
      (error) => ({ status: error.statusCode, body: error.body }),
    );
  },
};

const clients = [older('deepgram-sdk-3'), older('deepgram-sdk-4'), newest];

// A plain WebSocket, for what the SDKs do not send.
function plain(server, query, { protocols = [], headers = {} } = {}) {
  const inbox = new Inbox();
  const ws = new WebSocket(`ws://${server.address}/v1/listen?${new URLSearchParams(query)}`, protocols, { headers, perMessageDeflate: false });
  ws.on('message', (text) => inbox.on(JSON.parse(text)));
  ws.on('close', (code, reason) => inbox.close({ code, reason: String(reason) }));
  ws.on('error', () => {});
  const upgraded = new Promise((resolve) => ws.on('upgrade', (response) => resolve(response.headers)));
  const opened = new Promise((resolve) => ws.on('open', resolve));
  const refused = new Promise((resolve) => ws.on('unexpected-response', (request, response) => {
    let body = '';
    response.on('data', (bytes) => (body += bytes));
    response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: JSON.parse(body) }));
  }));
  return { inbox, ws, get opened() { return within(opened, 'an open connection'); }, upgraded, refused, send: (b) => ws.send(b), control: (o) => ws.send(JSON.stringify(o)) };
}

const pieces = (c, bytes, size = PIECE) => {
  for (let at = 0; at < bytes.length; at += size) c.send(bytes.subarray(at, at + size));
};

const LINEAR = { encoding: 'linear16', sample_rate: 16000 };

const checkSpans = (results, channel = 0) => {
  let covered = 0;
  for (const m of results.filter((r) => r.channel_index[0] === channel)) {
    assert.ok(Math.abs(m.start - covered) < 0.0015 || m.start < covered, `a span begins at ${m.start}, not ${covered}`);
    for (const w of first(m).words) assert.ok(w.start >= m.start - 0.0015 && w.end <= m.start + m.duration + 0.0015, JSON.stringify(m));
    if (m.is_final) covered = m.start + m.duration;
  }
};

// ---- live ---------------------------------------------------------------------------------------------------------

for (const sdk of clients) {
  test(`deepgram: ${sdk.name}: a live stream with everything on`, () =>
    withServer(FAST, async (server) => {
      const audio = Buffer.concat([speech(), silence(2500)]);
      const c = await sdk.live(server, { ...LINEAR, channels: 1, language: 'en-US', punctuate: true, interim_results: true, endpointing: 300, utterance_end_ms: 1000, vad_events: true, tag: ['a', 'b'], extra: 'who:me', measurements: true });
      assert.equal(c.error, null);
      pieces(c, audio);
      c.keepAlive();
      c.closeStream();
      const metadata = await c.inbox.next('Metadata');
      assert.equal((await c.inbox.closed).code, 1000);
      assert.equal(c.inbox.all.at(-1), metadata);
      const results = c.inbox.of('Results');
      assert.ok(results.some((m) => !m.is_final && first(m).transcript), 'no interim result');
      assert.ok(c.inbox.finals.some((m) => m.speech_final));
      assert.equal(c.inbox.finals.at(-1).speech_final, true);
      checkSpans(results);
      assert.ok(errorRate(steno(['transcribe', recording('0870')]).out, c.inbox.text) < 0.15, c.inbox.text);
      assert.match(c.inbox.text, /[A-Z].*[,.?]/);
      for (const m of results) {
        assert.deepEqual(m.channel_index, [0, 1]);
        assert.equal(m.metadata.request_id, metadata.request_id);
        assert.equal(m.metadata.model_info.name, 'tiny');
        assert.equal(first(m).words.map((w) => w.punctuated_word).join(' '), first(m).transcript);
        for (const w of first(m).words) assert.match(w.word, /^[^A-Z.,?!]+$/);
      }
      assert.ok(c.inbox.of('SpeechStarted').length > 0);
      for (const m of c.inbox.of('SpeechStarted')) assert.deepEqual(m.channel, [0, 1]);
      const last = first(c.inbox.finals.filter((m) => first(m).transcript).at(-1)).words.at(-1);
      assert.equal(c.inbox.of('UtteranceEnd').at(-1).last_word_end, last.end);
      assert.deepEqual([metadata.channels, metadata.duration, metadata.tags, metadata.extra], [1, audio.length / 32000, ['a', 'b'], { who: 'me' }]);
      assert.equal(metadata.sha256, createHash('sha256').update(audio).digest('hex'));
      assert.equal(metadata.model_info[metadata.models[0]].name, 'tiny');
      assert.ok(Math.abs(Date.parse(metadata.created) - Date.now()) < LIMIT_MS);
      assert.deepEqual(metadata.warnings.map((w) => w.parameter), ['measurements']);
    }));

  test(`deepgram: ${sdk.name}: without punctuate, words are plain and nothing is said before it is final`, () =>
    withServer(FAST, async (server) => {
      const c = await sdk.live(server, LINEAR);
      pieces(c, speech());
      c.closeStream();
      await c.inbox.closed;
      assert.ok(c.inbox.finals.length > 0);
      assert.equal(c.inbox.finals.length, c.inbox.of('Results').length);
      assert.match(c.inbox.text, /^[a-z' -]+$/);
      for (const m of c.inbox.finals) {
        assert.equal(first(m).words.map((w) => w.word).join(' '), first(m).transcript);
        for (const w of first(m).words) assert.equal(w.punctuated_word, undefined);
      }
      assert.deepEqual(c.inbox.all.filter((m) => !['Results', 'Metadata'].includes(m.type)), []);
    }));

  test(`deepgram: ${sdk.name}: Finalize says what there is, at once`, () =>
    withServer(FAST, async (server) => {
      const c = await sdk.live(server, { ...LINEAR, endpointing: 5000 });
      c.finalize(); // nobody has spoken
      const nothing = await c.inbox.next((m) => m.from_finalize);
      assert.deepEqual([first(nothing).transcript, nothing.is_final, nothing.speech_final, nothing.duration], ['', true, true, 0]);
      const words = speech().subarray(0, 64000);
      pieces(c, words);
      c.finalize();
      const m = await c.inbox.next((x) => x.from_finalize && x !== nothing);
      assert.ok(first(m).transcript.length > 0);
      assert.deepEqual([m.is_final, m.speech_final], [true, true]);
      c.closeStream();
      assert.equal((await c.inbox.closed).code, 1000);
    }));

  test(`deepgram: ${sdk.name}: two people on two channels of mu-law`, () =>
    withServer(FAST, async (server) => {
      const [a, b] = prompts().filter((p) => p.text.split(' ').length > 6).slice(0, 2);
      writeWav('dg-a.wav', samples(a.file), { rate: 8000 });
      writeWav('dg-b.wav', samples(b.file), { rate: 8000 });
      if (!ffmpeg(['-i', `${work}/dg-a.wav`, '-i', `${work}/dg-b.wav`, '-filter_complex', '[0:a]apad=whole_dur=12[l];[1:a]apad=whole_dur=12[r];[l][r]join=inputs=2:channel_layout=stereo', '-f', 'mulaw', `${work}/dg-ab.ul`])) assert.fail('ffmpeg');
      const c = await sdk.live(server, { encoding: 'mulaw', sample_rate: 8000, channels: 2, multichannel: true, endpointing: false });
      pieces(c, readFileSync(`${work}/dg-ab.ul`), 1601); // half a frame at a time
      c.closeStream();
      const metadata = await c.inbox.next('Metadata');
      assert.equal(metadata.channels, 2);
      for (const [i, p] of [a, b].entries()) {
        const mine = c.inbox.finals.filter((m) => m.channel_index[0] === i);
        for (const m of mine) assert.deepEqual([m.channel_index[1], m.speech_final], [2, false]);
        assert.ok(errorRate(p.text, textOf(mine)) < 0.5, `${p.text} / ${textOf(mine)}`);
        checkSpans(mine, i);
      }
    }));
}

test('deepgram: @deepgram/sdk: baseUrl leads here as well', () =>
  withServer(FAST, async (server) => {
    const c = await newest.live(server, LINEAR, 'baseUrl');
    assert.equal(c.error, null);
    c.closeStream();
    await c.inbox.next('Metadata');
  }));

test('deepgram: encodings: the same words in linear16, linear32, mu-law and A-law', () =>
  withServer(FAST, async (server) => {
    const file = recording('0870');
    const reference = steno(['transcribe', file]).out;
    for (const [encoding, format] of [['linear16', 's16le'], ['linear32', 'f32le'], ['mulaw', 'mulaw'], ['alaw', 'alaw']]) {
      if (!ffmpeg(['-i', file, '-ac', '1', '-ar', '8000', '-f', format, `${work}/dg.${format}`])) assert.fail('ffmpeg');
      const c = plain(server, { encoding, sample_rate: 8000 });
      await c.opened;
      pieces(c, readFileSync(`${work}/dg.${format}`));
      c.control({ type: 'CloseStream' });
      await c.inbox.closed;
      assert.ok(errorRate(reference, c.inbox.text) < 0.3, `${encoding}: ${c.inbox.text}`);
    }
  }));

test('deepgram: a WAV file as a stream needs no encoding', () =>
  withServer(FAST, async (server) => {
    const pcm = samples(recording('0870'));
    for (const claim of [pcm.length * 2, 0xffffffff]) {
      const c = plain(server, {});
      await c.opened;
      const file = riff({ data: bytesOf(pcm), claim });
      pieces(c, file, 999);
      c.send(Buffer.alloc(0)); // the older CloseStream
      const metadata = await c.inbox.next('Metadata');
      assert.equal((await c.inbox.closed).code, 1000);
      assert.equal(metadata.duration, Math.round(pcm.length / 16) / 1000);
      assert.ok(errorRate(steno(['transcribe', recording('0870')]).out, c.inbox.text) < 0.15, c.inbox.text);
    }
  }));

test('deepgram: what is no audio is refused with its name', () =>
  withServer(FAST, async (server) => {
    const webm = Buffer.concat([Buffer.from([0x1a, 0x45, 0xdf, 0xa3]), Buffer.alloc(100)]);
    const nan = Buffer.alloc(400);
    nan.writeFloatLE(NaN, 40);
    for (const [query, bytes, says] of [
      [{}, webm, /WebM.*encoding and sample_rate/],
      [{}, Buffer.from('OggS............'), /Ogg/],
      [{}, riff({ bits: 24, data: Buffer.alloc(300) }), /24-bit/],
      [{}, riff({ channels: 4, data: Buffer.alloc(300) }), /multichannel/],
      [{ encoding: 'linear32', sample_rate: 16000 }, nan, /number/],
    ]) {
      const c = plain(server, query);
      await c.opened;
      c.send(bytes);
      const error = await c.inbox.next('Error');
      assert.equal(error.variant, 'DATA-0000');
      assert.match(error.description, says);
      const closed = await within(c.inbox.closed, 'the close');
      assert.equal(closed.code, 1008);
      assert.match(closed.reason, /^DATA-0000/);
    }
  }));

test('deepgram: 10 s without audio or KeepAlive end a stream, with them it goes on', () =>
  withServer(FAST, async (server) => {
    const kept = plain(server, LINEAR);
    const left = plain(server, LINEAR);
    await Promise.all([kept.opened, left.opened]);
    const timer = setInterval(() => kept.control({ type: 'KeepAlive' }), 3000);
    try {
      const closed = await within(left.inbox.closed, 'the close');
      assert.equal(closed.code, 1011);
      assert.match(closed.reason, /^NET-0001/);
      assert.equal(left.inbox.of('Error')[0].variant, 'NET-0001');
      pieces(kept, speech());
      kept.control({ type: 'CloseStream' });
      assert.equal((await within(kept.inbox.closed, 'the close')).code, 1000);
      assert.ok(kept.inbox.text.length > 0);
    } finally {
      clearInterval(timer);
    }
  }));

test('deepgram: messages that are none are answered, and the stream goes on', () =>
  withServer(FAST, async (server) => {
    const c = plain(server, LINEAR);
    await c.opened;
    const bad = ['no json', '[]', '{}', '{"type":"Close"}', '{"type":"Configure","processors":{"numerals":true}}'];
    for (const text of bad) c.ws.send(text);
    c.control({ type: 'Finalize', channel: 0 });
    await c.inbox.next((m) => m.from_finalize);
    assert.deepEqual(c.inbox.all.slice(0, -1).map((m) => [m.type, m.variant]), bad.map(() => ['Error', 'UnparsableClientMessage']));
    c.control({ type: 'CloseStream' });
    await c.inbox.next('Metadata');
  }));

test('deepgram: sdk 4 in a browser gives its key as a sub-protocol', () =>
  withServer(FAST, async (server) => {
    for (const protocols of [['token', KEY], ['bearer', KEY]]) {
      const c = plain(server, LINEAR, { protocols });
      await c.opened;
      assert.equal(c.ws.protocol, protocols[0]);
      c.ws.terminate();
    }
    const asInBrowsers = class extends WebSocket {
      constructor(url, protocols, options) {
        super(url, protocols, options);
        asInBrowsers.offered = protocols;
      }
    };
    const forget = () => Object.keys(require.cache).filter((file) => file.includes('/deepgram-sdk-4/')).forEach((file) => delete require.cache[file]);
    forget();
    const had = globalThis.WebSocket;
    globalThis.WebSocket = asInBrowsers; // it looks for one when it is loaded
    try {
      const c = await clients[1].live(server, LINEAR);
      assert.deepEqual(asInBrowsers.offered, ['token', KEY]);
      assert.equal(c.error, null);
      c.closeStream();
      await c.inbox.next('Metadata');
    } finally {
      globalThis.WebSocket = had;
      forget();
    }
  }));

test('deepgram: an upgrade is refused in Deepgram\'s shape, in its headers too', () =>
  withServer(FAST, async (server) => {
    for (const [query, says] of [
      [{ ...LINEAR, language: 'es' }, /No such model\/language\/tier combination found/],
      [{ ...LINEAR, redact: 'phi' }, /redact/],
      [{ ...LINEAR, callback: 'https://a.example/' }, /callback/],
      [{ ...LINEAR, punctuate: 'maybe' }, /punctuate: want true or false/],
      [{ encoding: 'opus' }, /opus is not decoded live/],
      [{ encoding: 'linear16' }, /sample_rate: wanted/],
    ]) {
      const r = await within(plain(server, query).refused, 'a refusal');
      assert.equal(r.status, 400);
      assert.equal(r.body.err_code, 'Bad Request');
      assert.match(r.body.err_msg, says);
      assert.equal(r.body.err_msg, r.headers['dg-error']);
      assert.equal(r.body.request_id, r.headers['dg-request-id']);
      assert.match(r.body.request_id, /^[0-9a-f-]{36}$/);
    }
    const flux = await load('@deepgram/sdk') && await newest.client(server).listen.v2.connect({ model: 'flux-general-en', ...LINEAR, reconnectAttempts: 0 });
    flux.connect();
    assert.match((await within(flux.waitForOpen().then(() => assert.fail(), (e) => e), 'a refusal')).message, /404/);
    const c = await clients[1].live(server, { ...LINEAR, language: 'es' });
    assert.equal(c.error.statusCode, 400);
    assert.match(c.error.responseHeaders['dg-error'], /No such model/);
    assert.match(c.error.requestId, /^[0-9a-f-]{36}$/);
  }));

test('deepgram: what is not done is said in a header and at the end', () =>
  withServer(FAST, async (server) => {
    const c = plain(server, { ...LINEAR, model: 'nova-3', measurements: true, keyterm: 'gate', endpointing: 10, new_thing: 1 });
    const headers = await within(c.upgraded, 'the upgrade');
    assert.match(headers['dg-request-id'], /^[0-9a-f-]{36}$/);
    for (const part of [/model: .*tiny serves/, /measurements: /, /keyterm: /, /endpointing: 100 ms is taken/, /new_thing: no such parameter/]) assert.match(headers['steno-warning'], part);
    await c.opened;
    c.control({ type: 'CloseStream' });
    const metadata = await c.inbox.next('Metadata');
    assert.deepEqual(metadata.warnings.map((w) => w.parameter).sort(), ['endpointing', 'keyterm', 'measurements', 'model', 'new_thing']);
  }));

// ---- files --------------------------------------------------------------------------------------------------------

// A plain POST: status, headers, body.
async function post(server, query, body, headers = { 'content-type': 'audio/wav' }) {
  const r = await within(server.get(`/v1/listen?${new URLSearchParams(query)}`, { method: 'POST', body, headers, duplex: 'half' }), 'an answer');
  return { status: r.status, headers: r.headers, body: JSON.parse(await r.text()) };
}

const wordsOf = (text) => text.toLowerCase().replace(/[^a-z' -]+/g, '').split(/\s+/).filter(Boolean);
const only = (result) => result.results.channels[0].alternatives[0];

for (const sdk of clients) {
  test(`deepgram: ${sdk.name}: a file with everything on`, () =>
    withServer(FAST, async (server) => {
      const body = readFileSync(recording('0870'));
      const reference = steno(['transcribe', '--format', 'json', recording('0870')]);
      const result = await sdk.file(server, body, { model: 'nova-3', punctuate: true, utterances: true, utt_split: 0.6, paragraphs: true, measurements: true, tag: ['x'], extra: 'who:me' });
      const { metadata } = result;
      const a = only(result);
      const text = JSON.parse(reference.out).segments.map((s) => s.text).join(' ');
      assert.equal(a.transcript, text);
      assert.equal(a.words.map((w) => w.punctuated_word).join(' '), text);
      assert.deepEqual(a.words.map((w) => w.word), wordsOf(text));
      assert.ok(a.confidence > 0 && a.confidence <= 1);
      assert.equal(metadata.sha256, createHash('sha256').update(body).digest('hex'));
      assert.deepEqual([metadata.channels, metadata.tags, metadata.extra], [1, ['x'], { who: 'me' }]);
      assert.ok(Math.abs(metadata.duration - samples(recording('0870')).length / 16000) < 0.01);
      assert.deepEqual(metadata.warnings.map((w) => w.parameter).sort(), ['measurements', 'model']);
      assert.equal(metadata.model_info[metadata.models[0]].name, 'tiny');
      const { utterances } = result.results;
      assert.equal(utterances.map((u) => u.transcript).join(' '), text);
      utterances.slice(1).forEach((u, i) => assert.ok(u.start - utterances[i].end >= 0.6));
      assert.equal(a.paragraphs.transcript.replace(/\s+/g, ' ').trim(), text);
      assert.equal(a.paragraphs.paragraphs.flatMap((p) => p.sentences).map((s) => s.text).join(' '), text);
    }));

  test(`deepgram: ${sdk.name}: a file that streams in, plain words`, () =>
    withServer(FAST, async (server) => {
      const result = await sdk.file(server, createReadStream(recording('0870')), { model: 'tiny' });
      assert.match(only(result).transcript, /^[a-z' -]+$/);
      assert.equal(result.results.utterances, undefined);
      assert.equal(result.metadata.warnings, undefined);
      assert.equal(result.metadata.sha256, createHash('sha256').update(readFileSync(recording('0870'))).digest('hex'));
    }));

  test(`deepgram: ${sdk.name}: errors of files`, () =>
    withServer(FAST, async (server) => {
      const bad = await sdk.file(server, Buffer.from('this is no sound at all, whatever it says it is'), {}).then(() => assert.fail(), (e) => e);
      assert.equal(bad.status, 400);
      assert.equal(bad.body.err_code, 'Bad Request');
      assert.match(bad.body.err_msg, /^Bad Request: failed to process audio: corrupt or unsupported data/);
      assert.doesNotMatch(bad.body.err_msg, /\/proc|\/tmp|fd\//);
      const spanish = await sdk.file(server, readFileSync(recording('0870')), { language: 'es' }).then(() => assert.fail(), (e) => e);
      assert.equal(spanish.status, 400);
      assert.match(spanish.body.err_msg, /No such model/);
      const url = await sdk.url(server, 'http://127.0.0.1:1/x.wav', { punctuate: true });
      assert.equal(url.status, 400);
      assert.match(url.body.err_msg, /fetches nothing/);
    }));
}

test('deepgram: a file of two channels, one voice each or mixed', () =>
  withServer(FAST, async (server) => {
    const [a, b] = prompts().filter((p) => p.text.split(' ').length > 6).slice(0, 2);
    if (!ffmpeg(['-i', a.file, '-i', b.file, '-filter_complex', '[0:a][1:a]join=inputs=2:channel_layout=stereo', '-c:a', 'libvorbis', `${work}/dg-ab.ogg`])) assert.fail('ffmpeg');
    const body = readFileSync(`${work}/dg-ab.ogg`);
    const split = await post(server, { multichannel: true, utterances: true }, body, { 'content-type': 'audio/ogg' });
    assert.equal(split.status, 200);
    assert.equal(split.body.metadata.channels, 2);
    for (const [i, p] of [a, b].entries()) {
      const got = split.body.results.channels[i].alternatives[0].transcript;
      assert.ok(errorRate(p.text, got) < 0.5, `${p.text} / ${got}`);
      assert.equal(split.body.results.utterances.filter((u) => u.channel === i).map((u) => u.transcript).join(' '), got);
    }
    const starts = split.body.results.utterances.map((u) => u.start);
    assert.deepEqual(starts, [...starts].sort((x, y) => x - y));
    const mixed = await post(server, {}, body, { 'content-type': 'audio/ogg' });
    assert.equal(mixed.body.results.channels.length, 1);
    assert.match(mixed.headers.get('dg-request-id'), /^[0-9a-f-]{36}$/);
    assert.equal(mixed.headers.get('dg-request-id'), mixed.body.metadata.request_id);
  }));

test('deepgram: bare samples as a file, with and without a header of their own', () =>
  withServer(FAST, async (server) => {
    const pcm = bytesOf(samples(recording('0870')));
    const want = only((await post(server, {}, riff({ data: pcm }))).body).transcript;
    const headers = { 'content-type': 'application/octet-stream' };
    const bare = await post(server, LINEAR, pcm, headers);
    assert.equal(only(bare.body).transcript, want);
    assert.equal(bare.body.metadata.sha256, createHash('sha256').update(pcm).digest('hex'));
    const headed = await post(server, LINEAR, riff({ data: pcm }), headers);
    assert.equal(only(headed.body).transcript, want);
    for (const [encoding, format] of [['linear32', 'f32le'], ['mulaw', 'mulaw'], ['alaw', 'alaw']]) {
      if (!ffmpeg(['-i', recording('0870'), '-ac', '1', '-ar', '8000', '-f', format, `${work}/dg-file.${format}`])) assert.fail('ffmpeg');
      const r = await post(server, { encoding, sample_rate: 8000 }, readFileSync(`${work}/dg-file.${format}`), headers);
      assert.equal(r.status, 200, JSON.stringify(r.body));
      assert.ok(errorRate(want, only(r.body).transcript) < 0.3, `${encoding}: ${only(r.body).transcript}`);
    }
  }));

test('deepgram: files that are damaged, empty, silent or named by others', () =>
  withServer(FAST, async (server) => {
    const pcm = bytesOf(samples(recording('0870')));
    const cut = await post(server, {}, riff({ data: pcm.subarray(0, 96000), claim: pcm.length }));
    assert.equal(cut.status, 200);
    assert.ok(only(cut.body).transcript.length > 0);
    assert.equal(cut.body.metadata.warnings[0].type, 'incomplete');
    const empty = await post(server, {}, Buffer.alloc(0));
    assert.deepEqual([empty.status, empty.body.err_code], [400, 'Bad Request']);
    const quiet = await post(server, { utterances: true, paragraphs: true }, riff({ data: silence(1000) }));
    assert.equal(quiet.status, 200);
    assert.deepEqual(only(quiet.body).words, []);
    assert.deepEqual(quiet.body.results.utterances, []);
    const form = await post(server, {}, new FormData(), {});
    assert.equal(form.status, 400);
    assert.match(form.body.err_msg, /multipart/);
    const json = { 'content-type': 'application/json' };
    for (const body of ['{"url":', '{}', '[]', '{"url":1}', JSON.stringify({ url: 'x'.repeat(20000) })]) {
      const r = await post(server, {}, body, json);
      assert.ok([400, 413].includes(r.status), body.slice(0, 20));
      assert.ok(r.body.err_code && r.body.err_msg && r.body.request_id);
    }
    const refused = await post(server, { redact: 'phi' }, pcm);
    assert.match(refused.body.err_msg, /redact/);
    assert.equal(refused.headers.get('dg-error'), refused.body.err_msg);
    const method = await server.get('/v1/listen');
    assert.equal(method.status, 405);
    assert.equal((await method.json()).err_code, 'METHOD_NOT_ALLOWED');
  }));

// A server that is called back: it fails at first, then takes what comes.
async function withReceiver(failures, body) {
  const got = [];
  const waiting = [];
  const receiver = createServer((request, response) => {
    let text = '';
    request.on('data', (bytes) => (text += bytes));
    request.on('end', () => {
      const failed = failures-- > 0;
      response.writeHead(failed ? 500 : 200).end();
      got.push({ method: request.method, url: request.url, type: request.headers['content-type'], text, failed });
      waiting.splice(0).forEach((resolve) => resolve());
    });
  });
  await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const taken = async (path) => {
    for (;;) {
      const found = got.find((g) => g.url === path && !g.failed);
      if (found) return found;
      await new Promise((resolve) => waiting.push(resolve));
    }
  };
  try {
    await body(`http://127.0.0.1:${receiver.address().port}`, (path) => within(taken(path), `a call of ${path}`), got);
  } finally {
    receiver.closeAllConnections();
    await new Promise((resolve) => receiver.close(resolve));
  }
}

const withStore = (body) => {
  const conf = write(`dg-${process.hrtime.bigint()}/steno.conf`, '[jobs]\nwebhook_retry_ms = 10\n');
  return withServer([...FAST, '--config', conf, '--data-dir', `${conf}.d`], body);
};

test('deepgram: callbacks are promised at once and tried until they are taken, by every client', () =>
  withStore((server) =>
    withReceiver(2, async (base, taken, got) => {
      const audio = readFileSync(recording('0870'));
      const wanted = only((await post(server, {}, audio)).body).transcript;
      const four = load('deepgram-sdk-4');
      const { result } = await clients[1].client(server).listen.prerecorded.transcribeFileCallback(audio, new four.CallbackUrl(`${base}/four`), { punctuate: false });
      assert.deepEqual(Object.keys(result), ['request_id']);
      const first4 = JSON.parse((await taken('/four')).text);
      assert.equal(first4.metadata.request_id, result.request_id);
      assert.equal(only(first4).transcript, wanted);
      assert.equal(got.filter((g) => g.failed).length, 2);
      const five = await newest.file(server, audio, { callback: `${base}/five?x=1`, callback_method: 'PUT', tag: 't' });
      assert.deepEqual(Object.keys(five), ['request_id']);
      const put = await taken('/five?x=1');
      assert.deepEqual([put.method, put.type], ['PUT', 'application/json']);
      const body = JSON.parse(put.text);
      assert.deepEqual([body.metadata.request_id, body.metadata.tags, only(body).transcript], [five.request_id, ['t'], wanted]);
      const bad = await newest.file(server, Buffer.from('no sound, whatever it is'), { callback: `${base}/bad` });
      const error = JSON.parse((await taken('/bad')).text);
      assert.deepEqual([error.err_code, error.request_id], ['Bad Request', bad.request_id]);
      const nowhere = await post(server, { callback: 'http://' }, audio);
      assert.equal(nowhere.status, 400);
    })));

test('deepgram: who was promised a callback hears of it, though the server is stopped meanwhile', () =>
  withReceiver(0, async (base, taken) => {
    const conf = write('dg-stop/steno.conf', '[jobs]\nwebhook_retry_ms = 10\n');
    const args = [...FAST, '--config', conf, '--data-dir', `${conf}.d`, '--drain-s', '1'];
    const file = writeWav('dg-long.wav', concatenate(Array(40).fill(recording('0870'))));
    let promised;
    await withServer(args, async (server) => {
      promised = await post(server, { callback: `${base}/stopped` }, readFileSync(file));
      assert.equal(promised.status, 200);
      server.child.kill('SIGTERM');
      await server.end();
    });
    await withServer(args, async () => {
      const told = JSON.parse((await taken('/stopped')).text);
      assert.equal(told.request_id ?? told.metadata.request_id, promised.body.request_id);
    });
  }));

test('deepgram: a server that keeps nothing calls nobody back', async () => {
  const had = process.env.XDG_DATA_HOME;
  process.env.XDG_DATA_HOME = `${work}/dg-home`;
  try {
    await withServer(FAST, () => // has the folder, so the next one has none
      withServer(FAST, async (server) => {
        const r = await post(server, { callback: 'http://127.0.0.1:1/' }, readFileSync(recording('0870')));
        assert.equal(r.status, 503);
        assert.match(r.body.err_msg, /callback/);
      }));
  } finally {
    if (had === undefined) delete process.env.XDG_DATA_HOME;
    else process.env.XDG_DATA_HOME = had;
  }
});

test('deepgram: clients that vanish leave nothing behind', () =>
  withServer(FAST, async (server) => {
    const audio = readFileSync(recording('0870'));
    const leave = [];
    for (let i = 0; i < 8; i++) {
      const live = plain(server, i % 2 ? { ...LINEAR, channels: 2, multichannel: true, interim_results: true } : {});
      leave.push(live.opened.then(() => {
        live.send(i % 2 ? audio.subarray(44, 64044) : audio.subarray(0, 64000));
        if (i % 4 > 1) live.control({ type: i % 2 ? 'Finalize' : 'CloseStream' });
        live.ws.terminate();
      }));
      // One hangs up within its body, one while it is being heard.
      const abort = new AbortController();
      const body = new ReadableStream({ start(c) { c.enqueue(audio.subarray(0, 30000)); if (i % 2) c.enqueue(audio.subarray(30000)), c.close(); } });
      const asked = server.get('/v1/listen', { method: 'POST', body, duplex: 'half', signal: abort.signal }).then(() => {}, () => {});
      leave.push(server.status().then(() => abort.abort()), asked);
    }
    await within(Promise.all(leave), 'the last client');
    await server.until((s) => s.engines.every((e) => e.streams === 0), 'no streams');
    const r = await post(server, {}, audio);
    assert.equal(r.status, 200);
  }));

test('deepgram: keys: every client gives its own, and without one it hears why', async () => {
  const dir = `${work}/dg-keys`;
  const made = steno(['key', 'create', '--data-dir', dir, '--name', 'one']);
  const key = made.out.trim().split(/\s+/).find((word) => word.length > 30);
  assert.ok(key, made.out + made.err);
  await withServer([...FAST, '--data-dir', dir], async (server) => {
    const audio = readFileSync(recording('0870'));
    for (const authorization of [`Token ${key}`, `Bearer ${key}`]) {
      const headers = { authorization, 'content-type': 'audio/wav' };
      assert.equal((await post(server, {}, audio, headers)).status, 200);
      const c = plain(server, LINEAR, { headers: { authorization } });
      await c.opened;
      c.control({ type: 'CloseStream' });
      await c.inbox.next('Metadata');
    }
    for (const name of ['token', 'bearer']) {
      const c = plain(server, LINEAR, { protocols: [name, key] });
      await c.opened;
      assert.equal(c.ws.protocol, name);
      c.control({ type: 'CloseStream' });
      await c.inbox.next('Metadata');
    }
    // The SDKs have a key of nobody here.
    for (const sdk of clients) {
      const wrong = await sdk.file(server, audio, {}).then(() => assert.fail(), (e) => e);
      assert.deepEqual([wrong.status, wrong.body.err_code], [401, 'INVALID_AUTH']);
      assert.ok(wrong.body.request_id);
    }
    const refused = await within(plain(server, LINEAR, { headers: { authorization: `Token ${KEY}` } }).refused, 'a refusal');
    assert.deepEqual([refused.status, refused.body.err_code, refused.headers['dg-error']], [401, 'INVALID_AUTH', refused.body.err_msg]);
    assert.equal(refused.headers['dg-request-id'], refused.body.request_id);
  });
});
