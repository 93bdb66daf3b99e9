// embedding.mjs: how well voices can be told apart, by length of speech and by pairs of people, and where enrolment's verdicts lie.
//
//   node bench/speakers/embedding.mjs build/speakers_looks MODELS [--only lengths|pairs|enrol] [--work DIR]
//
// Nine people of Debian's recorded voices (tests/speakers/voices.mjs), none of whom the space was made of. A pair of windows is
// of one person (then they do not overlap) or of two; likeness is the cosine of the two, either from the mean of the voices that the
// space was made of (as prints are compared) or from the mean of all nine (as a tracker that knows its session can). Equal-error
// rate: where as many pairs of one person are less alike as pairs of two people are more alike.
// enrol: the seven of Asterisk, stretches of consecutive prompts; a second voice for 50 % and 30 % of the time; white noise.
// Seeds: SEED + the number of the person.
import { mkdirSync } from 'node:fs';
import { join as path } from 'node:path';
import { chance } from '../../tests/speakers/conversations.mjs';
import { PEOPLE, clips, missing } from '../../tests/speakers/voices.mjs';
import { cosine, enrolments, join, windows, writePcm } from './audio.mjs';

const SEED = 700;
const MOST_S = 150;
const LENGTHS = [[0.75, 75, 50], [1.5, 150, 75], [3, 300, 150], [6, 600, 300]]; // seconds, rows, from one to the next
const people = Object.keys(PEOPLE), asterisk = people.filter((p) => !PEOPLE[p].sphinx);

const args = process.argv.slice(2), option = (name, otherwise) => (args.includes(name) ? args[args.indexOf(name) + 1] : otherwise);
const looks = args[0], models = args[1], only = option('--only', ''), work = option('--work', 'build/speakers/embedding');

// ---- figures ------------------------------------------------------------------------------------------------------------

// In percent. Two sorted lists, walked together.
function equalError(same, other) {
  const a = Float64Array.from(same).sort(), b = Float64Array.from(other).sort();
  let best = 2, rate = 0, j = 0;
  for (let i = 0; i < a.length; i++) {
    while (j < b.length && b[j] < a[i]) j++;
    const missed = i / a.length, taken = 1 - j / b.length;
    if (Math.abs(missed - taken) < best) {
      best = Math.abs(missed - taken);
      rate = (missed + taken) / 2;
    }
  }
  return 100 * rate;
}

const mean = (list) => list.reduce((s, v) => s + v, 0) / list.length;
const at = (list, share) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(share * list.length))];
const two = (v) => (Object.is(v, NaN) ? '-' : v.toFixed(2)).padStart(6);
const one = (v) => (Object.is(v, NaN) ? '-' : v.toFixed(1)).padStart(6);

// ---- windows of everybody -------------------------------------------------------------------------------------------------

const weights = path(models, 'xvector-callhome.safetensors');
let files = null;

// { person: [z …] } of windows of a length.
function heard(rows, hop) {
  files ??= people.map((p, i) => writePcm(path(work, `${p}.s16`), join(chance(SEED + i), clips(p).map((c) => c.pcm), MOST_S)));
  return Object.fromEntries(windows(looks, weights, rows, hop, files).map((list, i) => [people[i], list.map((w) => w.z)]));
}

function middle(of) {
  const all = people.flatMap((p) => of[p]);
  return all[0].map((_, d) => mean(all.map((z) => z[d])));
}

const from = (of, centre) => Object.fromEntries(people.map((p) => [p, of[p].map((z) => z.map((v, d) => v - centre[d]))]));

// Likeness of windows of one person, those that overlap left out, and of two.
function within(list, apart = 2) {
  const out = [];
  for (let i = 0; i < list.length; i++) for (let j = i + apart; j < list.length; j++) out.push(cosine(list[i], list[j]));
  return out;
}
const across = (a, b) => a.flatMap((x) => b.map((y) => cosine(x, y)));

const pairs = people.flatMap((a, i) => people.slice(i + 1).map((b) => [a, b]));
const kind = ([a, b]) => [PEOPLE[a].sex, PEOPLE[b].sex].sort().join('');

// { all, ff, mm, fm } of EER, and per pair.
function tell(of) {
  const same = Object.fromEntries(people.map((p) => [p, within(of[p])]));
  const other = new Map(pairs.map((pair) => [pair, across(of[pair[0]], of[pair[1]])]));
  const rate = (some) => {
    const who = [...new Set(some.flat())];
    return equalError(who.flatMap((p) => same[p]), some.flatMap((pair) => other.get(pair)));
  };
  const kinds = ['ff', 'fm', 'mm'].map((k) => pairs.filter((p) => kind(p) === k)).map((some) => rate(some));
  return { all: rate(pairs), kinds, same, other, rate };
}

function lengths() {
  const centre = middle(heard(150, 75));
  console.log(`equal-error rate, %, by length of speech; likeness from the mean of ${people.length} people, and from that of the space`);
  console.log('speech            session   women     mixed     men      space   women     mixed     men');
  for (const [seconds, rows, hop] of LENGTHS) {
    const z = heard(rows, hop), a = tell(from(z, centre)), b = tell(z);
    console.log(`${String(seconds).padStart(5)} s       ${[a.all, ...a.kinds, b.all, ...b.kinds].map(one).join('    ')}`);
  }
}

function pairTable() {
  const z = heard(150, 75), centre = middle(z), a = tell(from(z, centre)), b = tell(z);
  console.log('\npairs at 1.5 s: mean likeness of windows and EER, %, from the mean of all people; then from that of the space');
  for (const p of people) console.log(`  ${`${p} (${PEOPLE[p].sex})`.padEnd(26)} with itself  ${two(mean(a.same[p]))}          ${two(mean(b.same[p]))}`);
  for (const pair of [...pairs].sort((x, y) => kind(x).localeCompare(kind(y)) || a.rate([y]) - a.rate([x])))
    console.log(`  ${pair.join(' ').padEnd(26)} ${kind(pair)}           ${two(mean(a.other.get(pair)))}  ${one(a.rate([pair]))}  ${two(mean(b.other.get(pair)))}  ${one(b.rate([pair]))}`);
}

// ---- enrolment -------------------------------------------------------------------------------------------------------------

// Stretches of a person's prompts, each of `seconds` or a little more; none shares a prompt with another.
function stretches(who, seconds, most) {
  const out = [];
  let some = [], s = 0;
  for (const c of clips(who)) {
    some.push(c.pcm);
    s += c.speech;
    if (s < seconds) continue;
    out.push(some);
    some = [];
    s = 0;
    if (out.length === most) break;
  }
  return out;
}

const total = (parts) => parts.reduce((n, p) => n + p.length, 0);
let written = 0;
function enrol(list) {
  const files = list.map((pcm) => writePcm(path(work, `enrol-${written++ % 400}.s16`), pcm));
  const out = [];
  for (let i = 0; i < files.length; i += 200) out.push(...enrolments(looks, models, files.slice(i, i + 200)));
  return out;
}

// The first `share` of one stretch and the rest of another's.
function mixed(dice, a, b, share) {
  const part = (parts, want) => {
    const out = [];
    for (const p of parts) {
      if (out.length && total(out) + p.length / 2 > want) break;
      out.push(p);
    }
    return out;
  };
  return join(dice, [...part(a, (1 - share) * total(a)), ...part(b, share * total(b))], 1e6);
}

function twoVoices() {
  console.log('\nsteno_voice_enrol(): one voice that is refused, two voices that are not noticed; unity of one voice (least, 2 %, 5 %, median) and of two (median, 90 %)');
  for (const seconds of [6, 8, 12, 24]) {
    const dice = chance(SEED), by = Object.fromEntries(asterisk.map((p) => [p, stretches(p, seconds, 12)]));
    const single = enrol(asterisk.flatMap((p) => by[p].map((s) => join(dice, s, 1e6))));
    const both = enrol(asterisk.flatMap((p) => asterisk.filter((q) => q !== p).flatMap((q) => [0.5, 0.3].flatMap((share) => [0, 1].flatMap((k) => (by[p][k] && by[q][k + 2] ? [mixed(dice, by[p][k], by[q][k + 2], share)] : []))))));
    const enough = single.filter((e) => e.speech_s >= 5), two_ = both.filter((e) => e.speech_s >= 5), u = enough.map((e) => e.unity), v = two_.map((e) => e.unity);
    console.log(`${String(seconds).padStart(3)} s (speech ${mean(enough.map((e) => e.speech_s)).toFixed(1)})  refused ${enough.filter((e) => !e.good).length} of ${enough.length}   unnoticed ${two_.filter((e) => e.good).length} of ${two_.length}   ` +
      `one ${[0, 0.02, 0.05, 0.5].map((s) => two(at(u, s))).join('')}   two ${[0.5, 0.9].map((s) => two(at(v, s))).join('')}`);
    console.log(`      were it at ${[0.42, 0.46, 0.5, 0.54, 0.58].map((t) => `${t}: ${u.filter((x) => x < t).length} and ${v.filter((x) => x >= t).length}`).join('; ')}`);
  }
}

function sameOrNot() {
  console.log('\nlikeness of two prints of one recording session, and of two people');
  for (const seconds of [6, 12]) {
    const dice = chance(SEED + 1), by = {};
    for (const p of asterisk) by[p] = enrol(stretches(p, seconds, 8).map((s) => join(dice, s, 1e6))).map((e) => e.print);
    const same = asterisk.flatMap((p) => within(by[p], 1)), some = asterisk.flatMap((a, i) => asterisk.slice(i + 1).map((b) => [a, b, across(by[a], by[b])])), other = some.flatMap((x) => x[2]);
    console.log(`${String(seconds).padStart(3)} s: one person ${[0, 0.05, 0.5].map((s) => two(at(same, s))).join('')} (least, 5 %, median); two ${[0.5, 0.95, 1].map((s) => two(at(other, s))).join('')} (median, 95 %, most); EER ${one(equalError(same, other))} %`);
    for (const least of [0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7])
      console.log(`      at ${least}: ${one((100 * same.filter((v) => v < least).length) / same.length)} % of one person's are below, ${one((100 * other.filter((v) => v >= least).length) / other.length)} % of two people's are not`);
    if (seconds === 12) for (const [a, b, list] of some.sort((x, y) => mean(y[2]) - mean(x[2])).slice(0, 6)) console.log(`      ${a} ${b}: ${two(mean(list))}`);
    if (seconds === 12) console.log(`      means of one person: ${asterisk.map((p) => `${p} ${mean(within(by[p], 1)).toFixed(2)}`).join(', ')}`);
    if (seconds === 12) {
      const spanish = enrol([join(dice, clips('allison', true).map((c) => c.pcm), 12)]).map((e) => e.print);
      console.log(`      Allison's two languages: ${two(mean(across(by.allison, spanish)))}`);
    }
  }
}

function noise() {
  console.log('\nwhite noise: dB added below the speech, as estimated (median), refused as too noisy, likeness to the clean print (median)');
  const dice = chance(SEED + 2), clean = asterisk.flatMap((p) => stretches(p, 12, 4).map((s) => join(dice, s, 1e6)));
  const prints = enrol(clean).map((e) => e.print);
  for (const db of [25, 20, 15, 10, 5]) {
    const noisy = enrol(clean.map((pcm) => {
      const loud = pcm.filter((v) => Math.abs(v) > 1e-3), sigma = Math.sqrt(mean(Array.from(loud, (v) => v * v))) * 10 ** (-db / 20);
      return pcm.map((v) => v + sigma * dice.normal());
    }));
    console.log(`${String(db).padStart(3)} dB  ${one(at(noisy.map((e) => e.snr_db), 0.5))} dB   ${noisy.filter((e) => e.snr_db < 10).length} of ${noisy.length}   ${two(at(noisy.map((e, i) => cosine(e.print, prints[i])), 0.5))}`);
  }
}

function main() {
  if (!models) throw new Error('which speakers_looks, MODELS? See the head of the file.');
  if (missing().length) throw new Error(`install ${missing().join(' ')}`);
  mkdirSync(work, { recursive: true });
  console.log(`seed ${SEED}`);
  if (!only || only === 'lengths') lengths();
  if (!only || only === 'pairs') pairTable();
  if (!only || only === 'enrol') {
    twoVoices();
    sameOrNot();
    noise();
  }
}

main();
