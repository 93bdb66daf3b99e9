// test_faults.mjs: the whole server under faults: a thousand clients of all dialects gone at once, a server that is stopped
// and goes on, SIGTERM in the middle of everything. Everybody speaks a sentence of their own and hears that and nothing else.
import assert from 'node:assert/strict';
import net from 'node:net';
import { readFileSync, readdirSync } from 'node:fs';
import WebSocket from 'ws';
import { Server, turn, withServer } from './live_client.mjs';
import { Jobs, place } from './jobs_client.mjs';
import { prompts, samples, test } from './harness.mjs';

const LIMIT_MS = 120000; // a hang is a failure, not a wait for ever
const within = (promise, what) => {
  let timer;
  const limit = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`${what}: nothing for ${LIMIT_MS} ms`)), LIMIT_MS)));
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
};
const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- sentences --------------------------------------------------------------------------------------------------

const RATE = 8000;

// Sentences of some length whose texts are all different, as bytes of PCM with silence behind them.
function sentences(n) {
  return prompts().filter((p) => p.text.length > 30 && p.text.length < 60).slice(0, n).map(({ id, file }) => {
    const pcm = samples(file);
    return { id, file, bytes: Buffer.concat([Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength), Buffer.alloc(RATE * 2)]) };
  });
}

const joined = (texts) => texts.filter(Boolean).join(' ').trim();

// ---- people who talk, each in a dialect ---------------------------------------------------------------------------

const dialects = {
  native: {
    path: `/v1/stream?sample_rate=${RATE}`,
    end: { type: 'close' },
    text: (m) => (m.type === 'final' ? m.text : ''),
    over: (m) => m.type === 'closed',
  },
  deepgram: {
    path: `/v1/listen?encoding=linear16&sample_rate=${RATE}&interim_results=true`,
    end: { type: 'CloseStream' },
    keep: { type: 'KeepAlive' }, // ten seconds without audio end a stream of this dialect
    text: (m) => (m.type === 'Results' && m.is_final ? m.channel.alternatives[0].transcript : ''),
    over: (m) => m.type === 'Metadata',
  },
  vosk: {
    path: `/vosk?sample_rate=${RATE}`,
    end: { eof: 1 },
    text: (m) => m.text ?? '',
    over: (m, ended) => ended && 'text' in m,
  },
};
const kinds = Object.keys(dialects);

class Talker {
  constructor(server, kind, sentence) {
    this.dialect = dialects[kind];
    this.sentence = sentence;
    this.at = 0;
    this.messages = [];
    this.ws = new WebSocket(`ws://${server.address}${this.dialect.path}`, { perMessageDeflate: false });
    this.opened = new Promise((resolve, reject) => {
      this.ws.on('open', resolve);
      this.ws.on('error', reject);
    });
    this.finished = new Promise((resolve, reject) => {
      this.ws.on('message', (bytes) => {
        const m = JSON.parse(bytes);
        this.messages.push(m);
        if (this.dialect.over(m, this.ended)) resolve();
      });
      this.ws.on('close', (code, reason) => reject(new Error(`${kind}: closed (${code} ${reason}) before the end of ${sentence.id}`)));
    });
    this.finished.catch(() => {});
  }

  // Says this share of the sentence.
  async say(share) {
    await within(this.opened, 'open');
    const to = Math.min(this.sentence.bytes.length, Math.round((this.sentence.bytes.length * share) / 2) * 2 + this.at);
    for (; this.at < to; this.at += 1600) this.ws.send(this.sentence.bytes.subarray(this.at, Math.min(to, this.at + 1600)));
    this.at = to;
  }

  // Still there, although it says nothing.
  stay() {
    if (this.dialect.keep && this.ws.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify(this.dialect.keep));
  }

  // The rest, and what was understood of all of it.
  async end() {
    await this.say(1);
    this.ended = true;
    this.ws.send(JSON.stringify(this.dialect.end));
    await within(this.finished, `the end of ${this.sentence.id}`);
    this.ws.terminate();
    return joined(this.messages.map(this.dialect.text));
  }
}

const form = (sentence, fields = {}) => {
  const body = new FormData();
  for (const [name, value] of Object.entries({ model: 'whisper-1', response_format: 'json', ...fields })) body.set(name, value);
  body.append('file', new Blob([readFileSync(sentence.file)], { type: 'audio/wav' }), 'a.wav');
  return { method: 'POST', body };
};

const transcribed = async (server, sentence) => {
  const answer = await server.get('/v1/audio/transcriptions', form(sentence));
  assert.equal(answer.status, 200);
  return (await answer.json()).text;
};

// What each sentence is heard as when nobody else is there.
async function alone(server, people) {
  const texts = [];
  for (const [kind, s] of people) texts.push(kind === 'openai' ? await transcribed(server, s) : await new Talker(server, kind, s).end());
  assert.equal(new Set(texts).size, texts.length, 'sentences that differ');
  texts.forEach((text, i) => assert.ok(text, `${people[i][0]} understood nothing of ${people[i][1].id}`));
  return texts;
}

const cast = (n, list = kinds) => sentences(n).map((s, i) => [list[i % list.length], s]);

const atRest = (server) => server.until(({ sessions: s, network, engines }) => s.connected === 0 && s.waiting === 0 && s.ended === 0
  && network.websockets === 0 && network.connections <= 2 && engines.every((e) => e.streams === 0 && e.live === 0 && e.waiting === 0
    && e.active === 0 && e.audio_frames_free === e.audio_frames && e.segments_free === e.segments && e.kv_pages_free === e.kv_pages),
'everything given back');

const residentKb = (server) => Number(readFileSync(`/proc/${server.child.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);
const descriptors = (server) => readdirSync(`/proc/${server.child.pid}/fd`).length;

// ---- a thousand gone at once ----------------------------------------------------------------------------------------

const CROWD = 1000;

function frame(bytes) {
  const head = Buffer.from([0x82, 0xfe, 0, 0, 0, 0, 0, 0]);
  head.writeUInt16BE(bytes.length, 2);
  return Buffer.concat([head, bytes]);
}

const upgrade = (path) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`
  + 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
const upload = (path, length) => `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: ${length}\r\n`
  + 'Connection: close\r\nExpect: 100-continue\r\n\r\n';
const partHead = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n';

// Somebody who is in the middle of it: of a talk, or of a body of which half has come. Resolves when the server has let them
// in or turned them away.
const intruder = (server, i, sentence) => within(new Promise((resolve, reject) => {
  const [host, port] = server.address.split(':');
  const kind = i % 2 ? 'openai' : kinds[(i / 2) % 3];
  const socket = net.connect({ host, port: Number(port) });
  socket.on('error', reject);
  socket.write(kind === 'openai' ? upload('/v1/audio/transcriptions', 500000) : upgrade(dialects[kind].path));
  socket.once('data', (answer) => {
    const first = String(answer).split(' ')[1];
    if (first === '101') for (let at = 0; at < 14400; at += 4800) socket.write(frame(sentence.bytes.subarray(at, at + 4800)));
    if (first === '100') socket.write(Buffer.concat([Buffer.from(partHead), readFileSync(sentence.file).subarray(0, 20000)]));
    if (first === '503') socket.destroy();
    else socket.on('data', () => {});
    resolve({ socket, first });
  });
}), `intruder ${i}`);

// They come while `people` are in the middle of their sentences, and are gone before those end.
async function crowdAmong(server, people, strangers) {
  const talkers = people.filter(([kind]) => kind !== 'openai').map(([kind, s]) => new Talker(server, kind, s));
  await Promise.all(talkers.map((t) => t.say(0.4)));
  const uploads = people.filter(([kind]) => kind === 'openai').map(([, s]) => transcribed(server, s));
  uploads.forEach((u) => u.catch(() => {})); // of several failures the first is told
  const staying = setInterval(() => talkers.forEach((t) => t.stay()), 1000); // a slow machine lets a crowd in slowly
  const came = Promise.all(Array.from({ length: CROWD }, (_, i) => intruder(server, i, strangers[i % strangers.length])));
  const crowd = await came.finally(() => clearInterval(staying));
  const count = {};
  for (const { first } of crowd) count[first] = (count[first] ?? 0) + 1;
  console.log(`         let in and turned away, by status: ${JSON.stringify(count)}`);
  assert.ok(count[100] === CROWD / 2 && count[101] > 0, `in the middle of something: ${JSON.stringify(count)}`);
  for (const { socket, first } of crowd) {
    if (first === '503') continue;
    socket.removeAllListeners('error').on('error', () => {});
    socket.resetAndDestroy();
  }
  const heard = await Promise.all(talkers.map((t) => t.end()));
  return [...heard, ...(await Promise.all(uploads))];
}

test('faults: a thousand clients vanish at once, and those who go on talking hear their own words only', async () => {
  const people = [...cast(8), ...sentences(10).slice(8).map((s) => ['openai', s])];
  const strangers = sentences(18).slice(10);
  const options = ['--max-ahead-ms', '60000', '--resume-window-s', '1', '--max-streams', '150', '--max-connections', '2000', '--data-dir', place()];
  await withServer(options, async (server) => {
    const texts = await alone(server, people);
    const before = [];
    for (let round = 0; round < 2; round++) { // what the first one leaves touched is all that there is
      assert.deepEqual(await crowdAmong(server, people, strangers), texts);
      await atRest(server);
      before.push({ kb: residentKb(server), descriptors: descriptors(server) });
    }
    console.log(`         after each: ${JSON.stringify(before)}`);
    assert.ok(before[1].kb < before[0].kb * 1.1 + 16384, 'memory is given back');
    assert.ok(before[1].descriptors <= before[0].descriptors + 2, 'descriptors are given back'); // those of our own requests
    assert.deepEqual(await alone(server, people.slice(0, 4)), texts.slice(0, 4));
    server.child.kill('SIGTERM');
    assert.deepEqual(await server.end(), { status: 0, signal: null });
  });
});

// ---- a server that stands still -----------------------------------------------------------------------------------

const stands = async (server) => {
  while (!/\) T /.test(readFileSync(`/proc/${server.child.pid}/stat`, 'utf8'))) await turn();
};

test('faults: a server that stood still for longer than its pings loses nobody', async () => {
  const people = cast(6);
  await withServer(['--max-ahead-ms', '60000', '--ping-s', '2', '--resume-window-s', '10', '--max-streams', '100'], async (server) => {
    const texts = await alone(server, people);
    const talkers = people.map(([kind, s]) => new Talker(server, kind, s));
    const patient = kinds.filter((kind) => !dialects[kind].keep);
    const silent = Array.from({ length: 20 }, (_, i) => new Talker(server, patient[i % patient.length], people[0][1]));
    await Promise.all(silent.map((t) => within(t.opened, 'open')));
    await Promise.all(talkers.map((t) => t.say(0.3)));
    server.child.kill('SIGSTOP');
    await stands(server);
    await Promise.all(talkers.map((t) => t.say(0.3))); // into the buffers of the kernel
    await after(5500); // this is the fault itself: more than two pings of two seconds, which a busy machine answers in time otherwise
    server.child.kill('SIGCONT');
    assert.deepEqual(await Promise.all(talkers.map((t) => t.end())), texts);
    const { network } = await server.status();
    assert.equal(network.pings_missed, 0);
    assert.deepEqual(silent.map((t) => t.ws.readyState), silent.map(() => WebSocket.OPEN));
    silent.forEach((t) => t.ws.terminate());
    await server.until((s) => s.network.websockets === 0, 'all gone');
  });
});

// ---- SIGTERM in the middle ----------------------------------------------------------------------------------------

// A request whose body stops in the middle until it is told to go on. `answer`: all that came.
class SlowUpload {
  constructor(server, sentence, fields = {}) {
    const [host, port] = server.address.split(':');
    const parts = Object.entries({ model: 'whisper-1', ...fields }).map(([name, value]) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
    this.body = Buffer.concat([Buffer.from(parts.join('') + partHead), readFileSync(sentence.file), Buffer.from('\r\n--x--\r\n')]);
    this.socket = net.connect({ host, port: Number(port) });
    this.began = new Promise((resolve) => this.socket.once('data', resolve)); // 100 Continue
    this.answer = new Promise((resolve) => {
      let text = '';
      this.socket.on('data', (bytes) => (text += bytes));
      this.socket.on('close', () => resolve(text.slice(text.indexOf('\r\n\r\n') + 4)));
      this.socket.on('error', () => {});
    });
    this.socket.write(upload('/v1/audio/transcriptions', this.body.length));
  }

  async half() {
    assert.match(String(await within(this.began, '100')), /^HTTP\/1.1 100 /);
    this.socket.write(this.body.subarray(0, this.body.length / 2));
  }

  async rest() {
    this.socket.write(this.body.subarray(this.body.length / 2));
    return within(this.answer, 'the answer to an upload');
  }
}

const sse = (answer) => answer.split('\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)));

test('faults: SIGTERM in the middle of uploads, streamed answers, talks and jobs: what was taken is finished', async () => {
  const people = cast(3);
  const [one, two, three, four] = sentences(9).slice(3);
  const dir = place();
  const server = await new Server(['--max-ahead-ms', '60000', '--data-dir', dir, '--drain-s', '60']).listening();
  let ids;
  try {
    const texts = await alone(server, people);
    const wanted = await transcribed(server, one);
    const jobs = new Jobs(server);
    ids = await Promise.all([two, three, four].map(async (s) => (await jobs.post({}, { method: 'POST', headers: { 'content-type': 'audio/wav' }, body: readFileSync(s.file) })).id));
    const talkers = people.map(([kind, s]) => new Talker(server, kind, s));
    await Promise.all(talkers.map((t) => t.say(0.5)));
    const plain = new SlowUpload(server, one, { response_format: 'json' });
    const streamed = new SlowUpload(server, one, { response_format: 'json', stream: 'true' });
    await Promise.all([plain.half(), streamed.half()]);
    server.child.kill('SIGTERM');
    await server.said(/draining/);
    for (const [path, request] of [['/v1/audio/transcriptions', form(one)], ['/v1/jobs', { method: 'POST', headers: { 'content-type': 'audio/wav' }, body: 'x' }], ['/v1/stream', undefined]])
      assert.equal((await server.get(path, request)).status, 503, path);
    assert.deepEqual(await Promise.all(talkers.map((t) => t.end())), texts);
    const events = sse(await streamed.rest()); // the talks are over: only these two hold the server now
    assert.deepEqual([events.at(-1).type, events.at(-1).text], ['transcript.text.done', wanted]);
    assert.match(await plain.rest(), new RegExp(`"text":"${wanted.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}"`));
    assert.deepEqual(await within(server.end(), 'the end'), { status: 0, signal: null });
  } finally {
    server.child.kill('SIGKILL');
    await server.end();
  }
  await withServer(['--data-dir', dir], async (next) => { // jobs are kept, and done by the next one
    for (const id of ids) assert.equal((await new Jobs(next).over(id)).state, 'done');
  });
});
