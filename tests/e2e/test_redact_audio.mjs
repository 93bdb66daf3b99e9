// test_redact_audio.mjs: steno transcribe --redact-audio: inside the spans of what is redacted nothing of the speech is left, outside nothing is changed.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { prompt16, recording, samples, skip, steno, test, work, write, writeWav } from './harness.mjs';

const NUMBER = '2127530147';
const RATE = 16000;

const join16 = (parts) => Int16Array.from(parts.flatMap((p) => [...p]));
let said = null;
// "Telephone number, two, one, two … Goodbye."; [from, to): where the figures are.
function speech() {
  if (said) return said;
  const pause = new Int16Array(RATE / 20);
  const front = join16([new Int16Array(RATE / 2), prompt16('telephone-number'), pause]);
  const number = join16([...NUMBER].flatMap((d) => [prompt16(`digits/${d}`), pause]));
  const pcm = join16([front, number, prompt16('goodbye'), new Int16Array(2 * RATE)]);
  said = { pcm, from: front.length, to: front.length + number.length, file: writeWav('redact-audio/said.wav', pcm) };
  return said;
}

const json = (args) => {
  const r = steno(['transcribe', '--format', 'json', ...args]);
  assert.deepEqual([r.status, r.err], [0, '']);
  return JSON.parse(r.out);
};
const spansOf = (document, margin, channel) => document.segments.filter((s) => channel === undefined || s.channel === channel).flatMap((s) => (s.entities ?? [])
  .map((e) => [Math.max(0, Math.floor((e.start - margin) * RATE) - 16), Math.ceil((e.end + margin) * RATE) + 16])); // times are rounded to ms
const inside = (spans, i) => spans.some(([a, b]) => i >= a && i < b);
const header = (file) => ({ channels: readFileSync(file).readUInt16LE(22), rate: readFileSync(file).readUInt32LE(24), bytes: statSync(file).size });

// How much of the sound of `a` there is in `b`, at any shift of up to 20 ms.
function correlation(a, b, from, to) {
  let most = 0;
  for (let shift = -320; shift <= 320; shift += 4) {
    let [xy, xx, yy] = [0, 0, 0];
    for (let i = from; i < to; i++) {
      const [x, y] = [a[i], b[i + shift] ?? 0];
      xy += x * y;
      xx += x * x;
      yy += y * y;
    }
    if (yy > 0) most = Math.max(most, Math.abs(xy) / Math.sqrt(xx * yy));
  }
  return most;
}

test('redact audio: nothing of the number is left, nothing else is changed', () => {
  const { pcm, from, to, file } = speech();
  for (const kind of ['silence', 'beep']) {
    const out = join(work, `redact-audio/${kind}.wav`);
    const document = json(['--redact-audio', kind, '--redact-audio-output', out, file]);
    const spans = spansOf(document, 0.1);
    assert.ok(spans.length > 0 && !/\bseven\b|\d/.test(document.segments.map((s) => s.text).join(' ')), JSON.stringify(document.segments.map((s) => s.text)));
    const got = samples(out);
    assert.deepEqual(header(out), { channels: 1, rate: RATE, bytes: 44 + 2 * pcm.length });
    for (let i = 0; i < pcm.length; i++) if (!inside(spans, i) && got[i] !== pcm[i]) assert.fail(`sample ${i} is changed`);
    assert.ok(correlation(pcm, pcm, from, to) > 0.99);
    const left = correlation(pcm, got, from, to);
    assert.ok(left < 0.1, `${kind}: ${left} of the number is there`);
    const middle = [...got.subarray((from + to) >> 1, ((from + to) >> 1) + RATE / 10)];
    assert.equal(middle.some((v) => v !== 0), kind === 'beep');
    if (kind === 'beep') assert.ok(Math.max(...middle) < 0.21 * 32768 && Math.max(...middle) > 0.15 * 32768);
  }
});

test('redact audio: the margin, and a text that stays', () => {
  const { pcm, file } = speech();
  const out = join(work, 'redact-audio/margin.wav');
  const count = (margin) => {
    const document = json(['--redact', 'tag', '--redact-audio', 'silence', '--redact-audio-output', out, '--redact-audio-margin-ms', String(margin), file]);
    assert.match(document.segments.map((s) => s.text).join(' '), /seven|7/i);
    const got = samples(out);
    return pcm.reduce((n, v, i) => n + (v !== got[i]), 0);
  };
  assert.ok(count(500) > count(0));
});

test('redact audio: of channels that are heard apart only the one with the number, of mixed ones all', () => {
  const { pcm } = speech();
  const other = samples(recording('0870'));
  const both = new Int16Array(2 * pcm.length);
  pcm.forEach((v, i) => ([both[2 * i], both[2 * i + 1]] = [other[i] ?? 0, v]));
  const file = writeWav('redact-audio/two.wav', both, { channels: 2 });
  const out = join(work, 'redact-audio/two-out.wav');
  const split = json(['--channels', 'split', '--redact-audio', 'silence', '--redact-audio-output', out, file]);
  const got = samples(out);
  assert.equal(header(out).channels, 2);
  const spans = spansOf(split, 0.1, 2);
  assert.ok(spans.length > 0);
  let covered = 0;
  for (let i = 0; i < pcm.length; i++) {
    if (spansOf(split, 0.1, 1).length === 0) assert.equal(got[2 * i], both[2 * i]);
    if (!inside(spans, i)) assert.equal(got[2 * i + 1], both[2 * i + 1]);
    covered += got[2 * i + 1] === 0 && both[2 * i + 1] !== 0;
  }
  assert.ok(covered > RATE);
  const same = new Int16Array(2 * pcm.length);
  pcm.forEach((v, i) => (same[2 * i] = same[2 * i + 1] = v));
  json(['--redact-audio', 'silence', '--redact-audio-output', out, writeWav('redact-audio/same.wav', same, { channels: 2 })]);
  const mixed = samples(out);
  assert.ok(mixed.every((v, i) => i % 2 || v === mixed[i + 1]) && mixed.some((v, i) => v !== same[i]));
});

test('redact audio: a folder of results; recordings are never replaced; what fails leaves nothing', () => {
  const { file } = speech();
  const dir = join(work, 'redact-audio/out');
  const cut = write('redact-audio/cut.wav', readFileSync(file).subarray(0, 100000));
  const r = steno(['transcribe', '--redact-audio', 'beep', '--redact-audio-output', `${dir}/`, file, cut]);
  assert.equal(r.status, 1);
  assert.deepEqual(readdirSync(dir), ['said.wav']);
  const here = join(work, 'redact-audio');
  const before = readFileSync(file);
  for (const target of [file, `${here}/`]) {
    const replaced = steno(['transcribe', '--redact-audio', 'beep', '--redact-audio-output', target, file]);
    assert.equal(replaced.status, 1);
    assert.match(replaced.err, /will not be replaced/);
    assert.ok(readFileSync(file).equals(before));
  }
  for (const args of [['--redact-audio', 'loud'], ['--redact-audio', 'beep'], ['--redact-audio-output', 'x.wav'], ['--redact-audio-margin-ms', '5'],
    ['--redact-audio', 'beep', '--redact-audio-output', 'x', '--redact-audio-margin-ms', '2001'], ['--redact-audio', 'beep', '--redact-audio-output', 'x.wav', file],
    ['--redact-audio', 'beep', '--redact-audio-output', 'x.wav', '-']]) {
    const wrong = steno(['transcribe', ...args, ...(args.at(-1) === '-' ? [] : [file])]);
    assert.equal(wrong.status, 2, args.join(' '));
    assert.equal(wrong.err.trim().split('\n').length, 1, wrong.err);
  }
});
