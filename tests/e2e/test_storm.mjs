// test_storm.mjs: `steno serve` among clients that vanish, sleep and talk nonsense: nothing of them stays, nobody else notices.
// STENO_SEED repeats a run's choices (not its timing).
import assert from 'node:assert/strict';
import net from 'node:net';
import WebSocket from 'ws';
import { Client, withServer } from './live_client.mjs';
import { recording, samples, test } from './harness.mjs';

const seed = Number(process.env.STENO_SEED ?? Date.now() % 1000000);
let state = seed;
const random = () => { // mulberry32
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const below = (n) => Math.floor(random() * n);
const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const speech = () => {
  const pcm = samples(recording('0870'));
  return Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
};
const SAID = /had then leisure to consider how much there might be prudently in his power to do for them/;

// ---- clients that vanish ------------------------------------------------------------------------------------------

const CLIENTS = 200;
const STORM_MS = 12000;
const CONNECTIONS = 3000; // at most

// What a client hears goes on where its last connection was cut, when it resumes.
function checkHeard(client, last) {
  client.events.forEach((e, i) => assert.equal(e.seq, last + 1 + i, `resumed from ${last}: ${JSON.stringify(e)}`));
}

// One connection, cut at a random moment: while it opens, while it talks, or when the server has said something.
async function visit(server, bytes, resume, count) {
  const client = new Client(server, resume ? { resume: resume.session, last_seq: resume.last } : { partial_ms: 200, stats_ms: 500 });
  const refused = new Promise((resolve) => client.ws.on('unexpected-response', () => resolve('refused')));
  const how = await Promise.race([
    client.opened.then(() => 'open'), refused, client.closed.then(() => 'closed'), ...(below(10) ? [] : [after(below(30)).then(() => 'cut')])]);
  count[how] = (count[how] ?? 0) + 1;
  for (let pieces = how === 'open' ? below(12) : 0; pieces > 0 && client.ws.readyState === WebSocket.OPEN; pieces--) {
    const at = below(bytes.length - 8000) & ~1;
    if (below(12) === 0) client.control({ type: ['finalize', 'keepalive', 'nonsense'][below(3)] });
    client.send(bytes.subarray(at, at + 1 + below(6400)));
    if (below(3) === 0) await after(below(150));
  }
  if (below(2)) await after(below(300));
  client.ws.terminate();
  await client.end();
  checkHeard(client, resume?.last ?? 0);
  const ready = client.events[0];
  if (!ready) return how === 'refused' ? null : resume;
  count.resumed = (count.resumed ?? 0) + ready.resumed;
  assert.equal(ready.resumed, Boolean(resume));
  return { session: ready.session, last: client.lastSeq };
}

async function vanish(server, bytes, resumes, count) {
  let session = null;
  while (Date.now() < count.until && count.connections < CONNECTIONS) {
    count.connections++;
    const resume = resumes ? session : null;
    session = await visit(server, bytes, resume, count);
    if (!session) await after(below(400)); // turned away: not at once again
  }
}

// ---- clients that sleep -------------------------------------------------------------------------------------------

const handshake = Buffer.from('GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
  + 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');

function connect(server, bytes) {
  const [host, port] = server.address.split(':');
  const socket = net.connect({ host, port: Number(port) }, () => socket.write(bytes));
  socket.on('error', () => {});
  return socket;
}

// Reads the answer and no more, writes nothing more.
const sleeper = (server) => new Promise((resolve) => {
  const socket = connect(server, handshake);
  socket.once('data', (answer) => {
    socket.pause();
    resolve({ socket, upgraded: String(answer).startsWith('HTTP/1.1 101') });
  });
});

// ---- clients that talk nonsense -----------------------------------------------------------------------------------

const mask = [0, 0, 0, 0];
const nonsense = {
  unmasked: [0x82, 0x02, 1, 2],
  oversized: [0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, ...mask],
  'with reserved bits': [0xf2, 0x82, ...mask, 1, 2],
  'a fragmented ping': [0x09, 0x81, ...mask, 1],
  'a long ping': [0x89, 0xfe, 1, 0, ...mask],
  'not UTF-8': [0x81, 0x82, ...mask, 0xc3, 0x28],
  'of no kind': [0x83, 0x80, ...mask],
  'a continuation of nothing': [0x80, 0x81, ...mask, 0x41],
};

// Sends one such frame behind a handshake; the server has to hang up.
const offend = (server, frame) => new Promise((resolve) => {
  const socket = connect(server, Buffer.concat([handshake, Buffer.from(frame)]));
  let upgraded = false;
  socket.on('data', (bytes) => (upgraded ||= String(bytes).startsWith('HTTP/1.1 101')));
  socket.on('close', () => resolve(upgraded));
});

// Bytes without any sense, in pieces, until the server hangs up or the client has enough.
async function babble(server) {
  const socket = connect(server, below(2) ? handshake : Buffer.alloc(0));
  const closed = new Promise((resolve) => socket.resume().on('close', resolve));
  for (let pieces = below(20); pieces > 0 && !socket.destroyed; pieces--) {
    socket.write(Buffer.from(Array.from({ length: 1 + below(300) }, () => below(256))));
    if (below(4) === 0) await after(below(20));
  }
  socket.destroy();
  await closed;
}

// One of every kind; a server with too much to do may not let them in at all.
const offendOnce = (server, count) => Promise.all(Object.entries(nonsense).map(async ([kind, frame]) => {
  if (await offend(server, frame)) count[kind] = (count[kind] ?? 0) + 1;
}));

async function offendOn(server, count) {
  while (Date.now() < count.until) {
    await offendOnce(server, count);
    await after(below(100));
  }
}

async function babbleOn(server, count) {
  while (Date.now() < count.until) {
    await babble(server);
    count.babbled = (count.babbled ?? 0) + 1;
    await after(below(30));
  }
}

// ---- somebody who just wants to be understood ---------------------------------------------------------------------

// The same sentence over and over in one stream; every time it has to be understood.
async function talk(server, bytes, count) {
  const client = new Client(server, { stats_ms: 0, partial_ms: 1000 });
  await client.opened;
  do {
    const from = client.events.length;
    client.pieces(bytes, [3200]);
    client.control({ type: 'finalize' });
    await client.event((e) => e.finalized, from);
    assert.match(client.events.slice(from).filter((e) => e.type === 'final').map((e) => e.text).join(' '), SAID);
    count.understood = (count.understood ?? 0) + 1;
    await after(200);
  } while (Date.now() < count.until);
  const closed = await client.finish();
  client.events.forEach((e, i) => assert.equal(e.seq, i + 1));
  assert.equal(closed.audio_samples, (count.understood * bytes.length) / 2);
}

async function atRest(server) {
  return server.until(({ sessions, network, engines: [e] }) => sessions.connected === 0 && sessions.waiting === 0 && sessions.ended === 0
    && network.websockets === 0 && e.streams === 0 && e.live === 0 && e.waiting === 0 && e.active === 0
    && e.audio_frames_free === e.audio_frames && e.segments_free === e.segments && e.kv_pages_free === e.kv_pages, 'everything given back');
}

test('storm: clients vanish, sleep and talk nonsense, and nothing of them stays', async () => {
  const bytes = speech();
  const options = ['--max-ahead-ms', '60000', '--ping-s', '2', '--resume-window-s', '2', '--max-streams', '400', '--max-connections', '1000'];
  await withServer(options, async (server) => {
    console.log(`         seed ${seed}`);
    const count = { until: Date.now() + STORM_MS, connections: 0 };
    const one = talk(server, bytes, count);
    await offendOnce(server, count);
    for (const kind of Object.keys(nonsense)) assert.equal(count[kind], 1, kind);
    const sleepers = await Promise.all(Array.from({ length: 20 }, () => sleeper(server)));
    const asleep = sleepers.filter((s) => s.upgraded).length;
    assert.ok(asleep > 0);
    await Promise.all([one, offendOn(server, count), ...Array.from({ length: 4 }, () => babbleOn(server, count)),
      ...Array.from({ length: CLIENTS }, (_, i) => vanish(server, bytes, i % 2 === 1, count))]);
    delete count.until;
    console.log(`         ${JSON.stringify(count)}`);
    assert.ok(count.resumed > 0 && count.connections > CLIENTS);
    await server.until((s) => s.network.pings_missed >= asleep, 'sleepers dropped');
    const { refused, sessions } = await atRest(server);
    console.log(`         refused ${JSON.stringify(refused)}, sessions ${JSON.stringify(sessions)}`);
    sleepers.forEach(({ socket }) => socket.destroy());
    const fresh = new Client(server);
    await fresh.opened;
    fresh.pieces(bytes, [3200]);
    await fresh.finish();
    assert.match(fresh.text, SAID);
    server.child.kill('SIGTERM');
    assert.deepEqual(await server.end(), { status: 0, signal: null });
  });
});

test('storm: SIGTERM in the middle of it ends the server as ever', async () => {
  const bytes = speech();
  for (let round = 0; round < 3; round++) {
    await withServer(['--max-ahead-ms', '60000', '--drain-s', '1', '--resume-window-s', '2'], async (server) => {
      const count = { until: Date.now() + 60000, connections: 0 };
      const some = Array.from({ length: 40 }, (_, i) => vanish(server, bytes, i % 2 === 1, count));
      // Connections that want nothing, have asked for half of something, or do not take what they asked for.
      const idle = ['', 'GET /v1/sta', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(200)].map((text) => connect(server, Buffer.from(text)).pause());
      await server.until((s) => s.sessions.opened >= 40, 'a crowd');
      server.child.kill('SIGTERM');
      const end = await server.end();
      count.until = 0;
      idle.forEach((socket) => socket.destroy());
      await Promise.all(some);
      assert.deepEqual(end, { status: 0, signal: null });
    });
  }
});
