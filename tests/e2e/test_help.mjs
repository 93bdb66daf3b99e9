// test_help.mjs: the command line itself, and that the manual pages say what --help says.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { recording, steno, test, write } from './harness.mjs';

const COMMANDS = ['transcribe', 'serve', 'config', 'key', 'speaker', 'live', 'redact', 'bench', 'plan', 'model', 'score', 'alarm', 'shadow', 'completion'];
const longOptions = (text) => new Set(text.match(/(?<![\w-])--[a-z][a-z-]*/g));

test('version, help and wrong usage', () => {
  assert.match(steno(['--version']).out, /^steno \d+\.\d+\.\d+\n$/);
  const help = steno(['--help']);
  assert.equal(help.status, 0);
  for (const name of COMMANDS) assert.ok(help.out.includes(`  ${name} `), name);
  assert.equal(steno([]).status, 2);
  const unknown = steno(['trancribe']);
  assert.equal(unknown.status, 2);
  assert.match(unknown.err, /^steno: unknown command 'trancribe'; .*--help.*\n$/);
  assert.match(steno([write('x.wav', 'x')]).err, /steno transcribe/);
});

for (const name of [...COMMANDS, 'bench live', 'bench speakers']) {
  test(`steno ${name}: help and manual page name the same options`, () => {
    const help = steno([...name.split(' '), '--help']);
    assert.equal(help.status, 0);
    assert.equal(help.err, '');
    const page = `docs/man/steno-${name.replace(' ', '-')}.1`;
    assert.ok(existsSync(page), page);
    const manual = readFileSync(page, 'utf8').replace(/\\f[BIR]/g, '').replaceAll('\\-', '-');
    assert.deepEqual([...longOptions(manual)].sort(), [...longOptions(help.out)].sort());
  });
}

test('wrong options cost one line and status 2', () => {
  for (const args of [['--no-such-option'], ['--format'], ['--format', 'docx'], ['--threads', '0'], ['--threads', 'two'], ['--max-batch', '65'], ['--model', 'huge'],
    ['--precision', 'int4'], ['--vad', 'maybe'], ['--vad-threshold', '1.5'], ['--vad-threshold', 'nan'], ['--max-segment-s', '100'], ['--channels', '2'],
    ['--vad-neg-threshold', '0.9', '--vad-threshold', '0.5'], []]) {
    const r = steno(['transcribe', ...args, ...(args.length > 1 ? [recording('0880')] : [])]);
    assert.equal(r.status, 2, `${args.join(' ')}: ${r.status} ${r.err}`);
    assert.equal(r.err.trim().split('\n').length, 1, r.err);
    assert.equal(r.out, '');
  }
});

test('a value out of range is told the range', () => {
  for (const [option, value, range] of [['threads', '0', 'a whole number from 1 to 256'], ['vad-pad-ms', '5001', 'a whole number from 0 to 5000'],
    ['vad-threshold', '2', 'a number from 0 to 1'], ['model', 'huge', 'tiny or base'], ['format', 'xml', 'text, json, srt, vtt, ctm, tsv or rttm']]) {
    const r = steno(['transcribe', `--${option}`, value, recording('0880')]);
    assert.equal(r.status, 2);
    assert.ok(r.err.startsWith(`steno: --${option} cannot be '${value}': want ${range}; `), r.err);
  }
  assert.equal(steno(['transcribe', '--vad-pad-ms', '5000', '/nowhere/x.wav']).status, 1);
});

test('kernels that cannot be had are refused', () => {
  const run = (name) => steno(['--version'], { env: { ...process.env, STENO_KERN: name } });
  const r = run('nonsense');
  assert.equal(r.status, 2);
  assert.match(r.err, /^steno: STENO_KERN: .*'nonsense'.*avx2.*\n$/);
  for (const name of ['', 'c', 'auto']) assert.equal(run(name).status, 0);
});

test('a missing models folder is named', () => {
  const r = steno(['transcribe', '--models-dir', '/nowhere', recording('0880')]);
  assert.equal(r.status, 1);
  assert.match(r.err, /^steno: .*\/nowhere.*\n$/);
});
