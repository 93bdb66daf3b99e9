// transcript.js: what was said, session by session, on the page and as data.
// Invariants: text from the server enters the page as text only; a final is never changed; a word's element knows when
// the word was spoken (Session.words()).
import { $, child, clockTime, spokenTime } from './dom.js';
import { RECORDING_MAX_S } from './recording.js';

const ANNOUNCED_MAX = 20; // finals kept for screen readers that come late

// Puts `text` into `parent`, each word that has times in an element of its own; returns [{ start, end, element }].
function putWords(parent, text, words) {
  const timed = [];
  let at = 0;
  parent.textContent = '';
  for (const { word, start, end } of words) {
    const from = word ? text.indexOf(word, at) : -1;
    if (from < 0) continue;
    parent.append(text.slice(at, from));
    const element = child(parent, 'span', 'word');
    element.textContent = word;
    timed.push({ start, end, element });
    at = from + word.length;
  }
  parent.append(text.slice(at));
  return timed;
}

// One utterance: a line that is rewritten in place until its final.
class Row {
  rev = -1;
  final = false;
  words = [];

  constructor(list) {
    this.item = child(list, 'li');
    this.time = child(this.item, 'time');
    this.text = child(this.item, 'p');
    this.stable = child(this.text, 'span', 'stable');
    this.tail = child(this.text, 'span', 'tail');
  }

  put(event) {
    this.rev = event.rev ?? 0;
    this.final = event.type === 'final';
    this.event = event;
    const letters = Array.from(event.text ?? '…'); // stable_chars counts characters, not UTF-16 units
    const stable = this.final ? letters.length : Math.min(event.stable_chars ?? 0, letters.length);
    if (this.final) this.words = putWords(this.stable, event.text, event.words ?? []);
    else this.stable.textContent = letters.slice(0, stable).join('');
    this.tail.textContent = letters.slice(stable).join('');
    this.time.textContent = clockTime(event.start);
    this.item.className = event.type;
    if (this.final && event.text === '') this.item.remove(); // it was not speech after all
  }

  // It stays unfinished: what was said until then can be played all the same.
  leave() {
    if (!this.event.text) return this.item.remove();
    this.stable.textContent = '';
    this.words = putWords(this.tail, this.event.text, this.event.words ?? []);
  }

  // The time becomes a button that plays from there, or a plain time again.
  setPlayable(playable) {
    const time = document.createElement(playable ? 'button' : 'time');
    time.textContent = clockTime(this.event.start);
    if (playable) {
      Object.assign(time, { type: 'button', className: 'from', tabIndex: -1 });
      time.setAttribute('aria-label', `Play from ${spokenTime(this.event.start)}`);
    }
    this.time.replaceWith(time);
    this.time = time;
  }
}

export class Session {
  rows = new Map(); // by message_id
  recording = null;
  model = '';
  language = '';
  duration = 0;
  started = new Date();

  constructor(parent, name) {
    this.name = name;
    this.section = $('session-template').content.firstElementChild.cloneNode(true);
    parent.append(this.section);
    this.list = this.section.querySelector('ol');
    this.section.querySelector('h3').textContent = name;
    this.showMeta();
  }

  showMeta() {
    const clock = this.started.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    this.section.querySelector('.meta').textContent = [clock, this.duration ? clockTime(this.duration, true) : '', this.model].filter(Boolean).join(' · ');
  }

  // A `speech_started`, `partial` or `final` replaces what its message_id showed before. True when it was news.
  put(event) {
    let row = this.rows.get(event.message_id);
    if (row?.final || (event.rev ?? 0) < (row?.rev ?? -1)) return false;
    if (!row) this.rows.set(event.message_id, (row = new Row(this.list)));
    row.put(event);
    return true;
  }

  get any() {
    return this.list.childElementCount > 0;
  }

  get saidRows() {
    return [...this.rows.values()].filter((row) => row.event.text).sort((a, b) => a.event.start - b.event.start);
  }

  // Nothing more comes: utterances that were announced but never got words are taken away.
  end() {
    for (const row of this.rows.values()) if (!row.final) row.leave();
    this.duration = Math.max(this.duration, ...this.saidRows.map(({ event }) => event.end ?? 0));
  }

  // With sound kept, times play; words before `recording.offset` have none any more.
  setRecording(recording) {
    this.recording = recording;
    const playable = (row) => recording !== null && row.event.start >= recording.offset;
    for (const row of this.saidRows) row.setPlayable(playable(row));
    const first = this.section.querySelector('button.from');
    if (first) first.tabIndex = 0; // one stop for the tab key; up and down move on from it
    this.section.classList.toggle('playable', Boolean(first));
    this.section.querySelector('.play').hidden = !first;
    if (!first) this.recording = null;
  }

  // All timed words in the order they were spoken.
  words() {
    return this.saidRows.flatMap((row) => row.words).sort((a, b) => a.start - b.start);
  }

  // For formats.js.
  document() {
    const segments = this.saidRows.map(({ event, final }) => ({ ...event, ...(final ? {} : { unfinished: true }) }));
    return { file: this.name, model: this.model, language: this.language, duration: this.duration, segments };
  }

  // A name for files made of it, without an ending.
  get fileName() {
    const day = new Date(this.started - this.started.getTimezoneOffset() * 60000).toISOString().slice(0, 16).replace(':', '-');
    return this.name === 'Microphone' ? `steno-${day}` : this.name.replace(/\.[^.]*$/, '') || 'steno';
  }
}

export class Transcript {
  sessions = [];

  open(name) {
    const session = new Session($('sessions'), name);
    this.sessions.push(session);
    this.refresh();
    return session;
  }

  put(session, event) {
    if (!session.put(event)) return;
    if (event.type === 'final' && event.text) this.#announce(event.text);
    this.refresh();
  }

  // True when words are left.
  close(session, recording) {
    session.end();
    session.showMeta();
    if (session.any) session.setRecording(recording);
    else this.#remove(session);
    this.#forgetOldSound();
    this.refresh();
    return session.any;
  }

  of(element) {
    return this.sessions.find((s) => s.section.contains(element)) ?? null;
  }

  clear(running) {
    for (const session of this.sessions.filter((s) => s !== running)) this.#remove(session);
    // A running session keeps what is being said, and knows what is gone, so that it does not come back.
    for (const row of running?.rows.values() ?? []) {
      if (!row.final) continue;
      row.item.remove();
      row.event = { ...row.event, text: '' };
    }
    $('announce').replaceChildren();
    this.refresh();
  }

  refresh() {
    $('clear').hidden = !this.sessions.some((s) => s.any);
    for (const s of this.sessions) s.section.querySelector('.tools').hidden = !s.any;
    $('empty').hidden = this.sessions.length > 0;
    document.body.classList.toggle('has-words', this.sessions.length > 0);
  }

  #remove(session) {
    session.section.remove();
    this.sessions = this.sessions.filter((s) => s !== session);
  }

  // The newest sound stays, RECORDING_MAX_S of it in all.
  #forgetOldSound() {
    let kept = 0;
    for (const session of [...this.sessions].reverse()) {
      kept += session.recording?.duration ?? 0;
      if (kept > RECORDING_MAX_S && session.recording) session.setRecording(null);
    }
  }

  #announce(text) {
    const log = $('announce');
    child(log, 'p').textContent = text;
    while (log.childElementCount > ANNOUNCED_MAX) log.firstElementChild.remove();
  }
}
