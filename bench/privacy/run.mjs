// run.mjs: what looking for personal data costs, on prose and on text full of numbers: `make bench-privacy`.
//
//   node bench/privacy/run.mjs BUILD [--types LIST]
//
// Texts: English prose (Debian's copy of the GPL; also lower case without punctuation, as recognisers write), Mandarin sentences without figures, both
// mixed, and the sets of tests/privacy, in which every other sentence holds personal data.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { dice } from '../../tests/privacy/dice.mjs';
import { NEAR } from '../../tests/privacy/near_zh.mjs';
import { CARRIERS } from '../../tests/privacy/carry_zh.mjs';

const PROSE = '/usr/share/common-licenses/GPL-3', BYTES = 1 << 20;
const build = process.argv[2] ?? 'build', folder = join(build, 'privacy');
mkdirSync(folder, { recursive: true });

const long = (make) => {
  let text = '';
  while (text.length < BYTES) text += make();
  return text;
};
const english = readFileSync(PROSE, 'utf8').replace(/\s+/g, ' ');
const d = dice('bench');
const sayings = [...Object.values(CARRIERS).flat().map((c) => c.replace('{}', '这个')), ...NEAR.map((make) => make(d)).filter((s) => !/[0-9零一二三四五六七八九十]/.test(s))];
const mandarin = long(() => `${d.pick(sayings)}。`);
const set = (name) => long(() => spawnSync('node', [fileURLToPath(new URL('../../tests/privacy/generate.mjs', import.meta.url)), '--set', name], { encoding: 'utf8', maxBuffer: 64 << 20 })
  .stdout.trimEnd().split('\n').map((line) => `${JSON.parse(line).text} `).join(''));
const texts = {
  english: long(() => english),
  'english-lower': long(() => english.toLowerCase().replace(/[^a-z0-9' ]/g, '')),
  mandarin,
  mixed: long(() => `${english.slice(d.int(0, 30000)).slice(0, 80)} ${d.pick(sayings)} `),
  'numbers-en': set('en'),
  'numbers-zh': set('zh'),
};
const args = Object.entries(texts).map(([name, text]) => {
  writeFileSync(join(folder, `speed-${name}.txt`), text);
  return `${name}=${join(folder, `speed-${name}.txt`)}`;
});
process.exitCode = spawnSync(join(build, 'find_speed'), [...process.argv.slice(3), ...args], { stdio: 'inherit' }).status ?? 1;
