// privacy.js: what the server says of personal data: which kinds there are, where one stands in a text, when it was spoken.
// Nothing here touches the page. Kinds, groups and modes are those of docs/privacy.md.

export const SPAN_MARGIN_S = 0.1; // word times are not exact: so much of the sound around personal data goes with it
const WITHHELD = '[REDACTED]'; // a message that could not be looked at

// From the mildest to the strictest.
const MODES = ['off', 'tag', 'redact', 'mask'];

const KINDS = {
  id: 'identity number', phone: 'telephone number', card: 'bank card', iban: 'IBAN', ssn: 'social security number', email: 'e-mail address', passport: 'passport number',
  plate: 'number plate', ip: 'IP address', birth_date: 'date of birth', account: 'account number', address: 'street address', url: 'web address with a secret',
  person: 'name of a person', place: 'name of a place', organisation: 'name of an organisation', amount: 'sum of money', date: 'date', number: 'number', custom: 'own rule',
};
const GROUPS = {
  default: Object.keys(KINDS).filter((kind) => !['place', 'organisation', 'amount', 'date', 'number'].includes(kind)),
  names: ['person', 'place', 'organisation'],
  numbers: ['id', 'phone', 'card', 'iban', 'ssn', 'passport', 'plate', 'ip', 'account', 'number'],
};

// 0 … 3, the strictest; a mode that is not known yet is taken for the strictest.
export const strictness = (mode) => (MODES.includes(mode) ? MODES.indexOf(mode) : MODES.length - 1);
// Whether text is changed, and not only marked.
export const hides = (mode) => strictness(mode) >= strictness('redact');

// "default, date" as a set of kinds.
export const kindsOf = (types) => new Set(types.split(/[ ,]+/).filter(Boolean).flatMap((name) => GROUPS[name] ?? [name]));

// As people call it; a rule of the server's own by its name.
export const kindName = (type) => (Object.hasOwn(KINDS, type) ? KINDS[type] : String(type).replace(/[_-]/g, ' '));

// Where the entities of a message stand in its text: [{ from, to, type }], in order, none over another. The server counts
// characters, and JavaScript UTF-16 units.
export function entitiesIn({ text = '', entities }) {
  if (!Array.isArray(entities) || entities.length === 0) return [];
  const at = [0];
  for (const character of text) at.push(at.at(-1) + character.length);
  const all = [];
  for (const { type, start_char: first, end_char: behind } of entities) {
    const [from, to] = [at[first], at[behind]];
    if (from === undefined || !(to > from) || from < (all.at(-1)?.to ?? 0)) continue;
    all.push({ from, to, type: String(type) });
  }
  return all;
}

// When the personal data of a message was said: [{ start, end }], seconds.
export function spansOf(event) {
  if (event.text === WITHHELD) return [{ start: event.start, end: event.end }];
  return (event.entities ?? []).map(({ start, end }) => {
    const timed = Number.isFinite(start) && end > start;
    return { start: (timed ? start : event.start) - SPAN_MARGIN_S, end: (timed ? end : event.end) + SPAN_MARGIN_S };
  });
}

// What is not to be heard of a session where text is hidden: [{ start, end, tone }], seconds. `rows`: { event, final, spans }. Unless
// `whole`, sound behind the last final was not understood to its end: nobody knows what is in it.
export function unheard(rows, whole) {
  const spans = rows.flatMap((row) => row.spans.map((span) => ({ ...span, tone: true })));
  if (whole && rows.every((row) => row.final)) return spans;
  const known = rows.filter((row) => row.final).map(({ event }) => event.end);
  return [...spans, { start: Math.max(0, ...known), end: Infinity, tone: false }];
}
