// test_watch.mjs: GET /v1/watch: what is said is counted, kept over restarts, masked, and raises alarms that reach log, webhook and /metrics.
//
// The server's time(2) stands still (still_clock.c) until a test moves it: minutes and hours end when it says so, and none is waited for.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, openSync, readFileSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { Client, Server, turn, within } from './live_client.mjs';
import { Receiver, Jobs, wav } from './jobs_client.mjs';
import { STENO, recording, riff, samples, skip, steno, test, work, write } from './harness.mjs';
import { NUMBER, spokenNumber } from './spoken_number.mjs';

const FAST = ['--max-ahead-ms', '60000', '--model', 'tiny'];
const LIBRARY = resolve(dirname(STENO), 'still_clock.so');
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;
const START = 1767571200 + 9 * HOUR; // Monday, 2026-01-05 09:00 UTC
const folder = (name) => mkdtempSync(join(work, `watch-${name}-`));
const bytesOf = (pcm) => Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);

// ---- a server and its clock ---------------------------------------------------------------------------------------

class Clock {
  constructor(now = START) {
    this.file = join(folder('clock'), 'now');
    writeFileSync(this.file, Buffer.alloc(8));
    this.fd = openSync(this.file, 'r+');
    this.set(now);
  }

  set(now) {
    this.now = now;
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(now));
    writeSync(this.fd, bytes, 0, 8, 0);
  }
}

class Watched extends Server {
  static async start(args, { dir = folder('data'), clock = new Clock() } = {}) {
    if (!existsSync(LIBRARY)) skip(`${LIBRARY} is not built`);
    Object.assign(process.env, { LD_PRELOAD: LIBRARY, STILL_CLOCK: clock.file });
    const server = new Watched([...FAST, '--data-dir', dir, ...args]);
    delete process.env.LD_PRELOAD;
    delete process.env.STILL_CLOCK;
    Object.assign(server, { dir, clock, minute: clock.now - (clock.now % MINUTE) });
    await server.listening();
    await server.untilWatch((w) => w.restored, 'what was stored');
    return server;
  }

  async watch(options) {
    const answer = await this.get('/v1/watch', options ?? this.options);
    assert.equal(answer.status, 200);
    return answer.json();
  }

  async untilWatch(wanted, what) {
    return within((async () => {
      for (;;) {
        const answer = await this.get('/v1/watch', this.options);
        if (answer.status !== 200) return null; // it does not watch itself, or wants a key
        const now = await answer.json();
        if (wanted(now)) return now;
        await turn();
      }
    })(), what);
  }

  // The minute that runs ends, and its cells are judged and on their way to the store; another one begins so many seconds after its
  // beginning, less than an hour.
  async nextMinute(later = MINUTE) {
    const ended = this.minute;
    this.clock.set(this.minute = ended + later);
    await this.untilWatch(({ series: [host] }) => {
      const at = host.minutes.start_s.indexOf(ended);
      return at >= 0 && host.minutes.memory_bytes[at] !== null;
    }, 'the end of a minute');
  }

  async stop(signal = 'SIGKILL') {
    this.child.kill(signal);
    return this.end();
  }
}

async function watched(args, body, options) {
  const server = await Watched.start(args, options);
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

const seriesOf = (w, key = '', model = 'tiny') => w.series.find((s) => s.model === model && s.key === key);
const scrape = async (server) => Object.fromEntries((await (await server.get('/metrics', server.options)).text()).split('\n')
  .filter((line) => line.startsWith('steno_')).map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));

async function hear(server, bytes, query = {}, headers = {}) {
  const client = new Client(server, query, { headers });
  await client.opened;
  client.pieces(bytes, [4000]);
  client.closing = await client.finish();
  return client;
}

const transcribe = (server, file, fields = {}, headers = {}) => {
  const body = new FormData();
  body.append('file', new Blob([typeof file === 'string' ? readFileSync(file) : file], { type: 'audio/wav' }), 'a.wav');
  for (const [name, value] of Object.entries({ model: 'whisper-1', ...fields })) body.append(name, value);
  return server.get('/v1/audio/transcriptions', { method: 'POST', body, headers });
};

const RATE = 16000;
let state = 1;
const noise = () => ((state = (state * 1103515245 + 12345) % 2147483648) / 2147483648) - 0.5;
const hiss = () => Int16Array.from({ length: 4 * RATE }, (_, i) => (i > RATE && i < 3 * RATE ? 8000 * noise() : 20 * noise()));
// The beginning of a recording, at another level.
const piece = (id, seconds, gain = 1) => samples(recording(id)).subarray(0, seconds * RATE).map((x) => Math.round(gain * x));

// ---- what is counted ----------------------------------------------------------------------------------------------

const charactersOf = (texts) => [...texts.join('').replace(/\s/g, '')].length;
const near = (value, wanted, by, what) => assert.ok(Math.abs(value - wanted) <= by, `${what}: ${value}, not ${wanted}`);

test('watch: what is said live, in a recording and in a job is counted, once each', async () => {
  await watched([], async (server) => {
    const talk = await hear(server, bytesOf(samples(recording('0870'))));
    const answer = await (await transcribe(server, recording('0880'), { response_format: 'verbose_json' })).json();
    const jobs = new Jobs(server);
    const job = await jobs.over((await jobs.post({}, wav(recording('0890')))).id);
    const document = JSON.parse(JSON.stringify(await jobs.result(job.id, 'json')));
    const said = [talk.finals.map((e) => e.text), answer.segments.map((s) => s.text), document.segments.map((s) => s.text)];
    const texts = said.flat();
    const seconds = ['0870', '0880', '0890'].reduce((sum, id) => sum + samples(recording(id)).length / RATE, 0);
    const { windows, minutes } = seriesOf(await server.watch());
    for (const window of ['5m', '1h', '1d']) {
      const w = windows[window];
      assert.deepEqual([w.utterances, w.streams, w.empty_rate, w.looped_rate], [texts.length, 3, 0, 0], window);
      near(w.audio_s, seconds, 0.05, 'audio');
      near(w.characters_per_s * w.speech_s, charactersOf(texts), 1e-6 * charactersOf(texts), 'characters');
      near(w.words_per_s * w.speech_s, texts.join(' ').split(/\s+/).length, 1e-3, 'words');
      assert.ok(w.speech_s > 0.6 * seconds && w.speech_s <= seconds, `${w.speech_s} of ${seconds}`);
      assert.ok(w.speech_of_loud > 0.7 && w.speech_of_loud < 1.5, String(w.speech_of_loud));
      assert.equal(w.confidence_bins.reduce((a, b) => a + b), texts.length);
      assert.equal(w.latency_bins.reduce((a, b) => a + b), talk.finals.length); // nobody waited for the others
    }
    assert.deepEqual([minutes.utterances.at(-1), minutes.utterances.at(-2)], [texts.length, null]);
    const metrics = await scrape(server);
    const of = '{model="tiny",language="en"}';
    assert.equal(metrics[`steno_quality_utterances_total${of}`], texts.length);
    assert.equal(metrics[`steno_quality_characters_total${of}`], charactersOf(texts));

    await server.nextMinute();
    assert.equal(seriesOf(await server.watch()).minutes.utterances.at(-2), texts.length);
    server.clock.set(START + 6 * MINUTE);
    const later = seriesOf(await server.watch()).windows;
    assert.deepEqual([later['5m'].utterances, later['1h'].utterances, later['1d'].utterances], [0, texts.length, texts.length]);
    server.clock.set(START + 2 * HOUR);
    const after = seriesOf(await server.watch()).windows;
    assert.deepEqual([after['1h'].utterances, after['1h'].confidence, after['1d'].utterances], [0, null, texts.length]);
  });
});

test('watch: speech that no text comes of is empty, live and recorded', async () => {
  await watched(['--vad-threshold', '0.01', '--vad-neg-threshold', '0.005'], async (server) => {
    const talk = await hear(server, bytesOf(hiss()));
    const empty = talk.events.filter((e) => e.type === 'final');
    assert.ok(empty.length > 0 && empty.every((e) => e.text === ''));
    const live = seriesOf(await server.watch()).windows['5m'];
    assert.deepEqual([live.utterances, live.empty_rate, live.confidence], [empty.length, 1, null]);
    await transcribe(server, riff({ data: bytesOf(hiss()) }), { chunking_strategy: JSON.stringify({ type: 'server_vad', threshold: 0.01 }) });
    const both = seriesOf(await server.watch());
    assert.ok(both.windows['5m'].utterances > empty.length, 'that of a recording is counted');
    assert.equal(both.windows['5m'].empty_rate, 1);
    const { worst } = await server.watch();
    assert.ok(worst.length >= empty.length && worst.every((u) => u.empty && u.text === null));
  });
});

test('watch: where it is off there is nothing', async () => {
  await watched(['--watch', 'no'], async (server) => {
    await hear(server, bytesOf(piece('0870', 3)));
    const answer = await server.get('/v1/watch');
    assert.equal(answer.status, 404);
    assert.equal((await answer.json()).code, 'not_found');
    assert.ok(!Object.keys(await scrape(server)).some((name) => /^steno_(quality|alarms)/.test(name)));
  });
});

// ---- keys and words -----------------------------------------------------------------------------------------------

const keyed = (dir, name) => {
  const made = steno(['key', 'create', '--data-dir', dir, '--name', name]);
  assert.equal(made.status, 0, made.err);
  return made.out.trim();
};
const bearer = (key) => ({ Authorization: `Bearer ${key}` });

test('watch: words of the worst are those of one’s own key, and can be turned off', async () => {
  const dir = folder('keys');
  const config = write('watch/texts.ini', '[watch]\nworst_texts = yes\n');
  const [ann, ben] = ['ann', 'ben'].map((name) => keyed(dir, name));
  await watched(['--config', config], async (server) => {
    await hear(server, bytesOf(samples(recording('0870'))), {}, bearer(ann));
    const answer = await transcribe(server, recording('0880'), {}, bearer(ben));
    assert.equal(answer.status, 200, await answer.text());
    server.options = { headers: bearer(ann) };
    const textsOf = async (key) => (await server.watch({ headers: bearer(key) })).worst.map((u) => u.text).filter((t) => t !== null);
    const [hers, his] = [await textsOf(ann), await textsOf(ben)];
    assert.match(hers.join(' '), /leisure to consider/);
    assert.ok(his.length > 0 && !/leisure to consider/.test(his.join(' ')));
    assert.equal((await server.get('/v1/watch')).status, 401);
    writeFileSync(config, '[watch]\nworst_texts = no\n');
    server.child.kill('SIGHUP');
    await within((async () => { while ((await textsOf(ann)).length) await turn(); })(), 'words are gone');
    await hear(server, bytesOf(samples(recording('0870'))), {}, bearer(ann));
    writeFileSync(config, '[watch]\nworst_texts = yes\n');
    server.child.kill('SIGHUP');
    await within((async () => { while ((await scrape(server)).steno_reloads_total < 2) await turn(); })(), 'read again');
    assert.deepEqual(await textsOf(ann), []); // what was said meanwhile was not kept
    await hear(server, bytesOf(samples(recording('0870'))), {}, bearer(ann));
    assert.match((await textsOf(ann)).join(' '), /leisure to consider/);
  }, { dir });
});

const everything = (dir) => readdirSync(dir, { recursive: true }).map((name) => join(dir, name)).filter((file) => statSync(file).isFile())
  .map((file) => readFileSync(file, 'latin1')).join('\n');
const NAMES = ['zero|oh', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
// Two of its figures said, or seven written, in a row.
const pairs = [...NUMBER].slice(1).map((d, i) => `\\b(?:${NAMES[NUMBER[i]]})[ ,.-]+(?:${NAMES[d]})\\b`);
const sevens = [...NUMBER].slice(6).map((_, i) => [...NUMBER.slice(i, i + 7)].join('[ ,.-]*'));
const LEAK = new RegExp([...pairs, ...sevens].join('|'), 'i');

test('watch: a number that a stream may show is masked among the worst, also in two halves, and is nowhere else', async () => {
  for (const split of [0, 5]) {
    const file = spokenNumber(split);
    await watched([], async (server) => {
      const talk = await hear(server, bytesOf(samples(file)), { redact: 'off' });
      assert.match(talk.text, LEAK); // or nothing is shown by this test
      if (split) assert.ok(talk.finals.length > 1, JSON.stringify(talk.events));
      assert.equal((await transcribe(server, file)).status, 200);
      await server.nextMinute();
      const answer = JSON.stringify(await server.watch());
      assert.match(answer, /\[PHONE/);
      for (const [where, text] of [['/v1/watch', answer], ['/metrics', await (await server.get('/metrics')).text()]]) assert.doesNotMatch(text, LEAK, where);
      assert.deepEqual(await server.stop('SIGTERM'), { status: 0, signal: null });
      assert.doesNotMatch(server.log, LEAK);
      assert.doesNotMatch(everything(server.dir), LEAK);
    });
  }
});

test('watch: a series a key where key_labels says so, and what there is no room for is counted together', async () => {
  const dir = folder('labels');
  const config = write('watch/labels.ini', '[watch]\nkey_labels = no\nseries_max = 4\n');
  const keys = ['ann', 'ben', 'cid', 'dan'].map((name) => keyed(dir, name));
  const [ann] = keys;
  const say = (key) => hear(server_, bytesOf(piece('0870', 3)), {}, bearer(key));
  let server_;
  await watched(['--config', config], async (server) => {
    server_ = server;
    server.options = { headers: bearer(ann) };
    await say(ann);
    writeFileSync(config, '[watch]\nkey_labels = yes\nseries_max = 4\n');
    server.child.kill('SIGHUP');
    await within((async () => { while ((await scrape(server)).steno_reloads_total < 1) await turn(); })(), 'read again');
    for (const key of keys) await say(key);
    const { series } = await server.watch();
    assert.deepEqual(series.map((s) => [s.model, s.key === '' ? '' : 'key', s.windows['5m'].streams ?? 0]), [
      ['', '', 0], ['tiny', '', 1], ['tiny', 'key', 1], ['other', '', 3]]);
    const listed = JSON.parse(steno(['key', 'list', '--data-dir', dir, '--json']).out);
    assert.equal(series[2].key, listed.find((k) => k.name === 'ann').id);
    assert.equal((await scrape(server))[`steno_quality_streams_total{model="other",language=""}`], 3);
  }, { dir });
});

// ---- restarts -----------------------------------------------------------------------------------------------------

test('watch: windows come back after a restart and after SIGKILL, also within the minute', async () => {
  const dir = folder('restart');
  const clock = new Clock();
  const say = (server) => hear(server, bytesOf(piece('0870', 3)));
  let server = await Watched.start([], { dir, clock });
  await say(server);
  await server.nextMinute(); // 1 stored
  await say(server);
  clock.set(clock.now + 20);
  assert.deepEqual(await server.stop('SIGTERM'), { status: 0, signal: null }); // 1 more, of a minute that runs
  server = await Watched.start([], { dir, clock });
  assert.equal(seriesOf(await server.watch()).windows['5m'].streams, 2);
  assert.equal((await scrape(server))['steno_quality_streams_total{model="tiny",language="en"}'] ?? 0, 0); // counters begin at the start
  await say(server);
  assert.equal(seriesOf(await server.watch()).minutes.streams.at(-1), 2);
  await server.nextMinute(); // 3 stored, of two minutes
  await within((async () => { while (!everything(dir).includes('"streams":2')) await turn(); })(), 'the minute on the disk');
  await say(server);
  await server.stop('SIGKILL'); // what the minute had is lost
  server = await Watched.start([], { dir, clock });
  const { windows, minutes } = seriesOf(await server.watch());
  assert.deepEqual([windows['5m'].streams, windows['1d'].streams], [3, 3]);
  assert.deepEqual(minutes.streams.slice(-3), [1, 2, null]);
  clock.set(START + 26 * HOUR);
  assert.equal(seriesOf(await server.watch()).windows['1d'].streams, 0);
  await server.stop();
});

test('watch: minutes are kept for retain_days, and not at all with 0', async () => {
  const dir = folder('retain');
  const clock = new Clock();
  const config = write('watch/retain.ini', '[watch]\nretain_days = 3\n');
  let server = await Watched.start(['--config', config], { dir, clock });
  await hear(server, bytesOf(piece('0870', 3)));
  await server.nextMinute();
  const stored = () => [...new Set([...everything(dir).matchAll(/"start_s":(\d+)/g)].map(([, s]) => Number(s)))];
  await within((async () => { while (!stored().includes(START)) await turn(); })(), 'a minute on the disk');
  await server.stop('SIGTERM');
  clock.set(START + 2 * DAY);
  server = await Watched.start(['--config', config], { dir, clock });
  await server.nextMinute();
  await server.stop('SIGTERM');
  server = await Watched.start(['--config', config], { dir, clock });
  assert.equal((await server.watch()).alarms.series, 2); // what was two days ago has been learnt from
  await server.stop('SIGTERM');
  clock.set(START + 3 * DAY + HOUR);
  server = await Watched.start(['--config', config], { dir, clock });
  await server.nextMinute();
  await server.stop('SIGTERM');
  server = await Watched.start(['--config', config], { dir, clock });
  assert.equal((await server.watch()).alarms.series, 1); // the host's alone
  writeFileSync(config, '[watch]\nretain_days = 0\n');
  server.child.kill('SIGHUP');
  await within((async () => { while ((await scrape(server)).steno_reloads_total < 1) await turn(); })(), 'read again');
  await server.nextMinute();
  await server.stop('SIGTERM');
  writeFileSync(config, '[watch]\nretain_days = 3\n');
  server = await Watched.start(['--config', config], { dir, clock });
  assert.equal((await server.watch()).alarms.series, 0);
  await server.stop();
});

// ---- alarms -------------------------------------------------------------------------------------------------------

// Half a day of streams at this level: norms are learnt by the hour.
async function learn(server, clip) {
  for (let hour = 0; hour < 14; hour++) {
    await Promise.all(Array.from({ length: 4 }, () => transcribe(server, clip)));
    await server.nextMinute();
    await server.nextMinute(59 * MINUTE);
  }
}

const say = async (server, clip, n) => {
  for (let i = 0; i < n; i += 4) await Promise.all(Array.from({ length: 4 }, () => transcribe(server, clip)));
};
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

test('watch: a microphone is turned down: the alarm reaches the log, a signed webhook, /v1/watch and /metrics, outlives SIGKILL, and ends', async () => {
  const receiver = await new Receiver().listen();
  const secret = write('watch/secret', `${SECRET}\n`);
  const args = ['--webhook-url', receiver.url, '--webhook-secret-file', secret, '--webhook-networks', '127.0.0.0/8', '--log-format', 'json'];
  const [well, quiet] = [1, 0.01].map((gain) => riff({ data: bytesOf(piece('0870', 3, gain)) }));
  const raisedOf = (w) => w.alarms.raised.map((a) => a.rule);
  let server = await Watched.start(args);
  const { dir, clock } = server;
  await learn(server, well);
  const learnt = await server.watch();
  assert.deepEqual(raisedOf(learnt), []);
  const band = seriesOf(learnt).bands.input_quiet;
  assert.ok(band.norm < 0.02 && band.tolerated > band.norm && band.tolerated < 0.15, JSON.stringify(band));
  await server.stop('SIGKILL');

  server = await Watched.start(args, { dir, clock }); // what is normal is known from the store
  near(seriesOf(await server.watch()).bands.input_quiet.norm, band.norm, 0.01, 'the norm');
  await say(server, quiet, 24);
  await server.nextMinute();
  const [alarm] = (await server.untilWatch((w) => w.alarms.raised.length > 0, 'an alarm')).alarms.raised;
  assert.deepEqual([alarm.rule, alarm.change, alarm.severity, alarm.model, alarm.language], ['input_quiet', 'raised', 'warning', 'tiny', 'en']);
  assert.equal(alarm.value, 1);
  assert.ok(alarm.log_evidence >= alarm.log_needed && alarm.log_needed > 10);
  assert.equal((await scrape(server))['steno_alarms{alarm="input_quiet",severity="warning"}'], 1);
  const line = JSON.parse((await server.said(/^.*"alarm raised".*$/m))[0]);
  assert.deepEqual([line.level, line.rule, line.model, line.value], ['warn', 'input_quiet', 'tiny', 1]);
  await receiver.came(1);
  const [{ headers, body }] = receiver.seen;
  new Webhook(SECRET).verify(body, headers, { tolerance: 0 });
  const message = JSON.parse(body);
  assert.deepEqual([message.type, message.data.rule, message.data.text, message.data.runbook], ['alarm.raised', 'input_quiet', alarm.text, alarm.runbook]);
  assert.throws(() => new Webhook(SECRET).verify(body.replace('quiet', 'noisy'), headers));

  await server.nextMinute();
  await server.stop('SIGKILL');
  server = await Watched.start(args, { dir, clock });
  assert.deepEqual(raisedOf(await server.watch()), ['input_quiet']); // still, and not told again
  for (let stretch = 0; stretch < 3 && raisedOf(await server.watch()).length; stretch++) {
    await server.nextMinute(15 * MINUTE);
    await say(server, well, 40);
    await server.nextMinute();
  }
  assert.deepEqual(raisedOf(await server.watch()), []);
  await receiver.came(2);
  assert.deepEqual(receiver.seen.map((m) => JSON.parse(m.body).type), ['alarm.raised', 'alarm.resolved']);
  assert.match(server.log, /"alarm resolved"/);
  assert.equal((await scrape(server))['steno_alarms{alarm="input_quiet",severity="warning"}'], 0);
  assert.deepEqual((await server.watch()).alarms.recent.map((a) => [a.change, a.rule]), [['resolved', 'input_quiet']]);
  await server.stop();
  await receiver.close();
});
