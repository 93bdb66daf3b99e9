// live_sherpa.cjs: how sherpa-onnx serves a number of people at the pace of time, with the same Moonshine weights as steno.
//
//   node live_sherpa.cjs --models NODE_MODULES --tokens FILE --corpus DIR --streams N [--final decode|reuse] [options of live_common.cjs]
//
// As sherpa-onnx's own simulated streaming does it: Silero VAD a person; the open utterance is decoded again as often as partials are
// wanted; when the VAD closes it, the segment is decoded for the final. One recogniser, two threads (libuv's pool) with one
// inference thread each: finals first, then the partial longest due. (Its Node interface decodes several streams at once for online
// models only.) With `--final reuse` a partial that began after the last speech stands in for the final's own decoding.
// An utterance too long is closed by the VAD's own rule (a shorter silence from 0.8 of the longest on), at the longest by us.
process.env.UV_THREADPOOL_SIZE ??= '2';
const path = require('node:path');
const sherpa = require('sherpa-onnx-node');
const { RATE, PACKET, argument, options, now, Figures, run } = require('./live_common.cjs');

const THREADS = Number(process.env.UV_THREADPOOL_SIZE);
const MIN_SPEECH_S = 0.1;
const LEAD_SAMPLES = 2 * PACKET + MIN_SPEECH_S * RATE; // the VAD puts an utterance's start this far before where it noticed it
const FIRST_WORD_S = 0.3; // no word times in this model's results: the first word is taken to end this long after speech began
const FIRST_PARTIAL_MS = 450; // audio since the start of speech for the first partial
const EMPTY_RETRY_MS = 250; // while there is no text yet
const NOISE_SAMPLES = 0.25 * RATE; // shorter is not decoded

const models = argument('models');
const weights = path.join(models, '@moonshine-ai/moonshine-js/dist/model/tiny/quantized');
const recognizer = new sherpa.OfflineRecognizer({
  featConfig: { sampleRate: RATE, featureDim: 80 },
  modelConfig: {
    moonshine: { encoder: path.join(weights, 'encoder_model.onnx'), mergedDecoder: path.join(weights, 'decoder_model_merged.onnx') },
    tokens: argument('tokens'),
    numThreads: 1,
    provider: 'cpu',
    debug: 0,
  },
});
const reuse = argument('final', 'decode') === 'reuse';
const figures = new Figures();
const people = [];
const finals = [];
let running = 0;

function newVad() {
  return new sherpa.Vad(
    {
      sileroVad: {
        model: path.join(models, '@ricky0123/vad-web/dist/silero_vad_v6.onnx'),
        threshold: 0.5,
        minSilenceDuration: options.endpointMs / 1000,
        minSpeechDuration: MIN_SPEECH_S,
        windowSize: PACKET,
        maxSpeechDuration: 0.8 * options.maxUtteranceS,
      },
      sampleRate: RATE,
      numThreads: 1,
      provider: 'cpu',
      debug: 0,
    },
    2 * options.maxUtteranceS,
  );
}

async function decode(samples) {
  const stream = recognizer.createStream();
  stream.acceptWaveform({ sampleRate: RATE, samples });
  running++;
  const result = await recognizer.decodeAsync(stream);
  running--;
  return result.text.trim();
}

async function decodePartial(person) {
  const { audio, utterance } = person;
  const to = audio.length;
  person.decoding = true;
  const text = await decode(audio.snapshot(utterance.start));
  person.decoding = false;
  if (person.utterance === utterance) {
    figures.partial(person, text, to);
    utterance.latest = { text, to };
    utterance.due = Math.max(utterance.due + (text ? options.partialMs : EMPTY_RETRY_MS), now());
  }
  turn();
}

async function decodeFinal({ person, samples, marks, text }) {
  figures.final(person, text ?? (await decode(samples)), marks);
  turn();
}

// ---- a person's audio and utterances --------------------------------------------------------------------------------

class Audio {
  constructor() {
    this.length = 0; // samples heard since the beginning
    this.ring = new Float32Array(2 * options.maxUtteranceS * RATE);
  }

  push(packet) {
    for (let i = 0; i < packet.length; i++) this.ring[(this.length + i) % this.ring.length] = packet[i];
    this.length += packet.length;
  }

  snapshot(from) {
    const out = new Float32Array(this.length - from);
    for (let i = 0; i < out.length; i++) out[i] = this.ring[(from + i) % this.ring.length];
    return out;
  }
}

function close(person) {
  const { utterance } = person;
  person.utterance = null;
  while (!person.vad.isEmpty()) {
    const { samples, start } = person.vad.front(false);
    person.vad.pop();
    const closing = person.audio.length;
    const marks = { window: closing, closing, firstWord: (utterance?.start ?? start) + FIRST_WORD_S * RATE };
    const latest = utterance?.latest;
    const text = reuse && latest && latest.to >= start + samples.length ? latest.text : undefined;
    if (samples.length >= NOISE_SAMPLES) finals.push({ person, samples, marks, text });
    else figures.final(person, '', {});
  }
}

function listen(person) {
  const { vad, audio } = person;
  if (person.utterance && audio.length - person.utterance.start >= options.maxUtteranceS * RATE) vad.flush();
  if (!vad.isEmpty()) close(person);
  if (!person.utterance && vad.isDetected()) {
    const start = Math.max(audio.length - LEAD_SAMPLES, person.closed);
    person.utterance = { start, due: person.due(start + (FIRST_PARTIAL_MS / 1000) * RATE), latest: null };
  }
  if (!person.utterance) person.closed = Math.max(person.closed, audio.length - LEAD_SAMPLES);
}

function partialLongestDue() {
  const t = now();
  let next = null;
  for (const person of people) {
    if (!person.utterance || person.decoding || person.utterance.due > t) continue;
    if (!next || person.utterance.due < next.utterance.due) next = person;
  }
  return next;
}

function turn() {
  while (finals.length && (finals[0].text !== undefined || running < THREADS)) decodeFinal(finals.shift());
  while (running < THREADS) {
    const person = partialLongestDue();
    if (!person) return;
    decodePartial(person);
  }
}

run(
  {
    open(person) {
      Object.assign(person, { vad: newVad(), audio: new Audio(), utterance: null, closed: 0, decoding: false });
      people.push(person);
    },
    packet(person, samples) {
      const packet = Float32Array.from(samples, (x) => x / 32768);
      person.audio.push(packet);
      person.vad.acceptWaveform(packet);
      listen(person);
    },
    turn,
  },
  figures,
  { system: 'sherpa-onnx', setting: `utterances up to ${options.maxUtteranceS} s, final: ${reuse ? 'reuse' : 'decode'}` },
);
