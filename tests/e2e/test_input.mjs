// test_input.mjs: what goes in: containers, codecs, rates, standard input, lists, and everything that is no recording.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errorRate, ffmpeg, oneLine, prompts, recording, riff, samples, skip, stem, steno, test, transcribe, work, write, writeWav, STENO } from './harness.mjs';

const GOOD = () => recording('0880');

test('a known recording is understood', () => {
  const text = oneLine(transcribe([recording('0870')]));
  assert.equal(errorRate('and mr john dashwood had then leisure to consider how much there might be prudently in his power to do for them', text), 0, text);
});

for (const [name, args] of [
  ['a.flac', ['-c:a', 'flac']],
  ['a.mp3', ['-c:a', 'libmp3lame', '-b:a', '64k']],
  ['a.m4a', ['-c:a', 'aac', '-b:a', '64k']],
  ['a.ogg', ['-c:a', 'libvorbis']],
  ['a.opus', ['-c:a', 'libopus', '-b:a', '32k']],
  ['a.webm', ['-c:a', 'libopus', '-b:a', '32k']],
  ['a.mp4', ['-f', 'lavfi', '-i', 'color=size=64x64:rate=5:duration=7', '-c:v', 'mpeg4', '-c:a', 'aac', '-b:a', '64k']],
  ['44100-stereo.wav', ['-ar', '44100', '-ac', '2']],
  ['48000-float.wav', ['-ar', '48000', '-c:a', 'pcm_f32le']],
  ['24-bit.wav', ['-c:a', 'pcm_s24le']],
  ['8000-mulaw.wav', ['-ar', '8000', '-c:a', 'pcm_mulaw']],
  ['11025.aiff', ['-ar', '11025']],
]) {
  test(`reads ${name}`, () => {
    const file = join(work, name);
    if (!ffmpeg(['-i', recording('0870'), ...args, file])) skip('this ffmpeg cannot write it');
    const reference = oneLine(transcribe([recording('0870')]));
    const text = oneLine(transcribe([file]));
    // 8 kHz loses the upper half of speech; anything else must not change more than a word or two
    const allowed = name.startsWith('8000') || name.startsWith('11025') ? 0.25 : 0.1;
    assert.ok(errorRate(reference, text) <= allowed, text);
  });
}

test('standard input, from a file and from a pipe', () => {
  const expected = transcribe([GOOD()]);
  assert.equal(transcribe(['-'], { input: readFileSync(GOOD()) }), expected);
  const pipe = spawnSync('sh', ['-c', 'cat "$1" | "$0" transcribe -f json -', STENO, GOOD()], { encoding: 'utf8' });
  assert.equal(pipe.status, 0, pipe.stderr);
  assert.equal(JSON.parse(pipe.stdout).file, '-');
  assert.equal(steno(['transcribe', '-', '-'], { input: '' }).status, 2);
});

test('names from a list', () => {
  const list = write('list.txt', `${recording('0880')}\n\n${recording('0930')}\n`);
  assert.equal(transcribe(['--files-from', list]), transcribe([recording('0880'), recording('0930')]));
  assert.equal(transcribe(['-0', '--files-from', '-'], { input: `${recording('0880')}\0` }), transcribe([recording('0880')]));
  const none = steno(['transcribe', '--files-from', '-'], { input: '\n\n' });
  assert.equal(none.status, 2);
  assert.match(none.err, /^steno: - names no recordings; .+\n$/);
  const missing = steno(['transcribe', '--files-from', '/nowhere/list']);
  assert.equal(missing.status, 1);
  assert.match(missing.err, /^steno: \/nowhere\/list: .+\n$/);
});

// Each of these costs one line with its name and a reason that fits; the good file after it is still done.
function isRefused(file, reason, input) {
  const r = steno(['transcribe', file, GOOD()], { input });
  assert.equal(r.status, 1, `${file}: status ${r.status} ${r.err}`);
  const lines = r.err.split('\n');
  assert.equal(lines.pop(), '');
  assert.equal(lines.length, 1, r.err);
  assert.ok(lines[0].startsWith(`steno: ${file}: `), r.err);
  assert.match(lines[0].slice(`steno: ${file}: `.length), reason);
  assert.match(r.out, /young man/);
}

const noise = (n) => Buffer.from(Array.from({ length: n }, (_, i) => (i * 2654435761) >>> 13 & 255));

test('refuses an empty file', () => isRefused(write('empty.wav', ''), /empty/));
test('refuses an empty standard input', () => isRefused('-', /^is empty$/, ''));
test('refuses text', () => isRefused(write('letter.txt', 'Dear Sir,\nthis is no recording.\n'.repeat(50)), /not audio/));
test('refuses noise called mp3', () => isRefused(write('noise.mp3', noise(100000)), /not audio|corrupt/));
test('refuses a missing file', () => isRefused(join(work, 'nothing-here.wav'), /no such file/i));
test('refuses a folder', () => isRefused(work, /directory/));
test('refuses a header without samples', () => isRefused(write('header.wav', riff({ data: Buffer.alloc(0) })), /without any samples|no sound|empty/));
test('refuses a rate of zero', () => isRefused(write('rate.wav', riff({ data: Buffer.alloc(3200), rate: 0 })), /rate|decoded/));
test('refuses 65535 channels', () => isRefused(write('channels.wav', riff({ data: Buffer.alloc(131070), channels: 65535 })), /channels/));
test('refuses samples that are not numbers', () => {
  const pcm = new Float32Array(16000);
  pcm[9000] = NaN;
  isRefused(write('nan.wav', riff({ format: 3, bits: 32, data: Buffer.from(pcm.buffer) })), /not numbers|NaN/);
});
test('refuses a video without sound', () => {
  const file = join(work, 'mute.mp4');
  if (!ffmpeg(['-f', 'lavfi', '-i', 'color=size=64x64:rate=5:duration=1', '-c:v', 'mpeg4', file])) skip('this ffmpeg cannot write it');
  isRefused(file, /no audio|without.*audio/i);
});

test('refuses what may not be read', () => {
  const file = writeWav('locked/secret.wav', samples(GOOD()));
  const script = '"$0" transcribe "$1"; echo "status $?"';
  chmodSync(join(work, 'locked'), 0);
  chmodSync(work, 0o755);
  // root reads everything: become somebody else
  const asNobody = process.getuid() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
  const r = spawnSync([...asNobody, 'sh'][0], [...asNobody, 'sh', '-c', script, STENO, file].slice(1), { encoding: 'utf8' });
  chmodSync(join(work, 'locked'), 0o755);
  if (r.error || /status 12[67]/.test(r.stdout)) skip('cannot run the program as another user here');
  assert.match(r.stdout, /status 1/);
  assert.match(r.stderr, /^steno: .*secret\.wav: .*permission.*\n$/i);
});

test('keeps what came before the damage', () => {
  const whole = join(work, 'whole.flac');
  if (!ffmpeg(['-i', recording('0870'), '-c:a', 'flac', whole])) skip('this ffmpeg cannot write flac');
  const cut = write('cut.flac', readFileSync(whole).subarray(0, statSync(whole).size >> 1));
  const r = steno(['transcribe', '-f', 'json', cut]);
  assert.equal(r.status, 1);
  assert.match(r.err, /^steno: .*cut\.flac: truncated.*\n$/);
  const document = JSON.parse(r.out);
  assert.match(document.segments[0].text, /^And Mr\.? John Dashwood/);
  assert.match(document.error, /^truncated/);
  assert.ok(document.duration > 2 && document.duration < 6);
});

test('says that a cut wav is cut', () => {
  const file = write('cut.wav', readFileSync(recording('0870')).subarray(0, 100000));
  isRefused(file, /truncated/);
});

test('many bad files do not harm the good ones', () => {
  const bad = Array.from({ length: 30 }, (_, i) => write(`bad/${i}.wav`, noise(100 + i)));
  const r = steno(['transcribe', '-f', 'json', ...bad.slice(0, 15), GOOD(), ...bad.slice(15), recording('0930')]);
  assert.equal(r.status, 1);
  assert.equal(r.err.trim().split('\n').length, 30);
  assert.deepEqual(r.out.trim().split('\n').map((l) => JSON.parse(l).file), [GOOD(), recording('0930')]);
});

test('telephone speech at 8 kHz', () => {
  const some = prompts().filter((p) => p.text.split(' ').length >= 8).slice(0, 40);
  const lines = transcribe(['-f', 'json', ...some.map((p) => p.file)]).trim().split('\n').map(JSON.parse);
  const said = lines.map((d) => d.segments.map((s) => s.text).join(' ')).join(' ');
  const rate = errorRate(some.map((p) => p.text).join(' '), said);
  assert.ok(rate < 0.2, `word error rate ${rate}`);
});
mkdirSync(join(work, 'bad'), { recursive: true });

// Twelve descriptors are enough for one decoder at a time; the other recordings, and the results, wait for theirs.
test('few descriptors are enough', () => {
  const files = prompts().slice(0, 24).map((p) => p.file);
  const list = write('few.txt', files.join('\n'));
  const expected = transcribe(['--files-from', list]);
  const limited = (...args) => spawnSync('sh', ['-c', 'ulimit -n 12; exec "$0" "$@"', STENO, 'transcribe', '--threads', '2', '--files-from', list, ...args], { encoding: 'utf8' });
  const inOrder = limited();
  assert.equal(inOrder.stderr, '');
  assert.equal(inOrder.stdout, expected);
  const apart = limited('-o', join(work, 'few'));
  assert.equal(apart.stderr, '');
  assert.equal(readdirSync(join(work, 'few')).length, files.length);
});

// A stop is seen while a pipe stays silent, and a silent pipe holds no other recording up.
test('a silent pipe can be stopped', async () => {
  const fifo = join(work, 'silent.fifo');
  if (spawnSync('mkfifo', [fifo]).status !== 0) skip('no mkfifo');
  for (const args of [[fifo], ['-']]) {
    for (const signal of ['SIGINT', 'SIGTERM']) {
      const folder = join(work, `silent-${args[0] === '-' ? 'stdin' : 'fifo'}-${signal}`);
      const child = spawn(STENO, ['transcribe', '-o', folder, ...args, GOOD()], { stdio: ['pipe', 'ignore', 'inherit'] });
      const ended = once(child, 'exit');
      while (child.exitCode === null && !existsSync(join(folder, `${stem(GOOD())}.txt`))) await delay(20); // the other recording is done
      assert.equal(child.exitCode, null);
      child.kill(signal);
      const [status] = await ended;
      assert.equal(status, signal === 'SIGINT' ? 130 : 143);
    }
  }
});
