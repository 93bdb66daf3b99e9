// speakers.js: who speaks in one session: the server's labels, the names people give them, and which are one person.
// Nothing here touches the page. Invariants: a name given here outlives what the server says later; a label keeps its colour.

export const OTHER = 'other'; // the server's label for who is none of the enrolled
export const NAME_MAX_BYTES = 63; // of the protocol
export const COLOURS = 8; // of style.css; the ninth speaker has the first one's colour and a shape of its own

const utf8 = new TextEncoder();

// `text` as a name: one line, no more than the protocol takes, cut between characters.
export function asName(text) {
  let name = '';
  let bytes = 0;
  for (const character of text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim()) {
    bytes += utf8.encode(character).length;
    if (bytes > NAME_MAX_BYTES) break;
    name += character;
  }
  return name.trim();
}

export class Speakers {
  #known = new Map(); // label -> { order, said: the server's name, given: a person's, undefined where nobody gave one }
  #same = new Map(); // label -> the one it is the same person as
  running = true; // labels may still come

  constructor(contract) {
    this.contract = contract; // off, revise, delayed, enrolled
  }

  get on() {
    return this.contract !== 'off';
  }

  // Whether a message's unknown words may yet get a label.
  awaits(event) {
    return this.on && this.running && !event.speaker_fixed;
  }

  // What an event says of a label.
  see(label, name) {
    if (typeof label !== 'string' || label === OTHER) return;
    const speaker = this.#known.get(label) ?? { order: this.#known.size, said: '', given: undefined };
    if (name && speaker.given === undefined) speaker.said = name; // later ones may be what was given here
    this.#known.set(label, speaker);
  }

  // The one label of a person; null: unknown.
  of(label) {
    let at = label ?? null;
    while (this.#same.has(at)) at = this.#same.get(at);
    return at;
  }

  // What people read.
  name(label) {
    const of = this.of(label);
    if (of === null) return 'Unknown';
    if (of === OTHER) return 'Other';
    const { given, said } = this.#known.get(of) ?? {};
    return given || said || of;
  }

  // The same for files: null where nobody is known, as the server has it.
  fileName(label) {
    const of = this.of(label);
    return of === null || of === OTHER ? of : this.name(of);
  }

  isNamed(label) {
    return this.name(label) !== this.of(label);
  }

  // 0, 1, 2 … in the order they appeared.
  order(label) {
    return this.#known.get(this.of(label))?.order ?? 0;
  }

  canBeNamed(label) {
    return this.#known.has(this.of(label));
  }

  // Everybody but `label`, each once.
  others(label) {
    return [...this.#known.keys()].filter((one) => !this.#same.has(one) && one !== this.of(label));
  }

  // What files call them, each once.
  names() {
    return [...new Set(this.others(null).map((label) => this.fileName(label)))];
  }

  // An empty name takes the given one back.
  rename(label, name) {
    const speaker = this.#known.get(this.of(label));
    if (speaker) speaker.given = asName(name);
  }

  // Two labels are one person, called by the name that either has. Returns what takes it back.
  merge(from, into) {
    const [one, other] = [this.of(from), this.of(into)];
    if (one === other || !this.canBeNamed(one) || !this.canBeNamed(other)) return () => {};
    const speaker = this.#known.get(other);
    const given = speaker.given;
    if (this.isNamed(one) && !this.isNamed(other)) speaker.given = this.name(one);
    this.#same.set(one, other);
    return () => {
      this.#same.delete(one);
      speaker.given = given;
    };
  }
}

// The labels of `words` as the spans of a revision have them; words that no span covers keep theirs.
export function relabelled(words, { spans, speaker = null }) {
  if (!Array.isArray(spans)) return words.map((word) => ({ ...word, speaker }));
  const all = words.map((word) => ({ ...word }));
  for (const span of spans) {
    for (const word of all.slice(span.first_word, span.first_word + span.words)) word.speaker = span.speaker ?? null;
  }
  return all;
}

// Where each word stands in `text`: [{ from, to, start, end, speaker }]. A word that is not found there is left out.
export function placed(text, words) {
  const all = [];
  let at = 0;
  for (const { word, start, end, speaker } of words) {
    const from = word ? text.indexOf(word, at) : -1;
    if (from < 0) continue;
    at = from + word.length;
    all.push({ from, to: at, start, end, speaker });
  }
  return all;
}

// A message as turns in the order of its text: [{ label, from, to, words }]. As in formats.js words of nobody stand with their
// neighbours (`unsure` in words), the first ones with those behind them: a text is not cut for what nobody can tell.
export function turnsOf(event, speakers) {
  const { text = '', words = [], speaker } = event;
  const turns = [];
  for (const word of placed(text, words)) {
    const who = speakers.on ? speakers.of(word.speaker === undefined ? speaker : word.speaker) : null;
    const last = turns.at(-1);
    if (!last || (who !== null && last.label !== null && last.label !== who)) turns.push({ label: who, from: turns.length ? word.from : 0, words: [] });
    const turn = turns.at(-1);
    turn.label ??= who;
    turn.words.push({ ...word, speaker: who });
  }
  if (turns.length === 0) turns.push({ label: speakers.on ? speakers.of(speaker) : null, from: 0, words: [] });
  turns.forEach((turn, i) => {
    turn.to = turns[i + 1]?.from ?? text.length;
    turn.words = turn.words.map(({ from, to, start, end, speaker: who }) => ({ from, to, start, end, unsure: who !== turn.label }));
  });
  return turns;
}
