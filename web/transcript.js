// transcript.js: what was said, session by session, on the page and as data.
// Invariants: text from the server enters the page as text only; the words of a final are never changed; a word's element knows
// when the word was spoken (Session.words()).
import { $, child, clockTime, spokenTime } from './dom.js';
import { entitiesIn, hides, kindName, spansOf, strictness, unheard } from './privacy.js';
import { RECORDING_MAX_S } from './recording.js';
import { COLOURS, Speakers, relabelled, turnsOf } from './speakers.js';

const ANNOUNCED_MAX = 20; // finals kept for screen readers that come late
const MENDED_MS = 1600; // a row whose speakers changed shows it for so long
const GUARDED_TEXT = { mask: 'masked', redact: 'redacted', tag: 'tagged' };
const MENDED_TEXT = 'Speakers of earlier messages were corrected.';

const overlap = (a, b) => a.from < b.to && b.from < a.to;
const holds = (outer, inner) => outer.from <= inner.from && inner.to <= outer.to;
const clipped = (all, { from, to }) => all.filter((one) => overlap(one, { from, to })).map((one) => ({ ...one, from: Math.max(one.from, from), to: Math.min(one.to, to) }));

// Puts `text`, which begins at `at`, into `parent`, and has `put(part, its text)` make an element of each of `parts`.
function putParts(parent, text, at, parts, put) {
  let done = 0;
  for (const part of parts) {
    parent.append(text.slice(done, part.from - at));
    put(part, text.slice(part.from - at, part.to - at));
    done = part.to - at;
  }
  parent.append(text.slice(done));
}

// An element for personal data, or what stands in its place. Its kind is said in words where the text does not say it.
function entityElement(parent, { type }, text, hidden) {
  const element = child(parent, 'span', `entity ${hidden ? 'hides' : 'marks'}`);
  const name = kindName(type);
  const masked = hidden && text.startsWith('[');
  if (!masked) element.dataset.kind = type.replace(/[_-]/g, ' ');
  element.title = hidden ? `${name}, not shown` : name;
  element.setAttribute('role', masked ? 'img' : 'group');
  element.setAttribute('aria-label', element.title);
  return element;
}

// Puts `text` into `parent`, each of `words`, which stand in it from `at` on, in an element of its own, and each of `entities` in one
// inside or round those; returns [{ start, end, element }] of the words. hidden: entities stand for what they were.
function putWords(parent, text, words, at, { entities, hidden }) {
  const timed = [];
  const putEntity = (into, entity, said) => entityElement(into, entity, said, hidden);
  const putWord = (into, word, said) => {
    const element = child(into, 'span', word.unsure ? 'word unsure' : 'word');
    putParts(element, said, word.from, entities.filter((entity) => holds(word, entity)), (entity, part) => putEntity(element, entity, part).append(part));
    timed.push({ start: word.start, end: word.end, element });
  };
  const wide = entities.filter((entity) => !words.some((word) => holds(word, entity)));
  const parts = [...wide, ...words.filter((word) => !wide.some((entity) => overlap(entity, word)))].sort((a, b) => a.from - b.from);
  parent.textContent = '';
  putParts(parent, text, at, parts, (part, said) => {
    if (!wide.includes(part)) return putWord(parent, part, said);
    const element = putEntity(parent, part, said);
    putParts(element, said, part.from, clipped(words, part), (word, piece) => putWord(element, word, piece));
  });
  return timed;
}

// A stretch of an utterance by one speaker: a chip, where speakers are told apart, and a paragraph.
class Turn {
  chip = null;
  words = []; // [{ start, end, element }], of finals
  #shown = '';

  constructor(parent) {
    this.element = child(parent, 'div', 'turn');
    this.text = child(this.element, 'p');
    this.stable = child(this.text, 'span', 'stable');
    this.tail = child(this.text, 'span', 'tail');
  }

  // Gives the element back that the keyboard may be at, rather than a new one.
  #chipFor(button) {
    const tag = button ? 'BUTTON' : 'SPAN';
    if (this.chip?.tagName === tag) return;
    const chip = document.createElement(tag);
    if (button) Object.assign(chip, { type: 'button', tabIndex: -1 });
    if (this.chip) this.chip.replaceWith(chip);
    else this.element.prepend(chip);
    this.chip = chip;
  }

  putChip(session, label, pending) {
    const { speakers } = session;
    this.element.classList.toggle('said', speakers.on);
    if (!speakers.on) return;
    this.#chipFor(speakers.canBeNamed(label));
    this.chip.className = 'who';
    session.paint(this.chip, label);
    this.chip.classList.toggle('pending', pending);
    if (pending) this.chip.title = 'Who speaks is not known yet';
    else if (this.chip.tagName === 'BUTTON') Object.assign(this.chip, { title: `${speakers.name(label)}: name this speaker, or say who it is` }).setAttribute('aria-expanded', this.chip.ariaExpanded ?? 'false');
    else this.chip.removeAttribute('title');
  }

  // stable: how far `text` will stay. What is there already is left alone, with a reader's selection in it. Words that are not
  // clickable get elements only where one of them says that its speaker is not known. privacy: { entities, hidden }.
  putText({ from, to, words }, text, { stable, clickable, privacy }) {
    const end = from + text.slice(from, to).trimEnd().length;
    const entities = clipped(privacy.entities, { from, to: end });
    const limit = Math.max(from, Math.min(end, stable));
    const cut = entities.find((entity) => entity.from < limit && limit < entity.to)?.from ?? limit; // not through a chip
    const shown = JSON.stringify([text.slice(from, end), cut - from, clickable, words, entities, privacy.hidden]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const wanted = clickable ? words : words.filter((word) => word.unsure);
    const put = (parent, a, b) => putWords(parent, text.slice(a, b), wanted.filter((word) => word.from >= a && word.to <= b), a, { entities: clipped(entities, { from: a, to: b }), hidden: privacy.hidden });
    const all = [...put(this.stable, from, cut), ...put(this.tail, cut, end)];
    this.words = clickable ? all : [];
  }
}

// One utterance: a line that is rewritten in place until its final, and whose speakers may be mended after that.
class Row {
  rev = -1;
  final = false;
  words = [];
  turns = [];
  spans = []; // when personal data was said: known also when the text is cleared
  #mended = 0;

  constructor(session) {
    this.session = session;
    this.item = child(session.list, 'li');
    this.time = child(this.item, 'time');
    this.body = child(this.item, 'div', 'turns');
  }

  put(event) {
    this.rev = event.rev ?? 0;
    this.final = event.type === 'final';
    this.event = event;
    this.spans = spansOf(event);
    this.time.textContent = clockTime(event.start);
    this.item.classList.remove('speech_started', 'partial', 'final');
    this.item.classList.add(event.type);
    this.show();
    if (this.final && event.text === '') this.item.remove(); // it was not speech after all
  }

  // A `revision`. What became of what is seen: '' nothing, 'known' somebody unknown is known, 'mended' somebody was taken for another.
  revise({ rev, speaker = null, speaker_name, speaker_margin, speaker_fixed, spans }) {
    if (rev <= this.rev || !this.event.text) return '';
    this.rev = rev;
    const before = this.#labels();
    const words = relabelled(this.event.words ?? [], { spans, speaker });
    this.event = { ...this.event, rev, speaker, speaker_name, speaker_margin, speaker_fixed, words };
    const after = this.#labels();
    this.show();
    if (before.length === after.length && after.every((label, i) => label === before[i])) return '';
    this.#flash();
    return before.some((label, i) => label !== null && label !== after[i]) ? 'mended' : 'known';
  }

  #labels() {
    const { words, speaker = null } = this.event;
    return (words?.length ? words : [{ speaker }]).map((word) => this.session.speakers.of(word.speaker));
  }

  #flash() {
    clearTimeout(this.#mended);
    this.item.classList.add('mended');
    this.#mended = setTimeout(() => this.item.classList.remove('mended'), MENDED_MS);
  }

  // Writes what is known now, into the elements that are there.
  show() {
    const { event, session } = this;
    const text = event.text ?? '…';
    const turns = turnsOf({ ...event, text }, session.speakers);
    const stable = this.final ? text.length : Array.from(text).slice(0, event.stable_chars ?? 0).join('').length; // which counts characters, not UTF-16 units
    const waits = session.speakers.awaits(event);
    const privacy = { entities: entitiesIn({ ...event, text }), hidden: session.hidden };
    this.item.classList.toggle('told', session.speakers.on);
    let focusLost = false;
    while (this.turns.length > turns.length) {
      const { element } = this.turns.pop();
      focusLost ||= element.contains(document.activeElement);
      element.remove();
    }
    while (this.turns.length < turns.length) this.turns.push(new Turn(this.body));
    turns.forEach((turn, i) => {
      this.turns[i].putChip(session, turn.label, waits && turn.label === null && session.speakers.contract === 'delayed');
      this.turns[i].putText(turn, text, { stable: this.left ? 0 : stable, clickable: this.final || this.left, privacy });
    });
    this.words = this.turns.flatMap((turn) => turn.words);
    if (focusLost && this.turns.at(-1).chip?.tagName === 'BUTTON') this.turns.at(-1).chip.focus({ preventScroll: true });
  }

  // It stays unfinished: what was said until then can be played all the same.
  leave() {
    if (!this.event.text) return this.item.remove();
    this.left = true;
    this.show();
  }

  // Somebody was named, or two are one.
  repaint() {
    if (this.event.text !== undefined) this.show();
  }

  chipOf(label) {
    return this.turns.find(({ chip }) => chip?.tagName === 'BUTTON' && chip.dataset.speaker === label)?.chip ?? null;
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
  mode = 'off'; // what becomes of personal data
  duration = 0;
  started = new Date();

  constructor(parent, name, contract) {
    this.name = name;
    this.speakers = new Speakers(contract);
    this.section = $('session-template').content.firstElementChild.cloneNode(true);
    parent.append(this.section);
    this.list = this.section.querySelector('ol');
    this.section.querySelector('h3').textContent = name;
    this.showMeta();
  }

  showMeta() {
    const clock = this.started.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    this.section.querySelector('.meta').textContent = [clock, this.duration ? clockTime(this.duration, true) : '', this.model, GUARDED_TEXT[this.mode] ?? ''].filter(Boolean).join(' · ');
  }

  get hidden() {
    return hides(this.mode);
  }

  // What the server does with personal data of this session; at its strictest, should that change when it is resumed.
  guard(mode) {
    if (strictness(mode) > strictness(this.mode)) this.mode = mode;
    this.section.classList.toggle('guarded', this.hidden);
  }

  // A `speech_started`, `partial` or `final` replaces what its message_id showed before. True when it was news.
  put(event) {
    let row = this.rows.get(event.message_id);
    if (row?.final || (event.rev ?? 0) < (row?.rev ?? -1)) return false;
    if (!row) this.rows.set(event.message_id, (row = new Row(this)));
    this.#see(event);
    row.put(event);
    this.#keepChipsInReach();
    return true;
  }

  // A `revision`; what Row.revise() says of it.
  revise(event) {
    const row = this.rows.get(event.message_id);
    if (!row) return '';
    this.#see(event);
    const change = row.revise(event);
    this.#keepChipsInReach();
    return change;
  }

  #see({ speaker, speaker_name, words, spans }) {
    this.speakers.see(speaker, speaker_name);
    for (const one of [...(spans ?? []), ...(words ?? [])]) this.speakers.see(one.speaker, one.speaker_name);
  }

  // Gives a chip its speaker's name and colour.
  paint(chip, label) {
    const { speakers } = this;
    const of = speakers.of(label);
    chip.textContent = speakers.name(of);
    chip.dataset.speaker = of ?? '';
    if (speakers.canBeNamed(of)) {
      chip.dataset.colour = speakers.order(of) % COLOURS;
      chip.classList.toggle('again', speakers.order(of) >= COLOURS);
    } else {
      delete chip.dataset.colour;
    }
  }

  repaint() {
    for (const row of this.rows.values()) row.repaint();
    this.#keepChipsInReach();
  }

  // One chip is a stop for the tab key; up and down move on from it.
  #keepChipsInReach() {
    if (!this.speakers.on || this.list.querySelector('button.who[tabindex="0"]')) return;
    const first = this.list.querySelector('.turn > button.who');
    if (first) first.tabIndex = 0;
  }

  get any() {
    return this.list.childElementCount > 0;
  }

  get saidRows() {
    return [...this.rows.values()].filter((row) => row.event.text).sort((a, b) => a.event.start - b.event.start);
  }

  // Nothing more comes: utterances that were announced but never got words are taken away.
  end() {
    this.speakers.running = false;
    for (const row of this.rows.values()) if (!row.final) row.leave();
    if (this.speakers.on) this.repaint(); // nothing is pending any more
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

  // For formats.js. With speakers told apart, by the names they have here.
  document() {
    const { speakers } = this;
    const named = ({ speaker, words }) => ({
      speaker: speakers.fileName(speaker),
      words: words?.map((word) => ({ ...word, speaker: speakers.fileName(word.speaker === undefined ? speaker : word.speaker) })),
    });
    const segments = this.saidRows.map(({ event, final }) => ({ ...event, ...(speakers.on ? named(event) : {}), ...(final ? {} : { unfinished: true }) }));
    const told = speakers.on ? { speakers: speakers.names().map((label) => ({ label })) } : {};
    return { file: this.name, model: this.model, language: this.language, duration: this.duration, segments, ...told };
  }

  // A name for files made of it, without an ending.
  get fileName() {
    const day = new Date(this.started - this.started.getTimezoneOffset() * 60000).toISOString().slice(0, 16).replace(':', '-');
    return this.name === 'Microphone' ? `steno-${day}` : this.name.replace(/\.[^.]*$/, '') || 'steno';
  }
}

export class Transcript {
  sessions = [];
  #lastSaid = ''; // whose words were announced last

  // contract: how speakers are told apart, as docs/protocol.md has it.
  open(name, contract = 'off') {
    const session = new Session($('sessions'), name, contract);
    this.#lastSaid = '';
    this.sessions.push(session);
    this.refresh();
    return session;
  }

  put(session, event) {
    if (!session.put(event)) return;
    if (event.type === 'final' && event.text) this.#announceFinal(session, event);
    this.refresh();
  }

  // A `revision`.
  revise(session, event) {
    const change = session.revise(event);
    if (change === 'mended') this.#announce(MENDED_TEXT);
    const newest = session.saidRows.at(-1)?.event;
    const who = change === 'known' && newest?.message_id === event.message_id ? this.#newName(session, event.speaker) : '';
    if (who) this.#announce(`That was ${who}.`);
  }

  // True when words are left. whole: the server has understood all there is.
  close(session, recording, whole) {
    session.end();
    if (session.hidden) for (const span of unheard([...session.rows.values()], whole)) recording.hide(span);
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

  // A name is said when it is another one than before.
  #announceFinal(session, event) {
    const said = turnsOf(event, session.speakers).map(({ label, from, to }) => {
      const who = this.#newName(session, label);
      return `${who ? `${who}: ` : ''}${event.text.slice(from, to).trim()}`;
    });
    this.#announce(said.join(' '));
  }

  // The name of whoever speaks, where it is to be said; else empty.
  #newName(session, label) {
    const who = session.speakers.of(label) === null ? '' : session.speakers.name(label);
    if (!who || who === this.#lastSaid) return '';
    this.#lastSaid = who;
    return who;
  }

  // The same twice running is said once.
  #announce(text) {
    const log = $('announce');
    if (text === MENDED_TEXT && log.lastElementChild?.textContent === text) return;
    child(log, 'p').textContent = text;
    while (log.childElementCount > ANNOUNCED_MAX) log.firstElementChild.remove();
  }
}
