// test_live.mjs: `steno live` and `steno bench live`, against a server of made-up events (fake_server.mjs), with the engine in
// the program, and against `steno serve` where this build has it.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorRate, oneLine, prompts, recording, riff, samples, skip, steno, test, transcribe, work, write, writeWav, STENO } from './harness.mjs';

const FAKE = join(dirname(fileURLToPath(import.meta.url)), 'fake_server.mjs');
const lines = (text) => text.split('\n').filter(Boolean);
const speedy = ['--speed', '100'];

// A process that says where it listens; `use` gets its address and process number.
async function withServer(command, args, use) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  const port = await new Promise((resolve, reject) => {
    const read = (bytes) => {
      log += bytes;
      const found = /https?:\/\/127\.0\.0\.1:(\d+)/.exec(log);
      if (found) resolve(found[1]);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', () => (log.includes('ERR_MODULE_NOT_FOUND') ? reject(new Error('npm')) : reject(new Error(`no server: ${log}`))));
  }).catch((error) => (error.message === 'npm' ? skip('ws is not installed: npm ci --ignore-scripts in tests/e2e') : Promise.reject(error)));
  const ended = new Promise((resolve) => child.on('exit', resolve));
  try {
    return await use(`ws://127.0.0.1:${port}/v1/stream`, child.pid);
  } finally {
    child.kill();
    await ended;
  }
}
const withFake = (options, use) => withServer(process.execPath, [FAKE, ...options], use);
const hasServe = () => spawnSync(STENO, ['serve', '--help']).status === 0;

// Runs steno without keeping this process from serving; resolves with what it wrote.
function run(args, { input = null, env = process.env } = {}) {
  const child = spawn(STENO, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
  let out = '';
  let err = '';
  child.stdout.on('data', (bytes) => (out += bytes));
  child.stderr.on('data', (bytes) => (err += bytes));
  child.stdin.on('error', () => {});
  if (input !== null) child.stdin.end(input);
  return { child, written: () => out, ended: new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal, out, err }))) };
}

test('live: finals are lines with their time, and partials only where they are asked for', () =>
  withFake(['words=2'], async (url) => {
    const r = await run(['live', '--url', url, ...speedy, recording('0870')]).ended;
    assert.equal(r.err, '');
    assert.equal(r.status, 0);
    assert.deepEqual(lines(r.out), ['0:00.2  so what', '0:02.9  what do', '0:05.5  do you']);
    const more = await run(['live', '--url', url, ...speedy, '--partials', recording('0870')]).ended;
    const shown = lines(more.out);
    assert.deepEqual(shown.filter((l) => !l.startsWith('~ ')), lines(r.out));
    assert.ok(shown.includes('~ 0:00.2  so'), more.out);
  }));

test('live: json is what the server sent, in its order', () =>
  withFake([], async (url) => {
    const r = await run(['live', '--url', `${url}?language=en`, '-f', 'json', '--endpoint-ms', '300', ...speedy, recording('0870')]).ended;
    const events = lines(r.out).map((l) => JSON.parse(l));
    assert.deepEqual(events.map((e) => e.seq), events.map((_, i) => i + 1));
    assert.equal(events[0].type, 'ready');
    const { config } = events[0];
    assert.deepEqual([config.language, config.endpoint_ms, config.sample_rate, config.encoding, config.partial_ms], ['en', '300', '16000', 'pcm_s16le', '500']);
    const closed = events.at(-1);
    assert.equal(closed.type, 'closed');
    assert.equal(closed.audio_samples, samples(recording('0870')).length); // not one more or less
    assert.ok(events.some((e) => e.type === 'partial'));
    const none = await run(['live', '--url', url, '-f', 'json', '--no-partials', ...speedy, recording('0870')]).ended;
    assert.equal(JSON.parse(lines(none.out)[0]).config.partial_ms, '0');
  }));

test('live: a pipe says its rate in its header, or by options', () =>
  withFake([], async (url) => {
    const pcm = Buffer.alloc(8000 * 2 * 3);
    for (const [args, input] of [[[], riff({ rate: 8000, data: pcm, claim: 0xffffffff - 36 })], [['--rate', '8000'], pcm],
      [['--rate', '8000', '--channels', '2', '--encoding', 'mulaw'], pcm], [['--rate', '8000', '--encoding', 'f32le'], Buffer.alloc(pcm.length * 2)]]) {
      const r = await run(['live', '--url', url, '-f', 'json', ...args, '-'], { input }).ended;
      assert.equal(r.status, 0, r.err);
      const events = lines(r.out).map((l) => JSON.parse(l));
      assert.equal(events[0].config.sample_rate, '16000');
      assert.ok(Math.abs(events.at(-1).audio_samples - 48000) <= 64, String(events.at(-1).audio_samples)); // three seconds
    }
    const wrong = await run(['live', '--url', url, '-'], { input: riff({ bits: 24, data: pcm }) }).ended;
    assert.equal(wrong.status, 1);
    assert.match(wrong.err, /^steno: .*WAV.*\n$/);
  }));

test('live: a terminal shows the open utterance in place', () =>
  withFake([], async (url) => {
    const command = `${STENO} live --url ${url} --speed 100 ${recording('0870')}`;
    const r = spawnSync('script', ['-qec', `stty cols 24; ${command}`, '/dev/null'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    if (r.error) skip('script is not installed');
    assert.ok(r.stdout.includes('\r\x1b[K0:00.2  so\x1b[2m what\x1b[0m'), JSON.stringify(r.stdout));
    assert.ok(r.stdout.includes('\r\x1b[K0:00.2  so what do you\r\n'), JSON.stringify(r.stdout));
    for (const part of r.stdout.split('\r\x1b[K').filter((p) => !p.includes('\n'))) assert.ok([...part.replace(/\x1b\[\d*m/g, '')].length < 24, JSON.stringify(part));
  }));

// A stream that has said something and goes on waiting for sound.
async function talking(url) {
  const r = run(['live', '--url', url, '--partials', '-']);
  r.child.stdin.write(Buffer.alloc(32000 * 2));
  await new Promise((resolve) => r.child.stdout.once('data', resolve));
  return r;
}

test('live: Ctrl-C ends the stream and shows its last words, a second one stops at once', async () => {
  await withFake(['pause=100'], async (url) => {
    const stream = await talking(url);
    stream.child.kill('SIGINT');
    const r = await stream.ended;
    assert.equal(r.status, 0, r.err);
    assert.match(lines(r.out).at(-1), /^0:00\.2 {2}so/);
  });
  await withFake(['pause=100', 'deaf=1'], async (url) => {
    const stream = await talking(url);
    stream.child.kill('SIGINT'); // waits for a server that does not answer …
    stream.child.kill('SIGTERM'); // … until somebody insists
    const r = await stream.ended;
    assert.equal(r.status, 130);
    assert.equal(r.err, '');
  });
});

test('live: what goes wrong with a server costs one line', async () => {
  const fails = async (options, pattern) => withFake(options, async (url) => {
    const r = await run(['live', '--url', url, ...speedy, recording('0870')]).ended;
    assert.equal(r.status, 1);
    assert.match(r.err, pattern);
    assert.equal(lines(r.err).length, 1, r.err);
  });
  await fails(['max=0'], /full; try again later/);
  await fails(['busy=1'], /full; try again later/);
  await fails(['break_s=3'], /ended the connection: code 1006|the connection broke/);
  await fails(['fatal_s=3'], /the server says: internal: made up/);
  const r = steno(['live', '--url', 'ws://127.0.0.1:1', recording('0870')]);
  assert.equal(r.status, 1);
  assert.match(r.err, /^steno: ws:\/\/127\.0\.0\.1:1: cannot connect.*\n$/);
  assert.equal(steno(['live', '--url', 'http://127.0.0.1:1', recording('0870')]).status, 1);
});

test('live: a reader that leaves ends it quietly', () =>
  withFake(['words=1'], (url) => {
    const r = spawnSync('sh', ['-c', `"$1" live --url "$2" --speed 50 -f json "$3" | head -n 2 >/dev/null; exit 0`, 'sh', STENO, url, recording('0870')]);
    assert.equal(r.status, 0);
    assert.equal(r.stderr.toString(), '');
  }));

test('live: wrong usage', () => {
  for (const args of [[], ['-', 'x'], ['-f', 'srt', '-'], ['--speed', '0', '-'], ['--endpoint-ms', '99', '-'], ['--encoding', 'opus', '-'], ['--rate', '96000', '-'],
    ['--partials', '--no-partials', '-'], ['--url']]) {
    const r = steno(['live', ...args], { input: '' });
    assert.equal(r.status, 2, `${args.join(' ')}: ${r.err}`);
    assert.equal(lines(r.err).length, 1);
  }
  assert.equal(steno(['live', '/nowhere.wav']).status, 1);
  assert.match(steno(['live', write('no.wav', 'no sound here')]).err, /^steno: .*no\.wav: .*\n$/);
});

// ---- with the engine ------------------------------------------------------------------------------------------------

test('live: without a server it says what transcribe says', () => {
  const whole = oneLine(transcribe([recording('0870')]));
  const r = steno(['live', ...speedy, recording('0870')]);
  assert.equal(r.status, 0, r.err);
  assert.equal(r.err, '');
  assert.ok(errorRate(whole, lines(r.out).map((l) => l.replace(/^\S+ {2}/, '')).join(' ')) < 0.1, r.out);
  const pcm = samples(recording('0870'));
  const piped = steno(['live', '-'], { input: Buffer.from(pcm.buffer) });
  assert.equal(piped.out, r.out);
});

test('live: events in this program are those of the wire', () => {
  const events = lines(steno(['live', '-f', 'json', ...speedy, recording('0870')]).out).map((l) => JSON.parse(l));
  assert.deepEqual(events.map((e) => e.seq), events.map((_, i) => i + 1));
  const stable = new Map();
  const revisions = new Map();
  for (const e of events.filter((x) => x.type === 'partial' || x.type === 'final')) {
    assert.ok(e.text.startsWith(stable.get(e.message_id) ?? ''), `${e.text} took back ${stable.get(e.message_id)}`);
    stable.set(e.message_id, [...e.text].slice(0, e.stable_chars).join(''));
    assert.ok(e.rev > (revisions.get(e.message_id) ?? 0));
    revisions.set(e.message_id, e.rev);
    assert.equal(e.words.map((w) => w.word).join(' '), e.text);
    assert.ok(e.audio_end >= e.end - 0.05 && e.start <= e.end, JSON.stringify(e));
  }
  assert.equal(events.at(-1).type, 'closed');
  assert.ok(events.some((e) => e.type === 'final' && e.reason));
});

test('live: a pipe of silence says nothing, another rate says the same', () => {
  const silent = steno(['live', '-'], { input: Buffer.alloc(96000) });
  assert.deepEqual([silent.status, silent.out, silent.err], [0, '', '']);
  const pcm = samples(recording('0880'));
  const coarse = pcm.filter((_, i) => i % 2 === 0);
  const whole = steno(['live', '-'], { input: Buffer.from(pcm.buffer) });
  const half = steno(['live', '--rate', '8000', '-'], { input: Buffer.from(coarse.buffer) });
  assert.equal(half.status, 0, half.err);
  assert.ok(errorRate(whole.out, half.out) < 0.4, `${whole.out}${half.out}`);
});

// ---- measuring ------------------------------------------------------------------------------------------------------

const corpus = () => write('corpus.txt', prompts().slice(0, 12).map((p) => p.file).join('\n'));
const quick = ['--duration', '3', '--ramp', '0.5', '--warm-up', '1', '--json'];
const bench = async (args) => {
  const r = await run(['bench', 'live', ...args]).ended;
  assert.equal(r.status, 0, r.err);
  return JSON.parse(r.out);
};

test('bench live: counts what a server does', () =>
  withFake(['words=1'], async (url, pid) => {
    const r = await bench(['--corpus', corpus(), '--url', url, '--pid', String(pid), '--streams', '6', ...quick]);
    assert.deepEqual([r.streams, r.opened, r.refused, r.dropped, r.failed, r.recordings], [6, 6, 0, 0, 0, 12]);
    assert.ok(r.finals >= 6 && r.partials >= 6, JSON.stringify(r));
    assert.equal(r.final_latency_ms.n, r.finals);
    assert.equal(r.finals, r.finals_endpoint);
    assert.ok(r.server_rss_mib > 1 && r.server_threads >= 1);
    assert.ok(Math.abs(r.bytes_sent_per_s - 6 * 0.032) < 0.02, String(r.bytes_sent_per_s)); // 16 kHz of 16 bits, six times
    assert.ok(r.slip_ms.n >= 6 * 80);
  }));

test('bench live: a late final is seen as late', () =>
  withFake(['words=1', 'late_ms=400'], async (url) => {
    const r = await bench(['--corpus', corpus(), '--url', url, '--streams', '2', ...quick]);
    assert.ok(r.final_latency_ms.p50 >= 399, JSON.stringify(r.final_latency_ms));
    assert.equal(r.met, false);
    assert.match(r.missed, /final latency/);
  }));

test('bench live: refusals, breaks and stretches are told apart', async () => {
  const one = (options) => withFake(options, (url) => bench(['--corpus', corpus(), '--url', url, '--streams', '4', ...quick]));
  const full = await one(['max=3']);
  assert.deepEqual([full.opened, full.refused, full.dropped, full.failed, full.met], [3, 1, 0, 0, false]);
  const broken = await one(['break_s=2']);
  assert.deepEqual([broken.opened, broken.refused, broken.dropped, broken.failed], [4, 0, 4, 0]);
  const fatal = await one(['fatal_s=2']);
  assert.deepEqual([fatal.opened, fatal.dropped, fatal.failed], [4, 0, 4]);
  const stretched = await one(['overload_s=2.5']);
  assert.equal(stretched.overloads, 4);
  assert.ok(stretched.stretched > 0.3 && stretched.stretched <= 1);
});

test('bench live: the search stops below what is refused', () =>
  withFake(['max=11', 'words=1'], async (url) => {
    const r = await bench(['--corpus', corpus(), '--url', url, '--find-capacity', '--streams', '4', '--interval-share', '0', '--final-ms', '60000', '--first-ms', '60000', '--growth-ms', '60000', ...quick]);
    assert.equal(r.capacity, 11, JSON.stringify(r.steps.map((s) => [s.streams, s.missed])));
    assert.equal(r.steps[0].streams, 4);
  }));

test('bench live: wrong usage and a corpus that is none', () => {
  for (const args of [[], ['--corpus', 'x', '--pid', '3'], ['--corpus', 'x', '--url', 'ws://127.0.0.1:1', '--threads', '2'], ['--corpus', 'x', 'y'], ['--corpus', 'x', '--streams', '0'],
    ['--corpus', 'x', '--straggler', '--find-capacity'], ['--corpus', 'x', '--trim', 'maybe']])
    assert.equal(steno(['bench', 'live', ...args]).status, 2, args.join(' '));
  const r = steno(['bench', 'live', '--corpus', join(work, 'nothing')]);
  assert.equal(r.status, 1);
  assert.match(r.err, /^steno: .*nothing: .*\n$/);
});

test('bench live: stragglers', async () => {
  const r = await bench(['--straggler', '--corpus', corpus(), '--streams', '3', '--recordings', '1', '--duration', '4', '--json']);
  for (const part of ['alone', 'beside_recordings', 'without_slices']) assert.ok(r[part].commands > 0, JSON.stringify(r));
  assert.equal(r.alone.recordings, 0);
  assert.ok(r.beside_recordings.recordings > 0);
});

test('bench live: starts a server of its own, and live talks to one', async () => {
  if (!hasServe()) skip('this build has no steno serve');
  const r = await bench(['--corpus', corpus(), '--streams', '2', ...quick, '--', '--threads', '1']);
  assert.deepEqual([r.opened, r.refused, r.dropped, r.failed], [2, 0, 0, 0]);
  assert.ok(r.partials > 0 && r.server_rss_mib > 10 && r.server_status, JSON.stringify(r));
  await withServer(STENO, ['serve', '--port', '0'], async (url) => {
    const remote = await run(['live', '--url', url, '--speed', '2', recording('0870')]).ended;
    assert.equal(remote.status, 0, remote.err);
    assert.equal(remote.out, steno(['live', ...speedy, recording('0870')]).out);
  });
});
