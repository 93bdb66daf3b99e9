// dom.js: the few things every part of the page needs of the document.

export const $ = (id) => document.getElementById(id);

export const child = (parent, tag, className = '') => {
  const element = parent.appendChild(document.createElement(tag));
  if (className) element.className = className;
  return element;
};

// 83.46 -> "1:23.4"; with whole seconds "1:23"; over an hour "1:02:03".
export function clockTime(s, whole = false) {
  const tenths = Math.floor(Math.max(0, s) * 10 + 1e-6);
  const [hours, minutes, seconds] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, Math.floor(tenths / 10) % 60];
  const front = hours ? `${hours}:${String(minutes).padStart(2, '0')}` : String(minutes);
  return `${front}:${String(seconds).padStart(2, '0')}${whole ? '' : `.${tenths % 10}`}`;
}

// The same, to be read out: "1 minute 23 seconds".
export function spokenTime(s) {
  const all = Math.floor(Math.max(0, s));
  const parts = [[Math.floor(all / 3600), 'hour'], [Math.floor(all / 60) % 60, 'minute'], [all % 60, 'second']];
  const said = parts.filter(([n, unit]) => n || (unit === 'second' && all < 60)).map(([n, unit]) => `${n} ${unit}${n === 1 ? '' : 's'}`);
  return said.join(' ');
}

// What stays in this tab until it is closed; an empty value is none. Storage may be forbidden: then nothing stays.
export function recall(key) {
  try {
    return sessionStorage.getItem(key) ?? '';
  } catch {
    return '';
  }
}

export function remember(key, value) {
  try {
    if (value) sessionStorage.setItem(key, value);
    else sessionStorage.removeItem(key);
  } catch {
    // forbidden
  }
}

export class Trouble extends Error {} // its message is for people
