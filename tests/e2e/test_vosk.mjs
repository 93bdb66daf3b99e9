// test_vosk.mjs: vosk-server's WebSocket as its official sample clients use it: most of them send a piece, wait for the one
// reply, and send the next (Python, Java, Asterisk's EAGI); Node's sends the whole file and reads what comes.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import WebSocket from 'ws';
import { concatenate, errorRate, prompts, recording, riff, samples, steno, test, work } from './harness.mjs';
import { turn, withServer } from './live_client.mjs';

const LIMIT_MS = 120000; // a hang is a failure, not a wait for ever
const bytesOf = (pcm) => Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
const SAID = 'and mr john dashwood had then leisure to consider how much there might be prudently in his power to do for them';
const FAST = ['--max-ahead-ms', '60000'];

// A client that can be used in both ways: `ask` is Python's send() and recv(); `replies` holds all that came.
class Vosk {
  constructor(server, path = '/') {
    this.replies = [];
    this.taken = 0;
    this.ws = new WebSocket(`ws://${server.address}${path}`, { perMessageDeflate: false });
    this.opened = new Promise((resolve, reject) => {
      this.ws.on('open', resolve);
      this.ws.on('error', reject);
    });
    this.closed = new Promise((resolve) => this.ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })));
    this.ws.on('message', (data, binary) => {
      assert.equal(binary, false);
      assert.match(String(data), /^{\n  "(partial|result|text|alternatives|error)" : /); // vosk's layout, which programs compare
      this.replies.push(JSON.parse(data));
      this.wake?.();
    });
    this.closed.then(() => this.wake?.());
  }

  send(data) {
    this.ws.send(typeof data === 'object' && !Buffer.isBuffer(data) ? JSON.stringify(data) : data);
  }

  async recv() {
    const limit = setTimeout(() => this.ws.terminate(), LIMIT_MS);
    while (this.taken === this.replies.length) {
      if (this.ws.readyState === WebSocket.CLOSED) throw new Error('closed while a reply was awaited');
      await new Promise((resolve) => (this.wake = resolve));
    }
    clearTimeout(limit);
    return this.replies[this.taken++];
  }

  async ask(data) {
    this.send(data);
    return this.recv();
  }
}

const connect = async (server, path) => {
  const client = new Vosk(server, path);
  await client.opened;
  return client;
};

const pieces = (bytes, size) => Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
const textOf = (replies) => replies.map((r) => r.text).filter(Boolean).join(' ');

// The shape of every reply, and vosk's spelling.
function checkReply(r) {
  const members = Object.keys(r).sort();
  if ('partial' in r) {
    assert.deepEqual(members, ['partial']);
    assert.match(r.partial, /^([^\s.,!?A-Z]+( [^\s.,!?A-Z]+)*)?$/u);
    return;
  }
  assert.deepEqual(members, r.text ? ['result', 'text'] : ['text']);
  if (!r.text) return;
  assert.equal(r.result.map((w) => w.word).join(' '), r.text);
  assert.doesNotMatch(r.text, /[A-Z!?;]|[.,] |[.,]$/);
  let before = 0;
  for (const w of r.result) {
    assert.deepEqual(Object.keys(w).sort(), ['conf', 'end', 'start', 'word']);
    assert.ok(w.conf >= 0 && w.conf <= 1 && w.start >= before && w.end >= w.start, JSON.stringify(w));
    before = w.start;
  }
}

test('vosk: send and recv in turn, as the Python samples do', async () => {
  await withServer([], async (server) => {
    for (const path of ['/', '/vosk']) {
      const client = await connect(server, path);
      const pcm = samples(recording('0870'));
      const replies = [];
      client.send({ config: { sample_rate: 16000 } });
      for (const piece of pieces(bytesOf(pcm), 6400)) replies.push(await client.ask(piece)); // 0.2 s
      replies.push(await client.ask('{"eof" : 1}'));
      assert.equal((await client.closed).code, 1000);
      assert.equal(client.replies.length, Math.ceil(pcm.length / 3200) + 1);
      replies.forEach(checkReply);
      assert.ok(errorRate(SAID, textOf(replies)) < 0.2, textOf(replies));
      assert.ok(replies.filter((r) => r.partial).length >= 2, 'partials on the way');
      assert.ok('text' in replies.at(-1));
      for (const { result = [] } of replies) for (const w of result) assert.ok(w.end <= pcm.length / 16000 + 0.1);
    }
  });
});

// Results come near the pieces they belong to, and times count from the beginning of the connection.
test('vosk: utterances end between the pieces of a file', async () => {
  await withServer([], async (server) => {
    const chosen = prompts().slice(20, 24);
    const pcm = concatenate(chosen.map((p) => p.file), 8000); // 8 kHz, vosk-server's default
    const client = await connect(server);
    const results = [];
    for (const piece of pieces(bytesOf(pcm), 3200)) {
      const reply = await client.ask(piece);
      checkReply(reply);
      if (reply.text) results.push(reply);
    }
    const last = await client.ask('{"eof" : 1}');
    if (last.text) results.push(last);
    assert.ok(results.length >= 3, `${results.length} results`);
    const said = chosen.map((p) => p.text).join(' ');
    assert.ok(errorRate(said, textOf(results)) < 0.25, textOf(results));
    const starts = results.map((r) => r.result[0].start);
    assert.deepEqual(starts, [...starts].sort((a, b) => a - b));
    assert.ok(starts.at(-1) > samples(chosen[0].file).length / 8000 + 1, 'times go on');
  });
});

test('vosk: the whole file at once, as the Node sample does, and no configuration', async () => {
  await withServer([], async (server) => {
    const client = await connect(server);
    const file = readFileSync(recording('0870')); // a WAV header, 16 kHz: its rate is taken, as no other was said
    const sent = pieces(file, 65536);
    sent.forEach((piece) => client.send(piece));
    client.send('{"eof" : 1}');
    assert.equal((await client.closed).code, 1000);
    assert.equal(client.replies.length, sent.length + 1);
    client.replies.forEach(checkReply);
    assert.ok(errorRate(SAID, textOf(client.replies)) < 0.2, textOf(client.replies));
  });
});

test('vosk: options are done, or said not to be', async () => {
  await withServer(FAST, async (server) => {
    const client = await connect(server, '/vosk?sample_rate=16000&words=0&max_alternatives=1');
    const [first, ...rest] = pieces(bytesOf(samples(recording('0870'))), 32000);
    client.send({ config: { phrase_list: ['yes', 'no'], model: '/models/de', colour: 'blue' } });
    const warned = await client.ask(first);
    for (const name of ['phrase_list', 'model', 'colour']) assert.match(warned.warning, new RegExp(`${name}: `));
    client.send({ config: { sample_rate: 8000 } });
    assert.match((await client.ask(rest.shift())).warning, /sample_rate: audio has begun/);
    const replies = [];
    for (const piece of rest) replies.push(await client.ask(piece));
    replies.push(await client.ask('{"eof" : 1}'));
    assert.ok(replies.every((r) => !('warning' in r)), 'a warning is said once');
    const finals = replies.filter((r) => r.alternatives);
    assert.ok(errorRate(SAID, finals.map((r) => r.alternatives[0].text).join(' ')) < 0.2);
    for (const { alternatives } of finals) {
      assert.equal(alternatives.length, 1);
      assert.deepEqual(Object.keys(alternatives[0]).sort(), ['confidence', 'text']);
    }
    const other = await connect(server);
    other.send({ config: { sample_rate: 16000, max_alternatives: 3 } });
    assert.match((await other.ask(Buffer.from(riff({ data: Buffer.alloc(800), rate: 8000 })))).warning,
      /never more than one; sample_rate is 16000, but the WAV header says 8000/);
    other.ws.close();
  });
});

test('vosk: reset ends the utterance and no more', async () => {
  await withServer(FAST, async (server) => {
    const client = await connect(server);
    const bytes = bytesOf(samples(recording('0870')));
    client.send({ config: { sample_rate: 16000 } });
    assert.deepEqual(await client.ask('{"reset" : 1}'), { text: '' }); // nothing was said yet
    await client.ask(bytes);
    const first = await client.ask('{"reset" : 1}');
    checkReply(first);
    assert.ok(errorRate(SAID, first.text) < 0.2, first.text);
    // A reset that is not waited for: what comes behind it is answered behind it.
    client.send(bytes);
    client.send('{"reset" : 1}');
    client.send(Buffer.alloc(3200));
    const [audio, reset, silence] = [await client.recv(), await client.recv(), await client.recv()];
    assert.ok('partial' in audio && 'partial' in silence);
    assert.ok(errorRate(SAID, reset.text) < 0.2, reset.text);
    assert.ok(reset.result[0].start >= bytes.length / 32000 - 0.1, 'times go on after a reset');
    assert.deepEqual(await client.ask('{"eof" : 1}'), { text: '' });
    assert.equal((await client.closed).code, 1000);
    // A burst of them, with audio between, in as few packets as can be.
    const burst = await connect(server, '/?sample_rate=16000');
    burst.ws._socket.cork();
    for (const piece of pieces(bytes.subarray(0, 200000), 10000)) {
      burst.send(piece);
      burst.send('{"reset" : 1}');
    }
    burst.send('{"eof" : 1}');
    burst.ws._socket.uncork();
    assert.equal((await burst.closed).code, 1000);
    assert.deepEqual(burst.replies.map((r) => ('partial' in r ? 'partial' : 'text')), [...Array(20).fill(['partial', 'text']).flat(), 'text']);
    // The C++ server takes these texts as binary messages, too.
    const binary = await connect(server);
    assert.deepEqual(await binary.ask(Buffer.from('{"reset" : 1}')), { text: '' });
    assert.deepEqual(await binary.ask(Buffer.from('{"eof" : 1}')), { text: '' });
    assert.equal((await binary.closed).code, 1000);
  });
});

test('vosk: what makes no sense is said before the connection ends', async () => {
  await withServer([], async (server) => {
    for (const [message, says, code] of [
      ['{"config":{"sample_rate":400}}', /sample_rate: want/, 1008],
      ['{"config":{"max_alternatives":"many"}}', /max_alternatives: want/, 1008],
      ['{"config":', /not JSON/, 1007],
      [`{"config":"${'x'.repeat(70000)}"}`, null, 1009],
    ]) {
      const client = await connect(server);
      client.send(message);
      if (says) assert.match((await client.recv()).error, says);
      assert.equal((await client.closed).code, code);
    }
    const client = await connect(server);
    assert.match((await client.ask('{"hello":1}')).error, /want a config, eof or reset/); // its one reply; the stream goes on
    assert.deepEqual(await client.ask(Buffer.alloc(3200)), { partial: '' });
    client.ws.close();
    const refused = new WebSocket(`ws://${server.address}/?sample_rate=1`);
    refused.on('error', () => {});
    const response = await new Promise((resolve) => refused.on('unexpected-response', (_, r) => resolve(r)));
    assert.equal(response.statusCode, 400);
  });
});

test('vosk: a full server says so before the upgrade', async () => {
  await withServer(['--max-streams', '1'], async (server) => {
    const client = await connect(server);
    await client.ask(Buffer.alloc(3200));
    const second = new WebSocket(`ws://${server.address}/`);
    second.on('error', () => {});
    const response = await new Promise((resolve) => second.on('unexpected-response', (_, r) => resolve(r)));
    assert.equal(response.statusCode, 503);
    client.ws.terminate();

  });
});

// What was said and not asked for is said before the server goes.
test('vosk: a server that drains gives what it has', async () => {
  await withServer(['--drain-s', '0', ...FAST], async (server) => {
    const client = await connect(server, '/?sample_rate=16000');
    await client.ask(bytesOf(samples(recording('0870'))));
    server.child.kill('SIGTERM');
    assert.equal((await client.closed).code, 1001);
    assert.ok(errorRate(SAID, textOf(client.replies)) < 0.2, textOf(client.replies));
    assert.equal((await server.end()).status, 0);
  });
});

// Replies wait while nobody reads them, each message's own; who never reads is hung up on before they pile up.
test('vosk: replies that are read late, and never', async () => {
  await withServer([], async (server) => {
    const late = await connect(server, '/?sample_rate=16000');
    const bytes = bytesOf(samples(recording('0870')));
    late.ws.pause();
    const sent = pieces(bytes, 320); // 10 ms
    sent.forEach((piece) => late.send(piece));
    late.send('{"eof" : 1}');
    await server.until((s) => s.sessions.finals > 0, 'the final');
    late.ws.resume();
    assert.equal((await late.closed).code, 1000);
    assert.equal(late.replies.length, sent.length + 1);
    assert.ok(errorRate(SAID, textOf(late.replies)) < 0.2, textOf(late.replies));
    const never = await connect(server);
    never.ws.pause();
    for (let i = 0; i < 400000 && never.ws.readyState === WebSocket.OPEN; i++) {
      never.send(Buffer.alloc(2));
      if (i % 1000 === 0) await turn();
    }
    await server.until((s) => s.sessions.slow_readers > 0, 'the slow reader');
    never.ws.terminate();
  });
});

// Clients that can set nothing but a URL put the key there; it is no unknown option.
test('vosk: a server with keys', async () => {
  const dir = join(work, 'vosk-keys');
  mkdirSync(dir);
  const made = steno(['key', 'create', '--data-dir', dir]);
  assert.equal(made.status, 0, made.err);
  const key = made.out.trim();
  await withServer(['--data-dir', dir], async (server) => {
    const without = new WebSocket(`ws://${server.address}/`);
    without.on('error', () => {});
    const response = await new Promise((resolve) => without.on('unexpected-response', (_, r) => resolve(r)));
    assert.equal(response.statusCode, 401);
    const client = await connect(server, `/?sample_rate=16000&access_token=${key}`);
    assert.deepEqual(await client.ask(Buffer.alloc(3200)), { partial: '' });
    assert.deepEqual(await client.ask('{"eof" : 1}'), { text: '' });
    assert.equal((await client.closed).code, 1000);
  });
});
