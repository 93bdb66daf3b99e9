// voices.mjs: recordings of two people for tests of enrolment: Allison, who speaks Asterisk's prompts, and a LibriVox reader.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ffmpeg, recording, samples, skip, steno, work, writeWav } from './harness.mjs';

// Without the model of voices nobody is told apart.
let told = null;
export function haveVoices() {
  told ??= steno(['transcribe', '--diarize', '-q', writeWav('nothing.wav', new Int16Array(16000))]);
  return !/network of voices is missing/.test(told.err);
}
export function needVoices() {
  if (!haveVoices()) skip('the model of voices is not installed: make models');
}

const PROMPTS = '/usr/share/asterisk/sounds/en_US_f_Allison';
const READER = ['0870', '0880', '0890', '0930'];
const RATE = 16000;
const SEED = 20260802;

let seed = SEED;
const draw = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 31 - 1;
};

const prompts = () => {
  try {
    return readdirSync(PROMPTS).filter((f) => f.endsWith('.wav')).sort();
  } catch {
    return skip('the Asterisk prompts are not installed');
  }
};

const cache = new Map();
const once = (name, make) => cache.get(name) ?? (cache.set(name, make()), cache.get(name));

// 16 kHz samples of one file of any rate.
function resampled(file, name) {
  const out = join(work, name);
  if (!ffmpeg(['-i', file, '-ar', String(RATE), '-ac', '1', out])) throw new Error(`ffmpeg: ${file}`);
  return samples(out);
}

const joined = (parts) => {
  const all = new Int16Array(parts.reduce((n, p) => n + p.length, 0));
  parts.reduce((at, p) => (all.set(p, at), at + p.length), 0);
  return all;
};

// Longer prompts of Allison: those from `first` on that fill `seconds`.
const allison = (first, seconds) => once(`allison ${first} ${seconds}`, () => {
  const parts = [];
  let have = 0;
  for (const [i, file] of prompts().slice(first).entries()) {
    const pcm = resampled(join(PROMPTS, file), `allison-${first}-${i}.wav`);
    if (pcm.length < RATE) continue;
    parts.push(pcm);
    have += pcm.length;
    if (have >= seconds * RATE) break;
  }
  return joined(parts).slice(0, seconds * RATE);
});

const read = (first, count) => joined(READER.slice(first, first + count).map((id) => samples(recording(id))));

// Files, by what is wrong with them.
export const good = () => writeWav('good.wav', allison(0, 14));
export const goodAgain = () => writeWav('good-again.wav', allison(120, 10));
export const reader = () => writeWav('other.wav', read(0, 2));
export const readerAgain = () => writeWav('other-again.wav', read(2, 2));
export const short = () => writeWav('short.wav', allison(0, 4));
export const silent = () => writeWav('silent.wav', new Int16Array(RATE * 8));
export const both = () => writeWav('both.wav', joined([allison(0, 10), read(0, 2)]));
export const noisy = () => writeWav('noisy.wav', allison(0, 14).map((x) => Math.max(-32768, Math.min(32767, x + draw() * 9000))));
export const clipped = () => writeWav('clipped.wav', allison(0, 14).map((x) => Math.max(-32768, Math.min(32767, x * 30))));
export { SEED };
