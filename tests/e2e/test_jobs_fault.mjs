// test_jobs_fault.mjs: jobs when the server is killed, the disk is full, the database cannot be written or is damaged.
// STENO_FAULT_SEED repeats a run, STENO_FAULT_JOBS and STENO_FAULT_KILLS make it longer.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Jobs, place, query, shortPrompts, wav, withJobs, withReceiver } from './jobs_client.mjs';
import { Client, Server, turn, within } from './live_client.mjs';
import { STENO, concatenate, recording, riff, samples, skip, test, transcribe, work, write } from './harness.mjs';

const SEED = Number(process.env.STENO_FAULT_SEED ?? Math.floor(Math.random() * 1e9));
const JOBS = Number(process.env.STENO_FAULT_JOBS ?? 200);
const KILLS = Number(process.env.STENO_FAULT_KILLS ?? 25);

// mulberry32
const chance = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};

// A server that is killed and started again on the same directory. `jobs` is the one that runs now.
class Mortal {
  constructor(dir, args) {
    this.dir = dir;
    this.args = args;
    this.log = '';
  }

  async start() {
    this.server = await new Server(['--data-dir', this.dir, ...this.args]).listening();
    this.jobs = new Jobs(this.server);
  }

  async kill() {
    const { server } = this;
    this.jobs = null;
    server.child.kill('SIGKILL');
    await server.end();
    this.log += server.log;
  }

  // Asks until there is an answer: what is refused for a moment, or lost with the connection, is asked again.
  async ask(path, options) {
    for (;;) {
      try {
        if (this.jobs) {
          const answer = await this.jobs.ask(path, options);
          if (answer.status < 500 && answer.status !== 429) return answer;
        }
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // fetch's own: no connection
      }
      await turn();
    }
  }
}

test(`jobs: ${JOBS} jobs, ${KILLS} kills: each is done once`, async () => {
  console.log(`         STENO_FAULT_SEED=${SEED}`);
  const random = chance(SEED);
  const prompts = shortPrompts(20);
  const texts = prompts.map((p) => transcribe(['--format', 'text', p.file]));
  const dir = place();
  const mortal = new Mortal(dir, ['--at-once', '4', '--webhook-retry-ms', '50']);
  // A receiver that sometimes has taken the message although it says it has not, and sometimes says nothing for a while.
  const moody = async () => {
    const status = random() < 0.15 ? 500 : 204;
    if (random() < 0.3) await delay(random() * 300);
    return { status };
  };
  await withReceiver(moody, async (receiver) => {
    await mortal.start();
    const ids = new Map();
    const post = async (i) => {
      const request = wav(prompts[i % prompts.length].file);
      request.headers['idempotency-key'] = `key-${i}`;
      const answer = await mortal.ask(query({ webhook: receiver.url, metadata: `{"i":${i}}` }), request);
      assert.equal(answer.status, 202, JSON.stringify(answer.body));
      ids.set(answer.body.id, i);
    };
    let kills = 0;
    const posting = (async () => {
      for (let i = 0; i < JOBS; i += 4) {
        while (kills < (i / JOBS) * KILLS - 1) await turn(); // so that no kill comes when all is over
        await Promise.all([0, 1, 2, 3].filter((k) => i + k < JOBS).map((k) => post(i + k)));
      }
    })();
    // A recording may be heard ten times: on a slow machine it is let through after every fifth kill.
    const heard = () => new Set(receiver.seen.map((m) => m.headers['webhook-id'])).size;
    const killing = (async () => {
      for (; kills < KILLS; kills++) {
        const before = heard();
        while (kills % 5 === 4 && heard() === before && heard() < ids.size) await turn();
        await delay(random() * 500); // the fault itself: a moment nobody knows
        await mortal.kill();
        await mortal.start();
      }
    })();
    await Promise.all([posting, killing]);
    assert.equal(ids.size, JOBS);
    let attempts = 0;
    for (const [id, i] of ids) {
      const told = async () => {
        for (;;) {
          const { body } = await mortal.ask(`/v1/jobs/${id}`);
          if (!['queued', 'running'].includes(body.state) && body.webhook.state === 'delivered') return body;
        }
      };
      const job = await within(told(), `the end of job ${i}`);
      assert.equal(job.state, 'done', JSON.stringify(job));
      assert.deepEqual(job.metadata, { i });
      assert.equal(await mortal.jobs.result(id, 'text'), texts[i % prompts.length], `job ${i}`);
      attempts += job.attempts;
    }
    // No job that nobody knows of, none heard for nothing.
    const status = await mortal.server.status();
    assert.deepEqual([status.jobs.queued, status.jobs.running, status.jobs.spool_bytes], [0, 0, 0]);
    assert.deepEqual(readdirSync(join(dir, 'spool')), []);
    let listed = 0;
    for (let next = ''; next !== null;) {
      const { body } = await mortal.ask(`/v1/jobs?limit=99${next && `&after=${next}`}`);
      listed += body.jobs.length;
      next = body.next;
    }
    assert.equal(listed, JOBS);
    // Who drops the ids it has seen is told of each job once.
    const messages = new Map(receiver.seen.map((m) => [m.headers['webhook-id'], JSON.parse(m.body)]));
    assert.equal(messages.size, JOBS);
    assert.deepEqual([...messages.values()].map((m) => m.data.id).sort(), [...ids.keys()].sort());
    assert.ok([...messages.values()].every((m) => m.type === 'job.done'));
    console.log(`         ${kills} kills, ${attempts - JOBS} jobs were heard again, ${receiver.seen.length - JOBS} messages came again`);
  });
  await mortal.kill();
});

// ---- a disk of its own --------------------------------------------------------------------------------------------

// Runs steno where `dir` is a small file system of its own, in a namespace that ends with it.
function mounted(dir, size, before = ':') {
  mkdirSync(dir, { recursive: true });
  const script = `mount -t tmpfs -o size=${size} none ${dir} && ${before} && exec "$@"`;
  const can = spawnSync('unshare', ['-rm', 'sh', '-c', `mount -t tmpfs -o size=1m none ${dir}`]);
  if (can.status !== 0) skip(`nothing can be mounted here: ${can.stderr ?? can.error}`);
  const file = join(work, `mounted-${size}-${dir.split('/').at(-1)}`);
  writeFileSync(file, `#!/bin/sh\nexec unshare -rm sh -c '${script}' sh ${STENO.startsWith('/') ? STENO : join(process.cwd(), STENO)} "$@"\n`, { mode: 0o755 });
  return file;
}

// A recording of many minutes in few bytes: 8 kHz, mu-law.
function smallAndLong(name, files) {
  const pcm = concatenate(files);
  const data = Buffer.alloc(pcm.length >> 1);
  for (let i = 0; i < data.length; i++) {
    const s = Math.max(-32635, Math.min(32635, (pcm[2 * i] + pcm[2 * i + 1]) >> 1));
    const size = Math.abs(s) + 132;
    const exponent = 31 - Math.clz32(size) - 7;
    data[i] = ~((s < 0 ? 0x80 : 0) | (exponent << 4) | ((size >> (exponent + 3)) & 15));
  }
  return write(name, riff({ format: 7, bits: 8, rate: 8000, data }));
}

test('jobs: a full disk refuses what is new and loses nothing that was taken', async () => {
  const dir = place();
  const server = new Server(['--data-dir', dir, '--webhook-retry-ms', '50'], mounted(dir, '4m'));
  try {
    await server.listening();
    const jobs = new Jobs(server);
    const inside = `/proc/${server.child.pid}/root${dir}`;
    const filler = join(inside, 'filler');
    const file = smallAndLong('minutes.wav', Array(24).fill(recording('0870'))); // still heard when the disk is full, however slow this process is
    await withReceiver(undefined, async (receiver) => {
      const { id } = await jobs.post({ webhook: receiver.url }, wav(file));
      await jobs.until(id, (j) => j.state === 'running');
      const fd = openSync(filler, 'w'); // until nothing fits any more
      try {
        for (let block = Buffer.alloc(65536); block.length; )
          try {
            writeSync(fd, block);
          } catch (error) {
            assert.equal(error.code, 'ENOSPC');
            block = block.subarray(0, Math.floor(block.length / 2));
          }
      } finally {
        closeSync(fd);
      }
      await jobs.server.said(/outcome is not written yet: .*the disk is full/);
      assert.equal((await jobs.job(id)).state, 'running'); // not lost, not done: it cannot be said yet
      assert.equal((await jobs.ask(query({}), wav(file), 507)).body.code, 'disk_full');
      assert.equal(receiver.seen.length, 0);
      assert.equal((await server.get('/healthz')).status, 200);
      const live = new Client(server); // streams need no disk
      await live.opened;
      live.pieces(Buffer.from(samples(recording('0870')).buffer), [8000]);
      await live.finish();
      assert.match(live.text, /leisure/);
      rmSync(filler);
      assert.equal((await jobs.over(id)).state, 'done');
      await receiver.came(1);
      const next = await jobs.post({}, wav(shortPrompts(1)[0].file));
      assert.equal((await jobs.over(next.id)).state, 'done');
    });
  } finally {
    server.child.kill('SIGKILL');
    await server.end();
  }
});

// A directory with a job in it, and no server.
async function leave() {
  const dir = place();
  let id;
  await withJobs([], async (jobs) => {
    ({ id } = await jobs.post({}, wav(shortPrompts(1)[0].file)));
    await jobs.over(id);
    jobs.server.child.kill('SIGTERM');
    await jobs.server.end();
  }, dir);
  return { dir, id };
}

async function failsToStart(server, said) {
  const { status } = await server.end();
  assert.equal(status, 1);
  assert.match(server.log, said);
}

test('jobs: a database that cannot be written is said at start', async () => {
  const { dir } = await leave();
  const target = place();
  const steno = mounted(target, '8m', `cp -a ${dir}/. ${target}/ && mount -o remount,ro ${target}`);
  await failsToStart(new Server(['--data-dir', target], steno), /steno\.db: .*[Rr]ead-only/);
});

test('jobs: a damaged database is said at start, and left as it is', async () => {
  const { dir } = await leave();
  const file = join(dir, 'steno.db');
  const { size } = statSync(file);
  const fd = openSync(file, 'r+');
  writeSync(fd, Buffer.alloc(4096, 0x5a), 0, 4096, size - 4096);
  closeSync(fd);
  await failsToStart(new Server(['--data-dir', dir]), /steno\.db: the database is damaged/);
  writeFileSync(file, 'these are notes of somebody else, and no database at all');
  await failsToStart(new Server(['--data-dir', dir]), /steno\.db: not a database/);
  assert.equal(statSync(file).size, 56);
});
