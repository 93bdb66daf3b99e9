// privacy_settings.js: what is to become of personal data in the next stream; kept in this tab. Invariant: what the server has
// been seen to insist on cannot be taken back here, until another key is used; the server would not take less either.
import { $, recall, remember } from './dom.js';
import { hides, kindsOf, strictness } from './privacy.js';

const KEY = 'steno-privacy';
const HINTS = {
  off: 'What is said is written as it is.',
  mask: 'Personal data becomes its kind, and a tone when it is played.',
  redact: 'A part of personal data stays readable; the sound of all of it becomes a tone.',
  tag: 'Personal data is marked, and stays.',
};
const WAITS = ' A sentence that ends in a number waits some seconds for the rest of it.';
const USUAL = { off: 'This server leaves personal data as it is.', mask: 'This server masks personal data.', redact: 'This server redacts personal data.', tag: 'This server marks personal data.' };

let usual = null; // what the server does when it is not asked: { mode, itn }, once it has said it
let least = null; // what it insists on: { mode, kinds }

const boxes = () => [...$('kinds').querySelectorAll('input')];
const boxIsForced = (box) => least !== null && [...kindsOf(box.value)].every((kind) => least.kinds.has(kind));

// Parameters of docs/protocol.md; none that was not chosen, so that any server takes them.
export function privacyParams() {
  const redact = $('redact').value;
  const itn = $('itn').checked;
  const types = boxes().filter((box) => box.checked).map((box) => box.value).join(',');
  return { ...(redact ? { redact } : {}), ...(redact && redact !== 'off' ? { redact_types: types } : {}), ...(itn === (usual?.itn ?? false) ? {} : { itn }) };
}

function hint() {
  const mode = $('redact').value;
  if (mode === '') return USUAL[usual?.mode] ?? 'What is usual on this server.';
  const waits = hides(mode) ? WAITS : '';
  const insists = least && strictness(least.mode) > 0 ? `Set by the server: not less than “${least.mode}”. ` : '';
  return `${insists}${HINTS[mode]}${waits}`;
}

function show() {
  const mode = $('redact').value;
  for (const option of $('redact').options) option.disabled = least !== null && option.value !== '' && strictness(option.value) < strictness(least.mode);
  for (const box of boxes()) {
    const forced = boxIsForced(box);
    if (forced) box.checked = true;
    box.disabled = forced;
    box.parentElement.title = forced ? 'Set by the server' : '';
  }
  const chosen = boxes().filter((box) => box.checked).map((box) => box.parentElement.textContent.trim());
  $('kinds-chosen').textContent = `: ${chosen.join('; ')}`;
  $('kinds').hidden = mode === '' || mode === 'off';
  $('redact-set').hidden = !least;
  $('privacy-hint').textContent = hint();
}

function keep() {
  if (!boxes().some((box) => box.checked)) boxes()[0].checked = true; // nothing to look for is "off"
  const now = { mode: $('redact').value, kinds: boxes().map((box) => box.checked), itn: $('itn').checked };
  const untouched = !now.mode && !now.itn && now.kinds.join() === 'true,false,false,false';
  remember(KEY, untouched ? '' : JSON.stringify(now));
  show();
}

// Once, at the start.
export function openPrivacy() {
  try {
    const { mode, kinds, itn } = JSON.parse(recall(KEY) || '{}');
    if (Object.hasOwn(HINTS, mode ?? '')) $('redact').value = mode;
    if (Array.isArray(kinds) && kinds.includes(true)) boxes().forEach((box, i) => (box.checked = kinds[i] === true));
    $('itn').checked = itn === true;
  } catch {
    // not ours
  }
  for (const element of [$('redact'), $('itn'), ...boxes()]) element.addEventListener('change', keep);
  show();
}

// What `ready` says is in force, of what was asked for. True when it is more than was asked.
export function learnPrivacy(asked, config) {
  const { redact: mode = 'off', redact_types: types = '', itn = false } = config;
  usual = { mode: 'redact' in asked ? (usual?.mode ?? null) : mode, itn: 'itn' in asked ? (usual?.itn ?? false) : itn };
  if (!('itn' in asked)) $('itn').checked = itn;
  const wanted = kindsOf(asked.redact_types ?? '');
  const more = asked.redact === undefined ? [] : [...kindsOf(types)].filter((kind) => !wanted.has(kind));
  const stricter = asked.redact !== undefined && strictness(mode) > strictness(asked.redact);
  const wider = asked.redact_types !== undefined && more.length > 0;
  if (stricter || wider) {
    least = { mode: stricter ? mode : (least?.mode ?? 'off'), kinds: new Set([...(least?.kinds ?? []), ...more]) };
    if (strictness($('redact').value) < strictness(least.mode)) $('redact').value = least.mode;
  }
  show();
  return stricter || wider;
}

// Another key may be free to choose.
export function forgetPrivacy() {
  usual = least = null;
  show();
}

export function enablePrivacy(enabled) {
  $('privacy-settings').disabled = !enabled;
}
