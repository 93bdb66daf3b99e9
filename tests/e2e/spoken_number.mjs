// spoken_number.mjs: "Telephone number, two, one, two … Goodbye." and silence, of Asterisk's prompts: what a privacy test says.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ffmpeg, samples, skip, work, writeWav } from './harness.mjs';

export const NUMBER = '2127530147';
const SOUNDS = '/usr/share/asterisk/sounds/en_US_f_Allison';
const RATE = 8000;
const LEAD_S = 0.3; // without it the first word is guessed, and what follows with it
const LOUD = 300; // of 32767: speech, and not the silence round it

function prompt(name) {
  const file = join(SOUNDS, `${name}.wav`);
  if (!existsSync(file)) skip('the Asterisk prompts are not installed');
  const all = samples(file);
  const first = all.findIndex((x) => Math.abs(x) >= LOUD);
  const last = all.findLastIndex((x) => Math.abs(x) >= LOUD);
  return all.subarray(Math.max(0, first - 400), last + 600);
}

const made = new Map();
// A WAV file of 16 kHz. split: after so many figures somebody draws breath: the number is of two utterances.
export function spokenNumber(split = 0) {
  if (made.has(split)) return made.get(split);
  const pause = new Int16Array(RATE * 0.25);
  const breath = new Int16Array(RATE * 1.5);
  const figure = (d, i) => [...(split && i === split ? [breath] : []), prompt(`digits/${d}`), pause];
  const parts = [prompt('telephone-number'), pause, ...[...NUMBER].flatMap(figure), prompt('goodbye'), pause];
  const pcm = Int16Array.from([new Int16Array(RATE * LEAD_S), ...parts, new Int16Array(RATE * 2)].flatMap((part) => [...part]));
  const narrow = writeWav(`number-${split}-8k.wav`, pcm, { rate: RATE });
  const file = join(work, `number-${split}.wav`);
  if (!ffmpeg(['-i', narrow, '-ar', '16000', '-c:a', 'pcm_s16le', file])) throw new Error('ffmpeg failed');
  made.set(split, file);
  return file;
}
