// test_fleet.mjs: [watch] fleet: other hosts' /metrics are asked for, each has its state at /v1/watch, and what they count is seen. That a
// host which is less sure than the others raises an alarm takes hours: tests/unit/api/test_watch_ask.c has them, in made-up time.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import http from 'node:http';
import https from 'node:https';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, turn, within, withServer } from './live_client.mjs';
import { recording, samples, skip, steno, test, work } from './harness.mjs';
import { parse } from './test_metrics.mjs';

const folder = () => mkdtempSync(join(work, 'fleet-'));

// What a host named so would say after n utterances.
const metrics = (id, n, sure = 0.85) => `steno_build_info{version="9.9.9"} 1\nsteno_instance_info{id="${id}"} 1\nsteno_engine_shards 2\n`
  + `process_resident_memory_bytes 5e8\nsteno_from_the_future{colour="blue"} NaN\n`
  + Object.entries({ utterances: n, texts: n, confidence_sum: sure * n, confidence_squares: sure * sure * n })
    .map(([name, value]) => `steno_quality_${name}_total{model="tiny",language="en",precision="int8"} ${value}\n`).join('');

// A server that answers to answer(request, n-th time) with { status, headers, body } or a text; `address`, `seen`.
async function withHost(answer, body, tls) {
  let seen = 0;
  const take = (request, response) => {
    const given = answer(request, ++seen);
    const { status = 200, headers = {}, body: text } = typeof given === 'string' ? { body: given } : given;
    response.writeHead(status, headers);
    if (typeof text === 'function') text(response);
    else response.end(text);
  };
  const server = tls ? https.createServer(tls, take) : http.createServer(take);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await body(`127.0.0.1:${server.address().port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const watched = async (server) => (await server.get('/v1/watch?minutes=false')).json();
const until = (server, wanted, what) => within((async () => {
  for (;;) {
    const { hosts } = await watched(server);
    if (wanted(hosts)) return hosts;
    await turn();
  }
})(), what);
const state = (hosts, host) => hosts.find((h) => h.host === host)?.state;
const all = (hosts, want) => Object.entries(want).every(([host, is]) => state(hosts, host) === is);

function endless(response) {
  const chunk = '# and so on\n'.repeat(4096), more = () => { while (!response.destroyed && response.write(chunk)); };
  response.on('drain', more);
  more();
}

test('fleet: each host has its state, and is logged once when there is something to say', async () => {
  let ill = true;
  await withHost((r) => (r.url === '/metrics' ? metrics('one', 10) : { status: 404 }), async (one) =>
    withHost(() => ({ body: endless }), async (long) =>
      withHost(() => '<html>hello</html>\n', async (page) =>
        withHost(() => ({ status: 302, headers: { location: `http://${one}/metrics` } }), async (moved) =>
          withHost(() => (ill ? { status: 503 } : metrics('two', 10)), async (two) => {
            const twin = `dns:localhost:${one.split(':')[1]}`; // which is 127.0.0.1 as well: the same name
            const list = [one, `http://${one}/metrics`, twin, long, page, moved, two, '127.0.0.1:1'];
            await withServer(['--data-dir', folder(), '--fleet', list.join(','), '--fleet-name', 'seven'], async (server) => {
              const hosts = await until(server, (h) => all(h, { [one]: 'up', [long]: 'strange', [page]: 'strange', [moved]: 'strange', [two]: 'down', '127.0.0.1:1': 'down' }), 'states');
              const of = (host) => hosts.find((h) => h.host === host);
              assert.equal(of(one).version, '9.9.9');
              assert.equal(of(one).why, '');
              assert.ok(of(one).answered_s > 1.7e9 && of(two).answered_s === 0);
              assert.match(of(long).why, /without end/);
              assert.match(of(page).why, /no metrics of steno/);
              assert.equal(of(moved).why, 'HTTP 302');
              assert.equal(of(two).why, 'HTTP 503');
              assert.equal((await watched(server)).host, 'seven');
              const series = parse(await (await server.get('/metrics')).text());
              assert.equal(series.get('steno_fleet_hosts{state="up"}'), 1);
              assert.equal(series.get('steno_fleet_hosts{state="strange"}'), 3);
              assert.equal(series.get('steno_fleet_hosts{state="down"}'), 2);
              assert.equal(series.get('steno_fleet_asked_total{outcome="failed"}'), 5);
              ill = false;
              server.child.kill('SIGHUP'); // asks everybody again
              await until(server, (h) => state(h, two) === 'up', 'an answer');
              await until(server, (h) => h.find((x) => x.host === long).asked >= 2 && h.find((x) => x.host === '127.0.0.1:1').failed >= 2, 'failures');
              const lines = server.log.split('\n').filter((l) => l.includes('fleet:'));
              assert.equal(lines.filter((l) => l.includes(`host=${two} `) && l.includes('cannot be compared with')).length, 1);
              assert.equal(lines.filter((l) => l.includes(`host=${two} `) && l.includes('answers again')).length, 1);
              assert.equal(lines.filter((l) => l.includes(`host=${long} `)).length, 1);
            });
          })))));
});

test('fleet: a host knows itself, its twins, and one that left; the list is read again', async () => {
  const dir = folder(), conf = join(dir, 'steno.conf');
  const write = (list) => writeFileSync(conf, `[watch]\nfleet = ${list}\n`);
  write('');
  await withHost(() => metrics('one', 10), async (one) =>
    withHost(() => metrics('one', 10), async (again) =>
      withServer(['--data-dir', dir, '--config', conf], async (server) => {
        assert.deepEqual((await watched(server)).hosts, []);
        write(`${server.address}, ${one}, ${again}`);
        server.child.kill('SIGHUP');
        const [first, second] = [one, again].sort();
        await until(server, (h) => all(h, { [server.address]: 'self', [first]: 'up', [second]: 'twin' }), 'states');
        write(one);
        server.child.kill('SIGHUP');
        await until(server, (h) => h.length === 1 && state(h, one) === 'up', 'a shorter list');
        write('ftp://nowhere/');
        server.child.kill('SIGHUP');
        await server.said(/'ftp:\/\/nowhere\/' is no host/);
        assert.equal((await watched(server)).hosts.length, 1); // as it was
        write('');
        server.child.kill('SIGHUP');
        await until(server, (h) => h.length === 0, 'no list');
      })));
});

test('fleet: another steno is understood: what it counted between two answers', async () => {
  const dir = folder(), conf = join(dir, 'steno.conf');
  await withServer(['--data-dir', folder(), '--max-ahead-ms', '60000'], async (other) => {
    writeFileSync(conf, `[watch]\nfleet = ${other.address}\n`);
    await withServer(['--data-dir', dir, '--config', conf], async (server) => {
      const [{ answered_s: first }] = await until(server, (h) => state(h, other.address) === 'up', 'an answer');
      const client = new Client(other);
      await client.opened;
      const pcm = samples(recording('0870'));
      client.pieces(Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength), [4000]);
      await client.finish();
      const finals = client.events.filter((e) => e.type === 'final');
      assert.ok(finals.length > 0);
      while (Math.floor(Date.now() / 1000) <= first) await turn(); // minutes of no length count nothing
      server.child.kill('SIGHUP');
      const [host] = await until(server, ([h]) => h.utterances > 0, 'utterances');
      assert.ok(host.confidence > 0.3 && host.confidence <= 1, host.confidence);
      assert.ok(host.rtf > 0 && host.memory_bytes > 5e7 && host.series === 1);
      assert.equal((await watched(server)).alarms.peers, 1); // and it is compared with
      assert.equal(host.version, steno(['--version']).out.trim().split(' ')[1]);
    });
  });
});

test('fleet: over TLS, with a key of the file', async () => {
  const dir = folder(), [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=fleet', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert]);
  if (made.status !== 0) skip('openssl makes no certificates here');
  const good = (r) => (r.headers.authorization === 'Bearer sk-fleet' ? metrics('one', 10) : { status: 401, body: '{}' });
  await withHost(good, async (address) => {
    const url = `https://localhost:${address.split(':')[1]}`, named = url.replace('https://', '');
    const conf = join(dir, 'steno.conf'), secret = join(dir, 'secret');
    writeFileSync(secret, 'sk-wrong\n');
    const write = (list, ca) => writeFileSync(conf, `[watch]\nfleet = ${list}\nfleet_key_file = ${secret}\n${ca ? `fleet_ca_file = ${cert}\n` : ''}`);
    write(url, false);
    await withServer(['--data-dir', dir, '--config', conf], async (server) => {
      const [host] = await until(server, (h) => state(h, named) === 'down', 'a refusal of its certificate');
      assert.match(host.why, /certificate/i);
      write(url, true);
      server.child.kill('SIGHUP');
      await until(server, (h) => state(h, named) === 'refused', 'a refusal of the key');
      writeFileSync(secret, `sk-wrong\n${named} sk-fleet\n`);
      server.child.kill('SIGHUP');
      await until(server, (h) => state(h, named) === 'up', 'the right key');
      write(`dns:${url}`, true); // by its addresses, with the certificate of its name
      server.child.kill('SIGHUP');
      await until(server, (h) => state(h, address) === 'up', 'an address of the name');
      assert.ok(!server.log.includes('sk-'));
    });
  }, { cert: readFileSync(cert), key: readFileSync(key) });
});

test('fleet: what is no list, no key or no name of a file ends the start', () => {
  const dir = folder(), secret = join(dir, 'secret');
  writeFileSync(secret, '# none\n');
  const wrong = [[['--fleet', 'http://user:word@host/'], /host 1 of the list has a user or a password/],
    [['--fleet', Array.from({ length: 65 }, (_, i) => `h${i}`).join(',')], /more than 64 other hosts/],
    [['--fleet', 'a:1', '--fleet-key-file', secret], /secret: there is no key in it/],
    [['--fleet', 'a:1', '--fleet-key-file', join(dir, 'none')], /none: No such file/]];
  for (const [args, why] of wrong) {
    const r = steno(['serve', '--port', '0', '--data-dir', dir, ...args], { timeout: 60000 });
    assert.notEqual(r.status, 0, args.join(' '));
    assert.match(r.err, why);
    assert.doesNotMatch(r.err, /user:word/);
  }
});
