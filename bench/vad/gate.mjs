// gate.mjs: what standing still in silence changes: frames after a gap, with the gate and without.
//
//   node bench/vad/gate.mjs SPANS_PROGRAM      (onsets.mjs builds it: build/spans)
//
// 120 prompts one after the other, each behind 5 s of digital silence or of white noise below the gate.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ratio, readWav, scaled, white, writeWav } from './sound.mjs';

const GAP_S = 5;
const work = mkdtempSync(join(tmpdir(), 'steno-gate-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
const files = execFileSync('tools/prompts.sh', ['--wav'], { encoding: 'utf8' }).trim().split('\n').filter((_, i) => i % 3 === 0);

function joined(noise_dbfs) {
  const gap = noise_dbfs === null ? new Float32Array(GAP_S * 8000) : scaled(white(GAP_S * 8000, 1), ratio(noise_dbfs));
  const parts = files.flatMap((f) => [gap, readWav(f).pcm]);
  const all = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    all.set(p, at);
    at += p.length;
  }
  return all;
}

function run(raw, stage) {
  const r = spawnSync(process.argv[2], [process.env.STENO_MODELS ?? 'build/models', stage, 'probs'], { input: `${raw}\n`, encoding: 'utf8', maxBuffer: 1 << 28 });
  return JSON.parse(r.stdout);
}

console.log(['gap', 'frames', 'heard', 'spans open/gated', 'of equal start', 'sooner by frames', 'most where gated', 'differs by most', 'mean in speech'].join('\t'));
for (const dbfs of [null, -100, -90]) {
  const wav = writeWav(join(work, 'x.wav'), 8000, joined(dbfs));
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-i', wav, '-ar', '16000', '-f', 'f32le', `${wav}.raw`]);
  const open = run(`${wav}.raw`, 'gain');
  const gated = run(`${wav}.raw`, 'level');
  const d = open.prob.map((p, i) => Math.abs(p - gated.prob[i]));
  const speech = d.filter((_, i) => open.prob[i] > 0.35);
  const starts = (r) => new Set(r.spans.map((span) => span[2]));
  const both = [...starts(gated)].filter((start) => starts(open).has(start)).length;
  const sooner = gated.spans.map((g) => (open.spans.find((o) => Math.abs(o[2] - g[2]) < 8000)?.[2] ?? NaN) - g[2]).filter(Boolean).map((n) => n / 512);
  const skipped = Math.max(...open.prob.filter((_, i) => gated.prob[i] === 0));
  console.log([dbfs ?? 'zeros', open.frames, gated.heard, `${open.spans.length}/${gated.spans.length}`, both, sooner.join(' '), skipped.toFixed(4), Math.max(...d).toFixed(4), (speech.reduce((a, b) => a + b, 0) / speech.length).toFixed(6)].join('\t'));
}
