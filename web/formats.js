// formats.js: a transcript as text, subtitles or JSON, in the shapes of `steno transcribe --format txt|srt|vtt|json`
// (src/cmd/output_*.c; a test compares the two). Nothing here touches the page, so that Node can test it.
//
// A recording: { file, model, language, duration, segments: [{ start, end, text, confidence, speaker?, words?, unfinished? }], speakers? };
// words: [{ word, start, end, confidence, speaker? }]; entities?: personal data, as docs/protocol.md has it. Times are seconds. speakers: [{ label, seconds? }], in their order, where they were
// told apart; speaker: such a label, "other", or null: nobody can tell.

const CUE_LINE_COLUMNS = 42;
const CUE_MAX_S = 7;
const CUE_PAUSE_S = 0.8;
const CUE_SENTENCE_COLUMNS = 24; // a sentence shorter than this stays with the next one
const CUE_MAX_UNITS = 96;

const utf8 = new TextEncoder();
const plain = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' '); // the text stays on its line
const rounded = (value) => (Number.isFinite(value) ? Number(value.toFixed(3)) : 0);

// ---- the words of a segment, with where they stand in its text --------------------------------------------------------

function timedUnits({ text, words, speaker }) {
  const units = [];
  let at = 0;
  for (const { word, start, end, speaker: who = speaker } of words) {
    const from = word ? text.indexOf(word, at) : -1;
    if (from < 0) continue;
    at = from + word.length;
    units.push({ from, to: at, start, end, speaker: who });
  }
  return units;
}

// Without words, time is spread over the bytes of the text.
function spreadUnits({ text, start, end, speaker }) {
  const perByte = (end - start) / utf8.encode(text).length;
  const bytesBefore = (at) => utf8.encode(text.slice(0, at)).length;
  return [...text.matchAll(/[^ ]+/g)].map(({ index, 0: piece }) => ({
    from: index,
    to: index + piece.length,
    start: start + perByte * bytesBefore(index),
    end: start + perByte * bytesBefore(index + piece.length),
    speaker,
  }));
}

const unitsOf = (segment) => (segment.words?.length ? timedUnits(segment) : spreadUnits(segment));

// Stretches of units of one speaker. One whose speaker is not known belongs to the stretch before it, the first ones to the
// stretch behind them: a text is not cut for what nobody can tell.
function runsOf(units) {
  const runs = [];
  for (const unit of units) {
    const who = unit.speaker ?? null;
    const run = runs.at(-1);
    if (!run || (who !== null && run.speaker !== null && run.speaker !== who)) runs.push({ speaker: who, units: [unit] });
    else {
      run.units.push(unit);
      run.speaker ??= who;
    }
  }
  return runs;
}

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
  if (units.length === CUE_MAX_UNITS || next.turn !== units[0].turn) return true;
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
  return { start, end, lines: lines.map(plain), speaker: units[0].turn };
}

// The units of a segment, each with whose turn it is in; null where speakers were not told apart.
const turnUnits = (segment, told) => runsOf(unitsOf(segment)).flatMap((run) => run.units.map((unit) => ({ ...unit, turn: told ? run.speaker : null })));

// Cues of at most two lines that fit a screen and last at most CUE_MAX_S: { start, end (milliseconds), lines, speaker }.
export function cues(recording) {
  const all = [];
  for (const segment of recording.segments) {
    let units = [];
    for (const next of turnUnits(segment, Array.isArray(recording.speakers))) {
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

const cueText = ({ start, end, lines }, decimal, voice) => `${cueTime(start, decimal)} --> ${cueTime(end, decimal)}\n${voice}${lines.join('\n')}\n\n`;

const srtVoice = ({ speaker }) => (speaker === null ? '' : `${plain(speaker)}: `);
export const srt = (recording) => cues(recording).map((cue, i) => `${i + 1}\n${cueText(cue, ',', srtVoice(cue))}`).join('');

const escapeVtt = (line) => line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const vttVoice = ({ speaker }) => (speaker === null ? '' : `<v ${escapeVtt(plain(speaker))}>`);
export const vtt = (recording) => `WEBVTT\n\n${cues(recording).map((cue) => cueText({ ...cue, lines: cue.lines.map(escapeVtt) }, '.', vttVoice(cue))).join('')}`;

// ---- text and JSON ----------------------------------------------------------------------------------------------------

// Whoever begins to speak begins a line, which says who.
function spokenText({ segments }) {
  const lines = [];
  let last;
  for (const segment of segments) {
    const runs = runsOf(unitsOf(segment));
    runs.forEach((run, i) => {
      const text = segment.text.slice(i ? run.units[0].from : 0, runs[i + 1]?.units[0].from ?? segment.text.length).replace(/^ +| +$/g, '');
      lines.push(`${run.speaker === last ? '' : `${plain(run.speaker ?? 'Unknown')}: `}${plain(text)}\n`);
      last = run.speaker;
    });
  }
  return lines.join('');
}

export const txt = (recording) => (recording.speakers ? spokenText(recording) : recording.segments.map(({ text }) => `${plain(text)}\n`).join(''));

// Seconds that each of them spoke, whoever is none of the enrolled voices first; those who said nothing are left out.
function spokenSeconds({ segments, speakers }) {
  const seconds = new Map([['other', 0], ...speakers.map(({ label }) => [label, 0])]);
  for (const segment of segments) {
    const runs = runsOf(unitsOf(segment));
    runs.forEach(({ speaker, units }, i) => {
      const span = (runs[i + 1] ? units.at(-1).end : segment.end) - (i ? units[0].start : segment.start);
      if (speaker !== null && span > 0) seconds.set(speaker, (seconds.get(speaker) ?? 0) + span);
    });
  }
  const known = new Map(speakers.map((one) => [one.label, one.seconds]));
  return [...seconds].map(([label, n]) => ({ label, seconds: rounded(known.get(label) ?? n) })).filter((one) => one.seconds > 0);
}

function jsonSegment({ start, end, text, confidence, words, entities, unfinished, speaker = null }, id, told) {
  const who = (one) => (told ? { speaker: one } : {});
  const word = (w) => ({ word: w.word, start: rounded(w.start), end: rounded(w.end), confidence: rounded(w.confidence), ...who(w.speaker === undefined ? speaker : w.speaker) });
  const entity = ({ type, start_char, end_char, first_word, words: n, ...e }) => ({ type, start_char, end_char, first_word, words: n, start: rounded(e.start), end: rounded(e.end), confidence: rounded(e.confidence) });
  return {
    id, start: rounded(start), end: rounded(end), text, confidence: rounded(confidence), ...who(speaker),
    ...(words ? { words: words.map(word) } : {}), ...(entities ? { entities: entities.map(entity) } : {}), ...(unfinished ? { unfinished: true } : {}),
  };
}

// docs/transcript.schema.json without `stats`, which only the server knows; `unfinished` marks what was cut off.
export function json({ file, model, language, duration, segments, speakers }) {
  const head = JSON.stringify({ file, model, language }).slice(0, -1);
  const told = Array.isArray(speakers);
  const lines = segments.map((segment, id) => `\n  ${JSON.stringify(jsonSegment(segment, id, told))}`);
  const who = told ? `,"speakers":${JSON.stringify(spokenSeconds({ segments, speakers }))}` : '';
  return `${head},"segments":[${lines.join(',')}\n],"duration":${rounded(duration)}${who}}\n`;
}

export const FORMATS = {
  txt: { type: 'text/plain', make: txt },
  srt: { type: 'application/x-subrip', make: srt },
  vtt: { type: 'text/vtt', make: vtt },
  json: { type: 'application/json', make: json },
};
