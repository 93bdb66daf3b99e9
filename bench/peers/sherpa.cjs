// sherpa.cjs: recordings through sherpa-onnx, one thread, on the same two ONNX files as steno.
//
//   node sherpa.cjs --models NODE_MODULES --tokens FILE --list FILE [--repeat N] [--texts FILE]
//
// Prints one JSON line per pass: audio, CPU and wall seconds of reading, resampling and decoding all recordings (loading the model is
// not counted), the latency of each, peak memory. --texts gets "base name TAB text" lines of the first pass.
const fs = require('node:fs');
const path = require('node:path');
const sherpa = require('sherpa-onnx-node');

function argument(name, fallback) {
  const at = process.argv.indexOf('--' + name);
  return at < 0 ? fallback : process.argv[at + 1];
}

const weights = path.join(argument('models'), '@moonshine-ai/moonshine-js/dist/model/tiny/quantized');
const recordings = fs.readFileSync(argument('list'), 'utf8').split('\n').filter(Boolean);
const recognizer = new sherpa.OfflineRecognizer({
  featConfig: { sampleRate: 16000, featureDim: 80 },
  modelConfig: {
    moonshine: {
      encoder: path.join(weights, 'encoder_model.onnx'),
      mergedDecoder: path.join(weights, 'decoder_model_merged.onnx'),
    },
    tokens: argument('tokens'),
    numThreads: 1,
    provider: 'cpu',
    debug: 0,
  },
});

function transcribe(file) {
  const wave = sherpa.readWave(file);
  const stream = recognizer.createStream();
  stream.acceptWaveform({ sampleRate: wave.sampleRate, samples: wave.samples });
  recognizer.decode(stream);
  return { text: recognizer.getResult(stream).text.trim(), audio: wave.samples.length / wave.sampleRate };
}

const repeats = Number(argument('repeat', '1'));
const texts = [];
for (let pass = 0; pass < repeats; pass++) {
  let audio = 0;
  const latency = [];
  const cpu = process.cpuUsage();
  const started = process.hrtime.bigint();
  for (const file of recordings) {
    const from = process.hrtime.bigint();
    const result = transcribe(file);
    latency.push(Number(process.hrtime.bigint() - from) / 1e9);
    audio += result.audio;
    if (pass === 0) texts.push(`${path.basename(file).replace(/\.[^.]*$/, '')}\t${result.text}\n`);
  }
  const used = process.cpuUsage(cpu);
  console.log(JSON.stringify({
    audio_s: audio,
    cpu_s: (used.user + used.system) / 1e6,
    wall_s: Number(process.hrtime.bigint() - started) / 1e9,
    latency_s: latency,
    peak_memory_mib: process.resourceUsage().maxRSS / 1024,
  }));
}
const out = argument('texts');
if (out) fs.writeFileSync(out, texts.join(''));
