// test_output.mjs: formats, schema, result files, order, what happens when nobody reads.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { concatenate, oneLine, prompts, recording, samples, skip, start, steno, stem, test, transcribe, work, write, writeWav, STENO } from './harness.mjs';
import { spawnSync } from 'node:child_process';

async function validator() {
  let Ajv;
  try {
    Ajv = (await import('ajv/dist/2020.js')).default;
  } catch {
    skip('ajv is not installed: npm ci --ignore-scripts in tests/e2e');
  }
  const validate = new (Ajv.default ?? Ajv)({ strict: false }).compile(JSON.parse(readFileSync('docs/transcript.schema.json', 'utf8')));
  return (document) => assert.ok(validate(document), JSON.stringify(validate.errors));
}

// What the schema cannot say: times in order, words that make up the text.
function checkTimes(document) {
  let last = 0;
  document.segments.forEach((s, i) => {
    assert.equal(s.id, i);
    assert.ok(s.start >= last - 1e-9 && s.end >= s.start && s.end <= document.duration + 0.001, JSON.stringify(s));
    last = s.start;
    if (!s.words) return;
    assert.equal(s.words.map((w) => w.word).join(' '), s.text);
    let at = s.start;
    for (const w of s.words) {
      assert.ok(w.start >= at - 0.002 && w.end >= w.start && w.end <= s.end + 0.002, JSON.stringify(w));
      at = w.start;
    }
  });
}

test('json follows its schema and its times make sense', async () => {
  const valid = await validator();
  const document = JSON.parse(transcribe(['--format', 'json', recording('0870')]));
  valid(document);
  checkTimes(document);
  assert.equal(document.model, 'tiny');
  assert.equal(document.language, 'en');
  assert.ok(Math.abs(document.duration - 7.1) < 0.01, String(document.duration));
  assert.ok(document.segments.length >= 1 && document.segments.every((s) => s.words.length > 0));
  assert.throws(() => valid({ ...document, extra: 1 }));
});

test('json of many files is one valid line each, in the order of the command line', async () => {
  const valid = await validator();
  const files = prompts().slice(0, 40).map((p) => p.file);
  const lines = transcribe(['-f', 'json', ...files]).trim().split('\n');
  assert.equal(lines.length, files.length);
  lines.forEach((line, i) => {
    const document = JSON.parse(line);
    valid(document);
    checkTimes(document);
    assert.equal(document.file, files[i]);
  });
});

test('json of silence, of an odd name and without words is valid too', async () => {
  const valid = await validator();
  const silence = writeWav('silence.wav', new Int16Array(32000));
  const document = JSON.parse(transcribe(['-f', 'json', silence]));
  valid(document);
  assert.deepEqual(document.segments, []);
  const wordless = JSON.parse(transcribe(['-f', 'json', '--no-words', recording('0880')]));
  valid(wordless);
  assert.equal(wordless.segments[0].words, undefined);
  // The name is not UTF-8: only a shell can say it.
  const copy = spawnSync('sh', ['-c', `cp "$1" "$2/$(printf 'a\\377"b\\\\.wav')" && exec "$3" transcribe -f json "$2/$(printf 'a\\377"b\\\\.wav')"`, 'sh', recording('0880'), work, STENO]);
  assert.equal(copy.status, 0, copy.stderr.toString());
  const strict = new TextDecoder('utf-8', { fatal: true }).decode(copy.stdout);
  const odd = JSON.parse(strict);
  valid(odd);
  assert.ok(odd.file.endsWith('a\uFFFD"b\\.wav'), odd.file);
});

const time = (text) => {
  const m = /^(\d\d+):([0-5]\d):([0-5]\d)[.,](\d{3})$/.exec(text);
  assert.ok(m, `not a time: ${text}`);
  return Number(m[1]) * 3600 + Number(m[2]) * 60 + Number(m[3]) + Number(m[4]) / 1000;
};

// Blocks of a subtitle file: [{ from, to, lines }].
function cues(text, separator) {
  return text.trim().split(/\n\n/).map((block) => {
    const lines = block.split('\n');
    const [from, to] = lines.shift().split(' --> ');
    assert.ok(from.includes(separator), block);
    return { from: time(from), to: time(to), lines };
  });
}

function checkCues(list) {
  let last = 0;
  for (const cue of list) {
    assert.ok(cue.from >= last - 0.002 && cue.to > cue.from, JSON.stringify(cue));
    assert.ok(cue.lines.length >= 1 && cue.lines.length <= 2 && cue.lines.every((l) => l.length <= 42), JSON.stringify(cue));
    last = cue.to;
  }
}

test('srt and vtt have the right form and say the same as text', () => {
  const file = recording('0920');
  const text = oneLine(transcribe([file]));
  const srt = transcribe(['-f', 'srt', file]).trim().split(/\n\n/);
  srt.forEach((block, i) => assert.equal(block.split('\n')[0], String(i + 1)));
  const srtCues = cues(srt.map((b) => b.slice(b.indexOf('\n') + 1)).join('\n\n'), ',');
  checkCues(srtCues);
  assert.ok(srtCues.length >= 2);
  assert.equal(srtCues.flatMap((c) => c.lines).join(' '), text);
  const vtt = transcribe(['-f', 'vtt', file]);
  assert.ok(vtt.startsWith('WEBVTT\n\n'));
  const vttCues = cues(vtt.slice(8), '.');
  checkCues(vttCues);
  assert.equal(vttCues.flatMap((c) => c.lines).join(' '), text);
});

test('ctm and tsv have the right form and say the same as text', () => {
  const file = recording('0890');
  const text = oneLine(transcribe([file]));
  let last = 0;
  const words = transcribe(['-f', 'ctm', file]).trim().split('\n').map((line) => {
    const columns = line.split(' ');
    assert.equal(columns.length, 6, line);
    assert.equal(columns[0], stem(file));
    assert.equal(columns[1], '1');
    assert.ok(Number(columns[2]) >= last - 0.002 && Number(columns[3]) >= 0, line);
    assert.ok(Number(columns[5]) >= 0 && Number(columns[5]) <= 1, line);
    last = Number(columns[2]);
    return columns[4];
  });
  assert.equal(words.join(' '), text);
  const rows = transcribe(['-f', 'tsv', file]).trimEnd().split('\n').map((l) => l.split('\t'));
  assert.deepEqual(rows.shift(), ['start', 'end', 'text']);
  assert.equal(rows.map((r) => r[2]).join(' '), text);
  assert.ok(rows.every((r) => /^\d+$/.test(r[0]) && /^\d+$/.test(r[1]) && Number(r[1]) > Number(r[0])));
});

test('several recordings as subtitles need a folder', () => {
  const r = steno(['transcribe', '-f', 'srt', recording('0870'), recording('0880')]);
  assert.equal(r.status, 2);
  assert.match(r.err, /--output-dir/);
});

test('each channel by itself', async () => {
  const valid = await validator();
  const left = samples(recording('0870'));
  const right = samples(recording('0880'));
  const both = new Int16Array(left.length * 2);
  left.forEach((v, i) => (both[2 * i] = v));
  right.forEach((v, i) => (both[2 * (i + 16000) + 1] = v)); // a second later
  const file = writeWav('stereo.wav', both, { channels: 2 });
  const document = JSON.parse(transcribe(['-f', 'json', '--channels', 'split', file]));
  valid(document);
  const said = (channel) => document.segments.filter((s) => s.channel === channel).map((s) => s.text).join(' ');
  assert.equal(said(1), oneLine(transcribe([recording('0870')])));
  assert.match(said(2), /young man/);
  const starts = document.segments.map((s) => s.start);
  assert.deepEqual(starts, [...starts].sort((a, b) => a - b));
  assert.ok(document.segments.find((s) => s.channel === 2).start >= 0.9);
  const mixed = JSON.parse(transcribe(['-f', 'json', file]));
  valid(mixed);
  assert.ok(mixed.segments.every((s) => s.channel === undefined));
});

test('result files: names never clash, nothing temporary stays', () => {
  const dir = join(work, 'results');
  const a = writeWav('one/same.wav', samples(recording('0880')));
  const b = writeWav('two/same.wav', samples(recording('0930')));
  const r = steno(['transcribe', '-f', 'json', '-o', dir, a, b, recording('0890')]);
  assert.equal(r.status, 0, r.err);
  assert.equal(r.out, '');
  assert.equal(r.err.trim().split('\n').length, 1);
  assert.ok(r.err.includes(b) && r.err.includes('same-2.json'), r.err);
  assert.deepEqual(readdirSync(dir).sort(), ['same-2.json', 'same.json', `${stem(recording('0890'))}.json`].sort());
  assert.equal(JSON.parse(readFileSync(join(dir, 'same.json'))).file, a);
  assert.equal(JSON.parse(readFileSync(join(dir, 'same-2.json'))).file, b);
});

test('a result that cannot be written costs one line, not the others', () => {
  const dir = join(work, 'blocked');
  write('blocked/x.txt.part/in-the-way', '');
  const x = writeWav('x.wav', samples(recording('0880')));
  const r = steno(['transcribe', '-o', dir, x, recording('0890')]);
  assert.equal(r.status, 1);
  assert.match(r.err, /^steno: .*blocked\/x\.txt: Is a directory\n$/);
  assert.ok(existsSync(join(dir, `${stem(recording('0890'))}.txt`)));
  const none = steno(['transcribe', '-o', x, recording('0890')]);
  assert.equal(none.status, 1);
  assert.match(none.err, /not a directory/);
});

test('a full disk is reported', () => {
  const r = spawnSync('sh', ['-c', 'exec "$0" transcribe "$1" >/dev/full', STENO, recording('0880')], { encoding: 'utf8' });
  assert.equal(r.status, 1);
  assert.equal(r.stderr, 'steno: standard output: No space left on device\n');
});

test('a closed standard output is reported, unless nothing goes there', () => {
  const run = (script) => spawnSync('sh', ['-c', script, STENO, recording('0880'), join(work, 'closed')], { encoding: 'utf8' });
  for (const r of [run('exec "$0" transcribe "$1" >&-'), run('exec "$0" --help >&-')]) {
    assert.equal(r.status, 1);
    assert.match(r.stderr, /^steno: standard output: .+\n$/);
  }
  assert.equal(run('exec "$0" transcribe -o "$2" "$1" >&-').status, 0);
  assert.equal(run('exec "$0" transcribe -o "$2" "$1" <&- >&- 2>&-').status, 0);
  assert.ok(statSync(join(work, 'closed', `${stem(recording('0880'))}.txt`)).size > 0);
});

test('a reader that goes away ends the work silently', async () => {
  const run = start(['transcribe', ...prompts().slice(0, 60).map((p) => p.file)]);
  await run.first;
  run.child.stdout.destroy();
  const { status, err } = await run.ended;
  assert.equal(err, '');
  assert.equal(status, 1);
});

test('an interrupt ends the work and leaves no half files', async () => {
  const dir = join(work, 'interrupted');
  const long = writeWav('long.wav', concatenate(prompts().map((p) => p.file), 8000), { rate: 8000 });
  for (const signal of ['SIGINT', 'SIGTERM']) {
    const run = start(['transcribe', '--threads', '1', long]);
    await run.first; // it is at work
    run.child.kill(signal);
    const { status, err } = await run.ended;
    assert.equal(status, signal === 'SIGINT' ? 130 : 143);
    assert.equal(err, '');
  }
  // To a folder: by the time the second short file is there, the long one has begun.
  const run = start(['transcribe', '--threads', '1', '-o', dir, long, recording('0880')]);
  const short = join(dir, `${stem(recording('0880'))}.txt`);
  while (!existsSync(short) && run.child.exitCode === null) await new Promise((resolve) => setImmediate(resolve));
  run.child.kill('SIGINT');
  assert.equal((await run.ended).status, 130);
  assert.deepEqual(readdirSync(dir), [`${stem(recording('0880'))}.txt`]);
});

test('the progress line is for terminals only', () => {
  const r = steno(['transcribe', ...prompts().slice(0, 100).map((p) => p.file)]);
  assert.equal(r.err, '');
});
