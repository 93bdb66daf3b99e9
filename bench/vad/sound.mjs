// sound.mjs: sound as arrays for the voice activity benches: reading, writing, noise and level. Everything is seeded.
import { readFileSync, writeFileSync } from 'node:fs';

export const decibels = (ratio) => 20 * Math.log10(Math.max(ratio, 1e-12));
export const ratio = (db) => 10 ** (db / 20);

// { rate, pcm: Float32Array } of a plain mono RIFF file, 16-bit or float.
export function readWav(file) {
  const bytes = readFileSync(file);
  let at = 12;
  let format = 1;
  let rate = 0;
  for (;;) {
    const id = bytes.toString('latin1', at, at + 4);
    const length = bytes.readUInt32LE(at + 4);
    if (id === 'fmt ') {
      format = bytes.readUInt16LE(at + 8);
      rate = bytes.readUInt32LE(at + 12);
    }
    if (id === 'data') {
      const data = bytes.buffer.slice(bytes.byteOffset + at + 8, bytes.byteOffset + Math.min(at + 8 + length, bytes.length));
      if (format === 3) return { rate, pcm: new Float32Array(data, 0, data.byteLength >> 2) };
      return { rate, pcm: Float32Array.from(new Int16Array(data, 0, data.byteLength >> 1), (v) => v / 32768) };
    }
    at += 8 + length + (length & 1);
  }
}

// Float samples, so that very quiet sound is not rounded away; with bits = 16 as a sound card would give it.
export function writeWav(file, rate, pcm, bits = 32) {
  const data =
    bits === 16 ? Buffer.from(Int16Array.from(pcm, (v) => Math.max(-32768, Math.min(32767, Math.round(v * 32768)))).buffer) : Buffer.from(Float32Array.from(pcm).buffer);
  const h = Buffer.alloc(44);
  h.write('RIFF', 0);
  h.writeUInt32LE(36 + data.length, 4);
  h.write('WAVEfmt ', 8);
  h.writeUInt32LE(16, 16);
  h.writeUInt16LE(bits === 16 ? 1 : 3, 20);
  h.writeUInt16LE(1, 22);
  h.writeUInt32LE(rate, 24);
  h.writeUInt32LE((rate * bits) / 8, 28);
  h.writeUInt16LE(bits / 8, 32);
  h.writeUInt16LE(bits, 34);
  h.write('data', 36);
  h.writeUInt32LE(data.length, 40);
  writeFileSync(file, Buffer.concat([h, data]));
  return file;
}

// mulberry32: 0..1.
export function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const rms = (pcm, from = 0, to = pcm.length) => {
  let sum = 0;
  for (let i = from; i < to; i++) sum += pcm[i] * pcm[i];
  return Math.sqrt(sum / Math.max(1, to - from));
};

// The level of what is said, in dBFS: the mean power of the 32 ms frames that are within 20 dB of the loudest.
export function speechLevel(rate, pcm) {
  const frame = Math.round(rate * 0.032);
  const power = [];
  for (let at = 0; at + frame <= pcm.length; at += frame) power.push(rms(pcm, at, at + frame) ** 2);
  const top = Math.max(...power);
  const active = power.filter((p) => p > top / 100);
  return decibels(Math.sqrt(active.reduce((a, b) => a + b, 0) / Math.max(1, active.length)));
}

export const scaled = (pcm, gain) => Float32Array.from(pcm, (v) => v * gain);

export function add(pcm, other, gain = 1, at = 0) {
  for (let i = 0; i < other.length && at + i < pcm.length; i++) pcm[at + i] += gain * other[i];
  return pcm;
}

// ---- noise: n samples with an RMS of 1 ----------------------------------------------------------------------------

const normalised = (pcm) => scaled(pcm, 1 / Math.max(rms(pcm), 1e-12));

export function white(n, seed) {
  const next = random(seed);
  return normalised(Float32Array.from({ length: n }, () => Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next())));
}

// Paul Kellet's filter: -3 dB an octave.
export function pink(n, seed) {
  const w = white(n, seed);
  const b = [0, 0, 0, 0, 0, 0, 0];
  return normalised(
    w.map((x) => {
      b[0] = 0.99886 * b[0] + x * 0.0555179;
      b[1] = 0.99332 * b[1] + x * 0.0750759;
      b[2] = 0.969 * b[2] + x * 0.153852;
      b[3] = 0.8665 * b[3] + x * 0.3104856;
      b[4] = 0.55 * b[4] + x * 0.5329522;
      b[5] = -0.7616 * b[5] - x * 0.016898;
      const y = b[0] + b[1] + b[2] + b[3] + b[4] + b[5] + b[6] + x * 0.5362;
      b[6] = x * 0.115926;
      return y;
    }),
  );
}

// Mains: 50 Hz and its harmonics with a little noise on top.
export function hum(n, rate, seed) {
  const noise = white(n, seed);
  return normalised(
    Float32Array.from({ length: n }, (_, i) => {
      const t = (2 * Math.PI * 50 * i) / rate;
      return Math.sin(t) + 0.5 * Math.sin(2 * t + 1) + 0.4 * Math.sin(3 * t + 2) + 0.2 * Math.sin(5 * t) + 0.1 * Math.sin(7 * t) + 0.03 * noise[i];
    }),
  );
}

// `voices` talkers at once, from sounds of one rate, each at the same level and begun anywhere.
export function babble(n, sounds, voices, seed) {
  const next = random(seed);
  const out = new Float32Array(n);
  for (let v = 0; v < voices; v++) {
    for (let at = 0; at < n; ) {
      const { rate, pcm } = sounds[Math.floor(next() * sounds.length)];
      const from = at === 0 ? Math.floor(next() * pcm.length * 0.8) : 0;
      const part = pcm.subarray(from);
      add(out, part, ratio(-30 - speechLevel(rate, pcm)), at);
      at += part.length;
    }
  }
  return normalised(out);
}
