// test_dashboard.mjs: the dashboard in a real browser, as `steno serve` gives it, over a week of made-up minutes (watch_seed.mjs). Skipped
// without Chromium, the packages of tests/e2e/package.json or sqlite3. PAGE_SHOTS=FOLDER leaves pictures to look at.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { faintTexts, packages, shot, withBrowser } from './browser.mjs';
import { recording, samples, steno, test, work, write } from './harness.mjs';
import { Client, Server, within, withServer } from './live_client.mjs';
import { hostMinute, seedWatch, speechMinute } from './watch_seed.mjs';

const HOUR = 3600;
const GONE = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/;
const folder = (name) => mkdtempSync(join(work, `${name}-`));

// A week as usual, but that for three hours 14 % of utterances have had no text: one data folder for all tests, made when first wanted.
let week = null;
const seeded = () => (week ??= (async () => {
  const dir = folder('dashboard');
  await seedWatch(dir, { cells: (roll, at, back) => [hostMinute(roll, at), speechMinute(roll, at, back < 3 * HOUR ? { empty: 0.14 } : {})] });
  return dir;
})());

const fetched = (page, path) => page.evaluate(async (p) => (await fetch(p)).json(), path);
const ready = (page) => page.waitForSelector('#main:not([hidden]) #charts:not([hidden]) .chart');
const stateIs = (page, name) => page.waitForSelector(`#state[data-state="${name}"]`);
const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
const chart = (page, title) => page.locator('.chart', { has: page.locator('h4', { hasText: new RegExp(`^${title} `) }) });
const openAll = (page) => page.evaluate(() => document.querySelectorAll('details').forEach((d) => (d.open = true)));

// Opens the dashboard of a server over that week and runs `body(page, server)`. `before(page)` runs before the page is asked for.
async function withDashboard({ args, complaints = [], before = null, ...how } = {}, body) {
  await packages();
  await withServer(args ?? ['--data-dir', await seeded()], async (server) => {
    await within((async () => {
      for (;;) {
        const answer = await server.get('/v1/watch?minutes=false');
        if (answer.status !== 200 || (await answer.json()).restored) return;
      }
    })(), 'what was stored has been read');
    const address = `http://${server.address}/`;
    await withBrowser({ address: `${address}icon.svg`, complaints, ...how }, async (page) => {
      await before?.(page);
      await page.goto(`${address}dashboard`);
      await body(page, server);
    });
  });
}

// Answers of /v1/watch as `change(answer)` has them.
const changing = (change) => (page) => page.route('**/v1/watch*', async (route) => {
  const response = await route.fetch();
  await route.fulfill({ response, json: change(await response.json()) ?? {} });
});

// The same minute on the page and in the answer: `look()` gives [shown, expected] and is asked again when a minute has passed in between.
async function agrees(page, look) {
  for (let i = 0; ; i++) {
    const [shown, expected] = await look();
    try {
      return assert.deepEqual(shown, expected);
    } catch (error) {
      if (i === 20) throw error;
      await page.waitForResponse(/v1\/watch/);
    }
  }
}

const percent = (x) => `${Number((100 * x).toPrecision(100 * x < 10 ? 2 : 3))}\u00a0%`;
const speechOf = (watch) => watch.series.find((s) => s.model === 'tiny');

test('dashboard: figures are those of /v1/watch; an alarm stands with its figures and what to do', async () => {
  await withDashboard({ context: { viewport: { width: 1280, height: 900 } } }, async (page) => {
    await ready(page);
    await agrees(page, async () => {
      const hour = speechOf(await fetched(page, 'v1/watch?minutes=false')).windows['1h'];
      const tile = (name) => page.textContent(`[data-tile="${name}"] .figure`);
      return [await Promise.all(['utterances', 'empty', 'confidence', 'p50', 'p99'].map(tile)),
        [String(hour.utterances), percent(hour.empty_rate), hour.confidence.toFixed(2), `${Math.round(hour.latency_p50_ms)}\u00a0ms`, `${Math.round(hour.latency_p99_ms)}\u00a0ms`]];
    });
    const watch = await fetched(page, 'v1/watch');
    const [alarm] = watch.alarms.raised;
    assert.deepEqual(watch.alarms.raised.map((a) => a.rule), ['empty']);
    const card = page.locator('#raised li');
    assert.equal(await card.count(), 1);
    const text = await card.innerText();
    for (const part of ['▲ critical', 'empty', 'this host · tiny · en', percent(alarm.value), `usual ${percent(alarm.norm)}`, `tolerated ${percent(alarm.tolerated)}`, alarm.runbook]) assert.ok(text.includes(part), `${part} in ${text}`);
    assert.match(await page.textContent('#verdict'), /^▲ 1 alarm, critical/);
    assert.equal(await page.title(), '(1) steno dashboard');
    assert.match(await page.textContent('#series tbody tr:not(.host)'), /tiny · en▲ 1 alarm/);
    // The band in words, and in the picture: the dashed line of what is tolerated has its own colour.
    const band = speechOf(watch).bands.empty;
    const empty = chart(page, 'No text for speech');
    assert.ok((await empty.locator('.summary').textContent()).includes(`Usual ${percent(band.norm)}, tolerated up to ${percent(band.tolerated)}`));
    assert.ok(await empty.evaluate((figure) => figure.classList.contains('alarmed') && figure.querySelector('.badge').textContent === '▲ alarm'));
    // The share of the picture's width that the reddest of its rows has in red: the dashed line has more than half, its name little.
    const reddest = (figure) => {
      const canvas = figure.querySelector('canvas');
      const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const rows = Array(canvas.height).fill(0);
      for (let i = 0; i < data.length; i += 4) rows[Math.floor(i / 4 / width)] += data[i + 3] > 100 && data[i] > data[i + 1] + 60 && data[i] > data[i + 2] + 60;
      return Math.max(...rows) / width;
    };
    for (const title of ['No text for speech', 'Confidence', 'Characters a second', 'Too quiet']) assert.ok((await chart(page, title).evaluate(reddest)) > 0.3, `${title} has no band`);
    await page.click('text=Show its picture');
    assert.ok(await empty.evaluate((figure) => figure === document.activeElement && figure.getBoundingClientRect().bottom <= innerHeight));
    await shot(page, 'dashboard-light');
  });
});

test('dashboard: every picture has its numbers as a table, of an hour and of a day', async () => {
  await withDashboard({}, async (page) => {
    await ready(page);
    assert.equal(await page.locator('.plot[aria-hidden="true"] canvas').count(), await page.locator('.chart').count());
    const summaries = await page.locator('.chart .summary').allTextContents();
    assert.ok(summaries.every((s) => s.length > 5), summaries.join('|'));
    await page.locator('text=Tables').click();
    const rows = (title) => chart(page, title).locator('tbody tr').evaluateAll((all) => all.map((tr) => [...tr.cells].map((c) => c.textContent)));
    const clock = (at) => new Date(at * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
    await agrees(page, async () => {
      const { utterances, start_s } = speechOf(await fetched(page, 'v1/watch')).minutes;
      const over = start_s.map((at, i) => [clock(at), String(utterances[i])]).filter((_, i) => i < start_s.length - 1 && utterances[i] !== null); // the last one still runs
      const shown = await rows('Throughput');
      assert.ok(shown.length > 40, `${shown.length} rows`);
      return [shown.filter(([at]) => over.some(([known]) => known === at)), over.reverse()];
    });
    assert.equal((await rows('Final text'))[5].length, 4, 'a column a line');
    await page.locator('text=1 day').click();
    const hours = speechOf(await fetched(page, 'v1/watch')).hours;
    await page.waitForFunction(() => document.querySelector('.numbers thead th').textContent === 'Hour');
    assert.ok((await rows('Throughput')).length >= 23 && hours.utterances.length === 24);
    await shot(page, 'dashboard-tables');
    await page.reload();
    await ready(page);
    assert.ok(await page.isChecked('input[value="hours"]'), 'what was chosen stays in this tab');
    await page.locator('text=Charts').first().click();
    await page.locator('.plot canvas').first().waitFor();
    await shot(page, 'dashboard-day');
  });
});

test('dashboard: fits a phone and the dark, with headings, names and contrast', async () => {
  for (const [name, context] of [['phone', { viewport: { width: 320, height: 640 }, deviceScaleFactor: 2, hasTouch: true }], ['phone-dark', { viewport: { width: 375, height: 800 }, colorScheme: 'dark' }],
    ['dark', { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' }], ['light', { viewport: { width: 1000, height: 800 }, reducedMotion: 'reduce' }]]) {
    await withDashboard({ context }, async (page) => {
      await ready(page);
      await shot(page, `dashboard-${name}`);
      await openAll(page);
      assert.ok(await fits(page), `${name} scrolls sideways`);
      assert.deepEqual(await faintTexts(page), [], name);
      await page.locator('text=Tables').click();
      assert.ok(await fits(page), `${name} scrolls sideways with tables`);
      assert.deepEqual(await faintTexts(page), [], `${name}, tables`);
      const found = await page.evaluate(() => {
        const seen = [...document.querySelectorAll('h1, h2, h3, h4')].filter((h) => h.checkVisibility()).map((h) => Number(h.tagName[1]));
        const skipped = seen.filter((level, i) => level > (seen[i - 1] ?? 0) + 1).length;
        const nameOf = (e) => e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || e.title;
        const nameless = [...document.querySelectorAll('button, input, a, [tabindex="0"], table')].filter((e) => e.checkVisibility() && !nameOf(e).trim()).map((e) => e.outerHTML);
        const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
        const small = [...document.querySelectorAll('button, a, summary, label')].filter((e) => e.checkVisibility() && e.offsetHeight < 24 && !e.closest('.skip')).map((e) => e.outerHTML);
        const heads = [...document.querySelectorAll('th')].filter((th) => !th.scope).length;
        return { skipped, nameless, twice: ids.filter((id, i) => ids.indexOf(id) !== i), small, heads, h1: seen.filter((l) => l === 1).length };
      });
      assert.deepEqual(found, { skipped: 0, nameless: [], twice: [], small: [], heads: 0, h1: 1 }, name);
    });
  }
});

test('dashboard: the keyboard reaches everything, and a choice survives what comes', async () => {
  await withDashboard({ before: changing((w) => ({ ...w, series: [...w.series, { ...speechOf(w), host: '', language: 'de' }] })) }, async (page) => {
    await ready(page);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
    await page.focus('input[name="series"]:checked');
    const first = await page.inputValue('input[name="series"]:checked');
    await page.keyboard.press('ArrowDown');
    await page.waitForFunction((before) => document.querySelector('input[name="series"]:checked').value !== before, first);
    const second = await page.inputValue('input[name="series"]:checked');
    for (let i = 0; i < 2; i++) await page.waitForResponse(/v1\/watch/);
    assert.equal(await page.evaluate(() => document.activeElement.value), second, 'still chosen and still in focus');
    assert.ok((await page.textContent('#legend')).startsWith(`this host · tiny · ${second.split('|')[2]}`));
  });
});

const host = (name, state, why) => ({ host: name, state, why, version: '0.1.0', since_s: 1767571200, answered_s: 1767571200, asked: 9, failed: 1, series: 2, utterances: 420, confidence: 0.81, empty_rate: 0.02, rtf: 0.31, memory_bytes: 4e8 });

// An answer of /v1/shadow, of a run that has heard two hours; `text` stands wherever words may.
const shadowAnswer = (text, now) => {
  const side = (model, ms) => ({ model, precision: 'int8', weights_bytes: 6e7, arena_bytes: 1e7, arena_peak_bytes: 8e6, heard_s: 7200, cpu_per_audio_s: ms / 2000, faults: {},
    quality: { utterances: 900, empty_rate: 0.01, looped_rate: 0.002, repeated_rate: 0.01, compression: 1.2, confidence: 0.8, characters_per_s: 11, words_per_s: 2.4, latency_p50_ms: ms, latency_p99_ms: 3 * ms } });
  const rate = (r) => ({ rate: r, low: r * 0.8, high: r * 1.25, streams: 64, pairs: 812, pairs_different: 300, words: 9000, edits: Math.round(9000 * r), substitutions: 1, deletions: 1, insertions: 1, kinds: {} });
  const minute = (i) => ({ start_s: now - 60 * (120 - i), difference: rate(0.1 + 1 / (i + 20)), floor: rate(0.004) });
  return { state: 'yielding', why: null, run: 'x', since_s: now - 7200, now_s: now, percent: 40, floor_percent: 10, a: side(text, 120), b: side('base', 260), again: null, referee: null,
    verdict: { is: 'better', differs: true, log_better: 4.123, log_worse: -2, log_needed: 3.689, measures: [] }, difference: rate(0.112), floor: rate(0.004), copied: { streams: 64, audio_s: 7200 },
    dropped: { load: { streams: 4, audio_s: 700 }, queue: { streams: 1, audio_s: 100 } }, pairs_lost: 0, minutes: Array.from({ length: 120 }, (_, i) => minute(i)),
    samples: [{ at_s: now, live: true, score: 1, duration_s: 4, words: 9, edits: 5, confidence_a: 0.5, confidence_b: 0.9, a: text, b: 'what the other heard' }, { at_s: now, a: null, b: null }] };
};
const shadowed = (text, change = (watch) => watch) => async (page) => {
  await changing((watch) => ({ ...change(watch), shadow: true }))(page);
  await page.route('**/v1/shadow', (route) => route.fulfill({ json: shadowAnswer(text, Math.floor(Date.now() / 1000)) }));
};

test('dashboard: a shadow run has a card of its verdict, bounds, what was dropped, and both latencies', async () => {
  await withDashboard({ before: shadowed('tiny') }, async (page) => {
    await ready(page);
    const text = (await page.locator('#shadow').innerText()).replace(/\u00a0/g, ' ');
    for (const part of ['✓ base is better', 'Evidence for better 4.12', '3.69 is needed', '11.2 % 9 % to 14 %', '0.4 %', '812', '10 %', '13 min of audio', 'nothing is copied now', 'copies of 40 % of streams'])
      assert.ok(text.replace(/\s+/g, ' ').includes(part), `${part} in ${text}`);
    const row = (name) => page.locator('#shadow tbody tr', { hasText: name }).locator('td').allTextContents();
    assert.deepEqual(await row('Final text, median'), ['120\u00a0ms', '260\u00a0ms']);
    assert.equal(await page.locator('#shadow canvas').count(), 1);
    assert.equal(await page.locator('.samples li').count(), 1, 'what is not for this key is not shown');
    await openAll(page);
    assert.deepEqual(await faintTexts(page), []);
    await page.locator('#shadow').scrollIntoViewIfNeeded();
    await shot(page, 'dashboard-shadow');
  });
});

test('dashboard: other hosts stand with how they are, and an alarm of one with its name', async () => {
  const down = host('10.0.0.9:8080', 'down', 'connection refused');
  const change = (w) => ({ ...w, hosts: [host('10.0.0.7:8080', 'up', ''), host('10.0.0.8:8080', 'up', ''), down, host('127.0.0.1:8080', 'self', '')],
    alarms: { ...w.alarms, raised: [{ ...w.alarms.raised[0], rule: 'confidence_fleet', host: '10.0.0.8:8080', value: 0.61, norm: 0.84, tolerated: 0.756 }] } });
  await withDashboard({ before: changing(change) }, async (page) => {
    await ready(page);
    const rows = (await page.locator('#hosts tbody tr').allInnerTexts()).map((t) => t.replace(/\s+/g, ' ').trim());
    assert.match(rows[0], /^10\.0\.0\.7:8080 ✓ up 420 2 % 0\.81 0\.31 381 MiB/);
    assert.match(rows[1], /^10\.0\.0\.8:8080 ▲ 1 alarm 420/);
    assert.match(rows[2], /^10\.0\.0\.9:8080 ✕ down connection refused, since /);
    assert.match(rows[3], /this host/);
    const card = (await page.locator('#raised li').innerText()).replace(/\s+/g, ' ');
    for (const part of ['Confidence below the other hosts', '10.0.0.8:8080 · tiny · en', '0.61', 'other hosts 0.84', 'tolerated 0.76']) assert.ok(card.includes(part), `${part} in ${card}`);
    assert.equal(await page.locator('text=Show its picture').count(), 0, 'it has no picture here');
    assert.deepEqual(await faintTexts(page), []);
    await shot(page, 'dashboard-hosts');
  });
});

test('dashboard: an alarm that names this host is of its series', async () => {
  const change = (w) => ({ ...w, host: 'speech-3', alarms: { ...w.alarms, raised: w.alarms.raised.map((a) => ({ ...a, host: 'speech-3' })) } });
  await withDashboard({ before: changing(change) }, async (page) => {
    await ready(page);
    assert.match(await page.textContent('#verdict-more'), /^speech-3 · /);
    assert.match(await page.textContent('#series tbody tr:not(.host)'), /▲ 1 alarm/);
    assert.match(await page.textContent('#raised .where'), /^this host · tiny/);
    await page.click('text=Show its picture');
    assert.equal(await page.evaluate(() => document.activeElement.querySelector('.badge').textContent), '▲ alarm');
  });
});

test('dashboard: minutes are asked for of one series alone', async () => {
  await withDashboard({}, async (page, server) => {
    const watch = async (query) => (await server.get(`/v1/watch${query}`)).json();
    const { series } = await watch('?series=0');
    assert.deepEqual(series.map((s) => [s.model, Boolean(s.minutes && s.hours)]), [['', true], ['tiny', false]]);
    assert.ok((await watch('?series=1')).series.every((s) => s.minutes));
    assert.equal((await watch('?series=x')).message, 'series: want the place of a series, from 0');
    assert.equal((await server.get('/v1/watch?series=-1')).status, 400);
    const asked = [];
    page.on('request', (request) => asked.push(new URL(request.url()).search));
    await ready(page);
    for (let i = 0; i < 3; i++) await page.waitForResponse(/v1\/watch/);
    assert.ok(asked.filter((q) => q === '?minutes=false').length >= asked.filter((q) => q === '?series=1').length, asked.join(' '));
    assert.ok(!asked.includes('?series=0'));
  });
});

test('dashboard: words of others are text, wherever they stand', async () => {
  const evil = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
  const change = (w) => {
    const s = speechOf(w);
    const alarm = { ...w.alarms.raised[0], rule: evil, host: evil, model: evil, language: evil, key: evil, text: evil, runbook: evil };
    return { ...w, hosts: [host(evil, evil, evil), host(`up ${evil}`, 'up', '')], series: [...w.series, { ...s, host: evil, model: evil, language: evil, key: evil }],
      alarms: { ...w.alarms, raised: [...w.alarms.raised, alarm], recent: [{ ...alarm, change: 'raised' }, { ...alarm, change: evil, rule: 'empty' }] },
      worst: [{ at_s: w.now_s, model: evil, language: evil, live: true, empty: false, looped: true, score: 2, speech_s: 9, confidence: 0.2, compression: 3, repeated_rate: 0.5, characters_per_s: 1,
        input: { level_db: -50, snr_db: 2, clipped: 0.2, high_db: -70 }, text: evil }] };
  };
  const context = { viewport: { width: 320, height: 640 } };
  await withDashboard({ context, before: shadowed(evil, change) }, async (page) => {
    await ready(page);
    await openAll(page);
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    assert.equal(await page.locator('main img, main script').count(), 0);
    for (const place of ['#raised', '#recent', '#series', '#worst .text', '#worst .meta', '#hosts', '#shadow table', '.samples']) assert.ok((await page.locator(place).first().textContent()).includes(evil), place);
    const tags = await page.locator('#worst .tag').allTextContents();
    assert.deepEqual(tags.map((t) => t.replace(/\u00a0/g, ' ')), ['loop cut', 'confidence 0.20', '50 % repeated', 'compresses 3.00×', '1.0 characters/s', 'quiet, −50 dB', 'noisy, SNR 2 dB', 'clipped, 20 %', 'nothing above 4 kHz']);
    assert.ok(await fits(page), 'long names scroll sideways');
    await shot(page, 'dashboard-strange');
  });
});

test('dashboard: what was said stands among the worst, masked, for its key only', async () => {
  await withDashboard({}, async (page, server) => {
    await ready(page);
    const client = new Client(server);
    await client.opened;
    const pcm = samples(recording('0870'));
    client.pieces(Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength), [4000]);
    await client.finish();
    await page.waitForSelector('#worst .text');
    const worst = (await fetched(page, 'v1/watch?minutes=false')).worst;
    await agrees(page, async () => [await page.locator('#worst .text').allTextContents(), worst.map((u) => u.text)]);
    assert.match(await page.textContent('[data-tile="heard"] .figure'), /^[\d.]+\ss\/s$/);
  });
});

test('dashboard: a hidden tab asks nothing, one that is looked at again asks at once', async () => {
  await withDashboard({ before: (page) => page.clock.install() }, async (page) => {
    let asked = 0;
    page.on('request', (request) => (asked += /\/v1\//.test(request.url())));
    const hide = (hidden) => page.evaluate((h) => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => h });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
    await ready(page);
    const answer = page.waitForResponse(/v1\/watch/);
    await page.clock.runFor(2500);
    await answer; // it polls
    await hide(true);
    await stateIs(page, 'paused');
    assert.match(await page.textContent('#state'), /Paused/);
    const before = asked;
    await page.clock.runFor(10 * 60 * 1000);
    assert.equal(asked, before);
    const again = page.waitForResponse(/v1\/watch/);
    await hide(false);
    await again;
    await stateIs(page, 'live');
  });
});

test('dashboard: a server that is gone is said to be, less and less often asked, and found again', async () => {
  await packages();
  const dir = await seeded();
  const first = await new Server(['--data-dir', dir]).listening();
  const [, port] = first.address.split(':');
  let second = null;
  try {
    await withBrowser({ address: `http://${first.address}/icon.svg`, complaints: [GONE] }, async (page) => {
      await page.clock.install();
      await page.goto(`http://${first.address}/dashboard`);
      await ready(page);
      first.child.kill('SIGKILL');
      await first.end();
      const asked = [];
      page.on('request', async (request) => /v1\/status/.test(request.url()) && asked.push(await page.evaluate(() => Date.now())));
      for (let i = 0; i < 4; i++) {
        const failed = page.waitForEvent('requestfailed');
        await page.clock.runFor(i ? 2000 * 2 ** i : 2500);
        await failed;
        await stateIs(page, 'lost');
      }
      await page.waitForFunction(() => /^The server cannot be reached\. Asking again in \d+\ss; what is shown is from \d\d:\d\d:\d\d$/.test(document.querySelector('#state-text').textContent));
      assert.match(await page.textContent('#state-text'), /in 16\ss;/);
      assert.ok(await page.isVisible('#raised li'), 'what was known stays');
      assert.match(await page.textContent('#announce'), /^The server cannot be reached/);
      assert.deepEqual(await faintTexts(page), []);
      await shot(page, 'dashboard-gone', false);
      second = await new Server(['--data-dir', dir, '--port', port]).listening();
      await page.click('#now');
      await stateIs(page, 'live');
      assert.ok(await page.isHidden('#now'));
      assert.equal(await page.textContent('#announce'), 'The server answers again.');
    });
  } finally {
    first.child.kill('SIGKILL');
    second?.child.kill('SIGKILL');
    await Promise.all([first.end(), second?.end()]);
  }
});

test('dashboard: a key is asked for, refused, used, forgotten', async () => {
  const dir = folder('dashboard-keys');
  const made = steno(['key', 'create', '--name', 'board', '--data-dir', dir]);
  assert.equal(made.status, 0, made.err);
  const key = made.out.trim();
  await withDashboard({ args: ['--data-dir', dir], complaints: [/status of 401/] }, async (page) => {
    await page.waitForSelector('#key-form:not([hidden])');
    assert.match(await page.textContent('#key-why'), /asks for a key/);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'key');
    await page.fill('#key', `${key.slice(0, -1)}`);
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => /mistyped/.test(document.querySelector('#key-form:not([hidden]) #key-why')?.textContent));
    assert.deepEqual(await faintTexts(page), []);
    await shot(page, 'dashboard-key');
    await page.fill('#key', key);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#main:not([hidden])');
    assert.ok(await page.isHidden('#key-form'));
    assert.match(await page.textContent('#series'), /Nobody has spoken yet/);
    await shot(page, 'dashboard-empty');
    assert.deepEqual(await page.evaluate(() => [sessionStorage['steno-key'], Object.keys(localStorage), document.cookie, location.search]), [key, [], '', '']);
    await page.click('#forget-key');
    await page.waitForSelector('#key-form:not([hidden])');
    assert.equal(await page.evaluate(() => sessionStorage['steno-key']), undefined);
  });
});

test('dashboard: a server that does not watch itself says so', async () => {
  const config = write('unwatched.conf', '[watch]\nwatch = no\n');
  await withDashboard({ args: ['--config', config, '--data-dir', folder('unwatched')], complaints: [/status of 404 .*v1\/watch/] }, async (page) => {
    await stateIs(page, 'off');
    assert.match(await page.textContent('#off'), /does not watch itself/);
    assert.ok(await page.isHidden('#main'));
  });
});

test('dashboard: a build without uPlot shows tables', async () => {
  const absent = (name) => readFileSync(new URL(`../../web/charts/absent/${name}`, import.meta.url), 'utf8');
  const before = (page) => page.route('**/uPlot.*', (route) => {
    const name = route.request().url().split('/').at(-1);
    return route.fulfill({ contentType: name.endsWith('js') ? 'text/javascript' : 'text/css', body: absent(name) });
  });
  await withDashboard({ before }, async (page) => {
    await ready(page);
    assert.ok(await page.isVisible('#no-charts'));
    assert.equal(await page.locator('canvas').count(), 0);
    assert.ok((await page.locator('.chart .numbers:visible tbody tr').count()) > 100);
  });
});

test('dashboard: nothing on it comes from elsewhere or stands in the page itself', async () => {
  await withServer(['--data-dir', folder('csp')], async (server) => {
    const answer = await server.get('/dashboard');
    const html = await answer.text();
    assert.match(answer.headers.get('content-security-policy'), /default-src 'self'.*object-src 'none'.*frame-ancestors 'none'/);
    assert.doesNotMatch(html, /\sstyle=|\son\w+=|<style|<script(?![^>]* src=)|(?:src|href)="(?:https?:)?\/\//);
    for (const [, path] of html.matchAll(/(?:src|href)="([^#"]+)"/g)) assert.equal((await server.get(`/${path}`)).status, 200, path);
    assert.match(await (await server.get('/')).text(), /<a href="dashboard">/);
    assert.equal((await server.get('/dashboard/')).status, 404);
  });
});
