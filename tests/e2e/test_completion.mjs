// test_completion.mjs: bash itself completes the command line of steno, with everything that --help names.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { skip, steno, test, write } from './harness.mjs';

// What bash offers for a command line whose last word is being typed.
function complete(words) {
  const script = write('steno.bash', steno(['completion', 'bash']).out);
  const quoted = ['steno', ...words].map((w) => `'${w}'`).join(' ');
  const r = spawnSync('bash', ['--norc', '-c', `set -u; . ${script}; complete -p steno >/dev/null || exit 3
    COMP_WORDS=(${quoted}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _steno; printf '%s\\n' "\${COMPREPLY[@]}"`], { encoding: 'utf8' });
  if (r.error) skip('bash is not installed');
  assert.equal(r.stderr, '');
  assert.equal(r.status, 0);
  return r.stdout.split('\n').filter(Boolean).sort();
}

const commands = () => [...steno(['--help']).out.matchAll(/^  ([a-z]+) {2,}/gm)].map((m) => m[1]);
// Options that begin a line: others are only spoken of.
const options = (words) => [...steno([...words, '--help']).out.matchAll(/^ +(?:-\w, *)?(--[a-z][a-z-]*)/gm)].map((m) => m[1]);

test('completion: bash offers every command, and every option that --help names', () => {
  assert.ok(commands().length >= 9);
  assert.deepEqual(complete(['']), [...commands()].sort());
  for (const name of [...commands(), 'bench live', 'bench speakers']) {
    const offered = complete([...name.split(' '), '--']);
    for (const option of options(name.split(' '))) {
      // What the help of one command says of another's options is no option of it.
      if (name === 'bench live' && ['--threads'].includes(option)) continue;
      assert.ok(offered.includes(option), `${name}: ${option} is not offered`);
    }
  }
});

test('completion: verbs, words of options, files', () => {
  assert.deepEqual(complete(['se']), ['serve']);
  assert.deepEqual(complete(['config', '']), ['check', 'default', 'reference', 'show']);
  assert.deepEqual(complete(['config', 'check', '--log-l']), ['--log-level']);
  assert.deepEqual(complete(['serve', '--log-level', '']), ['debug', 'error', 'info', 'warn']);
  assert.deepEqual(complete(['serve', '--keep-audio', 'y']), ['yes']);
  assert.deepEqual(complete(['transcribe', '--format', 's']), ['srt']);
  assert.deepEqual(complete(['transcribe', '']), []); // bash's own completion of files
  assert.deepEqual(complete(['serve', '--port', '']), []);
  assert.deepEqual(complete(['bench', 'li']), ['live']);
});

test('completion: what is printed is a script of its shell', () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const script = write(`steno.${shell}`, steno(['completion', shell]).out);
    const r = spawnSync(shell, ['-n', script], { encoding: 'utf8' });
    if (!r.error) assert.equal(r.status, 0, `${shell}: ${r.stderr}`);
  }
  assert.match(steno(['completion', 'zsh']).out, /^#compdef steno\n/);
  assert.match(steno(['completion', 'fish']).out, /__fish_seen_subcommand_from serve' -l log-level -x -a 'error warn info debug'/);
  assert.equal(steno(['completion']).status, 2);
  assert.equal(steno(['completion', 'csh']).status, 2);
});
