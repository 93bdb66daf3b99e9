// test_config.mjs: the configuration as people meet it: file, environment, options, `steno config`, and its manuals.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { steno, test, write } from './harness.mjs';
import { Server } from './live_client.mjs';

const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^STENO_(SERVER|ENGINE|LIVE|JOBS|MEDIA|CONFIG)/.test(name)));
const config = (args, env = {}) => steno(['config', ...args], { env: { ...clean, ...env } });

// `steno config show` as { key: [value, origin] }.
function shown(args, env) {
  const r = config(['show', ...args], env);
  assert.equal(r.status, 0, r.err);
  return Object.fromEntries([...r.out.matchAll(/^([a-z_]+) = ?(.*?) *; (.*)$/gm)].map(([, key, value, origin]) => [key, [value, origin]]));
}

test('config: options go before the environment, that before the file, that before defaults', () => {
  const file = write('order.conf', '[server]\nport = 1001\nping_s = 11\ndrain_s = 12\n[jobs]\nkeep_audio = yes\n');
  const env = { STENO_SERVER_PORT: '1002', STENO_SERVER_PING_S: '13', STENO_LIVE_ENDPOINT_MS: '250' };
  const all = shown(['--config', file, '--port', '1003'], env);
  assert.deepEqual(all.port, ['1003', '--port']);
  assert.deepEqual(all.ping_s, ['13', 'STENO_SERVER_PING_S']);
  assert.deepEqual(all.drain_s, ['12', `${file}:4`]);
  assert.deepEqual(all.keep_audio, ['yes', `${file}:6`]);
  assert.deepEqual(all.endpoint_ms, ['250', 'STENO_LIVE_ENDPOINT_MS']);
  assert.deepEqual(all.max_ahead_ms, ['2000', 'default']);
  assert.deepEqual(shown([], { STENO_CONFIG: file }).port, ['1001', `${file}:3`.replace(':3', ':2')]);
});

test('config check: every mistake with its place, in order', () => {
  const file = write('wrong.conf', '\ufeff[server]\nport = many\n  colour = blue\nping_s\n[jobs]\nat_once = 0\nat_once = 1\n[live\n');
  const r = config(['check', '--config', file, '--model', 'huge'], { STENO_SERVER_DRAIN_S: '-1' });
  assert.equal(r.status, 1);
  assert.equal(r.out, '');
  const said = r.err.trim().split('\n');
  const wanted = [`${file}:2: port cannot be 'many'`, `${file}:3: no key 'colour' in section [server]`, `${file}:4: not 'key = value'`,
    `${file}:6: at_once cannot be '0'`, `${file}:7: at_once is given twice, first in line 6`, `${file}:8: not 'key = value'`,
    'STENO_SERVER_DRAIN_S: drain_s cannot be', '--model: model cannot be'];
  assert.equal(said.length, wanted.length, r.err);
  wanted.forEach((text, i) => assert.ok(said[i].startsWith(`steno: ${text}`), `${said[i]} is not ${text}`));
});

test('config check: what only shows once all is read, long lines, zero bytes, no file', () => {
  for (const [text, says] of [
    ['[server]\ntls_certificate = /a.pem\n', /TLS needs both/],
    ['[live]\nvad_threshold = 0.2\nvad_neg_threshold = 0.5\n', /\[live\]: /],
    [`[server]\ndata_dir = /${'x'.repeat(300)}\nport = 1\n`, /:2: a line is longer than/],
    ['[server]\nport = 1\0\nport = 2\n', /:2: a zero byte/],
  ]) {
    const r = config(['check', '--config', write('one.conf', text)]);
    assert.equal(r.status, 1);
    assert.match(r.err, says);
    assert.equal(r.err.trim().split('\n').length, 1, r.err);
  }
  assert.equal(config(['check', '--config', '/nowhere/x.conf']).status, 1);
  assert.equal(config(['check', '--nonsense']).status, 2);
  assert.equal(config(['no']).status, 2);
  assert.equal(config([]).status, 2);
});

test('config check: variables that look like a key, and files that are not there, are warned of', () => {
  const r = config(['check', '--models-dir', '/nowhere'], { STENO_PORT: '1', STENO_SERVER_PROT: '2', STENO_MODELS: '/x', STENO_KERN: '' });
  assert.equal(r.status, 0);
  assert.match(r.err, /STENO_PORT .*STENO_SERVER_PORT/);
  assert.match(r.err, /STENO_SERVER_PROT/);
  assert.match(r.err, /models_dir: \/nowhere/);
  assert.equal(r.err.trim().split('\n').length, 3, r.err);
  assert.match(r.out, /no mistakes, 3 warnings/);
});

test('config default: is right as it stands and with every key said', () => {
  const text = config(['default']).out;
  assert.equal(config(['check', '--config', write('default.conf', text)]).status, 0);
  const said = write('said.conf', text.replace(/^;/gm, ''));
  const all = shown(['--config', said]);
  const defaults = shown([]);
  assert.ok(Object.keys(all).length >= 40);
  for (const [key, [value, origin]] of Object.entries(all)) {
    assert.ok(origin.startsWith(`${said}:`), `${key} is missing in the file`);
    assert.equal(value, defaults[key][0]);
  }
  // What is shown can be read again.
  assert.equal(config(['check', '--config', write('shown.conf', config(['show']).out)]).status, 0);
});

test('config reference: the manuals are as the program has them (tools/config-docs.sh)', () => {
  assert.equal(readFileSync('docs/man/steno.conf.5', 'utf8'), config(['reference', '--format', 'man']).out);
  assert.ok(readFileSync('docs/configuration.md', 'utf8').includes(config(['reference']).out));
  assert.equal(config(['reference', '--format', 'x']).status, 2);
});

test('config: serve tells every mistake and does not start', async () => {
  const file = write('serve.conf', '[server]\nport = x\n[engine]\nmodel = y\n');
  const r = spawnSync(process.env.STENO ?? 'build/steno', ['serve', '--config', file], { env: clean, encoding: 'utf8', timeout: 60000 });
  assert.equal(r.status, 2);
  assert.match(r.stderr, /serve\.conf:2: port.*\n.*serve\.conf:4: model/);
});

test('config: SIGHUP names the keys that need a restart, as often as it is asked', async () => {
  const file = write('fixed.conf', '[server]\nping_s = 30\n');
  const server = await new Server(['--config', file, '--log-format', 'json']).listening();
  try {
    write('fixed.conf', '[server]\nping_s = 40\nbody_max_mb = 3\n');
    for (let times = 1; times <= 2; times++) {
      server.child.kill('SIGHUP');
      await server.said(new RegExp(`(new streams use[^]*){${times}}`));
      assert.equal(server.log.match(/ping_s stays 30 until a restart/g).length, times);
      assert.equal(server.log.match(/body_max_mb stays 512/g).length, times);
    }
    for (const line of server.log.trim().split('\n')) assert.ok(JSON.parse(line).message);
  } finally {
    server.child.kill('SIGKILL');
    await server.end();
  }
});
