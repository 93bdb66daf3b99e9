// voices.mjs: the people of Debian's recorded prompts, cut to their speech: what conversations.mjs speaks with.
//
// A clip is one prompt: 16 kHz samples of one person, silence at its ends taken off, with the stretches of it in which there
// really is speech. Folders of one person in two languages are one person. Nothing is written; what is not installed is left
// out, and missing() says which packages to install.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export const RATE = 16000;
const SOUNDS = process.env.STENO_SOUNDS_DIR ?? '/usr/share/asterisk/sounds';
const SPHINX = process.env.STENO_SPHINX_DIR ?? '/usr/share/pocketsphinx/test/data';
const FRAME = RATE / 100; // 10 ms
const BELOW_DB = 26; // a frame counts as speech when it is no further below the loud ones of its clip
const ABOVE_FLOOR_DB = 6; // and so far above the quiet ones, where these are quiet
const SPLIT_S = 0.3; // a longer pause inside a clip is a pause of the truth
const BURST_S = 0.05; // shorter sounds by themselves are clicks
const LONG_S = 4; // longer clips are cut at their pauses …
const LONGEST_S = 10; // … and left out where they have none
export const LEVEL = 0.05; // RMS of a clip's speech: all come alike, conversations set levels
// Sounds that are no speech, or not this person's.
const NOT_SPEECH = /tone|beep|silence|music|monkeys|confbridge-(begin|join|leave|pin-bad)|conf-conf|zip|crash|ring/;

// Who is who: by the packages' own words, by pitch, and by embeddings of 10 s: cosines are 0.73 to 0.91 within each of these (0.60
// to 0.77 within menardi) and at most 0.67 between them (allison and june). Goforward, numbers and something of pocketsphinx are
// perhaps one man (0.62 to 0.67), so nobody is made of them. Allison's two languages are as far apart as two people (0.55 to 0.66).
export const PEOPLE = {
  allison: { sex: 'f', package: 'asterisk-core-sounds-en-wav', dirs: ['en_US_f_Allison'],
    second: ['es_MX_f_Allison'], second_package: 'asterisk-core-sounds-es-wav' },
  june: { sex: 'f', package: 'asterisk-core-sounds-fr-wav', dirs: ['fr_CA_f_June'] },
  menardi: { sex: 'f', package: 'asterisk-prompt-it-menardi-wav', dirs: ['it_IT_f_Menardi'] },
  carlo: { sex: 'm', package: 'asterisk-core-sounds-it-wav', dirs: ['it_IT_m_Carlo'] },
  ivrvoice: { sex: 'f', package: 'asterisk-core-sounds-ru-wav', dirs: ['ru_RU_f_IvrvoiceRU'] },
  colombia: { sex: 'f', package: 'asterisk-prompt-es-co', dirs: ['es', 'digits/es'], gsm: true },
  armelle: { sex: 'f', package: 'asterisk-prompt-fr-armelle', dirs: ['fr', 'digits/fr'], gsm: true },
  librivox: { sex: 'm', package: 'pocketsphinx-testdata', dirs: ['librivox'], sphinx: true },
  cards: { sex: 'm', package: 'pocketsphinx-testdata', dirs: ['cards'], sphinx: true },
};

// The packages that lack for these people to speak; of all people, each language.
export function missing(people = null) {
  const there = (p, dir) => existsSync(join(p.sphinx ? SPHINX : SOUNDS, dir));
  const lacking = (people ?? Object.keys(PEOPLE)).map((who) => PEOPLE[who]).flatMap((p) => [
    ...(there(p, p.dirs[0]) ? [] : [p.package]), ...(people || !p.second || there(p, p.second[0]) ? [] : [p.second_package])]);
  return [...new Set(lacking)];
}

// ---- reading --------------------------------------------------------------------------------------------------------

// Twice as many samples: a windowed sinc, 48 taps on each side of what is between two samples.
const TAPS = 24;
const HALF = Float64Array.from({ length: 2 * TAPS }, (_, i) => {
  const t = i - TAPS + 0.5; // samples from the middle
  const window = 0.5 + 0.5 * Math.cos((Math.PI * t) / TAPS);
  return (Math.sin(Math.PI * t) / (Math.PI * t)) * window;
});
function twice(pcm) {
  const out = new Float32Array(pcm.length * 2), padded = new Float32Array(pcm.length + 2 * TAPS);
  padded.set(pcm, TAPS - 1);
  for (let i = 0; i < pcm.length; i++) {
    let sum = 0;
    for (let k = 0; k < 2 * TAPS; k++) sum += HALF[k] * padded[i + k];
    out[2 * i] = pcm[i];
    out[2 * i + 1] = sum;
  }
  return out;
}

// Of 16-bit samples without a header.
export const int16 = (bytes) => Float32Array.from(new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~1))), (v) => v / 32768);

function readWav(file) {
  const bytes = readFileSync(file);
  if (bytes.toString('latin1', 0, 4) !== 'RIFF') return null;
  let rate = 0, plain = false;
  for (let at = 12; at + 8 <= bytes.length;) {
    const id = bytes.toString('latin1', at, at + 4), size = bytes.readUInt32LE(at + 4);
    if (id === 'fmt ') {
      plain = bytes.readUInt16LE(at + 8) === 1 && bytes.readUInt16LE(at + 10) === 1 && bytes.readUInt16LE(at + 22) === 16;
      rate = bytes.readUInt32LE(at + 12);
    }
    if (id === 'data' && plain && (rate === RATE || rate === RATE / 2)) {
      const pcm = int16(bytes.subarray(at + 8, Math.min(at + 8 + size, bytes.length)));
      return rate === RATE ? pcm : twice(pcm);
    }
    at += 8 + size + (size & 1);
  }
  return null;
}

// Frames of GSM 06.10 (33 bytes, 160 samples) stand by themselves, so that one decoder takes a folder in one go.
function readGsm(files) {
  const parts = files.map((f) => readFileSync(f)).map((b) => b.subarray(0, b.length - (b.length % 33)));
  const r = spawnSync('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'gsm', '-i', '-', '-f', 's16le', '-ac', '1', '-ar', '8000', '-'],
    { input: Buffer.concat(parts), maxBuffer: 1 << 28 });
  if (r.error || r.status !== 0) throw new Error(`ffmpeg cannot read GSM: ${r.error ?? r.stderr}`);
  const pcm = int16(r.stdout);
  let at = 0;
  return parts.map((b) => {
    const n = (b.length / 33) * 160;
    return twice(pcm.subarray(at, (at += n)));
  });
}

// ---- speech in a clip -----------------------------------------------------------------------------------------------

const rms = (pcm, from, to) => {
  let sum = 0;
  for (let i = from; i < to; i++) sum += pcm[i] * pcm[i];
  return Math.sqrt(sum / Math.max(1, to - from));
};

// Stretches [start, end) of speech in frames of 10 ms, by energy.
function activity(pcm) {
  const level = [];
  for (let at = 0; at + FRAME <= pcm.length; at += FRAME) level.push(20 * Math.log10(rms(pcm, at, at + FRAME) + 1e-7));
  if (level.length < 10) return [];
  const sorted = [...level].sort((a, b) => a - b);
  const loud = sorted[Math.floor(sorted.length * 0.95)], quiet = sorted[Math.floor(sorted.length * 0.05)];
  const threshold = Math.max(loud - BELOW_DB, Math.min(quiet + ABOVE_FLOOR_DB, loud - 18));
  const runs = [];
  for (let i = 0; i < level.length; i++) {
    if (level[i] < threshold) continue;
    const last = runs.at(-1);
    if (last && last[1] === i) last[1]++;
    else runs.push([i, i + 1]);
  }
  const joined = [];
  for (const run of runs) {
    const last = joined.at(-1);
    if (last && (run[0] - last[1]) / 100 < SPLIT_S) last[1] = run[1];
    else joined.push([...run]);
  }
  return joined.filter(([from, to]) => (to - from) / 100 >= BURST_S);
}

function clipsIn(pcm, name) {
  const speech = activity(pcm);
  if (speech.length === 0) return [];
  const long = (speech.at(-1)[1] - speech[0][0]) / 100 > LONG_S;
  return (long ? speech.map((run) => [run]) : [speech]).map((runs) => clipOf(pcm, runs, name));
}

function clipOf(pcm, speech, name) {
  const first = speech[0][0], last = speech.at(-1)[1];
  const cut = pcm.slice(first * FRAME, last * FRAME);
  const spans = speech.map(([from, to]) => [(from - first) / 100, (to - first) / 100]);
  let sum = 0, n = 0;
  for (const [from, to] of spans) {
    const a = Math.round(from * RATE), b = Math.round(to * RATE), level = rms(cut, a, b);
    sum += level * level * (b - a);
    n += b - a;
  }
  const gain = LEVEL / Math.sqrt(sum / n + 1e-12);
  for (let i = 0; i < cut.length; i++) cut[i] *= gain;
  return { name, pcm: cut, seconds: cut.length / RATE, speech: n / RATE, spans };
}

// ---- people ---------------------------------------------------------------------------------------------------------

function filesOf(dir, ending) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir).filter((f) => f.endsWith(ending) && !NOT_SPEECH.test(f)).sort().map((f) => join(dir, f))
    .filter((f) => statSync(f).size > 600);
}

function clipsOf(dir, person) {
  const files = filesOf(dir, person.gsm ? '.gsm' : '.wav');
  const sounds = person.gsm ? (files.length ? readGsm(files) : []) : files.map(readWav);
  return sounds.flatMap((pcm, i) => (pcm ? clipsIn(pcm, files[i]) : [])).filter((c) => c.speech >= 0.25 && c.seconds <= LONGEST_S);
}

const cache = new Map();
// Clips of somebody, in the order of file names; `second`: of their other language.
export function clips(who, second = false) {
  const key = `${who} ${second}`, person = PEOPLE[who], root = person.sphinx ? SPHINX : SOUNDS;
  if (!cache.has(key)) cache.set(key, ((second ? person.second : person.dirs) ?? []).flatMap((d) => clipsOf(join(root, d), person)));
  return cache.get(key);
}
