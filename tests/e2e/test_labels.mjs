// test_labels.mjs: who speaks, as it goes out: the native protocol's promises on the wire, transcripts, jobs, and the vendors' own clients
// of Deepgram and OpenAI. What labels are worth is measured elsewhere (make bench-speakers); here they only have to be told.
import assert from 'node:assert/strict';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { concatenate, ffmpeg, riff, skip, samples, steno, test, transcribe, work, writeWav } from './harness.mjs';
import { Jobs, place, wav } from './jobs_client.mjs';
import { Client, withServer } from './live_client.mjs';
import { withOpenAI } from './openai_client.mjs';
import { needVoices } from './voices.mjs';
import { validateEvent } from './protocol_schema.mjs';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const FAST = ['--max-ahead-ms', '60000'];
const SOUNDS = '/usr/share/asterisk/sounds';
const PEOPLE = { allison: ['en_US_f_Allison', ['vm-instructions', 'vm-options', 'vm-savedto', 'conf-adminmenu']], carlo: ['it_IT_m_Carlo', ['vm-instructions', 'vm-options', 'vm-onefor', 'conf-adminmenu']] };

// 16 kHz recordings of one person's prompts.
const cache = new Map();
function promptsOf(person) {
  if (cache.has(person)) return cache.get(person);
  const [folder, names] = PEOPLE[person];
  const files = names.flatMap((name) => {
    const from = ['wav', 'gsm'].map((kind) => `${SOUNDS}/${folder}/${name}.${kind}`).find(existsSync);
    const to = join(work, `${person}-${name}.wav`);
    return from && ffmpeg(['-i', from, '-ar', '16000', '-ac', '1', to]) ? [to] : [];
  });
  if (files.length < 2) skip(`prompts of ${folder} are not installed`);
  cache.set(person, files);
  return files;
}

// Two people in turn.
const talk = () => {
  const [a, b] = [promptsOf('allison'), promptsOf('carlo')];
  return concatenate([a[0], b[0], a[1], b[1]], 8000);
};
const talkFile = () => writeWav('talk.wav', talk());
const bytesOf = (pcm) => Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);

// A message is 1 MiB at most.
function send(client, audio) {
  for (let at = 0; at < audio.length; at += 64000) client.ws.send(audio.subarray(at, at + 64000));
}

async function stream(server, query, audio, body = () => {}) {
  const client = new Client(server, query);
  await client.event('ready');
  send(client, audio);
  await body(client);
  client.ws.send(JSON.stringify({ type: 'close' }));
  await client.closed;
  for (const e of client.events) validateEvent(e);
  return client;
}

// ---- the native protocol --------------------------------------------------------------------------------------------

test('labels: revise: text comes at once, revisions have higher revs and cover the words', async () => {
  needVoices();
  await withServer(FAST, async (server) => {
    const { events } = await stream(server, { speakers: 'revise', max_speakers: 4 }, bytesOf(talk()));
    const config = events[0].config;
    assert.deepEqual([config.speakers, config.max_speakers, config.hold_ms, config.voices], ['revise', 4, 2500, '']);
    const finals = new Map(events.filter((e) => e.type === 'final').map((e) => [e.message_id, e]));
    const rev = new Map();
    for (const e of events.filter((one) => one.rev)) {
      assert.ok(e.rev > (rev.get(e.message_id) ?? 0), `rev of ${e.message_id} went from ${rev.get(e.message_id)} to ${e.rev}`);
      rev.set(e.message_id, e.rev);
      if (e.type !== 'revision') continue;
      const final = finals.get(e.message_id);
      let at = 0;
      for (const span of e.spans) {
        assert.equal(span.first_word, at);
        at += span.words;
      }
      if (final) assert.equal(at, final.words.length);
    }
    const last = new Map([...finals].map(([id, e]) => [id, events.filter((one) => one.message_id === id && one.rev).at(-1)]));
    const people = new Set([...last.values()].map((e) => e.speaker).filter(Boolean));
    assert.ok(people.size >= 2, [...people].join());
    for (const label of people) assert.match(label, /^S\d+$/);
  });
});

test('labels: delayed: on the wire no label that was sent ever changes', async () => {
  needVoices();
  await withServer(FAST, async (server) => {
    const { events } = await stream(server, { speakers: 'delayed', hold_ms: 500 }, bytesOf(talk()));
    const labels = new Map(); // "message word" -> label, of finals and revisions
    const fixed = new Set();
    let told = 0;
    for (const e of events.filter((one) => one.type === 'final' || one.type === 'revision')) {
      assert.ok(!fixed.has(e.message_id), `${e.message_id} was said to be fixed`);
      if (e.speaker_fixed) fixed.add(e.message_id);
      const words = e.words?.map((w) => w.speaker) ?? e.spans.flatMap((s) => Array(s.words).fill(s.speaker));
      words.forEach((label, i) => {
        const key = `${e.message_id} ${i}`;
        if (labels.get(key)) assert.equal(label, labels.get(key), key);
        labels.set(key, label);
        told += label !== null;
      });
    }
    assert.ok(told > 0, 'no label came');
    assert.ok(events.filter((e) => e.type === 'final' && e.words.length).every((e) => fixed.has(e.message_id)), 'a message was never fixed');
  });
});

test('labels: enrolled: names or other from the first label on, and in recordings', async () => {
  needVoices();
  const dir = place();
  for (const [name, person] of [['Allison', 'allison'], ['Carlo', 'carlo']]) {
    const r = steno(['speaker', 'enroll', name, ...promptsOf(person), '--consent', 'a prompt of Asterisk', '--data-dir', dir]);
    assert.equal(r.status, 0, r.err);
  }
  await withServer([...FAST, '--data-dir', dir], async (server) => {
    for (const [voices, names] of [['*', ['Allison', 'Carlo']], ['Carlo', ['Carlo', 'other']]]) {
      const { events } = await stream(server, { speakers: 'enrolled', voices }, bytesOf(talk()));
      const labels = new Map();
      for (const e of events.filter((one) => one.type === 'final' || one.type === 'revision')) {
        const words = e.words?.map((w) => w.speaker) ?? e.spans.flatMap((s) => Array(s.words).fill(s.speaker));
        words.forEach((label, at) => {
          const key = `${e.message_id} ${at}`;
          if (label !== null) assert.ok(names.includes(label) || label === 'other', label);
          if (labels.get(key)) assert.equal(label, labels.get(key), key);
          labels.set(key, label);
        });
        if (names.includes(e.speaker) && e.speaker !== 'other') assert.equal(e.speaker_name, e.speaker);
      }
      assert.ok([...labels.values()].includes('Carlo'), [...new Set(labels.values())].join());
    }
    const jobs = new Jobs(server);
    const { id } = await jobs.post({ diarize: true, voices: 'Carlo,Allison', words: true }, wav(talkFile()));
    await jobs.until(id, (j) => j.ended);
    const job = await jobs.result(id, 'json');
    assert.ok(job.speakers.some((p) => p.label === 'Carlo') && job.speakers.some((p) => p.label === 'Allison'), JSON.stringify(job.speakers));
  });
  const env = { ...process.env, STENO_SERVER_DATA_DIR: dir };
  const r = steno(['transcribe', '--diarize', '--voice', 'Carlo', '-f', 'vtt', talkFile()], { env });
  assert.equal(r.status, 0, r.err);
  assert.match(r.out, /^<v Carlo>/m);
  assert.match(steno(['transcribe', '--diarize', '--voice', 'Nobody', talkFile()], { env }).err, /Nobody: no such voice is enrolled/);
});

test('labels: names and merges: later events say them, a resumed connection too', async () => {
  needVoices();
  await withServer(FAST, async (server) => {
    const client = new Client(server, { speakers: 'revise' });
    const ready = await client.event('ready');
    for (const label of ['S1', 'S2', 'S3']) client.ws.send(JSON.stringify({ type: 'name_speaker', speaker: label, name: `person ${label}` }));
    client.ws.send(JSON.stringify({ type: 'name_speaker', speaker: 'nobody', name: 'x' }));
    assert.equal((await client.event('error')).code, 'name_speaker');
    client.ws.terminate();
    const again = new Client(server, { resume: ready.session, last_seq: 0 });
    assert.equal((await again.event('ready')).resumed, true);
    send(again, bytesOf(talk()));
    again.ws.send(JSON.stringify({ type: 'merge_speakers', from: 'S9x', into: 'S1' }));
    assert.equal((await again.event((e) => e.code === 'merge_speakers')).fatal, false);
    again.ws.send(JSON.stringify({ type: 'close' }));
    await again.closed;
    const named = again.events.filter((e) => e.speaker && /^S[123]$/.test(e.speaker));
    assert.ok(named.length > 0);
    for (const e of named) assert.equal(e.speaker_name, `person ${e.speaker}`);
    const off = await stream(server, { speakers: 'delayed' }, Buffer.alloc(3200), async (c) => {
      c.ws.send(JSON.stringify({ type: 'merge_speakers', from: 'S2', into: 'S1' }));
      assert.equal((await c.event('error')).code, 'not_supported');
    });
    assert.equal(off.ending.code, 1000);
  });
});

test('labels: what cannot be is refused before the upgrade', async () => {
  needVoices();
  await withServer(['--speaker-streams-max', '1'], async (server) => {
    const first = new Client(server, { speakers: 'revise' });
    await first.event('ready');
    const second = await new Client(server, { speakers: 'revise' }).refused;
    assert.deepEqual([second.status, second.body.code], [503, 'speakers_full']);
    for (const query of [{ speakers: 'enrolled' }, { speakers: 'revise', voices: 'nobody-we-know' }, { voices: 'x' }, { speakers: 'loud' }, { speakers: 'revise', max_speakers: 17 }]) {
      const { status, body } = await new Client(server, query).refused;
      assert.deepEqual([status, body.code], [400, 'bad_parameter'], JSON.stringify(query));
    }
    first.ws.close(1000);
    await first.closed;
  });
  await withServer(['--speaker-streams-max', '0'], async (server) => {
    const { status, body } = await new Client(server, { speakers: 'revise' }).refused;
    assert.deepEqual([status, body.code], [400, 'not_supported']);
  });
});

// ---- recordings -----------------------------------------------------------------------------------------------------

test('labels: transcribe --diarize says who speaks in every format, and the same as a job', async () => {
  needVoices();
  const file = talkFile();
  const json = JSON.parse(transcribe(['--diarize', '--max-speakers', '4', '-f', 'json', file]));
  const labels = new Set(json.segments.flatMap((s) => s.words.map((w) => w.speaker)).filter(Boolean));
  assert.ok(labels.size >= 2, [...labels].join());
  assert.deepEqual(new Set(json.speakers.map((s) => s.label)), labels);
  const plain = JSON.parse(transcribe(['-f', 'json', file]));
  assert.equal(plain.speakers, undefined);
  assert.deepEqual(json.segments.map((s) => s.text), plain.segments.map((s) => s.text));
  assert.deepEqual(Object.keys(plain.segments[0]).includes('speaker'), false);
  const formats = { text: /^S\d+: /m, srt: /^S\d+: /m, vtt: /^<v S\d+>/m, tsv: /^start\tend\tspeaker\ttext\n/, ctm: / lex S\d+$/m, rttm: /^SPEAKER talk 1 [\d.]+ [\d.]+ <NA> <NA> S\d+ <NA> <NA>$/m };
  const written = Object.fromEntries(Object.keys(formats).map((name) => [name, transcribe(['--diarize', '--max-speakers', '4', '-f', name, file])]));
  for (const [name, pattern] of Object.entries(formats)) assert.match(written[name], pattern, name);
  await withServer([...FAST, '--data-dir', place()], async (server) => {
    const jobs = new Jobs(server);
    const { id } = await jobs.post({ diarize: true, max_speakers: 4, words: true, file_name: 'talk.wav' }, wav(file));
    const job = await jobs.until(id, (j) => j.ended);
    assert.deepEqual([job.state, job.diarize, job.max_speakers], ['done', true, 4]);
    for (const name of Object.keys(formats)) assert.equal(await jobs.result(id, name), written[name], name);
    const result = await jobs.result(id, 'json');
    assert.deepEqual([result.segments, result.speakers], [json.segments, json.speakers]);
    const other = await jobs.post({}, wav(file));
    await jobs.until(other.id, (j) => j.ended);
    await jobs.result(other.id, 'rttm', 400);
    for (const wrong of [{ diarize: 'perhaps' }, { max_speakers: 2 }, { diarize: true, min_speakers: 5, max_speakers: 4 }, { diarize: true, voices: 'nobody-we-know' }]) await jobs.post(wrong, wav(file), 400);
  });
});

test('labels: channels have people of their own', async () => {
  needVoices();
  const [a, b] = [samples(promptsOf('allison')[0]), samples(promptsOf('carlo')[0])];
  const both = new Int16Array(2 * Math.max(a.length, b.length));
  a.forEach((x, i) => (both[2 * i] = x));
  b.forEach((x, i) => (both[2 * i + 1] = x));
  const file = writeWav('two-channels.wav', both, { channels: 2 });
  const json = JSON.parse(transcribe(['--diarize', '--speakers', '1', '--channels', 'split', '-f', 'json', file]));
  assert.deepEqual(json.speakers.map((s) => [s.channel, s.label]), [[1, 'S1'], [2, 'S1']]);
});

test('labels: options that make no sense are wrong usage', () => {
  for (const args of [['transcribe', '--speakers', '2', 'x.wav'], ['transcribe', '--diarize', '--min-speakers', '9', 'x.wav'], ['transcribe', '--diarize', '--speakers', '17', 'x.wav'],
    ['transcribe', '-f', 'rttm', 'x.wav'], ['live', '--speakers', 'loud', 'x.wav'], ['live', '--voice', 'x', 'x.wav'], ['live', '--speakers', 'enrolled', 'x.wav'],
    ...['', 'a,b', 'x'.repeat(64)].flatMap((name) => [['transcribe', '--diarize', '--voice', name, 'x.wav'], ['live', '--speakers', 'enrolled', '--voice', name, 'x.wav']])]) {
    assert.equal(steno(args).status, 2, args.join(' '));
  }
});

test('labels: steno live shows who speaks, and as JSON what a server would say', async () => {
  needVoices();
  const text = steno(['live', '--speakers', 'revise', '--speed', '100', talkFile()]);
  assert.equal(text.status, 0, text.err);
  assert.match(text.out, /^0:\d\d\.\d {2}(S\d+|\?)\+?: /m);
  const json = steno(['live', '--speakers', 'delayed', '--speed', '100', '-f', 'json', talkFile()]);
  const events = json.out.trim().split('\n').map((line) => JSON.parse(line));
  for (const e of events) validateEvent(e);
  assert.ok(events.some((e) => e.type === 'revision' || e.speaker));
});

// ---- Deepgram -------------------------------------------------------------------------------------------------------

const sdkOf = (name) => {
  try {
    return require(name);
  } catch {
    return skip(`${name} is not installed: npm ci --ignore-scripts in tests/e2e`);
  }
};

const deepgram = (name, server) =>
  sdkOf(name).createClient('key', { global: { fetch: { options: { url: `http://${server.address}` } }, websocket: { options: { url: `ws://${server.address}` } } } });

for (const name of Object.keys(JSON.parse(readFileSync(new URL('package.json', import.meta.url))).dependencies).filter((n) => /deepgram/.test(n) && /[34]/.test(n))) {
  test(`labels: ${name}: words of a file and of a live stream have speakers`, async () => {
    needVoices();
    await withServer(FAST, async (server) => {
      const client = deepgram(name, server);
      const { result } = await client.listen.prerecorded.transcribeFile(readFileSync(talkFile()), { diarize: true, punctuate: true, utterances: true, paragraphs: true });
      const best = result.results.channels[0].alternatives[0];
      assert.ok(new Set(best.words.map((w) => w.speaker)).size >= 2);
      for (const w of best.words) assert.ok(Number.isInteger(w.speaker) && w.speaker_confidence >= 0 && w.speaker_confidence <= 1, JSON.stringify(w));
      assert.equal(result.metadata.warnings, undefined);
      for (const u of result.results.utterances) assert.deepEqual([...new Set(u.words.map((w) => w.speaker))], [u.speaker]);
      for (const p of best.paragraphs.paragraphs) assert.ok(Number.isInteger(p.speaker));
      assert.match(best.paragraphs.transcript, /^\nSpeaker \d+: /);
      const live = client.listen.live({ encoding: 'linear16', sample_rate: 16000, diarize: true, punctuate: true, interim_results: true });
      const E = sdkOf(name).LiveTranscriptionEvents;
      const results = [];
      live.on(E.Transcript, (m) => results.push(m));
      await new Promise((resolve) => live.on(E.Open, resolve));
      const audio = bytesOf(talk());
      for (let at = 0; at < audio.length; at += 32000) live.send(audio.buffer.slice(audio.byteOffset + at, audio.byteOffset + Math.min(at + 32000, audio.length)));
      const over = new Promise((resolve) => live.on(E.Close, resolve));
      live.requestClose();
      await over;
      const words = results.filter((m) => m.is_final).flatMap((m) => m.channel.alternatives[0].words);
      assert.ok(words.some((w) => Number.isInteger(w.speaker)), JSON.stringify(words));
    });
  });
}

// ---- OpenAI ---------------------------------------------------------------------------------------------------------

test('labels: openai: diarized_json, and with known speakers their names', async () => {
  needVoices();
  await withOpenAI([], async (client) => {
    const ask = (params) => client.audio.transcriptions.create({ file: createReadStream(talkFile()), model: 'gpt-4o-transcribe-diarize', response_format: 'diarized_json', ...params });
    const plain = await ask({});
    assert.ok(plain.segments.length >= 2);
    for (const s of plain.segments) {
      assert.equal(s.type, 'transcript.text.segment');
      assert.match(s.speaker, /^([A-Z]|unknown)$/);
      assert.ok(s.start <= s.end && s.text && s.id);
    }
    assert.equal(plain.segments.map((s) => s.text).join(' '), plain.text);
    assert.equal(plain.segments[0].speaker, 'A');
    const reference = (person) => `data:audio/wav;base64,${riff({ data: bytesOf(concatenate([promptsOf(person)[1]], 0).slice(0, 8 * 16000)) }).toString('base64')}`;
    const known = await ask({ known_speaker_names: ['agent', 'caller'], known_speaker_references: [reference('allison'), reference('carlo')] });
    const names = new Set(known.segments.map((s) => s.speaker));
    assert.ok(names.has('agent') || names.has('caller'), [...names].join());
    const events = [];
    for await (const e of await ask({ stream: true })) events.push(e);
    assert.equal(events.filter((e) => e.type === 'transcript.text.delta').map((e) => e.delta).join(''), plain.text);
    assert.deepEqual(events.filter((e) => e.type === 'transcript.text.segment'), plain.segments);
    assert.equal(events.at(-1).type, 'transcript.text.done');
    const refused = async (params, pattern) => {
      const error = await ask(params).then(() => null, (e) => e);
      assert.equal(error?.status, 400);
      assert.equal(error.param, 'known_speaker_references');
      assert.match(error.message, pattern);
    };
    const sound = (pcm) => `data:audio/wav;base64,${riff({ data: bytesOf(pcm) }).toString('base64')}`;
    await refused({ known_speaker_names: ['agent'] }, /want one of each/);
    await refused({ known_speaker_names: ['a'], known_speaker_references: ['http://127.0.0.1/a.wav'] }, /data URL/);
    await refused({ known_speaker_names: ['a'], known_speaker_references: ['data:audio/wav;base64,AAAA'] }, /no audio/);
    await refused({ known_speaker_names: ['a'], known_speaker_references: [sound(new Int16Array(3 * 16000))] }, /of speech/);
    await refused({ known_speaker_names: ['a'], known_speaker_references: [sound(new Int16Array(12 * 16000))] }, /longer than 10 s/);
  });
});
