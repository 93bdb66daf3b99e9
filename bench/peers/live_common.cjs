// live_common.cjs: what the live comparisons share: people who talk, the pace of time, and the figures.
//
// A "person" is one stream: recordings of the corpus (16 kHz wavs without silence at their edges) joined in a seeded order, a packet of
// 32 ms at a time, each due when its last sample would have left the microphone. All latencies count from when a packet was due, so
// a process that falls behind is charged for it. With a share of talk below 1, turns of at least 3 s are followed by pauses.
const fs = require('node:fs');
const path = require('node:path');

const RATE = 16000;
const PACKET = 512; // samples: 32 ms
const PACKET_MS = (1000 * PACKET) / RATE;
const TURN_S = 3;
const SPREAD_MS = 500; // people begin spread over this, so that neither packets nor partials of all come at once
const TICK_MS = 2;
const ENOUGH_FINALS = 5; // a window with fewer goes on, for at most WINDOWS_AT_MOST times its length
const WINDOWS_AT_MOST = 3;

function argument(name, fallback) {
  const at = process.argv.indexOf('--' + name);
  return at < 0 ? fallback : process.argv[at + 1];
}

const options = {
  streams: Number(argument('streams', '1')),
  corpus: argument('corpus'),
  seconds: Number(argument('seconds', '20')),
  warmup: Number(argument('warmup', '5')),
  talkShare: Number(argument('talk-share', '1')),
  seed: Number(argument('seed', '1')),
  endpointMs: Number(argument('endpoint-ms', '500')),
  partialMs: Number(argument('partial-ms', '500')),
  maxUtteranceS: Number(argument('max-utterance-s', '15')),
};

const now = () => Number(process.hrtime.bigint()) / 1e6;

// mulberry32: 0 <= x < 1, the same for the same seed.
function randomFrom(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// ---- people -----------------------------------------------------------------------------------------------------

function readCorpus(dir) {
  const names = fs.readdirSync(dir).filter((name) => name.endsWith('.wav')).sort();
  if (!names.length) throw new Error(`${dir}: no recordings`);
  return names.map((name) => {
    const bytes = fs.readFileSync(path.join(dir, name));
    if (bytes.toString('latin1', 36, 40) !== 'data' || bytes.readUInt32LE(24) !== RATE) throw new Error(`${name}: not as live.mjs writes it`);
    return new Int16Array(bytes.buffer.slice(bytes.byteOffset + 44, bytes.byteOffset + bytes.length - ((bytes.length - 44) % 2)));
  });
}

class Person {
  constructor(corpus, index) {
    this.corpus = corpus;
    this.index = index;
    this.random = randomFrom(options.seed * 7919 + index);
    this.start = 0; // when its first sample is spoken
    this.sent = 0; // samples
    this.turn = 0; // samples of talk since the last pause
    this.pause = 0; // samples of pause still to come
    this.pick();
    this.at = Math.floor(this.random() * this.piece.length); // begins somewhere inside
  }

  pick() {
    this.piece = this.corpus[Math.floor(this.random() * this.corpus.length)];
    this.at = 0;
  }

  endOfPiece() {
    const share = options.talkShare;
    if (share < 1 && this.turn >= TURN_S * RATE) {
      this.pause = Math.round(this.turn * ((1 - share) / share) * (0.5 + this.random()));
      this.turn = 0;
    }
    this.pick();
  }

  // The next packet; a pause is noise of one bit, as no microphone gives zeros.
  read() {
    const out = new Int16Array(PACKET);
    for (let have = 0; have < PACKET; ) {
      if (this.pause > 0) {
        const n = Math.min(this.pause, PACKET - have);
        for (let i = 0; i < n; i++) out[have + i] = Math.floor(this.random() * 3) - 1;
        this.pause -= n;
        have += n;
        continue;
      }
      const n = Math.min(this.piece.length - this.at, PACKET - have);
      out.set(this.piece.subarray(this.at, this.at + n), have);
      this.at += n;
      this.turn += n;
      have += n;
      if (this.at === this.piece.length) this.endOfPiece();
    }
    this.sent += PACKET;
    return out;
  }

  // When the packet that holds this sample was due.
  due(sample) {
    return this.start + Math.ceil(sample / PACKET) * PACKET_MS;
  }
}

// ---- figures ----------------------------------------------------------------------------------------------------

function quantile(values, q) {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}

// Seconds in which the machine's cores were busy since it started, whoever with (10 ms ticks: user, nice, system, interrupts).
function busySeconds() {
  const ticks = fs.readFileSync('/proc/stat', 'utf8').split('\n', 1)[0].trim().split(/\s+/).slice(1).map(Number);
  return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) / 100;
}

class Figures {
  constructor() {
    this.from = Infinity;
    this.values = { final: [], close: [], first: [], interval: [], lag: [] };
  }

  begin() {
    this.from = now();
    this.cpu = process.cpuUsage();
    this.busy = busySeconds();
  }

  add(name, value) {
    const t = now();
    if (t >= this.from) this.values[name].push(name === 'lag' ? [t, value] : value);
  }

  // `text` is on its way to the client; it covers the person's samples before `samples`.
  partial(person, text, samples) {
    const t = now();
    this.add('lag', t - person.due(samples));
    if (!text) return;
    if (person.lastPartial) this.add('interval', t - person.lastPartial);
    person.firstText ??= t;
    person.lastPartial = t;
  }

  // `window`: sample with which the endpoint window (or the longest utterance) was complete; `closing`: the sample at which the recogniser
  // said so; `firstWord`: sample at which the first word ended.
  final(person, text, { window, closing, firstWord }) {
    const t = now();
    if (text) {
      this.add('final', t - person.due(window));
      this.add('close', t - person.due(closing));
      this.add('first', (person.firstText ?? t) - person.due(firstWord));
    }
    person.firstText = person.lastPartial = undefined;
  }

  // How much older texts are in the last third of the window than in the first.
  growth() {
    const lags = this.values.lag;
    const span = now() - this.from;
    const third = (a, b) => quantile(lags.filter(([t]) => t >= this.from + a * span && t < this.from + b * span).map(([, lag]) => lag), 0.5);
    const [first, last] = [third(0, 1 / 3), third(2 / 3, 1)];
    return first === null || last === null ? null : last - first;
  }

  report(extra) {
    const cpu = process.cpuUsage(this.cpu);
    const wall = now() - this.from;
    const cores = (cpu.user + cpu.system) / 1000 / wall;
    const { final, close, first, interval, lag } = this.values;
    const lags = lag.map(([, value]) => value);
    const round = (value) => (value === null ? null : Math.round(value * 10) / 10);
    return {
      ...extra,
      streams: options.streams,
      talk_share: options.talkShare,
      measured_s: round(wall / 1000),
      finals: final.length,
      final_p50_ms: round(quantile(final, 0.5)),
      final_p90_ms: round(quantile(final, 0.9)),
      final_p99_ms: round(quantile(final, 0.99)),
      close_to_final_p50_ms: round(quantile(close, 0.5)),
      close_to_final_p99_ms: round(quantile(close, 0.99)),
      first_text_p50_ms: round(quantile(first, 0.5)),
      partials: interval.length,
      partial_interval_p90_ms: round(quantile(interval, 0.9)),
      lag_p50_ms: round(quantile(lags, 0.5)),
      lag_p99_ms: round(quantile(lags, 0.99)),
      lag_growth_ms: round(this.growth()),
      cpu_cores: Math.round(100 * cores) / 100,
      others_cores: Math.round(100 * Math.max(0, (1000 * (busySeconds() - this.busy)) / wall - cores)) / 100,
      rss_mib: round(process.memoryUsage.rss() / 1048576),
      peak_rss_mib: round(process.resourceUsage().maxRSS / 1024),
    };
  }
}

// ---- the pace of time ---------------------------------------------------------------------------------------------

// engine: { open(person), packet(person, samples), turn() }: turn() is called after every round of packets. Prints the report and ends.
function run(engine, figures, extra) {
  const corpus = readCorpus(options.corpus);
  const people = Array.from({ length: options.streams }, (_, i) => new Person(corpus, i));
  people.forEach((person) => engine.open(person));
  const zero = now();
  people.forEach((person, i) => (person.start = zero + (i * SPREAD_MS) / people.length));
  const begin = zero + 1000 * options.warmup;
  let end = begin + 1000 * options.seconds;
  const latest = begin + 1000 * options.seconds * WINDOWS_AT_MOST;
  const round = () => {
    if (figures.from === Infinity && now() >= begin) figures.begin();
    for (const person of people) {
      while (person.due(person.sent + PACKET) <= now()) engine.packet(person, person.read());
    }
    engine.turn();
    if (now() >= end && (figures.values.final.length >= ENOUGH_FINALS || now() >= latest)) {
      fs.writeSync(1, JSON.stringify(figures.report(extra)) + '\n');
      process.exit(0);
    }
    setTimeout(round, TICK_MS);
  };
  round();
}

module.exports = { RATE, PACKET, argument, options, now, Figures, run };
