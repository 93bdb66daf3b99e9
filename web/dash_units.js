// dash_units.js: how figures of the dashboard are written: number and unit stay on one line. null is no figure: "–".

const NONE = '–';
const SPACE = '\u00a0';
const given = (write) => (x) => (x === null || x === undefined || !Number.isFinite(x) ? NONE : write(x));
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

// Three digits that count, without zeros behind them.
const brief = (x) => (Math.abs(x) >= 100 ? whole.format(x) : Number(x.toPrecision(Math.abs(x) < 10 ? 2 : 3)).toString());

export const count = given((x) => whole.format(x));
export const plain = given((x) => Number(x.toPrecision(3)).toString().replace('-', '−'));
export const share = given((x) => (x > 0 && x < 0.0001 ? `<0.01${SPACE}%` : `${brief(100 * x)}${SPACE}%`));
export const factor = given((x) => x.toFixed(2));
export const perSecond = given((x) => `${x.toFixed(1)}/s`);
export const times = given((x) => `${x.toFixed(2)}×`);
export const ms = given((x) => (x < 999.5 ? `${Math.round(x)}${SPACE}ms` : x < 9950 ? `${(x / 1000).toFixed(2)}${SPACE}s` : `${(x / 1000).toFixed(1)}${SPACE}s`));
export const bytes = given((x) => (x < 1024 ** 3 ? `${Math.round(x / 1024 ** 2)}${SPACE}MiB` : `${(x / 1024 ** 3).toFixed(2)}${SPACE}GiB`));
export const mebibytes = given((x) => `${whole.format(x)}${SPACE}MiB`);
export const decibels = given((x) => `${x < 0 ? '−' : ''}${Math.abs(x).toFixed(0)}${SPACE}dB`);

// 45 -> "45 s"; 5400 -> "1 h 30 min"; 200000 -> "2 d 7 h".
export const span = given((s) => {
  const units = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const first = Math.max(0, units.findIndex(([n]) => s >= n));
  if (s < 1) return `${s.toFixed(1)}${SPACE}s`;
  let left = Math.floor(s);
  const parts = units.slice(first, first + 2).map(([n, name]) => [Math.floor(left / n), name, (left %= n)]);
  return parts.filter(([n, name]) => n && !(name === 's' && s >= 600)).map(([n, name]) => `${n}${SPACE}${name}`).join(SPACE);
});

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const clockSeconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayAndClock = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

export const timeOf = (s) => clock.format(s * 1000);
export const exactTime = (s) => clockSeconds.format(s * 1000);
// With the day, where it was not within the last eighteen hours.
export const moment = (s, now) => (Math.abs(now - s) < 18 * 3600 ? timeOf(s) : dayAndClock.format(s * 1000));
