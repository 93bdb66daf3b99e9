// dash_monitors.js: what the dashboard knows of /v1/watch (docs/openapi.yaml): which figures there are, how they are called, written and
// averaged, and which rules watch them.
import * as units from './dash_units.js';

// by: what a figure is a share or mean of, so that neighbouring minutes are averaged by it. rules: whose bands are drawn.
const texts = (w, i) => (w.utterances[i] ?? 0) * (1 - (w.empty_rate[i] ?? 0));
const of = (name) => (w, i) => w[name]?.[i] ?? 0;

export const MONITORS = [
  { group: 'Words', name: 'empty_rate', title: 'No text for speech', what: 'of utterances', write: units.share, by: of('utterances'), rules: ['empty'], floor: 0.02 },
  { group: 'Words', name: 'characters_per_s', title: 'Characters a second', what: 'of speech', write: units.perSecond, by: of('speech_s'), rules: ['speech_rate_low', 'speech_rate_high'], near: 2 },
  { group: 'Words', name: 'confidence', title: 'Confidence', what: 'mean, 0 to 1', write: units.factor, by: texts, rules: ['confidence', 'confidence_fleet'], bins: 'confidence_bins', near: 0.1 },
  { group: 'Words', name: 'looped_rate', title: 'Loops cut', what: 'of utterances', write: units.share, by: of('utterances'), rules: ['looped'], floor: 0.01 },
  { group: 'Words', name: 'repeated_rate', title: 'Repeated words', what: 'of words', write: units.share, by: of('speech_s'), rules: ['repeated'], floor: 0.02 },
  { group: 'Words', name: 'compression', title: 'Compression of text', what: 'bytes by bytes compressed', write: units.times, by: texts, rules: ['compression'], near: 0.2 },
  { group: 'Live text', name: 'partial_revision_rate', title: 'Words taken back', what: 'of partials', write: units.share, by: of('utterances'), rules: ['partial_revisions'], floor: 0.02 },
  { group: 'Live text', name: 'speaker_revision_rate', title: 'Speakers changed', what: 'of labels', write: units.share, by: of('utterances'), rules: ['speaker_revisions'], floor: 0.02 },
  { group: 'Live text', name: 'language_switch_rate', title: 'Language switches', what: 'of utterances', write: units.share, by: of('utterances'), rules: ['language_switches'], floor: 0.02 },
  { group: 'Sound', name: 'speech_share', title: 'Speech', what: 'of audio', write: units.share, by: of('audio_s'), rules: ['speech_share_low', 'speech_share_high'], near: 0.1 },
  { group: 'Sound', name: 'streams_quiet_rate', title: 'Too quiet', what: 'of streams, below −45 dBFS', write: units.share, by: of('streams_judged'), rules: ['input_quiet'], floor: 0.05 },
  { group: 'Sound', name: 'streams_clipped_rate', title: 'Clipped', what: 'of streams, over 1 % of samples', write: units.share, by: of('streams_judged'), rules: ['input_clipped'], floor: 0.05 },
  { group: 'Sound', name: 'streams_noisy_rate', title: 'Noisy', what: 'of streams, SNR below 5 dB', write: units.share, by: of('streams_judged'), rules: ['input_noisy'], floor: 0.05 },
  { group: 'Sound', name: 'streams_narrow_rate', title: 'Nothing above 4 kHz', what: 'of streams', write: units.share, by: of('streams_judged'), rules: ['input_narrow'], floor: 0.05 },
];

export const RULE_TITLES = {
  empty: 'No text for speech', speech_rate_low: 'Too few characters a second', speech_rate_high: 'Too many characters a second', looped: 'Loops',
  repeated: 'Repeated words', compression: 'Text that says the same again', confidence_fleet: 'Confidence below the other hosts', confidence: 'Confidence below its past',
  latency: 'Slow finals', rtf: 'Computes too much of the time', memory: 'Memory grows', speech_share_low: 'Hears too little speech', speech_share_high: 'Hears too much speech',
  input_quiet: 'Quiet microphones', input_clipped: 'Clipped sound', input_noisy: 'Noisy sound', input_narrow: 'Telephone sound sent as wideband',
  partial_revisions: 'Live text takes words back', speaker_revisions: 'Speakers change afterwards', language_switches: 'Languages flicker',
};

export const RTF_LIMIT = 0.7; // the rule `rtf`, which has no norm

// ---- series -----------------------------------------------------------------------------------------------------------

const hostOf = (s) => s.host ?? '';
export const idOf = (s) => [hostOf(s), s.model, s.language, s.key].join('|');
export const isHost = (s) => !s.model;
export const hostName = (s) => hostOf(s) || 'this host';

export function nameOf(s, withHost = true) {
  const parts = isHost(s) ? ['the host'] : [s.model === 'other' ? 'all others' : s.model, s.language, s.key && `key ${s.key}`].filter(Boolean);
  return (withHost ? [hostName(s), ...parts] : parts).join(' · ');
}

// Those of a host's figures for all of its models and languages: counts summed, shares and means weighed.
export function together(series, window) {
  const speech = series.filter((s) => !isHost(s)).map((s) => s.windows[window]).filter((w) => w?.utterances);
  const sum = (name) => speech.reduce((n, w) => n + (w[name] ?? 0), 0);
  const mean = (name, weight) => {
    const all = speech.filter((w) => w[name] !== null && w[name] !== undefined);
    const n = all.reduce((total, w) => total + weight(w), 0);
    return n > 0 ? all.reduce((total, w) => total + w[name] * weight(w), 0) / n : null;
  };
  const bins = speech.reduce((all, w) => (w.latency_bins ?? []).map((n, i) => n + (all[i] ?? 0)), []);
  return { utterances: sum('utterances'), audio_s: sum('audio_s'), speech_s: sum('speech_s'), empty_rate: mean('empty_rate', (w) => w.utterances),
    confidence: mean('confidence', (w) => w.utterances * (1 - (w.empty_rate ?? 0))), latency_bins: bins };
}

// Where a share p lies, linear within its bin: as the server says it of a single series.
export function quantile(bins, bounds, p) {
  const all = bins.reduce((n, x) => n + x, 0);
  let below = 0;
  for (let i = 0; i < bins.length && all > 0; i++) {
    if (bins[i] && below + bins[i] >= p * all) {
      const low = i ? bounds[i - 1] : 0;
      return i === bins.length - 1 ? low : low + ((bounds[i] - low) * (p * all - below)) / bins[i];
    }
    below += bins[i];
  }
  return null;
}

// ---- over time --------------------------------------------------------------------------------------------------------

const SMOOTH = 5; // minutes

// A column, each minute as the mean of the five up to it: a minute has often but one utterance. Hours stand as they are.
export function smooth(columns, { name, by }, range) {
  const values = columns[name] ?? [];
  if (range !== 'minutes' || !by) return values;
  return values.map((_, at) => {
    let [sum, weight] = [0, 0];
    for (let i = Math.max(0, at - SMOOTH + 1); i <= at; i++) {
      const w = values[i] === null ? 0 : by(columns, i);
      sum += w ? values[i] * w : 0;
      weight += w;
    }
    return weight > 0 ? sum / weight : null;
  });
}

// The bands of a monitor: { norm, low, high }, null where there is none.
export function bandOf(series, { rules }) {
  const band = { norm: null, low: null, high: null };
  for (const rule of rules) {
    const b = series.bands?.[rule];
    if (!b) continue;
    band.norm ??= b.norm;
    const side = b.direction > 0 ? 'high' : 'low';
    const nearer = side === 'high' ? Math.min : Math.max;
    band[side] = band[side] === null ? b.tolerated : nearer(band[side], b.tolerated);
  }
  return band;
}

export const learnt = ({ norm, low, high }) => norm !== null || low !== null || high !== null;

// "usual 1.2 %, tolerated up to 3 %"
export function bandText(band, write) {
  if (!learnt(band)) return '';
  const { norm, low, high } = band;
  const to = low !== null && high !== null ? `tolerated ${write(low)} to ${write(high)}` : high !== null ? `tolerated up to ${write(high)}` : `tolerated down to ${write(low)}`;
  return norm === null ? to : `usual ${write(norm)}, ${to}`;
}

// ---- what was bad about an utterance ------------------------------------------------------------------------------------

const marks = [
  [(u) => u.empty, (u) => `no text for ${units.span(u.speech_s)} of speech`],
  [(u) => u.looped, () => 'loop cut'],
  [(u) => !u.empty && u.confidence < 0.6, (u) => `confidence ${units.factor(u.confidence)}`],
  [(u) => !u.empty && u.repeated_rate >= 0.1, (u) => `${units.share(u.repeated_rate)} repeated`],
  [(u) => !u.empty && u.compression > 2.4, (u) => `compresses ${units.times(u.compression)}`],
  [(u) => !u.empty && u.speech_s > 3 && u.characters_per_s < 2, (u) => `${units.perSecond(u.characters_per_s).replace('/s', '')} characters/s`],
  [(u) => u.input?.level_db < -45, (u) => `quiet, ${units.decibels(u.input.level_db)}`],
  [(u) => u.input?.snr_db < 5, (u) => `noisy, SNR ${units.decibels(u.input.snr_db)}`],
  [(u) => u.input?.clipped > 0.01, (u) => `clipped, ${units.share(u.input.clipped)}`],
  [(u) => u.input?.high_db < -58, () => 'nothing above 4 kHz'],
];

export const marksOf = (u) => marks.filter(([is]) => is(u)).map(([, say]) => say(u));
