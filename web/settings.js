// settings.js: whether and how speakers are told apart in the next stream; kept in this tab, like the key.
import { $, recall, remember } from './dom.js';

const KEY = 'steno-speakers';
const MAX = 16; // of the protocol
const MAX_DEFAULT = 8;
const HINTS = {
  off: '',
  revise: 'Words come at once; who said them follows, and mends itself.',
  delayed: 'Who said it comes up to some seconds later, and never changes.',
  enrolled: 'Only voices that were enrolled before, or “Other”; never changes.',
};

const chosenMax = () => Math.min(MAX, Math.max(1, Math.round(Number($('max-speakers').value)) || MAX_DEFAULT));

// Parameters of docs/protocol.md; none where speakers are off, so that any server takes them.
export function speakerParams() {
  const speakers = $('speakers').value;
  if (speakers === 'off') return {};
  return speakers === 'enrolled' ? { speakers, voices: $('voices').value.trim() || '*' } : { speakers, max_speakers: chosenMax() };
}

function show() {
  const speakers = $('speakers').value;
  $('max-speakers-row').hidden = !['revise', 'delayed'].includes(speakers);
  $('voices-row').hidden = speakers !== 'enrolled';
  $('speakers-hint').textContent = HINTS[speakers];
}

function keep() {
  $('max-speakers').value = chosenMax();
  const now = { speakers: $('speakers').value, max: chosenMax(), voices: $('voices').value.trim() };
  const usual = now.speakers === 'off' && now.max === MAX_DEFAULT && !now.voices;
  remember(KEY, usual ? '' : JSON.stringify(now));
  show();
}

// Once, at the start.
export function openSettings() {
  try {
    const { speakers, max, voices } = JSON.parse(recall(KEY) || '{}');
    if (Object.hasOwn(HINTS, speakers ?? '')) $('speakers').value = speakers;
    if (Number.isInteger(max)) $('max-speakers').value = max;
    if (typeof voices === 'string') $('voices').value = voices;
  } catch {
    // not ours
  }
  for (const id of ['speakers', 'max-speakers', 'voices']) $(id).addEventListener('change', keep);
  show();
}

export function enableSettings(enabled) {
  $('speaker-settings').disabled = !enabled;
}
