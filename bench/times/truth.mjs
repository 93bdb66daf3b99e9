// truth.mjs: recordings whose word times are known, made from Debian's recordings.
//
//   node bench/times/truth.mjs OUT [SEED]
//
// Writes OUT/<set>-<nn>.wav (8 kHz, as the sources) and OUT/truth.tsv: a line a word, "file<TAB>word<TAB>start<TAB>end" in
// seconds, "-" where it is not known. A source is trimmed where its level (10 ms RMS, 2.5 ms apart) falls TRIM_DB below
// its loudest, so a time is known to about 10 ms. Sets:
//   words    single-word prompts one after the other, every word's start and end known
//   tight    the same with gaps so short that no pause is noticed
//   prompts  whole sentences with pauses between them: the first word's start and the last word's end known
//   noisy    as words, with noise that swells and ebbs, NOISE_DB below the speech
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { pathToFileURL } from 'node:url';

const DIR = process.env.STENO_PROMPTS_DIR ?? '/usr/share/asterisk/sounds/en';
const TEXT = process.env.STENO_PROMPTS_TEXT ?? '/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz';
const RATE = 8000;
const TRIM_DB = -38;
const NOISE_DB = -15;
const EDGE_S = 0.6; // silence at both ends of a recording
const SETS = {
  words: { files: 24, items: 8, gap: [0.05, 0.8] },
  tight: { files: 16, items: 8, gap: [0.0, 0.12] },
  prompts: { files: 24, items: 3, gap: [0.2, 1.5] },
  noisy: { files: 16, items: 8, gap: [0.05, 0.8], noise: true },
};

export const available = () => existsSync(TEXT) && existsSync(join(DIR, 'hello.wav'));

// xorshift32: the same recordings for the same seed everywhere.
function random(seed) {
  let x = seed >>> 0 || 1;
  return () => {
    x ^= x << 13;
    x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x / 4294967296;
  };
}

function samples(id) {
  const bytes = readFileSync(join(DIR, `${id}.wav`));
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset + 44, bytes.byteOffset + bytes.length - (bytes.length % 2)));
}

function trim(pcm) {
  const width = RATE / 100, hop = RATE / 400;
  const level = [];
  for (let at = 0; at + width <= pcm.length; at += hop) {
    let sum = 0;
    for (let i = at; i < at + width; i++) sum += pcm[i] * pcm[i];
    level.push(Math.sqrt(sum / width));
  }
  const floor = Math.max(...level) * 10 ** (TRIM_DB / 20);
  const first = level.findIndex((v) => v > floor), last = level.findLastIndex((v) => v > floor);
  return pcm.subarray(first * hop, last * hop + width);
}

// "id: text" lines with a recording; no stage directions, no tones.
function transcript() {
  const found = [];
  for (const line of gunzipSync(readFileSync(TEXT)).toString('latin1').split(/\r?\n/)) {
    const at = line.indexOf(':');
    if (at <= 0 || line.startsWith(';') || /[[\]]/.test(line)) continue;
    const id = line.slice(0, at), words = line.slice(at + 1).trim().split(/\s+/).filter((w) => /\w/.test(w));
    if (words.length && existsSync(join(DIR, `${id}.wav`))) found.push({ id, words });
  }
  return found;
}

// Words that a recogniser can tell without a sentence round them: no single letters, no product names.
const isClear = (p) => p.words.length === 1 && /^(digits|phonetic|dictate)\/|^[a-z-]+$|^vm-/.test(p.id) && p.words[0].length > 1;
const isSentence = (p) => !p.id.includes('/') && p.words.length >= 3 && p.words.length <= 16;

function wav(pcm) {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + 2 * pcm.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(RATE, 24);
  head.writeUInt32LE(2 * RATE, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(2 * pcm.length, 40);
  return Buffer.concat([head, Buffer.from(pcm.buffer, pcm.byteOffset, 2 * pcm.length)]);
}

// Low-passed noise whose level goes up and down by half every three seconds.
function addNoise(pcm, next) {
  const loud = pcm.filter((v) => Math.abs(v) > 200);
  const speech = Math.sqrt(loud.reduce((a, v) => a + v * v, 0) / loud.length);
  let state = 0;
  for (let i = 0; i < pcm.length; i++) {
    state = 0.9 * state + 0.1 * (2 * next() - 1); // deviation 0.1325
    const swell = 1 + 0.5 * Math.sin((2 * Math.PI * i) / (3 * RATE));
    pcm[i] = Math.max(-32768, Math.min(32767, Math.round(pcm[i] + (state / 0.1325) * speech * 10 ** (NOISE_DB / 20) * swell)));
  }
}

function compose(items, gap, next) {
  const lines = [], pieces = [new Int16Array(EDGE_S * RATE)];
  let at = pieces[0].length;
  items.forEach((item, i) => {
    const pcm = trim(samples(item.id));
    const start = (at / RATE).toFixed(4), end = ((at + pcm.length) / RATE).toFixed(4);
    item.words.forEach((w, k) => lines.push([w, k === 0 ? start : '-', k === item.words.length - 1 ? end : '-']));
    const rest = i + 1 < items.length ? gap[0] + (gap[1] - gap[0]) * next() : EDGE_S;
    pieces.push(pcm, new Int16Array(Math.round(rest * RATE)));
    at += pcm.length + Math.round(rest * RATE);
  });
  const all = new Int16Array(at);
  pieces.reduce((offset, p) => (all.set(p, offset), offset + p.length), 0);
  // A little noise, 70 dB below full scale: digital silence is nothing that a microphone delivers.
  for (let i = 0; i < all.length; i++) all[i] = Math.max(-32768, Math.min(32767, all[i] + Math.round(20 * (next() - 0.5))));
  return { pcm: all, lines };
}

export function makeTruth(out, seed = 1) {
  const next = random(seed), all = transcript();
  const clear = all.filter(isClear), sources = { words: clear, tight: clear, prompts: all.filter(isSentence), noisy: clear };
  const truth = [];
  mkdirSync(out, { recursive: true });
  for (const [set, { files, items, gap, noise }] of Object.entries(SETS)) {
    for (let n = 0; n < files; n++) {
      const chosen = Array.from({ length: items }, () => sources[set][Math.floor(next() * sources[set].length)]);
      const name = `${set}-${String(n).padStart(2, '0')}.wav`;
      const made = compose(chosen, gap, next);
      if (noise) addNoise(made.pcm, next);
      writeFileSync(join(out, name), wav(made.pcm));
      made.lines.forEach(([w, start, end]) => truth.push({ file: name, word: w, start, end }));
    }
  }
  writeFileSync(join(out, 'truth.tsv'), truth.map((t) => `${t.file}\t${t.word}\t${t.start}\t${t.end}\n`).join(''));
  return truth;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  if (!process.argv[2]) {
    console.error('usage: node bench/times/truth.mjs OUT [SEED]');
    process.exit(2);
  }
  if (!available()) {
    console.error('truth.mjs: install asterisk-core-sounds-en and asterisk-core-sounds-en-wav');
    process.exit(77);
  }
  const seed = Number(process.argv[3] ?? 1);
  const truth = makeTruth(process.argv[2], seed);
  console.log(`seed ${seed}: ${truth.length} words in ${new Set(truth.map((t) => t.file)).size} recordings`);
}
