// Writes the seed corpora of fuzz_find and fuzz_custom, from sentences of tests/privacy. They are in the tree; run this from the root
// after changing what is found or the format of rules: node fuzz/seeds_privacy.mjs
import { mkdirSync, writeFileSync } from 'node:fs';
import { dice } from '../tests/privacy/dice.mjs';

function put(fuzzer, name, bytes) {
  mkdirSync(`fuzz/corpus/${fuzzer}`, { recursive: true });
  writeFileSync(`fuzz/corpus/${fuzzer}/${name}`, bytes);
}

const d = dice('fuzz');
const SETS = ['en', 'zh', 'presidio'];
for (const set of SETS) {
  const { sentence } = await import(`../tests/privacy/make_${set}.mjs`), seen = new Map();
  // A sentence or two of each type; what has none is near-misses.
  for (let i = 0; i < 3000; i++) {
    const s = sentence(d), type = s.entities[0]?.type ?? 'none', n = seen.get(type) ?? 0;
    if (n >= (type === 'none' ? 6 : 2)) continue;
    seen.set(type, n + 1);
    put('fuzz_find', `${set}-${type}-${n}`, Buffer.concat([Buffer.from([n, n]), Buffer.from(s.text)]));
  }
}
const repeats = ['1 ', 'one ', 'at dot ', 'a@b.', '四', '点', '艾特 a 点 ', '12 oak ', '123-45-', '4111 1111 ', '\x1e1', 'double no sorry '];
repeats.forEach((r, i) => put('fuzz_find', `repeat-${i}`, `\x01\x01${r.repeat(40)}`));
put('fuzz_find', 'broken-utf8', Buffer.from([1, 1, 0x31, 0xff, 0xfe, 0x32, 0xc3, 0x33, 0xe4, 0xb8, 0x34, 0xf0, 0x9f, 0x98, 0x35, 0x00, 0x36, 0xed, 0xa0, 0x80, 0xc0, 0x80]));

const rule = '[rule badge]\npattern = B-\\d{4}\nmask = [BADGE]\n';
put('fuzz_custom', 'rule', `${rule}\0my badge is B-1234 and not B-12`);
put('fuzz_custom', 'allow', `[allow phone]\n400-810-1234\n[allow]\ninfo@example.com\n\0call 400-810-1234 or mail info@example.com`);
put('fuzz_custom', 'two', `${rule}[rule case]\npattern = (?i)case\\s+[a-z]{2}\\d+\nwords = matter, file\nconfidence = 0.7\n\0the matter is case AB12 x`);
put('fuzz_custom', 'evil', '[rule evil]\npattern = (a+)+b\n\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac');
put('fuzz_custom', 'broken', '[rule x]\npattern = (\n');
