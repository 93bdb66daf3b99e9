// conversations.mjs: conversations of several people with exact truth, made from Debian's recorded voices.
//
//   node tests/speakers/conversations.mjs --seed N [--speakers 2..6] [--minutes M] --out DIR [--people a,b,c] [--enrol S]
//   node tests/speakers/conversations.mjs --set dev|test [--count N] [--minutes M] --out DIR
//
// Writes DIR/conv-SEED-Nspk.wav (16 kHz, mono, 16 bit), .rttm (who speaks when) and .json (how it was made), and, with --enrol,
// conv-SEED-Nspk.enrol-PERSON.wav: speech that is not in the conversation. Everything follows from the seed.
// Seeds 1–99 (`dev`) are for tuning, 1001–1099 (`test`) are only reported. A set goes through 2, 3, 4, 5 and 6 people in turn.
//
// What a conversation is: turns of 0.4–12 s (log-normal, median 2.5 s), of prompts one after the other with 0.05–0.4 s between;
// pauses of up to 1.5 s between turns; 5–10 % of the speech is overlapped, by early starts and by short words said into
// another's turn; people talk more or less, louder or less loud; behind all a room (pink noise) or a babble of other people,
// 15–30 dB below the speech. The truth is the speech inside the prompts, by energy, before they are mixed: pauses of more
// than 0.3 s are none.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LEVEL, PEOPLE, RATE, clips, missing } from './voices.mjs';

export { PEOPLE, RATE, missing };

export const SETS = { dev: [1, 99], test: [1001, 1099] };
const TURN = { median: 2.5, sigma: 0.8, least: 0.4, most: 12 };
const PAUSE_S = [0.05, 0.4]; // between two prompts of one turn
const GAP_S = { mean: 0.45, sigma: 0.5, least: -0.3, most: 1.5 }; // between two turns
const EARLY_S = [0.3, 1.2]; // an early start
const OVERLAP = [0.05, 0.1]; // share of the speech
const BACKCHANNEL_S = [0.25, 0.9];
const SNR_DB = [15, 30];
const LEVEL_DB = 8; // people differ by so much at most
const LEAST_S = 6; // everybody says so much, if they have it
const GUEST_S = 60; // who has less to say than that comes only into larger companies
const REUSE = 2; // a clip is said so often at most
const EDGE_S = 0.5;
const ENROL_PAUSE_S = 0.5;
const ENROL_SNR_DB = 30;
const PEAK = 0.9;

// ---- chance ---------------------------------------------------------------------------------------------------------

// mulberry32: the same conversation for the same seed everywhere.
export function chance(seed) {
  let state = (seed * 2654435761) >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const between = (a, b) => a + (b - a) * next();
  const normal = () => Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next());
  const shuffle = (list) => {
    const out = [...list];
    for (let i = out.length - 1; i > 0; i--) {
      const j = Math.floor(next() * (i + 1));
      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  };
  const weighted = (weights) => {
    let at = next() * weights.reduce((a, b) => a + b, 0);
    const i = weights.findIndex((w) => (at -= w) < 0);
    return i < 0 ? weights.findLastIndex((w) => w > 0) : i;
  };
  return { next, between, normal, shuffle, weighted, pick: (list) => list[Math.floor(next() * list.length)] };
}

const clamp = (v, least, most) => Math.min(most, Math.max(least, v));
const dB = (v) => 10 ** (v / 20);
const sum = (list) => list.reduce((a, b) => a + b, 0);

// ---- people ---------------------------------------------------------------------------------------------------------

// Somebody who has things to say: clips in a random order, each at most REUSE times.
function speaker(dice, name, enrol_s, share_s, languages) {
  // One language in a conversation: the two were recorded by other microphones, which nobody changes while they talk.
  const all = clips(name, languages > 1 && PEOPLE[name].second && dice.next() < 0.4);
  let stock = dice.shuffle(all);
  const kept = []; // for enrolment: never in the conversation
  const total = sum(stock.map((c) => c.speech));
  const wanted = total > 3 * enrol_s ? enrol_s : total > 20 ? total / 3 : 0; // who has little to say is not enrolled
  while (sum(kept.map((c) => c.speech)) < wanted) kept.push(stock.pop());
  const own = stock;
  let rounds = 1;
  return {
    name, kept, weight: Math.exp(0.5 * dice.normal()) * Math.min(1, (REUSE * total) / share_s), gain: dB(dice.between(-LEVEL_DB / 2, LEVEL_DB / 2)),
    said: 0, end: -1, // seconds so far; where the last turn ended
    left: () => stock.length > 0 || rounds < REUSE,
    // The clip of a few that comes nearest to `seconds`; null when there is nothing left.
    take(seconds, most) {
      if (stock.length < 8 && rounds < REUSE) {
        rounds++;
        stock = [...dice.shuffle(own), ...stock];
      }
      let best = -1;
      for (let i = stock.length - 1; i >= Math.max(0, stock.length - 24); i--)
        if (stock[i].seconds <= most && (best < 0 || Math.abs(stock[i].seconds - seconds) < Math.abs(stock[best].seconds - seconds))) best = i;
      return best < 0 ? null : stock.splice(best, 1)[0];
    },
  };
}

// A turn: clips one after the other. { clips: [[offset_s, clip]], seconds }
function say(dice, who, seconds) {
  const parts = [];
  let at = 0;
  while (at < seconds - 0.3 || parts.length === 0) {
    const rest = seconds - at;
    const clip = who.take(rest < 5 ? rest : dice.between(1.5, 5), Math.max(rest * 1.3, 0.9));
    if (!clip) break;
    parts.push([at, clip]);
    at += clip.seconds + dice.between(...PAUSE_S);
  }
  const last = parts.at(-1);
  return last ? { parts, seconds: last[0] + last[1].seconds, gain: who.gain * dB(dice.between(-1.5, 1.5)) } : null;
}

// ---- who speaks when ------------------------------------------------------------------------------------------------

function nextSpeaker(dice, people, talk, left_s) {
  const lacking = people.filter((p) => p.said < LEAST_S && p.left());
  const due = lacking.length * (LEAST_S + 4) >= left_s; // the end is near and somebody has not been heard
  const weights = people.map((p) => {
    if (!p.left() || (due && !lacking.includes(p))) return 0;
    const last = talk.at(-1)?.who, before = talk.at(-2)?.who;
    return p.weight * (p === last ? 0.12 : p === before ? 2 : 1); // two go on with each other
  });
  return sum(weights) > 0 ? people[dice.weighted(weights)] : null;
}

// A short word said into the turn that was just begun.
function backchannel(dice, people, turn, talk) {
  const others = people.filter((p) => p !== turn.who && p.left());
  if (others.length === 0 || turn.seconds < 2) return 0;
  const who = dice.pick(others), clip = who.take(dice.between(...BACKCHANNEL_S), BACKCHANNEL_S[1]);
  if (!clip) return 0;
  const start = turn.start + dice.between(0.4, turn.seconds - clip.seconds - 0.2);
  if (start < who.end + 0.2) return 0;
  talk.splice(talk.length - 1, 0, { who, start, seconds: clip.seconds, parts: [[0, clip]], gain: who.gain * dB(-3), back: true });
  who.end = Math.max(who.end, start + clip.seconds);
  who.said += clip.speech;
  return clip.speech;
}

function plan(dice, people, length_s) {
  const talk = [], share = dice.between(...OVERLAP);
  let end = EDGE_S, spoken = 0, overlapped = 0, misses = 0;
  while (end < length_s - 1 && misses < 100) {
    const who = nextSpeaker(dice, people, talk, length_s - end);
    if (!who) break;
    const seconds = clamp(TURN.median * Math.exp(TURN.sigma * dice.normal()), TURN.least, Math.min(TURN.most, length_s - end));
    const turn = say(dice, who, seconds);
    if (!turn) { // nothing so short left: somebody else
      misses++;
      continue;
    }
    const wanted = overlapped < share * spoken, same = talk.at(-1)?.who === who;
    let gap = clamp(GAP_S.mean + GAP_S.sigma * dice.normal(), same ? 0.3 : wanted ? GAP_S.least : 0, GAP_S.most);
    if (wanted && !same && dice.next() < 0.5) gap = -dice.between(...EARLY_S);
    const start = Math.max(end + gap, who.end + 0.2, talk.length ? talk.at(-1).start + 0.3 : EDGE_S);
    talk.push({ who, start, ...turn });
    overlapped += Math.max(0, Math.min(end, start + turn.seconds) - start);
    spoken += turn.seconds;
    who.end = start + turn.seconds;
    who.said += sum(turn.parts.map(([, c]) => c.speech));
    if (overlapped < share * spoken && dice.next() < 0.5) overlapped += backchannel(dice, people, talk.at(-1), talk);
    end = Math.max(end, who.end);
  }
  return { talk, seconds: end + EDGE_S };
}

// The speech of a turn, as stretches in seconds; stretches that nearly touch are one.
function spansOf(turn) {
  const spans = [];
  for (const [offset, clip] of turn.parts) {
    for (const [from, to] of clip.spans) {
      const a = turn.start + offset + from, b = turn.start + offset + to, last = spans.at(-1);
      if (last && a - last[1] <= 0.3) last[1] = b;
      else spans.push([a, b]);
    }
  }
  return spans;
}

// ---- sound ----------------------------------------------------------------------------------------------------------

function addAt(pcm, at_s, source, gain) {
  const at = Math.round(at_s * RATE);
  for (let i = 0, n = Math.min(source.length, pcm.length - at); i < n; i++) pcm[at + i] += gain * source[i];
}

const power = (pcm) => pcm.reduce((a, v) => a + v * v, 0) / pcm.length;

// Pink noise with a hum of a ventilation that swells slowly.
function room(dice, n) {
  const out = new Float32Array(n), rows = new Float64Array(7);
  const swell = dice.between(0.05, 0.3), period = dice.between(7, 25) * RATE;
  let low = 0;
  for (let i = 0; i < n; i++) {
    const bit = Math.clz32(i & -i) ^ 31; // the row that changes: Voss and McCartney
    if (bit >= 0 && bit < rows.length) rows[bit] = dice.next() - 0.5;
    low += 0.02 * (dice.next() - 0.5 - low);
    out[i] = (sum(rows) / 2.6 + 3 * low + 0.2 * (dice.next() - 0.5)) * (1 + swell * Math.sin((2 * Math.PI * i) / period));
  }
  return out;
}

// People far away, none of whom is in the conversation: six voices one over the other.
function babble(dice, n, others) {
  const out = new Float32Array(n);
  for (let voice = 0; voice < 6; voice++) {
    const list = clips(others[voice % others.length]);
    let at = dice.between(0, 1);
    while (at < n / RATE) {
      const clip = dice.pick(list);
      addAt(out, at, clip.pcm, dice.between(0.4, 1));
      at += clip.seconds + dice.between(0.1, 0.6);
    }
  }
  return out;
}

function mix(dice, talk, seconds, others) {
  const speech = new Float32Array(Math.ceil(seconds * RATE));
  for (const turn of talk) for (const [offset, clip] of turn.parts) addAt(speech, turn.start + offset, clip.pcm, turn.gain);
  const spoken = sum(talk.flatMap((t) => t.parts.map(([, c]) => c.speech)));
  const level = Math.sqrt((power(speech) * seconds) / spoken);
  const kind = others.length >= 2 && dice.next() < 0.4 ? 'babble' : 'room', snr_db = dice.between(...SNR_DB);
  const noise = kind === 'babble' ? babble(dice, speech.length, others) : room(dice, speech.length);
  const gain = (level * dB(-snr_db)) / Math.sqrt(power(noise));
  let peak = 0;
  for (let i = 0; i < speech.length; i++) {
    speech[i] += gain * noise[i];
    peak = Math.max(peak, Math.abs(speech[i]));
  }
  const scale = Math.min(PEAK / peak, dB(dice.between(-6, 6)));
  for (let i = 0; i < speech.length; i++) speech[i] *= scale;
  return { pcm: speech, noise: kind, snr_db };
}

// ---- the whole ------------------------------------------------------------------------------------------------------

const overlapOf = (turns) => {
  const edges = turns.flatMap((t) => [[t.start_s, 1], [t.end_s, -1]]).sort((a, b) => a[0] - b[0]);
  let depth = 0, at = 0, one = 0, two = 0;
  for (const [time, step] of edges) {
    if (depth > 0) one += time - at;
    if (depth > 1) two += time - at;
    depth += step;
    at = time;
  }
  return one ? two / one : 0;
};

// People by chance; of two or three all have enough to say.
function drawn(dice, everybody, speakers) {
  const isGuest = (n) => sum(clips(n).map((c) => c.speech)) < GUEST_S;
  return dice.shuffle(speakers < 4 ? everybody.filter((n) => !isGuest(n)) : everybody).slice(0, speakers);
}

// { name, pcm, turns: [{ start_s, end_s, speaker }] in order of time, enrolment: { PERSON: pcm }, about }
// `people` names them: then each speaks one language and behind them there is a room, so that their packages are all it takes. Else
// `speakers` of all people are drawn, which wants all packages. So a seed means the same everywhere; where something is not
// installed this throws.
export function conversation({ seed, speakers = 3, minutes = 4, people = null, enrol_s = 10 }) {
  const lacking = missing(people ?? undefined);
  if (lacking.length) throw new Error(`install ${lacking.join(' ')}`);
  const dice = chance(seed), all_people = people ? [] : Object.keys(PEOPLE);
  const names = people ?? drawn(dice, all_people, speakers);
  const all = names.map((n) => speaker(dice, n, enrol_s, (minutes * 60) / names.length, people ? 1 : 2));
  const { talk, seconds } = plan(dice, all, minutes * 60);
  const sound = mix(dice, talk, seconds, all_people.filter((n) => !names.includes(n)));
  const turns = talk.flatMap((t) => spansOf(t).map(([a, b]) => ({ start_s: a, end_s: b, speaker: t.who.name })))
    .sort((a, b) => a.start_s - b.start_s);
  const heard = all.filter((p) => turns.some((t) => t.speaker === p.name));
  const said = Object.fromEntries(heard.map((p) => [p.name, +sum(turns.filter((t) => t.speaker === p.name).map((t) => t.end_s - t.start_s)).toFixed(2)]));
  const enrolment = Object.fromEntries(heard.filter((p) => p.kept.length).map((p) => [p.name, joined(dice, p.kept)]));
  const about = { seed, seconds: +seconds.toFixed(3), speakers: heard.length, speech_s: said, sex: Object.fromEntries(heard.map((p) => [p.name, PEOPLE[p.name].sex])),
    turns: talk.length, backchannels: talk.filter((t) => t.back).length, overlap: +overlapOf(turns).toFixed(4), noise: sound.noise, snr_db: +sound.snr_db.toFixed(1) };
  return { name: `conv-${String(seed).padStart(4, '0')}-${heard.length}spk`, pcm: sound.pcm, turns, enrolment, about, talk };
}

// Speech of one person in a quiet room, with a breath between prompts.
function joined(dice, list) {
  const out = room(dice, Math.ceil((sum(list.map((c) => c.seconds)) + ENROL_PAUSE_S * (list.length + 1)) * RATE));
  const gain = (LEVEL * dB(-ENROL_SNR_DB)) / Math.sqrt(power(out));
  for (let i = 0; i < out.length; i++) out[i] *= gain;
  let at = ENROL_PAUSE_S;
  for (const clip of list) {
    addAt(out, at, clip.pcm, 1);
    at += clip.seconds + ENROL_PAUSE_S;
  }
  return out;
}

export const rttm = (name, turns) =>
  turns.map((t) => `SPEAKER ${name} 1 ${t.start_s.toFixed(3)} ${(t.end_s - t.start_s).toFixed(3)} <NA> <NA> ${t.speaker} <NA> <NA>\n`).join('');

export function wav(pcm) {
  const bytes = Buffer.alloc(44 + 2 * pcm.length);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + 2 * pcm.length, 4);
  bytes.write('WAVEfmt ', 8);
  for (const [at, v] of [[16, 16], [24, RATE], [28, 2 * RATE]]) bytes.writeUInt32LE(v, at);
  for (const [at, v] of [[20, 1], [22, 1], [32, 2], [34, 16]]) bytes.writeUInt16LE(v, at);
  bytes.write('data', 36);
  bytes.writeUInt32LE(2 * pcm.length, 40);
  for (let i = 0; i < pcm.length; i++) bytes.writeInt16LE(Math.round(clamp(pcm[i], -1, 1) * 32767), 44 + 2 * i);
  return bytes;
}

// Writes the files of a conversation; returns { name, wav, rttm, json, enrolment: { PERSON: file }, about }.
export function write(dir, talk, enrol = false) {
  mkdirSync(dir, { recursive: true });
  const base = join(dir, talk.name), enrolment = {};
  writeFileSync(`${base}.wav`, wav(talk.pcm));
  writeFileSync(`${base}.rttm`, rttm(talk.name, talk.turns));
  for (const [who, pcm] of enrol ? Object.entries(talk.enrolment) : []) {
    enrolment[who] = `${base}.enrol-${who}.wav`;
    writeFileSync(enrolment[who], wav(pcm));
  }
  const spoken = talk.talk.map((t) => ({ speaker: t.who.name, start_s: +t.start.toFixed(3), end_s: +(t.start + t.seconds).toFixed(3),
    ...(t.back ? { backchannel: true } : {}), prompts: t.parts.map(([, c]) => c.name) }));
  writeFileSync(`${base}.json`, JSON.stringify({ ...talk.about, enrolment, spoken }, null, 1));
  return { name: talk.name, wav: `${base}.wav`, rttm: `${base}.rttm`, json: `${base}.json`, enrolment, about: talk.about };
}

// Writes `count` conversations of a set; calls `each` with what write() returned.
export function writeSet(dir, set, { count = 10, minutes = 4, enrol = true, each = () => {} } = {}) {
  const [first, last] = SETS[set], out = [];
  for (let i = 0; i < count && first + i <= last; i++) {
    out.push(write(dir, conversation({ seed: first + i, speakers: 2 + (i % 5), minutes }), enrol));
    each(out.at(-1));
  }
  return out;
}

// ---- command line ---------------------------------------------------------------------------------------------------

function options(argv) {
  const o = {};
  for (let i = 0; i < argv.length; i += 2) {
    if (!/^--(seed|speakers|minutes|out|people|enrol|set|count)$/.test(argv[i]) || argv[i + 1] === undefined) throw new Error(`what is '${argv[i]}'? See the head of the file.`);
    o[argv[i].slice(2)] = argv[i + 1];
  }
  if (!o.out || (!o.seed && !SETS[o.set])) throw new Error('--out DIR and --seed N or --set dev|test are needed');
  return o;
}

function main() {
  const o = options(process.argv.slice(2)), minutes = Number(o.minutes ?? 4);
  const say = (w) => console.log(`${w.wav}  ${JSON.stringify(w.about)}`);
  if (o.set) return void writeSet(o.out, o.set, { count: Number(o.count ?? 10), minutes, each: say });
  const people = o.people?.split(',') ?? null;
  const made = conversation({ seed: Number(o.seed), speakers: people?.length ?? Number(o.speakers ?? 3), minutes, people, enrol_s: Number(o.enrol ?? 10) });
  say(write(o.out, made, o.enrol !== undefined));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    main();
  } catch (error) {
    console.error(`conversations.mjs: ${error.message}`);
    process.exit(1);
  }
}
