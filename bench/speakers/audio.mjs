// audio.mjs: programs that are run, recordings of one person out of many short ones, and what build/speakers_looks says of them.
// Everything follows from the seeds.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { RATE } from '../../tests/speakers/voices.mjs';

export const POST = 128, Z = 64;
const PAUSE_S = [0.05, 0.3];
const PAUSE_NOISE = (3 * Math.SQRT2) / 32768; // of 16 kHz; half of its power is left at 8 kHz
const FLOOR_NOISE = (2 * Math.SQRT2) / 32768;

// Clips one after the other with faint noise between and behind them, until there are more than `most_s` seconds of them.
export function join(dice, clips, most_s) {
  const parts = [];
  let samples = 0;
  for (const clip of clips) {
    parts.push(clip, Float32Array.from({ length: Math.round(RATE * dice.between(...PAUSE_S)) }, () => PAUSE_NOISE * dice.normal()));
    samples += clip.length;
    if (samples > most_s * RATE) break;
  }
  const out = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out.map((v) => v + FLOOR_NOISE * dice.normal());
}

export function writePcm(file, pcm) {
  writeFileSync(file, new Uint8Array(Int16Array.from(pcm, (v) => Math.max(-32768, Math.min(32767, Math.round(v * 32768)))).buffer));
  return file;
}

// What a program says; an error where it fails.
export function run(program, args) {
  const r = spawnSync(program, args, { maxBuffer: 1 << 30 });
  if (r.error) throw r.error;
  if (r.status !== 0) throw new Error(`${program} ${args.slice(0, 3).join(' ')} …: status ${r.status}\n${r.stderr}`);
  return r.stdout;
}

// For each file a list of { rows, post, z } of its windows.
export function windows(program, weights, rows, hop, files) {
  const bytes = run(program, ['windows', weights, String(rows), String(hop), ...files]);
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const out = files.map(() => []);
  for (let at = 0; at < all.length; at += 2 + POST + Z)
    out[all[at]].push({ rows: all[at + 1], post: all.subarray(at + 2, at + 2 + POST), z: all.subarray(at + 2 + POST, at + 2 + POST + Z) });
  return out;
}

// steno_voice_enrol() of each file: { good, speech_s, snr_db, unity, print }.
export const enrolments = (program, models, files) => run(program, ['enrol', models, ...files]).toString().trim().split('\n').map((line) => JSON.parse(line));

export const cosine = (a, b) => {
  let ab = 0, aa = 0, bb = 0;
  for (let i = 0; i < a.length; i++) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return ab / Math.sqrt(aa * bb + 1e-30);
};
