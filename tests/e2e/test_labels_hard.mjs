// test_labels_hard.mjs: labels when nothing goes smoothly: readers that stop, connections that break between revisions, merges said over and over,
// streams that end before anybody can be told apart, no places left. Events are held against docs/protocol.md as they come.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { concatenate, ffmpeg, skip, test, work } from './harness.mjs';
import { Client, turn, withServer } from './live_client.mjs';
import { validateEvent } from './protocol_schema.mjs';
import { needVoices } from './voices.mjs';

const SOUNDS = '/usr/share/asterisk/sounds';
const FAST = ['--max-ahead-ms', '60000'];
const RATE = 16000;

function prompt(folder, name) {
  const from = ['wav', 'gsm'].map((kind) => `${SOUNDS}/${folder}/${name}.${kind}`).find(existsSync);
  const to = join(work, `hard-${folder}-${name}.wav`);
  if (!from || !(existsSync(to) || ffmpeg(['-i', from, '-ar', String(RATE), '-ac', '1', to]))) skip(`prompts of ${folder} are not installed`);
  return to;
}

// A woman and a man in turn, 30 s.
let audio = null;
function talk() {
  needVoices();
  const turns = [['en_US_f_Allison', 'vm-options'], ['it_IT_m_Carlo', 'vm-instructions'], ['en_US_f_Allison', 'vm-savedto'], ['it_IT_m_Carlo', 'vm-onefor']];
  audio ??= concatenate(turns.map(([folder, name]) => prompt(folder, name)), 8000);
  return Buffer.from(audio.buffer, audio.byteOffset, audio.byteLength);
}

function send(client, bytes) {
  for (let at = 0; at < bytes.length; at += 64000) client.ws.send(bytes.subarray(at, at + 64000));
}

async function open(server, query) {
  const client = new Client(server, query);
  await client.event('ready');
  return client;
}

// Labels of each message's words at the end. On the way: no gap, no rev twice, every span of a revision about words there are.
function labelsOf(events) {
  const messages = new Map();
  const revs = new Map();
  events.forEach((e, i) => {
    validateEvent(e);
    assert.equal(e.seq, i + 1);
    if (!e.rev) return;
    assert.ok(e.rev > (revs.get(e.message_id) ?? 0), `rev ${e.rev} of ${e.message_id} after ${revs.get(e.message_id)}`);
    revs.set(e.message_id, e.rev);
    const before = messages.get(e.message_id);
    if (e.type === 'final') messages.set(e.message_id, { fixed: e.speaker_fixed, words: e.words.map((w) => w.speaker) });
    if (e.type !== 'revision') return;
    const words = e.spans.flatMap((s) => Array(s.words).fill(s.speaker));
    assert.ok(before && !before.fixed, `a revision of ${e.message_id}, which was ${before ? 'fixed' : 'not told'}`);
    assert.equal(words.length, before.words.length);
    messages.set(e.message_id, { fixed: e.speaker_fixed, words });
  });
  return [...messages.values()].flatMap((m) => m.words);
}

test('labels, hard: two that were said to be one stay one to the end, however often it is said', async () => {
  const bytes = talk();
  await withServer(FAST, async (server) => {
    const client = await open(server, { speakers: 'revise' });
    const people = () => [...new Set(client.events.flatMap((e) => e.words ?? []).map((w) => w.speaker).filter(Boolean))];
    const merge = (from, into) => client.control({ type: 'merge_speakers', from, into });
    send(client, bytes);
    await client.event(() => people().length >= 2);
    const [one, two] = people();
    merge(one, one);
    merge('S16', one);
    for (let i = 0; i < 40; i++) merge(...(i % 2 ? [two, one] : [one, two]));
    send(client, bytes); // both speak on
    client.control({ type: 'close' });
    for (let i = 0; i < 40; i++) merge(...(i % 2 ? [two, one] : [one, two])); // and during the pass over all of it
    await client.closed;
    const errors = client.events.filter((e) => e.type === 'error');
    assert.ok(errors.every((e) => !e.fatal && e.code === 'merge_speakers'), JSON.stringify(errors));
    const known = new Set(labelsOf(client.events).filter(Boolean));
    assert.equal(known.size, 1, `labels at the end: ${[...known]}`);
  });
});

test('labels, hard: a connection that breaks between revisions goes on without a gap', async () => {
  const bytes = talk();
  await withServer(FAST, async (server) => {
    let broken = 0;
    for (const events of [3, 12, 25, 40]) {
      const first = await open(server, { speakers: 'revise' });
      const session = first.events[0].session;
      send(first, bytes);
      first.control({ type: 'close' });
      await Promise.race([first.event((e) => e.seq >= events), first.closed]);
      first.ws.terminate();
      await first.closed;
      if (first.events.some((e) => e.type === 'closed')) continue;
      broken++;
      const second = new Client(server, { resume: session, last_seq: first.lastSeq });
      const ready = await second.event('ready');
      send(second, bytes.subarray(2 * ready.audio_samples));
      second.control({ type: 'close' });
      await second.event('closed');
      assert.ok(labelsOf([...first.events, ...second.events]).filter(Boolean).length > 20);
    }
    assert.ok(broken > 0);
  });
});

test('labels, hard: who does not read loses no revision', async () => {
  const bytes = talk();
  await withServer(FAST, async (server) => {
    const client = await open(server, { speakers: 'revise', partial_ms: 100 });
    client.ws._socket.pause();
    send(client, bytes);
    client.control({ type: 'close' });
    await server.until((s) => s.sessions.finals >= 3, 'finals that nobody reads');
    client.ws._socket.resume();
    await client.closed;
    assert.equal(client.events.at(-1).type, 'closed');
    assert.ok(labelsOf(client.events).filter(Boolean).length > 20);
  });
});

test('labels, hard: streams that end before anybody is told apart, or are left, give their places back', async () => {
  const bytes = talk();
  await withServer([...FAST, '--speaker-streams-max', '2', '--resume-window-s', '1'], async (server) => {
    for (const samples of [0, 1, 160, 4000, 12000, 24000, 48000]) {
      for (const query of [{ speakers: 'revise' }, { speakers: 'delayed', hold_ms: 0 }, { speakers: 'delayed', hold_ms: 10000 }]) {
        const client = await open(server, query);
        if (samples) client.ws.send(bytes.subarray(0, 2 * samples));
        await client.finish();
        labelsOf(client.events);
      }
    }
    const full = [await open(server, { speakers: 'revise' }), await open(server, { speakers: 'delayed' })];
    const third = await new Client(server, { speakers: 'revise' }).refusal();
    assert.deepEqual([third.status, third.body.code], [503, 'speakers_full']);
    await (await open(server, {})).finish(); // without speakers there is room
    full.forEach((client) => (send(client, bytes.subarray(0, 160000)), client.ws.terminate()));
    while ((await server.get('/v1/stream?speakers=revise')).status !== 426) await turn(); // 503 until the sessions are given up
    await (await open(server, { speakers: 'revise' })).finish();
  });
});
