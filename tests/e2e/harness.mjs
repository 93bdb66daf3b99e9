// harness.mjs: what the end-to-end tests share: running steno, making recordings, counting results.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

export const STENO = process.env.STENO ?? 'build/steno';
export const LIBRIVOX = '/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-';
export const work = mkdtempSync(join(tmpdir(), 'steno-e2e-'));
process.env.XDG_DATA_HOME = join(work, 'data-home'); // not the jobs and keys of whoever runs the tests
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

// ---- tests ------------------------------------------------------------------------------------------------------

const FAILURE_MAX_CHARS = 2000; // of a message that is told again
const tests = [];
export class Skip extends Error {}
export const skip = (why) => {
  throw new Skip(why);
};
export const test = (name, body) => tests.push({ name, body });

const TEST_MS_MAX = 900000; // a test that stands still fails under its name
const inTime = (body) => {
  let limit;
  const late = new Promise((_, reject) => (limit = setTimeout(() => reject(new Error(`did not end in ${TEST_MS_MAX / 60000} minutes`)), TEST_MS_MAX)));
  return Promise.race([(async () => body())(), late]).finally(() => clearTimeout(limit));
};

// Runs the tests whose name contains `only`, prints what failed once more and "N passed, N failed, N skipped" last, so that the
// end of a log is enough to know; returns the exit status.
export async function runAll(only = '') {
  const failures = [];
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, body } of tests.filter((t) => t.name.includes(only))) {
    try {
      await inTime(body);
      count.passed++;
      console.log(`ok       ${name}`);
    } catch (error) {
      const skipped = error instanceof Skip;
      count[skipped ? 'skipped' : 'failed']++;
      console.log(`${skipped ? 'skipped ' : 'NOT OK  '} ${name}: ${skipped ? error.message : (error.stack ?? error)}`);
      if (!skipped) failures.push(`NOT OK   ${name}: ${String(error?.message ?? error).slice(0, FAILURE_MAX_CHARS)}`);
    }
  }
  if (failures.length) console.log(`\nfailed:\n${failures.join('\n')}`);
  console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  return count.failed ? 1 : 0;
}

// ---- running ----------------------------------------------------------------------------------------------------

const TIMEOUT_MS = 300000; // a hang is a failure, not a wait for ever

export function steno(args, options = {}) {
  const r = spawnSync(STENO, args, { maxBuffer: 1 << 28, timeout: TIMEOUT_MS, ...options });
  if (r.error) throw r.error;
  return { status: r.status, signal: r.signal, out: r.stdout.toString(), err: r.stderr.toString(), raw: r.stdout };
}

// The output of a run that must succeed silently.
export function transcribe(args, options) {
  const r = steno(['transcribe', ...args], options);
  if (r.status !== 0 || r.err !== '') throw new Error(`steno transcribe ${args.join(' ')}: status ${r.status}\n${r.err}`);
  return r.out;
}

// A run in the background; `first` resolves with the first bytes of standard output, `ended` with the end.
export function start(args) {
  const child = spawn(STENO, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let err = '';
  child.stderr.on('data', (bytes) => (err += bytes));
  const first = new Promise((resolve) => child.stdout.once('data', resolve));
  const ended = new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error('did not end'));
    }, TIMEOUT_MS);
    child.on('close', (status, signal) => {
      clearTimeout(limit);
      resolve({ status, signal, err });
    });
  });
  return { child, first, ended };
}

export function ffmpeg(args) {
  const r = spawnSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args]);
  if (r.error) skip('ffmpeg is not installed');
  return r.status === 0;
}

// ---- recordings -------------------------------------------------------------------------------------------------

export const recording = (id) => {
  const file = `${LIBRIVOX}${id}.wav`;
  return existsSync(file) ? file : skip('pocketsphinx-testdata is not installed');
};

let promptCache = null;
// The reference set: [{ id, text, file }].
export function prompts() {
  if (promptCache) return promptCache;
  const text = spawnSync('tools/prompts.sh', [], { encoding: 'utf8' });
  const list = spawnSync('tools/prompts.sh', ['--wav'], { encoding: 'utf8' });
  if (text.status !== 0 || list.status !== 0) skip('the Asterisk prompts are not installed');
  const files = list.stdout.trim().split('\n');
  promptCache = text.stdout.trim().split('\n').map((line, i) => ({ id: line.split('\t')[0], text: line.split('\t')[1], file: files[i] }));
  return promptCache;
}

// A RIFF file around `data`; `claim` is the data length its header says.
export function riff({ format = 1, bits = 16, rate = 16000, channels = 1, data, claim = data.length }) {
  const h = Buffer.alloc(44);
  h.write('RIFF', 0);
  h.writeUInt32LE((36 + claim) >>> 0, 4);
  h.write('WAVEfmt ', 8);
  h.writeUInt32LE(16, 16);
  h.writeUInt16LE(format, 20);
  h.writeUInt16LE(channels, 22);
  h.writeUInt32LE(rate, 24);
  h.writeUInt32LE(((rate * channels * bits) / 8) >>> 0, 28);
  h.writeUInt16LE(((channels * bits) / 8) & 0xffff, 32);
  h.writeUInt16LE(bits, 34);
  h.write('data', 36);
  h.writeUInt32LE(claim >>> 0, 40);
  return Buffer.concat([h, data]);
}

// 16-bit samples of a plain mono file.
export function samples(file) {
  const bytes = readFileSync(file);
  let at = 12;
  while (bytes.toString('latin1', at, at + 4) !== 'data') at += 8 + bytes.readUInt32LE(at + 4);
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset + at + 8, bytes.byteOffset + at + 8 + bytes.readUInt32LE(at + 4)));
}

// A prompt of the Debian package, e.g. `digits/7`, without the silence round it, at 16 kHz.
export function prompt16(name) {
  const file = `/usr/share/asterisk/sounds/en_US_f_Allison/${name}.wav`;
  if (!existsSync(file)) skip('the Asterisk prompts are not installed');
  const all = samples(file);
  const loud = (v) => Math.abs(v) >= 800;
  const part = all.subarray(Math.max(0, all.findIndex(loud) - 160), all.findLastIndex(loud) + 240);
  return Int16Array.from({ length: 2 * part.length }, (_, i) => (i % 2 ? (part[i >> 1] + (part[(i >> 1) + 1] ?? 0)) >> 1 : part[i >> 1]));
}

export function write(name, bytes) {
  const file = join(work, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, bytes);
  return file;
}

export const writeWav = (name, pcm, options = {}) => write(name, riff({ data: Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength), ...options }));

// Recordings one after the other with a second of silence between.
export function concatenate(files, gap = 16000) {
  const parts = files.map(samples);
  const all = new Int16Array(parts.reduce((n, p) => n + p.length + gap, 0));
  let at = 0;
  for (const p of parts) {
    all.set(p, at);
    at += p.length + gap;
  }
  return all;
}

// ---- texts ------------------------------------------------------------------------------------------------------

const words = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}' ]+/gu, ' ').split(/\s+/).filter(Boolean);

// Word error rate of one text against another, by edit distance.
export function errorRate(reference, hypothesis) {
  const ref = words(reference);
  const hyp = words(hypothesis);
  let row = hyp.map((_, j) => j + 1);
  row.unshift(0);
  ref.forEach((word, i) => {
    const next = [i + 1];
    hyp.forEach((other, j) => next.push(Math.min(row[j] + (word === other ? 0 : 1), row[j + 1] + 1, next[j] + 1)));
    row = next;
  });
  return row[hyp.length] / Math.max(1, ref.length);
}

export const oneLine = (text) => text.trim().split('\n').join(' ');
export const stem = (file) => basename(file).replace(/\.[^.]*$/, '');
