// test_redact.mjs: personal data in text that other programs hand over: steno redact.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { STENO, steno, test, write } from './harness.mjs';

const redact = (args, input) => steno(['redact', ...args], { input });
const HANG_MS = 60000; // a hang is a failure
const PHONE = 'my phone number is 138 1234 5678';

test('redact: lines in, lines out, as they were but for what is personal', () => {
  const r = redact([], `${PHONE}\nnothing here \r\n\n我的邮箱是 li@example.com。`);
  assert.deepEqual([r.status, r.err, r.out], [0, '', 'my phone number is [PHONE]\nnothing here \r\n\n我的邮箱是 [EMAIL]。']);
  assert.equal(redact(['--mode', 'redact'], PHONE).out, 'my phone number is 138****5678');
  assert.equal(redact(['--types', 'email'], PHONE).out, PHONE);
  assert.equal(redact(['--mode', 'off', '--itn'], 'twenty three dollars').out, '$23');
  assert.equal(redact(['--numbered'], 'a@b.com\nc@d.com\na@b.com').out, '[EMAIL_1]\n[EMAIL_2]\n[EMAIL_1]');
  assert.equal(redact(['--min-confidence', '1'], PHONE).out, PHONE);
  const bytes = Buffer.from([0, 0xff, 0xe4, 10, 13, 10, 0xc3, 10]);
  assert.deepEqual(redact([], bytes).raw, bytes);
});

test('redact: a line of its own, or one person who goes on', () => {
  const said = 'my phone number is one three eight one two\nthree four five six seven eight okay\nbye';
  assert.equal(redact(['--join'], said).out, 'my phone number is [PHONE]\n[PHONE] okay\nbye');
  assert.equal(redact(['--join', '--mode', 'redact'], said).out, 'my phone number is 138**\n**5678 okay\nbye');
  assert.equal(redact([], 'my phone number is one three eight\none two three four five six seven eight').out.split('\n')[0], 'my phone number is one three eight');
});

test('redact: what came in goes out before more is waited for', async () => {
  const child = spawn(STENO, ['redact'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  let look = () => {};
  child.stdout.on('data', (bytes) => look((out += bytes)));
  const until = (text) => new Promise((resolve, reject) => {
    child.on('close', () => reject(new Error(`ended after ${JSON.stringify(out)}`)));
    look = () => out.includes(text) && resolve();
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), HANG_MS);
  child.stdin.write(`${PHONE}\n`);
  await until('is [PHONE]\n');
  child.stdin.write('and a line that goes on and on with nothing in it, 138');
  await until('on and on');
  const ended = new Promise((resolve) => child.on('close', resolve));
  child.stdin.end(' 1234 5678');
  assert.equal(await ended, 0);
  clearTimeout(limit);
  assert.ok(out.endsWith('nothing in it, [PHONE]'), out);
});

test('redact: JSON lines, with what was found beside the text', () => {
  const lines = (r) => r.out.trim().split('\n').map((line) => JSON.parse(line));
  const record = { id: 7, text: '电话 13812345678', words: ['13812345678'], score: 0.1, deep: [{ text: 'mail a@b.com' }, { other: PHONE }] };
  const r = redact(['--json'], `${JSON.stringify(record)}\n{"type":"end"}\n`);
  assert.deepEqual([r.status, r.err], [0, '']);
  const [first, second] = lines(r);
  assert.deepEqual(first, { id: 7, text: '电话 [PHONE]', score: 0.1,
    deep: [{ text: 'mail [EMAIL]', entities: [{ type: 'email', start: 5, end: 12, confidence: first.deep[0].entities[0].confidence }] }, { other: PHONE }],
    entities: [{ type: 'phone', start: 3, end: 10, confidence: first.entities[0].confidence }] });
  assert.deepEqual(second, { type: 'end' });
  const tagged = lines(redact(['--json', '--mode', 'tag', '--offsets', 'bytes', '--fields', 'text,title'], '{"text":"电话 13812345678","title":"a@b.com","words":1}'))[0];
  assert.equal(tagged.text, '电话 13812345678');
  assert.equal(tagged.words, 1);
  assert.deepEqual(tagged.entities.map((e) => [e.field, e.type, e.start, e.end]), [['text', 'phone', 7, 18], ['title', 'email', 0, 7]]);
});

test('redact: a line that cannot be looked through is left out and told by its number, not its words', () => {
  const r = redact(['--json'], `{"text":"a"}\n{"text":"${PHONE}"\n{"text":["${PHONE}"]}\n\n{"text":null}\n{"text":"b"}`);
  assert.equal(r.status, 1);
  assert.equal(r.out, '{"text":"a","entities":[]}\n\n{"text":null}\n{"text":"b","entities":[]}\n');
  assert.match(r.err, /^steno: standard input: line 2: [^\n]*\nsteno: standard input: line 3: "text" is no text\n$/);
  assert.ok(!r.err.includes('138'));
  const none = redact(['--json', '--fields', 'body'], '{"text":"a"}');
  assert.equal(none.status, 1);
  assert.match(none.err, /nothing was looked through/);
});

test('redact: files in their order, counts, failures, wrong usage', () => {
  const a = write('redact-a.txt', `${PHONE}\n`);
  const b = write('redact-b.txt', 'a@b.com');
  const r = steno(['redact', '--summary', a, '/nowhere/x.txt', b]);
  assert.equal(r.status, 1);
  assert.equal(r.out, 'my phone number is [PHONE]\n[EMAIL]');
  assert.match(r.err, /^steno: \/nowhere\/x.txt: No such file[^\n]*\nlines +2\nemail +1\nphone +1\n$/);
  const rules = write('redact-rules.ini', '[rule staff]\nmask = [STAFF]\npattern = E-\\d{6}\n[allow]\ntext = a@b.com\n');
  assert.equal(steno(['redact', '--rules', rules], { input: 'E-123456 a@b.com' }).out, '[STAFF] a@b.com');
  assert.match(steno(['redact', '--rules', a], { input: '' }).err, /redact-a.txt/);
  for (const args of [['--mode', 'hide'], ['--types', 'shoes'], ['--min-confidence', '2'], ['--fields', 'a'], ['--offsets', 'bytes'], ['--json', '--offsets', 'words'],
    ['--json', '--join'], ['--mode', 'tag'], ['--json', '--fields', ','], ['--nonsense'], ['--types']]) {
    const wrong = redact(args, PHONE);
    assert.equal(wrong.status, 2, args.join(' '));
    assert.equal(wrong.err.trim().split('\n').length, 1, wrong.err);
    assert.equal(wrong.out, '');
  }
  const full = spawnSync('sh', ['-c', `echo ${PHONE} | ${STENO} redact > /dev/full`]);
  assert.equal(full.status, 1);
  assert.match(full.stderr.toString(), /^steno: standard output: [^\n]*\n$/);
});
