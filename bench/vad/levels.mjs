// levels.mjs: how quiet speech may be: word error rate by level and noise, and what noise alone turns into.
//
//   node bench/vad/levels.mjs [--steno build/steno] [--vad on,off] [--levels 0,-20,-30,-40,-50,-60] [--noise none,white,pink,babble]
//                             [--snr 20,10] [--set prompts|reading|noise] [--every N] [--bits 32|16] [-- OPTION…]
//
// prompts: the 353 Debian prompts (their median is -17.6 dBFS while somebody speaks), against their texts.
// reading: LibriVox and any FILE named by STENO_READING (comma-separated), against what is heard of the untouched file
//          without VAD. noise: recordings without speech; words and segments found in them.
// Levels are relative to the recordings; the median in dBFS is printed beside. Noise is added first, then all is scaled, so
// that an SNR is the same at every level. Samples are floats, so nothing is rounded unless --bits 16. Needs the packages of `tools/setup.sh run test` and converted models.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { add, babble, hum, pink, ratio, readWav, scaled, speechLevel, white, writeWav } from './sound.mjs';

const LIBRIVOX = '/usr/share/pocketsphinx/test/data/librivox';
const BABBLE_VOICES = 6;
const NOISE_S = 60;
const SEED = 20240229;

const split = process.argv.indexOf('--');
const passed = split < 0 ? [] : process.argv.slice(split + 1);
const given = split < 0 ? process.argv.slice(2) : process.argv.slice(2, split);
const option = (name, fallback) => (given.includes(`--${name}`) ? given[given.indexOf(`--${name}`) + 1] : fallback);
const list = (name, fallback) => option(name, fallback).split(',');

const steno = option('steno', 'build/steno');
const levels = list('levels', '0,-20,-30,-40,-50,-60').map(Number);
const bits = Number(option('bits', '32'));
const every = Number(option('every', '1'));
const work = mkdtempSync(join(tmpdir(), 'steno-levels-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

// ---- recordings ---------------------------------------------------------------------------------------------------

const lines = (text) => text.trim().split('\n');
const stem = (file) => basename(file).replace(/\.[^.]*$/, '');

function prompts() {
  const texts = lines(execFileSync('tools/prompts.sh', { encoding: 'utf8' }));
  const files = lines(execFileSync('tools/prompts.sh', ['--wav'], { encoding: 'utf8' }));
  return files.map((file, i) => ({ id: texts[i].split('\t')[0], text: texts[i].split('\t')[1], ...readWav(file) })).filter((_, i) => i % every === 0);
}

function reading() {
  const extra = process.env.STENO_READING?.split(',') ?? [];
  const files = [...readdirSync(LIBRIVOX).filter((f) => f.endsWith('.wav')).map((f) => join(LIBRIVOX, f)), ...extra];
  const heard = hear(files, ['--vad', 'off']);
  return files.map((file) => ({ id: stem(file), text: heard.get(stem(file)), ...readWav(file) }));
}

// Words by recording.
function hear(files, options) {
  const names = join(work, 'list.txt');
  const texts = join(work, 'texts.tsv');
  writeFileSync(names, files.join('\n'));
  const r = spawnSync(steno, ['bench', 'offline', '--json', '--list', names, '--texts', texts, ...options, ...passed], { encoding: 'utf8' });
  if (r.status !== 0) throw new Error(r.stderr);
  const heard = new Map(lines(readFileSync(texts, 'utf8')).map((l) => l.split('\t')));
  heard.figures = JSON.parse(r.stdout);
  return heard;
}

const sources = { white: (n, _, seed) => white(n, seed), pink: (n, _, seed) => pink(n, seed), hum: (n, rate, seed) => hum(n, rate, seed) };

function noisy(kind, snr, r, index, all) {
  if (kind === 'none') return r.pcm;
  const noise = kind === 'babble' ? babble(r.pcm.length, all.filter((o) => o.rate === r.rate && o !== r), BABBLE_VOICES, SEED + index) : sources[kind](r.pcm.length, r.rate, SEED + index);
  return add(Float32Array.from(r.pcm), noise, ratio(speechLevel(r.rate, r.pcm) - snr));
}

// ---- speech -------------------------------------------------------------------------------------------------------

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

function score(reference, heard) {
  const ref = join(work, 'ref.tsv');
  const hyp = join(work, 'hyp.tsv');
  writeFileSync(ref, reference.map((r) => `${r.id}\t${r.text}\n`).join(''));
  writeFileSync(hyp, reference.map((r) => `${r.id}\t${heard.get(r.id) ?? ''}\n`).join(''));
  return JSON.parse(execFileSync(steno, ['score', 'wer', '--ids', '--json', ref, hyp], { encoding: 'utf8' }));
}

function speech(all) {
  const middle = median(all.map((r) => speechLevel(r.rate, r.pcm)));
  console.log(['noise', 'SNR', 'dB', 'dBFS', 'vad', 'WER %', 'deleted', 'wrong', 'inserted', 'silent', 'VAD CPU s'].join('\t'));
  for (const kind of list('noise', 'none')) {
    for (const snr of kind === 'none' ? [NaN] : list('snr', '20,10').map(Number)) {
      const mixed = all.map((r, i) => noisy(kind, snr, r, i, all));
      for (const level of levels) {
        const files = all.map((r, i) => writeWav(join(work, `${r.id}.wav`), r.rate, scaled(mixed[i], ratio(level)), bits));
        for (const vad of list('vad', 'on,off')) {
          const heard = hear(files, ['--vad', vad]);
          const s = score(all, heard);
          const silent = all.filter((r) => !heard.get(r.id)).length;
          const cells = [kind, snr || '-', level, (middle + level).toFixed(1), vad, s.wer_percent.toFixed(2), s.deletions, s.substitutions, s.insertions, silent];
          console.log([...cells, heard.figures.vad_cpu_s.toFixed(3)].join('\t'));
        }
      }
    }
  }
}

// ---- noise alone --------------------------------------------------------------------------------------------------

// The quiet between prompts as it is on the recordings, one after the other.
function roomTone(all) {
  const frame = 256;
  const out = [];
  for (const { pcm } of all) {
    for (let at = 0; at + frame <= pcm.length; at += frame) {
      const part = pcm.subarray(at, at + frame);
      const peak = part.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      if (peak < ratio(-60)) out.push(...part);
    }
  }
  return Float32Array.from(out);
}

function alone() {
  const rate = 8000;
  const n = NOISE_S * rate;
  const room = roomTone(prompts());
  const kinds = [
    ['white', white(n, SEED), [-10, -20, -30, -40, -50, -60, -70, -80]],
    ['pink', pink(n, SEED), [-10, -20, -30, -40, -50, -60, -70, -80]],
    ['hum', hum(n, rate, SEED), [-10, -20, -30, -40, -50, -60, -70, -80]],
    ['room', room, [0, 10, 20, 30, 40]],
    ['silence', new Float32Array(n), [0]],
  ];
  console.log(['noise', 'dBFS', 's', 'speech s', 'segments', 'words', 'VAD CPU s'].join('\t'));
  for (const [kind, pcm, gains] of kinds) {
    for (const gain of gains) {
      const file = writeWav(join(work, `${kind}.wav`), rate, scaled(pcm, ratio(gain)), bits);
      const heard = hear([file], ['--vad', 'on']);
      const words = [...heard.values()].join(' ').split(/\s+/).filter(Boolean).length;
      console.log([kind, kind === 'room' ? `+${gain}` : gain, heard.figures.audio_s.toFixed(1), heard.figures.speech_s.toFixed(2), heard.figures.segments, words, heard.figures.vad_cpu_s.toFixed(4)].join('\t'));
    }
  }
}

const set = option('set', 'prompts');
if (set === 'noise') alone();
else speech(set === 'reading' ? reading() : prompts());
