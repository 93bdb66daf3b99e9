// soft.mjs: recordings that begin with a soft consonant, made softer still, after a stretch of room noise.
// Shared by onsets.mjs, which reports, and tests/e2e/test_onsets.mjs, which decides.
import { existsSync } from 'node:fs';
import { add, pink, random, ratio, readWav, rms, speechLevel } from './sound.mjs';

const SOFT = /^(th|f|s|h|wh)[a-z]/;
const DIGITS = '/usr/share/asterisk/sounds/en/digits';
const NUMBERS = {
  3: 'three', 4: 'four', 5: 'five', 6: 'six', 7: 'seven', 13: 'thirteen', 14: 'fourteen', 15: 'fifteen', 16: 'sixteen',
  17: 'seventeen', 30: 'thirty', 40: 'forty', 50: 'fifty', 60: 'sixty', 70: 'seventy', hundred: 'hundred', thousand: 'thousand',
};

export const words = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}' ]+/gu, ' ').split(/\s+/).filter(Boolean);

// The first word as it may be written: numbers in digits too.
const spellings = (word) => [word, ...Object.keys(NUMBERS).filter((n) => NUMBERS[n] === word)];

// [{ id, file, first: [spelling…] }] of prompts [{ id, text, file }] and Debian's spoken numbers.
export function softOnes(prompts) {
  const spoken = Object.entries(NUMBERS).map(([n, text]) => ({ id: `digits-${n}`, text, file: `${DIGITS}/${n}.wav` }));
  return [...prompts, ...spoken.filter((p) => existsSync(p.file))]
    .filter((p) => SOFT.test(words(p.text)[0] ?? ''))
    .map((p) => ({ id: p.id, file: p.file, first: spellings(words(p.text)[0]) }));
}

// Where the word begins: the first 20 ms that are audible throughout.
function trueStart({ rate, pcm }) {
  const step = Math.round(rate * 0.005);
  let run = 0;
  for (let at = 0; at + step <= pcm.length; at += step) {
    run = rms(pcm, at, at + step) > ratio(-60) ? run + 1 : 0;
    if (run === 4) return at - 3 * step;
  }
  return 0;
}

// The same room and the same consonant for every level of one seed: { rate, pcm, start_s } with the first 80 to 150 ms
// `softer` dB softer (ending in a ramp of 10 ms), behind 1.5 to 2.5 s of pink noise `snr` dB below the voice.
export function soften(file, softer, seed, snr = 40) {
  const next = random(seed);
  const { rate, pcm } = readWav(file);
  const start = trueStart({ rate, pcm });
  const long = Math.round(rate * (0.08 + 0.07 * next()));
  const lead = Math.round(rate * (1.5 + next())) - start;
  const ramp = Math.round(rate * 0.01);
  const out = new Float32Array(lead + pcm.length + Math.round(rate * 0.7));
  out.set(pcm, lead);
  for (let i = 0; i < long; i++) out[lead + start + i] *= ratio(-softer * Math.min(1, (long - i) / ramp));
  add(out, pink(out.length, seed), ratio(speechLevel(rate, pcm) - snr));
  return { rate, pcm: out, start_s: (lead + start) / rate };
}
