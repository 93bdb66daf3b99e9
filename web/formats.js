// formats.js: a transcript as text, subtitles or JSON, in the shapes of `steno transcribe --format txt|srt|vtt|json`
// (src/cmd/output_*.c; a test compares the two). Nothing here touches the page, so that Node can test it.
//
// A recording: { file, model, language, duration, segments: [{ start, end, text, confidence, words?, unfinished? }] };
// words: [{ word, start, end, confidence }]. Times are seconds.

const CUE_LINE_COLUMNS = 42;
const CUE_MAX_S = 7;
const CUE_PAUSE_S = 0.8;
const CUE_SENTENCE_COLUMNS = 24; // a sentence shorter than this stays with the next one
const CUE_MAX_UNITS = 96;

const utf8 = new TextEncoder();
const plain = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' '); // the text stays on its line
const rounded = (value) => (Number.isFinite(value) ? Number(value.toFixed(3)) : 0);

// ---- the words of a segment, with where they stand in its text --------------------------------------------------------

function timedUnits({ text, words }) {
  const units = [];
  let at = 0;
  for (const { word, start, end } of words) {
    const from = word ? text.indexOf(word, at) : -1;
    if (from < 0) continue;
    at = from + word.length;
    units.push({ from, to: at, start, end });
  }
  return units;
}

// Without words, time is spread over the bytes of the text.
function spreadUnits({ text, start, end }) {
  const perByte = (end - start) / utf8.encode(text).length;
  const bytesBefore = (at) => utf8.encode(text.slice(0, at)).length;
  return [...text.matchAll(/[^ ]+/g)].map(({ index, 0: piece }) => ({
    from: index,
    to: index + piece.length,
    start: start + perByte * bytesBefore(index),
    end: start + perByte * bytesBefore(index + piece.length),
  }));
}

const unitsOf = (segment) => (segment.words?.length ? timedUnits(segment) : spreadUnits(segment));

// ---- subtitles --------------------------------------------------------------------------------------------------------

// Wide characters take two columns of a screen, marks that stand on others none.
const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
const NO_WIDTH = /[\p{Mn}\p{Me}\p{Cf}\p{Cc}]/u;
const width = (text) => Array.from(text).reduce((sum, c) => sum + (NO_WIDTH.test(c) ? 0 : WIDE.test(c) ? 2 : 1), 0);

const stretch = (text, units, first, last) => text.slice(units[first].from, units[last].to);
const columns = (text, units, first, last) => width(stretch(text, units, first, last));

// The unit that starts the second line: units.length when one line is enough, -1 when two lines are not.
// Of the cuts that fit, the one with the evenest lines.
function lineBreak(text, units) {
  const n = units.length;
  if (n === 1 || columns(text, units, 0, n - 1) <= CUE_LINE_COLUMNS) return n;
  let best = -1;
  let bestLongest = Infinity;
  for (let i = 1; i < n; i++) {
    const top = columns(text, units, 0, i - 1);
    const bottom = columns(text, units, i, n - 1);
    const fits = (top <= CUE_LINE_COLUMNS || i === 1) && (bottom <= CUE_LINE_COLUMNS || i === n - 1);
    if (!fits || Math.max(top, bottom) >= bestLongest) continue;
    best = i;
    bestLongest = Math.max(top, bottom);
  }
  return best;
}

// Whether `next` starts a new cue.
function isFull(text, units, next) {
  if (units.length === 0) return false;
  if (units.length === CUE_MAX_UNITS) return true;
  const last = units.at(-1);
  if (next.start - last.end >= CUE_PAUSE_S || next.end - units[0].start > CUE_MAX_S) return true;
  const sentenceEnds = /[.?!。？！]$/.test(text.slice(last.from, last.to));
  if (sentenceEnds && columns(text, units, 0, units.length - 1) >= CUE_SENTENCE_COLUMNS) return true;
  return lineBreak(text, [...units, next]) === -1;
}

const milliseconds = (s) => (Number.isFinite(s) && s > 0 ? Math.round(s * 1000) : 0);

function asCue(text, units) {
  const cut = lineBreak(text, units);
  const n = units.length;
  const start = milliseconds(units[0].start);
  const end = Math.max(start + 1, milliseconds(units[n - 1].end)); // players drop a cue that lasts no time
  const lines = cut === -1 || cut === n ? [stretch(text, units, 0, n - 1)] : [stretch(text, units, 0, cut - 1), stretch(text, units, cut, n - 1)];
  return { start, end, lines: lines.map(plain) };
}

// Cues of at most two lines that fit a screen and last at most CUE_MAX_S: { start, end (milliseconds), lines }.
export function cues(recording) {
  const all = [];
  for (const segment of recording.segments) {
    let units = [];
    for (const next of unitsOf(segment)) {
      if (isFull(segment.text, units, next)) {
        all.push(asCue(segment.text, units));
        units = [];
      }
      units.push(next);
    }
    if (units.length) all.push(asCue(segment.text, units));
  }
  return all;
}

function cueTime(ms, decimal) {
  const two = (n) => String(n).padStart(2, '0');
  return `${two(Math.floor(ms / 3600000))}:${two(Math.floor(ms / 60000) % 60)}:${two(Math.floor(ms / 1000) % 60)}${decimal}${String(ms % 1000).padStart(3, '0')}`;
}

const cueText = ({ start, end, lines }, decimal) => `${cueTime(start, decimal)} --> ${cueTime(end, decimal)}\n${lines.join('\n')}\n\n`;

export const srt = (recording) => cues(recording).map((cue, i) => `${i + 1}\n${cueText(cue, ',')}`).join('');

const escapeVtt = (line) => line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
export const vtt = (recording) => `WEBVTT\n\n${cues(recording).map((cue) => cueText({ ...cue, lines: cue.lines.map(escapeVtt) }, '.')).join('')}`;

// ---- text and JSON ----------------------------------------------------------------------------------------------------

export const txt = (recording) => recording.segments.map(({ text }) => `${plain(text)}\n`).join('');

function jsonSegment({ start, end, text, confidence, words, unfinished }, id) {
  const word = (w) => ({ word: w.word, start: rounded(w.start), end: rounded(w.end), confidence: rounded(w.confidence) });
  return {
    id, start: rounded(start), end: rounded(end), text, confidence: rounded(confidence),
    ...(words ? { words: words.map(word) } : {}), ...(unfinished ? { unfinished: true } : {}),
  };
}

// docs/transcript.schema.json without `stats`, which only the server knows; `unfinished` marks what was cut off.
export function json({ file, model, language, duration, segments }) {
  const head = JSON.stringify({ file, model, language }).slice(0, -1);
  const lines = segments.map((segment, id) => `\n  ${JSON.stringify(jsonSegment(segment, id))}`);
  return `${head},"segments":[${lines.join(',')}\n],"duration":${rounded(duration)}}\n`;
}

export const FORMATS = {
  txt: { type: 'text/plain', make: txt },
  srt: { type: 'application/x-subrip', make: srt },
  vtt: { type: 'text/vtt', make: vtt },
  json: { type: 'application/json', make: json },
};
