// test_serve.mjs: `steno serve` as its clients see it: words, refusals, pace, slow readers, losses, ends.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { Client, turn, withServer } from './live_client.mjs';
import { concatenate, errorRate, ffmpeg, prompts, recording, samples, skip, steno, test, work, write } from './harness.mjs';

const bytesOf = (pcm) => Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
// Far ahead of time, so that tests take no longer than the engine does.
const FAST = ['--max-ahead-ms', '60000'];

const speech = () => samples(recording('0870')); // 16 kHz
const SAID = /had then leisure to consider how much there might be prudently in his power to do for them/;

// A stream from beginning to end.
async function hear(server, query, bytes, sizes = [4000]) {
  const client = new Client(server, query);
  await client.opened;
  client.pieces(bytes, sizes);
  const closed = await client.finish();
  return { client, closed };
}

// Numbers without gaps, revisions that grow, nothing after a final, as many stable characters as promised.
function checkEvents(events) {
  const revisions = new Map();
  const stable = new Map();
  const done = new Set();
  events.forEach((e, i) => assert.equal(e.seq, i + 1, `${JSON.stringify(e)} at ${i}`));
  assert.equal(events[0].type, 'ready');
  for (const e of events.filter((x) => x.type === 'partial' || x.type === 'final')) {
    assert.ok(!done.has(e.message_id), `after its final: ${JSON.stringify(e)}`);
    assert.ok(e.rev > (revisions.get(e.message_id) ?? 0));
    revisions.set(e.message_id, e.rev);
    const kept = stable.get(e.message_id) ?? '';
    if (e.type === 'partial') assert.equal([...e.text].slice(0, [...kept].length).join(''), kept);
    stable.set(e.message_id, [...e.text].slice(0, e.stable_chars).join(''));
    if (e.type === 'final') done.add(e.message_id);
    assert.ok(e.end >= e.start && e.confidence >= 0 && e.confidence <= 1);
  }
}

test('serve: a recording in odd pieces becomes partials and a final', async () => {
  await withServer([], async (server) => {
    const { client, closed } = await hear(server, {}, bytesOf(speech()), [641, 1, 3, 5000, 2]);
    checkEvents(client.events);
    assert.match(client.text, SAID);
    assert.ok(client.events.some((e) => e.type === 'speech_started'));
    assert.ok(client.events.filter((e) => e.type === 'partial').length >= 2);
    assert.equal(closed.audio_samples, speech().length);
    assert.equal(closed.finals, client.events.filter((e) => e.type === 'final').length);
    const words = client.events.filter((e) => e.type === 'final').flatMap((e) => e.words);
    assert.equal(closed.words, words.length);
    assert.equal(words.map((w) => w.word).join(' '), client.text);
    for (const w of words) assert.ok(w.start >= 0 && w.end <= closed.audio_s + 0.1 && w.end >= w.start);
    assert.equal(client.events[0].config.sample_rate, 16000);
  });
});

// The same samples in another encoding, by ffmpeg.
const encode = (name, options) => {
  const wav = recording('0870');
  const file = `${work}/${name}`;
  if (!ffmpeg(['-i', wav, ...options, file])) skip('this ffmpeg cannot encode');
  return import('node:fs').then((fs) => fs.readFileSync(file));
};

test('serve: every encoding, rate and channel count is the same speech', async () => {
  await withServer(FAST, async (server) => {
    for (const [name, options, query] of [
      ['a.s16', ['-f', 's16le', '-ar', '48000', '-ac', '2'], { encoding: 'pcm_s16le', sample_rate: 48000, channels: 2 }],
      ['b.s16', ['-f', 's16le', '-ar', '8000'], { encoding: 'pcm_s16le', sample_rate: 8000 }],
      ['c.f32', ['-f', 'f32le', '-ar', '44100'], { encoding: 'pcm_f32le', sample_rate: 44100 }],
      ['d.ul', ['-f', 'mulaw', '-ar', '8000'], { encoding: 'mulaw', sample_rate: 8000 }],
      ['e.al', ['-f', 'alaw', '-ar', '22050'], { encoding: 'alaw', sample_rate: 22050 }],
    ]) {
      const { client, closed } = await hear(server, query, await encode(name, options), [999, 4096]);
      assert.ok(errorRate('and mr john dashwood had then leisure to consider how much there might be prudently in his power to do for them',
        client.text) < 0.2, `${name}: ${client.text}`);
      assert.ok(Math.abs(closed.audio_s - speech().length / 16000) < 0.01, name);
    }
  });
});

test('serve: where pieces are cut changes no final', async () => {
  await withServer(FAST, async (server) => {
    const pcm = bytesOf(concatenate(prompts().slice(20, 24).map((p) => p.file), 8000));
    const words = ({ client }) => client.events.filter((e) => e.type === 'final').map((e) => [e.text, e.start, e.end, e.words]);
    const whole = words(await hear(server, { sample_rate: 8000 }, pcm, [16000]));
    assert.ok(whole.length >= 2);
    assert.deepEqual(words(await hear(server, { sample_rate: 8000 }, pcm, [37, 1111, 2])), whole);
  });
});

test('serve: wrong parameters are refused with a reason before the upgrade', async () => {
  await withServer([], async (server) => {
    for (const [query, says] of [
      [{ sample_rate: 4000 }, /sample_rate/],
      [{ sample_rate: '16k' }, /sample_rate/],
      [{ channels: 3 }, /channels/],
      [{ channels: 1.5 }, /channels/],
      [{ encoding: 'opus' }, /encoding/],
      [{ endpoint_ms: 99 }, /endpoint_ms/],
      [{ max_utterance_s: 31 }, /max_utterance_s/],
      [{ partial_ms: 50 }, /partial_ms/],
      [{ language: 'de' }, /language/],
      [{ words: 'yes' }, /words/],
      [{ last_seq: 3 }, /last_seq/],
      [{ resume: 'short' }, /resume/],
      [{ colour: 'blue' }, /colour/],
      [{ 'ä\u0001': 'x' }, /no such parameter/],
      [[['channels', '1'], ['channels', '2']], /twice/],
    ]) {
      const { status, body } = await new Client(server, query).refusal();
      assert.equal(status, 400, JSON.stringify(query));
      assert.match(body.message, says);
      const plain = await server.get(`/v1/stream?${new URLSearchParams(query)}`); // the page asks so, and is not counted
      assert.equal(plain.status, 400);
      assert.deepEqual(await plain.json(), body);
    }
    const { status, body } = await new Client(server, { resume: 'A'.repeat(22) }).refusal();
    assert.equal(status, 404);
    assert.equal(body.code, 'unknown_session');
    assert.equal((await server.get(`/v1/stream?resume=${'A'.repeat(22)}`)).status, 404);
    const counts = (await server.status()).refused;
    assert.equal(counts.parameters, 15);
    assert.equal(counts.unknown_session, 1);
  });
});

test('serve: a message that is no control costs an error, and the stream goes on', async () => {
  await withServer(FAST, async (server) => {
    const client = new Client(server);
    await client.opened;
    const wrong = ['', 'nonsense', '[]', '{"type":1}', '{"type":"no"}', '{"type":"configure","endpoint_ms":1}', '{"type":"configure","x":1}',
      '{"type":"keepalive","last_seq":-1}', '{"type":"close","type":"close"}', `{"type":"${'ä'.repeat(5000)}"}`];
    for (const text of wrong) client.send(text);
    client.control({ type: 'configure', hotwords: ['steno'] });
    client.control({ type: 'configure', endpoint_ms: 300, words: false });
    client.control({ type: 'keepalive' });
    await client.event((e) => e.configured && client.events.filter((x) => x.configured).length === 2);
    client.pieces(bytesOf(speech()), [3200]);
    client.control({ type: 'finalize' });
    await client.event((e) => e.finalized);
    await client.finish();
    checkEvents(client.events);
    const errors = client.events.filter((e) => e.type === 'error');
    assert.equal(errors.length, wrong.length + 1);
    assert.ok(errors.every((e) => !e.fatal && e.message));
    assert.match(client.text, SAID);
    assert.ok(client.finals.every((e) => !('words' in e)));
  });
});

test('serve: finalize ends the utterance at once', async () => {
  await withServer(FAST, async (server) => {
    const client = new Client(server);
    await client.opened;
    client.pieces(bytesOf(speech()).subarray(0, 96000), [3200]);
    client.control({ type: 'finalize' });
    const answer = await client.event((e) => e.finalized);
    const final = client.events.find((e) => e.type === 'final');
    assert.ok(final.seq < answer.seq);
    assert.equal(final.reason, 'finalize');
    client.control({ type: 'finalize' });
    await client.event((e) => e.finalized, answer.seq);
    await client.finish();
  });
});

// Bytes as they are on the wire.
function raw(server, bytes) {
  const [host, port] = server.address.split(':');
  return new Promise((resolve) => {
    const socket = net.connect({ host, port: Number(port) });
    const got = [];
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (data) => got.push(data));
    socket.on('error', () => {});
    socket.on('close', () => resolve(Buffer.concat(got)));
  });
}

const handshake = 'GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
  + 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

test('serve: malformed frames end their own connection only', async () => {
  await withServer([], async (server) => {
    const bystander = new Client(server);
    await bystander.opened;
    const frames = [
      [0x83, 0x80, 0, 0, 0, 0], // an opcode that is none
      [0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0], // a ping of 256 bytes
      [0x80, 0x81, 0, 0, 0, 0, 0x41], // a continuation of nothing
      [0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], // not UTF-8
      [0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], // 2^64 bytes
    ];
    for (const frame of frames) {
      const answer = await raw(server, Buffer.concat([Buffer.from(handshake), Buffer.from(frame)]));
      assert.match(answer.toString('latin1'), /^HTTP\/1.1 101 /, frame.join(' '));
    }
    await raw(server, Buffer.from('GARBAGE\r\n\r\n'));
    await raw(server, Buffer.from(`GET / HTTP/1.1\r\nX: ${'a'.repeat(100000)}\r\n\r\n`));
    await bystander.finish();
    checkEvents(bystander.events);
    await server.until((s) => s.network.websockets === 0 && s.sessions.connected === 0, 'no connections');
  });
});

test('serve: a message of more than a MiB is one too long', async () => {
  await withServer([...FAST], async (server) => {
    const client = new Client(server);
    await client.opened;
    client.send(Buffer.alloc(1048577));
    assert.equal((await client.end()).code, 1009);
    const other = new Client(server);
    await other.opened;
    other.send(`{"type":"${'x'.repeat(20000)}"}`);
    assert.equal((await other.end()).code, 1009);
  });
});

test('serve: a float that is no number ends the stream', async () => {
  await withServer([], async (server) => {
    const client = new Client(server, { encoding: 'pcm_f32le' });
    await client.opened;
    client.send(Buffer.from(new Float32Array([0, NaN]).buffer));
    assert.equal((await client.end()).code, 1007);
    assert.equal(client.events.find((e) => e.type === 'error').code, 'bad_audio');
    assert.equal(client.events.at(-1).reason, 'error');
  });
});

test('serve: a client that is faster than time is slowed and loses nothing', async () => {
  await withServer(['--max-ahead-ms', '500'], async (server) => {
    const client = new Client(server, { stats_ms: 500 });
    const began = process.hrtime.bigint();
    client.ws.on('message', (text) => {
      const e = JSON.parse(text);
      const elapsed_s = Number(process.hrtime.bigint() - began) / 1e9;
      // Never further ahead than allowed and what one read may hold.
      if (e.audio_s) assert.ok(e.audio_s <= elapsed_s + 0.5 + 0.15, `${e.audio_s} s of audio after ${elapsed_s} s`);
    });
    await client.opened;
    client.send(bytesOf(speech()));
    const closed = await client.finish();
    assert.equal(closed.audio_samples, speech().length);
    assert.match(client.text, SAID);
  });
});

// A client that does not read, with so much on its way that the server cannot send: what waits stays where it is.
async function stopReading(server, client) {
  client.ws._socket.pause();
  for (let same = 0, last = -1; same < 20;) {
    const { events, events_unsent: unsent, bad_messages: read } = (await server.status()).sessions;
    same = unsent >= 100 && events === last ? same + 1 : 0;
    last = events;
    if (unsent >= 100) continue;
    for (let i = 0; i < 50; i++) client.send('?');
    await server.until((s) => s.sessions.bad_messages === read + 50, 'controls read');
  }
}

test('serve: a slow reader gets the newest partial of a message, and every final', async () => {
  await withServer(['--max-ahead-ms', '500', '--ping-s', '3600'], async (server) => {
    const quick = (await hear(server, { partial_ms: 100 }, bytesOf(speech()))).client;
    const client = new Client(server, { partial_ms: 100, stats_ms: 0 });
    await client.opened;
    await client.event('ready');
    await stopReading(server, client);
    const before = (await server.status()).sessions;
    client.pieces(bytesOf(speech()), [3200]);
    client.control({ type: 'finalize' });
    await server.until((s) => s.sessions.finals > before.finals && s.sessions.partials > before.partials, 'finals');
    client.ws._socket.resume();
    await client.event((e) => e.finalized);
    await client.finish();
    checkEvents(client.events);
    assert.equal(client.text, quick.text);
    const told = await server.status();
    assert.ok(told.sessions.partials_coalesced > 0, JSON.stringify(told.sessions));
  });
});

test('serve: a reader that stays slow loses its connection and not its session', async () => {
  await withServer([...FAST, '--ping-s', '3600'], async (server) => {
    const client = new Client(server);
    await client.opened;
    const { session } = await client.event('ready');
    await stopReading(server, client);
    while ((await server.status()).sessions.slow_readers === 0) {
      for (let i = 0; i < 100; i++) client.send('?');
      await turn();
    }
    await server.until((s) => s.sessions.waiting === 1, 'the connection cut');
    client.ws._socket.resume();
    assert.equal((await client.end()).code, 1013);
    const last = client.lastSeq;
    const again = new Client(server, { resume: session, last_seq: last });
    await again.opened;
    await again.event('ready');
    await again.finish();
    const all = [...client.events, ...again.events.filter((e) => e.type !== 'ready')];
    again.events.forEach((e, i) => assert.equal(e.seq, last + 1 + i));
    const { bad_messages: told } = (await server.status()).sessions;
    assert.equal(all.filter((e) => e.code === 'bad_message').length, told);
  });
});

// Streams `bytes` (16-bit, mono) and loses the connection at the given shares of the way; returns all events.
async function hearWithLosses(server, query, bytes, losses) {
  const events = [];
  let resume = {};
  for (const share of [...losses, 1]) {
    const client = new Client(server, { ...query, ...resume });
    await client.opened;
    const ready = await client.event('ready');
    assert.equal(ready.resumed, Boolean(resume.resume));
    const from = ready.audio_samples * 2;
    client.pieces(bytes.subarray(from, Math.max(from, Math.floor(bytes.length * share))), [1601]);
    if (share === 1) {
      await client.finish();
    } else {
      await client.event((e) => e.type === 'partial' || e.type === 'final' || e.type === 'stats');
      client.ws.terminate();
      await client.end();
    }
    events.push(...client.events);
    resume = { resume: ready.session, last_seq: client.lastSeq };
  }
  return events;
}

test('serve: a session goes on after its connection broke, with no word lost or doubled', async () => {
  await withServer(FAST, async (server) => {
    const bytes = bytesOf(concatenate(prompts().slice(40, 46).map((p) => p.file), 8000));
    const query = { sample_rate: 8000, stats_ms: 500 };
    const finals = (events) => events.filter((e) => e.type === 'final').map((e) => [e.message_id, e.text, e.start, e.end]);
    const { client } = await hear(server, query, bytes);
    const events = await hearWithLosses(server, query, bytes, [0.13, 0.37, 0.4, 0.71]);
    assert.deepEqual(finals(events), finals(client.events));
    events.forEach((e, i) => assert.equal(e.seq, i + 1));
    assert.equal(events.at(-1).audio_samples, bytes.length / 2);
    assert.equal((await server.status()).sessions.resumed, 4);
  });
});

test('serve: another connection takes a session from one that is half open', async () => {
  await withServer(FAST, async (server) => {
    const first = new Client(server);
    await first.opened;
    const { session } = await first.event('ready');
    first.send(Buffer.alloc(3201));
    await first.event('ready');
    await server.until((s) => s.network.received_bytes >= 3201, 'the audio');
    const second = new Client(server, { resume: session, last_seq: 1 });
    await second.opened;
    assert.equal((await first.end()).code, 1012);
    const ready = await second.event('ready');
    assert.equal(ready.audio_samples, 1600); // half a sample comes whole
    await second.finish();
    // It is over now, and what it said last can still be asked for.
    const third = new Client(server, { resume: session, last_seq: second.lastSeq - 1 });
    await third.opened;
    assert.equal((await third.end()).code, 1000);
    assert.equal(third.events.at(-1).type, 'closed');
    const never = await new Client(server, { resume: session, last_seq: 1000 }).refusal();
    assert.equal(never.status, 400);
  });
});

test('serve: a session nobody comes back to is over after its window', async () => {
  await withServer(['--resume-window-s', '1'], async (server) => {
    const client = new Client(server);
    await client.opened;
    const { session } = await client.event('ready');
    client.ws.terminate();
    await server.until((s) => s.sessions.expired === 1 && s.engines[0].live === 0 && s.sessions.ended === 0, 'the session gone');
    assert.equal((await new Client(server, { resume: session }).refusal()).status, 404);
  });
});

test('serve: more streams than there may be are refused until one ends', async () => {
  await withServer(['--max-streams', '2'], async (server) => {
    const a = new Client(server);
    const b = new Client(server);
    await Promise.all([a.opened, b.opened]);
    for (const client of [a, b]) client.send(Buffer.alloc(3200)); // who only connects has a place for a second
    await server.until((s) => s.engines[0].live === 2, 'both places taken');
    const { status, headers, body } = await new Client(server).refusal();
    assert.equal(status, 503);
    assert.ok(Number(headers['retry-after']) > 0);
    assert.equal(body.code, 'full');
    const plain = await server.get('/v1/stream');
    assert.equal(plain.status, 503);
    assert.equal(plain.headers.get('retry-after'), headers['retry-after']);
    assert.deepEqual(await plain.json(), body);
    await a.finish();
    await server.until((s) => s.engines[0].live === 1, 'a place given back');
    assert.equal((await server.get('/v1/stream')).status, 426);
    const c = new Client(server);
    await c.opened;
    assert.equal((await server.status()).refused.streams, 1);
  });
});

test('serve: more connections than there may be are turned away', async () => {
  await withServer(['--max-connections', '2'], async (server) => {
    const idle = await Promise.all([1, 2].map(() => new Promise((resolve) => {
      const [host, port] = server.address.split(':');
      const socket = net.connect({ host, port: Number(port) }, () => resolve(socket));
      socket.on('error', () => {});
    })));
    const answer = await raw(server, Buffer.from('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'));
    assert.match(answer.toString(), /^HTTP\/1.1 503 [^]*retry-after/);
    JSON.parse(answer.toString().split('\r\n\r\n')[1]);
    idle.forEach((socket) => socket.destroy());
  });
});

test('serve: silence ends a connection, keepalive keeps it', async () => {
  await withServer(['--idle-timeout-s', '2'], async (server) => {
    const silent = new Client(server);
    const kept = new Client(server);
    await Promise.all([silent.opened, kept.opened]);
    const keep = setInterval(() => kept.control({ type: 'keepalive', last_seq: kept.lastSeq }), 100);
    assert.equal((await silent.end()).code, 1008);
    clearInterval(keep);
    await kept.finish();
  });
});

test('serve: a peer that answers no ping is dropped', async () => {
  await withServer(['--ping-s', '2'], async (server) => {
    const [host, port] = server.address.split(':');
    const dead = net.connect({ host, port: Number(port) });
    const live = new Client(server);
    await live.opened;
    const pinged = new Promise((resolve) => live.ws.once('ping', resolve));
    dead.write(handshake);
    await new Promise((resolve) => dead.on('close', resolve).resume());
    await pinged;
    assert.equal((await server.status()).network.pings_missed, 1);
    await live.finish();
  });
});

test('serve: a peer that a ping cannot even be sent to is dropped', async () => {
  await withServer(['--ping-s', '1'], async (server) => {
    const client = new Client(server);
    await client.opened;
    await client.event('ready');
    await stopReading(server, client);
    const told = await server.until((s) => s.sessions.connected === 0, 'the connection dropped');
    assert.equal(told.network.pings_missed, 1);
    client.ws.terminate();
  });
});

test('serve: who does not read the last events of a stream does not stay for ever', async () => {
  await withServer(['--idle-timeout-s', '1', '--ping-s', '3600'], async (server) => {
    const client = new Client(server);
    await client.opened;
    await client.event('ready');
    await stopReading(server, client);
    client.control({ type: 'close' });
    const told = await server.until((s) => s.sessions.connected === 0, 'the connection closed');
    assert.ok(told.sessions.idle_closed <= 1); // 0: the kernel found room for the rest after all
    client.ws.terminate();
  });
});

test('serve: SIGTERM lets running streams finish and takes no new ones', async () => {
  await withServer([...FAST], async (server) => {
    const client = new Client(server);
    await client.opened;
    await client.event('ready');
    server.child.kill('SIGTERM');
    await server.said(/draining/);
    assert.equal((await server.get('/readyz')).status, 503);
    assert.equal((await server.get('/healthz')).status, 200);
    const { status, body } = await new Client(server).refusal();
    assert.equal(status, 503);
    assert.equal(body.code, 'draining');
    client.pieces(bytesOf(speech()), [4000]);
    await client.finish();
    assert.match(client.text, SAID);
    assert.deepEqual(await server.end(), { status: 0, signal: null });
  });
});

test('serve: past the drain limit streams end with their last words', async () => {
  await withServer([...FAST, '--drain-s', '1'], async (server) => {
    const client = new Client(server);
    await client.opened;
    client.pieces(bytesOf(speech()), [4000]);
    client.control({ type: 'configure', partial_ms: 400 });
    await client.event((e) => e.configured); // all of it was taken
    server.child.kill('SIGTERM');
    assert.equal((await client.end()).code, 1001);
    assert.equal(client.events.at(-1).reason, 'draining');
    assert.match(client.text, SAID);
    assert.deepEqual(await server.end(), { status: 0, signal: null });
  });
});

test('serve: a second signal is the end', async () => {
  await withServer([], async (server) => {
    const client = new Client(server);
    await client.opened;
    server.child.kill('SIGINT');
    await server.said(/draining/);
    server.child.kill('SIGINT');
    assert.deepEqual(await server.end(), { status: 130, signal: null });
    await client.end();
  });
});

test('serve: SIGHUP gives new streams the new configuration, and a wrong one changes nothing', async () => {
  const file = write('steno.ini', '[engine]\nmodel = tiny\n[live]\nendpoint_ms = 700\n');
  await withServer(['--config', file, ...FAST], async (server) => {
    const old = new Client(server);
    await old.opened;
    assert.equal((await old.event('ready')).config.endpoint_ms, 700);
    writeFileSync(file, '[engine]\nmodel = base\n[live]\nendpoint_ms = 900\n');
    server.child.kill('SIGHUP');
    await server.said(/new streams use model base/);
    const young = new Client(server);
    await young.opened;
    const ready = await young.event('ready');
    assert.equal(ready.model, 'base');
    assert.equal(ready.config.endpoint_ms, 900);
    old.pieces(bytesOf(speech()), [4000]);
    await old.finish();
    assert.match(old.text, SAID);
    await server.until((s) => s.engines.length === 1, 'the old engine closed');
    writeFileSync(file, '[live]\nendpoint_ms = soon\n');
    server.child.kill('SIGHUP');
    await server.said(/the old configuration stays: .*steno\.ini:2: endpoint_ms/);
    const same = new Client(server);
    await same.opened;
    assert.equal((await same.event('ready')).config.endpoint_ms, 900);
    assert.equal((await server.status()).reloads, 1);
  });
});

test('serve: pages, their headers, and what is not there', async () => {
  await withServer([], async (server) => {
    const page = await server.get('/');
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type'), /text\/html/);
    assert.match(page.headers.get('content-security-policy'), /default-src 'self'/);
    if (existsSync('web/app.js')) {
      const script = await server.get('/app.js');
      assert.match(script.headers.get('content-type'), /javascript/);
      const etag = script.headers.get('etag');
      assert.equal((await server.get('/app.js', { headers: { 'if-none-match': etag } })).status, 304);
      const head = await server.get('/app.js', { method: 'HEAD' });
      assert.equal(head.headers.get('content-length'), String((await script.arrayBuffer()).byteLength));
    }
    for (const path of ['/nope', '/../etc/passwd', '/%2e%2e/x', '/app.js/']) {
      const answer = await server.get(path);
      assert.equal(answer.status, 404, path);
      assert.equal((await answer.json()).code, 'not_found');
    }
    const cookies = { cookie: `a=${'x'.repeat(9000)}` }; // of all that a browser has met on localhost
    assert.equal((await server.get('/v1/stream', { headers: cookies })).status, 426);
    assert.equal((await server.get('/healthz', { method: 'POST', body: 'x' })).status, 405);
    const status = await server.status();
    assert.equal(status.engines[0].model, 'tiny');
    assert.ok(status.uptime_s >= 0 && status.network.requests > 5);
  });
});

test('serve: wrong use and what cannot be had', async () => {
  const usage = (args, says, status = 2) => {
    const r = steno(['serve', ...args]);
    assert.equal(r.status, status, r.err);
    assert.match(r.err, says);
  };
  usage(['--port', '99999'], /port cannot be '99999': want a whole number from 0 to 65535/);
  usage(['--nope'], /wrong option '--nope'/);
  usage(['here'], /'here' is one argument too many/);
  usage(['--model', 'huge'], /model cannot be 'huge': want one of tiny, base/);
  usage(['--config', '/nowhere'], /\/nowhere: No such file/);
  usage(['--config', write('wrong.ini', '[server]\nport = 1\ncolour = blue\n')], /wrong.ini:3: no key 'colour' in section \[server\]/);
  usage(['--allow-anonymous', 'yes', '--bind', '203.0.113.1', '--port', '0'], /203.0.113.1:0: Cannot assign/, 1);
  assert.match(steno(['serve', '--help']).out, /--max-ahead-ms N/);
  await withServer([], async (server) => {
    usage(['--port', server.address.split(':')[1]], /Address already in use/, 1);
  });
});

