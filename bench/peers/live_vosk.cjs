// live_vosk.cjs: how vosk (small English model, true streaming) serves a number of people at the pace of time.
//
//   node live_vosk.cjs --model DIR --work DIR --corpus DIR --streams N [--chunk FRAMES] [options of live_common.cjs]
//
// One recogniser a person, one model for all, two threads (libuv's pool) that take the person whose audio has waited longest, up to
// FEED_PACKETS of it at once. vosk ends utterances itself; its rules are set to our endpoint silence and longest utterance in a
// copy of the model's configuration in WORK (the rest of the model is linked). Smaller chunks answer sooner and cost more.
process.env.UV_THREADPOOL_SIZE ??= '2';
const fs = require('node:fs');
const path = require('node:path');
const vosk = require('vosk');
const { RATE, PACKET, argument, options, Figures, run } = require('./live_common.cjs');

const THREADS = Number(process.env.UV_THREADPOOL_SIZE);
const FEED_PACKETS = 8; // 256 ms
const PARTIAL_SAMPLES = 4 * PACKET; // a partial is asked for when this much is new, vosk's text changes no faster; the first as soon as can be

function configured(model, work, chunk) {
  const dir = fs.mkdtempSync(path.join(work, 'vosk-'));
  process.on('exit', () => fs.rmSync(dir, { recursive: true }));
  for (const part of fs.readdirSync(model)) {
    if (part !== 'conf') fs.symlinkSync(path.resolve(model, part), path.join(dir, part));
  }
  fs.cpSync(path.join(model, 'conf'), path.join(dir, 'conf'), { recursive: true });
  const silence = options.endpointMs / 1000;
  const rules = [2, 3, 4].map((rule) => `--endpoint.rule${rule}.min-trailing-silence=${silence}`);
  rules.push(`--endpoint.rule5.min-utterance-length=${options.maxUtteranceS}`);
  if (chunk) rules.push(`--frames-per-chunk=${chunk}`);
  const file = path.join(dir, 'conf/model.conf');
  const kept = fs.readFileSync(file, 'utf8').split('\n').filter((line) => !/endpoint\.rule|frames-per-chunk/.test(line));
  fs.writeFileSync(file, [...kept.filter(Boolean), ...rules, ''].join('\n'));
  return dir;
}

vosk.setLogLevel(-1);
const chunk = Number(argument('chunk', '0'));
const model = new vosk.Model(configured(argument('model'), argument('work', '.'), chunk));
const figures = new Figures();
const people = [];
let running = 0;

function finish(person) {
  const result = person.recognizer.result();
  const words = result.result ?? [];
  if (words.length) {
    const longest = person.utterance + options.maxUtteranceS * RATE;
    const silent = (words.at(-1).end + options.endpointMs / 1000) * RATE;
    const window = Math.min(silent, longest, person.fed);
    figures.final(person, result.text, { window, closing: person.fed, firstWord: words[0].end * RATE });
  } else {
    figures.final(person, '', {});
  }
  person.utterance = person.asked = person.fed;
}

function heard(person, ended) {
  if (ended) finish(person);
  else if (!person.firstText || person.fed - person.asked >= PARTIAL_SAMPLES) {
    figures.partial(person, person.recognizer.partialResult().partial, person.fed);
    person.asked = person.fed;
  }
}

async function feed(person) {
  const packets = person.waiting.splice(0, FEED_PACKETS);
  person.busy = true;
  running++;
  const ended = await person.recognizer.acceptWaveformAsync(Buffer.concat(packets));
  person.fed += packets.length * PACKET;
  heard(person, ended);
  person.busy = false;
  running--;
  turn();
}

// Whose oldest waiting packet was due first?
function turn() {
  while (running < THREADS) {
    let next = null;
    for (const person of people) {
      if (person.busy || !person.waiting.length) continue;
      if (!next || person.due(person.fed) < next.due(next.fed)) next = person;
    }
    if (!next) return;
    feed(next);
  }
}

run(
  {
    open(person) {
      person.recognizer = new vosk.Recognizer({ model, sampleRate: RATE });
      person.recognizer.setWords(true);
      Object.assign(person, { waiting: [], busy: false, fed: 0, asked: 0, utterance: 0 });
      people.push(person);
    },
    packet: (person, samples) => person.waiting.push(Buffer.from(samples.buffer)),
    turn,
  },
  figures,
  { system: 'vosk', setting: chunk ? `chunk ${chunk}` : 'default chunk' },
);
