// kaldi.mjs: Kaldi's x-vector network as onnxruntime can run it, and Kaldi's cepstra in plain double precision. Shares no code
// with src/nn/kaldi.c, src/nn/convert_xvector.c or src/audio/mfcc.c: batch norms stay operations of their own, the spectrum is a
// plain sum, the whole recording is there at once. For generate.mjs; bench/speakers/train.mjs reads the classifier by it.
import fs from 'node:fs';
import path from 'node:path';
import { FLOAT, WIRE_BYTES, message, node, number, serialise, text } from './onnx_edit.mjs';

// ---- reading -------------------------------------------------------------------------------------------------------

// The parameters of a component: numbers, vectors and matrices by their name.
export function parameters(bytes, component) {
  const named = bytes.indexOf(`<ComponentName> ${component} `, 0, 'latin1');
  if (named < 0) throw new Error(`no component ${component}`);
  const end = bytes.indexOf('<ComponentName> ', named + 16, 'latin1');
  const within = (name) => {
    const at = bytes.indexOf(`<${name}> `, named, 'latin1');
    if (at < 0 || (end >= 0 && at > end)) throw new Error(`${component} has no ${name}`);
    return at + name.length + 3;
  };
  const floats = (at, n) => Float32Array.from({ length: n }, (_, i) => bytes.readFloatLE(at + 4 * i));
  return {
    number: (name) => bytes.readFloatLE(within(name) + 1),
    vector(name) {
      const at = within(name);
      if (bytes.toString('latin1', at, at + 3) !== 'FV ') throw new Error(`${component} ${name} is no vector`);
      return floats(at + 8, bytes.readInt32LE(at + 4));
    },
    matrix(name) {
      const at = within(name);
      if (bytes.toString('latin1', at, at + 3) !== 'FM ') throw new Error(`${component} ${name} is no matrix`);
      const rows = bytes.readInt32LE(at + 4);
      const cols = bytes.readInt32LE(at + 9);
      return { rows, cols, values: floats(at + 13, rows * cols) };
    },
  };
}

function readMatrix(file) {
  const bytes = fs.readFileSync(file);
  const rows = bytes.readInt32LE(6);
  const cols = bytes.readInt32LE(11);
  return { rows, cols, values: Float32Array.from({ length: rows * cols }, (_, i) => bytes.readFloatLE(15 + 4 * i)) };
}

const readVector = (file) => Float32Array.from(fs.readFileSync(file, 'utf8').replace(/[[\]]/g, ' ').trim().split(/\s+/), Number);

// ---- the network as ONNX -------------------------------------------------------------------------------------------

const bytesOf = (values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
const tensor = (name, dims, values) => message(5, [...dims.map((d) => number(1, d)), number(2, FLOAT), text(8, name), { field: 9, wire: WIRE_BYTES, data: bytesOf(values) }]);
const ints = (name, values) => message(5, [text(1, name), ...values.map((v) => number(8, v)), number(20, 7)]);
const integer = (name, value) => message(5, [text(1, name), number(3, value), number(20, 2)]);

// A float attribute: field 2 is a fixed32.
function real(name, value) {
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return message(5, [text(1, name), { field: 2, wire: 5, data }, number(20, 1)]);
}

// Kaldi puts taps side by side, [out, taps * in]; a convolution wants [out, in, taps].
function byChannel({ rows, cols, values }, taps) {
  const width = cols / taps;
  const out = new Float32Array(values.length);
  for (let o = 0; o < rows; o++)
    for (let t = 0; t < taps; t++)
      for (let i = 0; i < width; i++) out[(o * width + i) * taps + t] = values[o * cols + t * width + i];
  return out;
}

const LAYERS = [
  { name: 'tdnn1', taps: 5, apart: 1 },
  { name: 'tdnn2', taps: 3, apart: 2 },
  { name: 'tdnn3', taps: 3, apart: 3 },
  { name: 'tdnn4', taps: 1, apart: 1 },
  { name: 'tdnn5', taps: 1, apart: 1 },
];

// [1, 23, rows] cepstra -> of the rows - 14 rows that see all their neighbours: `post` [1, 128], what the classifier of speakers
// is given, and `embedding` [1, 128], centred and whitened.
export function xvectorOnnx(folder) {
  const bytes = fs.readFileSync(path.join(folder, 'final.ext.raw'));
  const nodes = [];
  const tensors = [];
  let at = 'ceps';
  // relu(in) through the batch norm of a layer of n.
  const normed = (name, from, n) => {
    const norm = parameters(bytes, name + '.batchnorm');
    tensors.push(tensor(name + '.rms', [n], new Float32Array(n).fill(norm.number('TargetRms'))), tensor(name + '.zero', [n], new Float32Array(n)));
    tensors.push(tensor(name + '.mean', [n], norm.vector('StatsMean')), tensor(name + '.var', [n], norm.vector('StatsVar')));
    nodes.push(node('Relu', [from], [name + '.relu']));
    const statistics = ['rms', 'zero', 'mean', 'var'].map((s) => `${name}.${s}`);
    nodes.push(node('BatchNormalization', [name + '.relu', ...statistics], [name], [real('epsilon', norm.number('Epsilon'))]));
    return name;
  };
  for (const { name, taps, apart } of LAYERS) {
    const affine = parameters(bytes, name + '.affine');
    const w = affine.matrix('LinearParams');
    tensors.push(tensor(name + '.w', [w.rows, w.cols / taps, taps], byChannel(w, taps)), tensor(name + '.b', [w.rows], affine.vector('BiasParams')));
    nodes.push(node('Conv', [at, name + '.w', name + '.b'], [name + '.conv'], [ints('dilations', [apart]), ints('kernel_shape', [taps])]));
    at = normed(name, name + '.conv', w.rows);
  }
  const segment = parameters(bytes, 'tdnn6.affine');
  const w = segment.matrix('LinearParams');
  const whitening = readMatrix(path.join(folder, 'transform.mat'));
  tensors.push(tensor('floor', [1], Float32Array.of(1e-10)), tensor('segment.w', [w.rows, w.cols], w.values), tensor('segment.b', [w.rows], segment.vector('BiasParams')));
  tensors.push(tensor('centre', [w.rows], readVector(path.join(folder, 'mean.vec'))), tensor('whitening', [whitening.rows, whitening.cols], whitening.values));
  const overRows = [ints('axes', [2]), integer('keepdims', 1)];
  nodes.push(node('ReduceMean', [at], ['mean'], overRows), node('Sub', [at, 'mean'], ['off']), node('Mul', ['off', 'off'], ['square']));
  nodes.push(node('ReduceMean', ['square'], ['variance'], overRows), node('Max', ['variance', 'floor'], ['floored']), node('Sqrt', ['floored'], ['deviation']));
  nodes.push(node('Concat', ['mean', 'deviation'], ['both'], [integer('axis', 1)]), node('Flatten', ['both'], ['pooled'], [integer('axis', 1)]));
  nodes.push(node('Gemm', ['pooled', 'segment.w', 'segment.b'], ['raw'], [integer('transB', 1)]), node('Sub', ['raw', 'centre'], ['centred']));
  nodes.push(node('Gemm', ['centred', 'whitening'], ['embedding'], [integer('transB', 1)]));
  normed('tdnn6', 'raw', w.rows);
  nodes.push(node('Identity', ['tdnn6'], ['post']));
  const dimension = (value) => message(1, [typeof value === 'string' ? text(2, value) : number(1, value)]);
  const port = (field, name, dims) => message(field, [text(1, name), message(2, [message(1, [number(1, FLOAT), message(2, dims.map(dimension))])])]);
  const graph = message(7, [...nodes, text(2, 'xvector'), ...tensors, port(11, 'ceps', [1, 23, 'rows']), port(12, 'embedding', [1, 128]), port(12, 'post', [1, 128])]);
  return serialise([number(1, 7), graph, message(8, [text(1, ''), number(2, 12)])]);
}

// ---- cepstra -------------------------------------------------------------------------------------------------------

// Kaldi's LinearResample from 16 to 8 kHz: cut off at 0.99 of the new Nyquist frequency, a Hann window of 6 zeros to each side.
function halveRate(pcm) {
  const cutoff = 0.99 * 4000;
  const width = 6 / (2 * cutoff);
  const filter = (t) => (Math.abs(t) >= width ? 0 : 0.5 * (1 + Math.cos((2 * Math.PI * cutoff * t) / 6)) * (t === 0 ? 2 * cutoff : Math.sin(2 * Math.PI * cutoff * t) / (Math.PI * t)));
  const taps = Array.from({ length: 25 }, (_, i) => filter((i - 12) / 16000) / 16000);
  const out = new Float64Array(Math.max(0, Math.ceil((pcm.length - 12) / 2)));
  for (let k = 0; k < out.length; k++)
    for (let i = 0; i < 25; i++) out[k] += taps[i] * 32768 * (pcm[2 * k + i - 12] ?? 0);
  return out;
}

const mel = (hz) => 1127 * Math.log(1 + hz / 700);

// The power of bins 0 .. 127 of 256 samples, as sums.
function power(x) {
  return Float64Array.from({ length: 128 }, (_, k) => {
    let re = 0;
    let im = 0;
    for (let i = 0; i < x.length; i++) {
      re += x[i] * Math.cos((2 * Math.PI * k * i) / 256);
      im -= x[i] * Math.sin((2 * Math.PI * k * i) / 256);
    }
    return re * re + im * im;
  });
}

function melEnergies(spectrum) {
  const low = mel(20);
  const step = (mel(3700) - low) / 24;
  return Float64Array.from({ length: 23 }, (_, m) => {
    let sum = 0;
    for (let k = 0; k < 128; k++) {
      const off = Math.abs((mel((k * 8000) / 256) - (low + (m + 1) * step)) / step);
      if (off < 1) sum += (1 - off) * spectrum[k];
    }
    return Math.log(Math.max(sum, 2 ** -23));
  });
}

function cepstra(frame) {
  const mean = frame.reduce((a, b) => a + b) / frame.length;
  const x = frame.map((v) => v - mean);
  const energy = Math.log(Math.max(x.reduce((a, v) => a + v * v, 0), 2 ** -23));
  const y = x.map((v, i) => (v - 0.97 * x[Math.max(0, i - 1)]) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / 199)) ** 0.85);
  const mels = melEnergies(power(y));
  return Float64Array.from({ length: 23 }, (_, k) => {
    if (k === 0) return energy;
    let sum = 0;
    for (let m = 0; m < 23; m++) sum += mels[m] * Math.cos((Math.PI / 23) * (m + 0.5) * k);
    return sum * Math.sqrt(2 / 23) * (1 + 11 * Math.sin((Math.PI * k) / 22));
  });
}

// 16 kHz samples -> [rows, 23].
export function mfcc(pcm) {
  const x = halveRate(pcm);
  const rows = x.length < 200 ? 0 : Math.floor((x.length - 200) / 80) + 1;
  const out = new Float32Array(rows * 23);
  for (let r = 0; r < rows; r++) out.set(cepstra(x.subarray(r * 80, r * 80 + 200)), r * 23);
  return out;
}
