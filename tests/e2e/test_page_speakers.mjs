// test_page_speakers.mjs: who speaks, on the page: a fake server says it message by message, as each test wants. See test_page.mjs.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { CHROMIUM, downloads, faintTexts, microphone, shot, speech, state, withBrowser, packages } from './browser.mjs';
import { FakeStream } from './fake_stream.mjs';
import { test, writeWav } from './harness.mjs';
import { within } from './live_client.mjs';
import { validateControl, validateEvent } from './protocol_schema.mjs';

// Opens the page with the setting `speakers`, lets it listen to a microphone and runs `body(page, session, fake)`.
async function withTalk({ speakers = 'revise', context = {}, options = {}, before = () => {} }, body) {
  const { WebSocketServer } = await packages();
  const wav = existsSync(CHROMIUM) ? writeWav('talk.wav', speech()) : '';
  const fake = await new FakeStream(WebSocketServer).listen();
  fake.options = options;
  try {
    await withBrowser({ address: fake.address, flags: microphone(wav), context }, async (page) => {
      await page.selectOption('#speakers', speakers);
      await before(page);
      await page.click('#speak');
      await state(page, 'open');
      await body(page, fake.sessions[0], fake);
    });
    for (const event of fake.said) validateEvent(event);
    for (const control of fake.controls) validateControl(control);
  } finally {
    await fake.close();
  }
}

// What is on the page: a row is a list of "chip: text", the rows in order.
const rows = (page) => page.evaluate(() => [...document.querySelectorAll('#sessions li')].map((row) => [...row.querySelectorAll('.turn')].map((turn) => `${turn.querySelector('.who')?.textContent}: ${turn.querySelector('p').textContent}`)));

async function shows(page, want) {
  const wanted = JSON.stringify(want);
  try {
    await page.waitForFunction((text) => {
      const now = [...document.querySelectorAll('#sessions li')].map((row) => [...row.querySelectorAll('.turn')].map((turn) => `${turn.querySelector('.who')?.textContent}: ${turn.querySelector('p').textContent}`));
      return JSON.stringify(now) === text;
    }, wanted);
  } catch (error) {
    assert.deepEqual(await rows(page), want, error.message);
  }
}

const announced = (page) => page.locator('#announce p').allTextContents();
const chip = (page, name) => page.locator('.turn > button.who', { hasText: name }).first();
async function controlled(fake, n) {
  while (fake.controls.length < n) await within(new Promise((resolve) => (fake.onControl = resolve)), `${n} controls: ${JSON.stringify(fake.controls)}`);
  return fake.controls;
}

async function rename(page, from, to) {
  await chip(page, from).click();
  await page.fill('.who-editor input', to);
  await page.keyboard.press('Enter');
}

async function stop(page) {
  await page.click('#speak');
  await state(page, 'idle');
}

test('page, speakers: labels come, are mended in place and shown; older ones are not taken', async () => {
  await withTalk({}, async (page, session, fake) => {
    assert.match(fake.urls.at(-1), /speakers=revise&max_speakers=8/);
    session.talk('partial', 0, [[null, 'so what do']]);
    await shows(page, [['Unknown: so what do']]);
    assert.equal(await page.locator('.turn > span.who').count(), 1, 'nobody can be named who is not known');
    session.talk('final', 0, [[null, 'So what do you think?']]);
    session.revise(0, [['S1', 5]]);
    await shows(page, [['S1: So what do you think?']]);
    await page.waitForSelector('li.mended');
    session.talk('final', 1, [['S1', 'Well I'], ['S2', 'No. Never'], [null, 'at'], ['S2', 'all!'], ['S1', '<b>Fine.</b>']]);
    await shows(page, [['S1: So what do you think?'], ['S1: Well I', 'S2: No. Never at all!', 'S1: <b>Fine.</b>']]);
    assert.deepEqual(await page.locator('.unsure').allTextContents(), ['at']);
    // Partials join nobody's words, too.
    session.talk('partial', 2, [['S2', 'and then'], [null, 'we went']]);
    await shows(page, [['S1: So what do you think?'], ['S1: Well I', 'S2: No. Never at all!', 'S1: <b>Fine.</b>'], ['S2: and then we went']]);
    assert.deepEqual(await page.locator('li.partial .unsure').allTextContents(), ['we', 'went']);
    session.revise(0, [['S2', 5]], { rev: 5 });
    session.revise(0, [['S1', 5]], { rev: 4 }); // overtaken
    session.revise(0, [['S1', 5]], { rev: 5 });
    session.say({ type: 'revision', message_id: 7, rev: 1, speaker: 'S2', speaker_name: null, speaker_margin: 1, speaker_fixed: false, spans: [] }); // of nothing that is here
    session.revise(1, [['S1', 2], ['S2', 6]]);
    await shows(page, [['S2: So what do you think?'], ['S1: Well I', 'S2: No. Never at all! <b>Fine.</b>'], ['S2: and then we went']]);
    assert.deepEqual(await announced(page), ['So what do you think?', 'That was S1.', 'Well I S2: No. Never at all! S1: <b>Fine.</b>', 'Speakers of earlier messages were corrected.'], 'no more is read out than needed');
    await page.waitForFunction(() => !document.querySelector('li.mended'));
    await shot(page, 'speakers-light-live');
    await stop(page);
    await shows(page, [['S2: So what do you think?'], ['S1: Well I', 'S2: No. Never at all! <b>Fine.</b>'], ['S2: and then we went']]);
    // A word still plays, and a chip does not.
    await page.locator('.word', { hasText: 'So' }).first().click();
    await page.waitForSelector('#player-play.playing');
  });
});

test('page, speakers: a name is given on a chip, earlier and later rows follow, also after a break', async () => {
  await withTalk({ options: {} }, async (page, session, fake) => {
    session.talk('final', 0, [['S1', 'Good morning.'], ['S2', 'Morning.']]);
    session.talk('final', 1, [['S1', 'Shall we?']]);
    await shows(page, [['S1: Good morning.', 'S2: Morning.'], ['S1: Shall we?']]);
    await rename(page, 'S1', ' Ann\u2028 <i>Ärzte</i> ');
    const name = 'Ann  <i>Ärzte</i>';
    await shows(page, [[`${name}: Good morning.`, 'S2: Morning.'], [`${name}: Shall we?`]]);
    assert.deepEqual((await controlled(fake, 1))[0], { type: 'name_speaker', speaker: 'S1', name });
    assert.equal(await page.evaluate(() => document.activeElement.textContent), name, 'the keyboard is where it was');
    // The connection breaks; what is said meanwhile comes, and what people said of speakers is said again.
    fake.options.drops = [session.count / session.rate + 0.1];
    await page.waitForFunction(() => document.querySelector('#connection').dataset.state === 'resuming');
    session.talk('final', 2, [['S2', 'Yes.'], ['S1', 'Good.']]);
    session.revise(0, [['S2', 3]]);
    await shows(page, [['S2: Good morning. Morning.'], [`${name}: Shall we?`], ['S2: Yes.', `${name}: Good.`]]);
    assert.deepEqual((await controlled(fake, 2))[1], { type: 'name_speaker', speaker: 'S1', name });
    // While a name is typed, what the server mends does not close it.
    await chip(page, 'S2').click();
    await page.fill('.who-editor input', 'ü'.repeat(40));
    session.revise(1, [['S2', 2]]);
    await shows(page, [['S2: Good morning. Morning.'], ['S2: Shall we?'], ['S2: Yes.', `${name}: Good.`]]);
    await page.keyboard.press('Enter');
    const long = 'ü'.repeat(31);
    await shows(page, [[`${long}: Good morning. Morning.`], [`${long}: Shall we?`], [`${long}: Yes.`, `${name}: Good.`]]);
    assert.equal((await controlled(fake, 3))[2].name, long, '63 bytes at most');
    // An empty name takes it back; Escape changes nothing.
    await rename(page, long, '');
    await chip(page, 'Ann').click();
    await page.fill('.who-editor input', 'Nobody');
    await page.keyboard.press('Escape');
    await shows(page, [['S2: Good morning. Morning.'], ['S2: Shall we?'], ['S2: Yes.', `${name}: Good.`]]);
    await stop(page);
    const n = fake.controls.length;
    await rename(page, 'S2', 'Ben & Co');
    await shows(page, [['Ben & Co: Good morning. Morning.'], ['Ben & Co: Shall we?'], ['Ben & Co: Yes.', `${name}: Good.`]]);
    assert.equal(fake.controls.length, n, 'nothing is sent any more');
    const files = await downloads(page);
    assert.equal(files.txt.text, `Ben & Co: Good morning. Morning.\nShall we?\nYes.\n${name}: Good.\n`);
    assert.ok(files.srt.text.includes('\nBen & Co: Good morning. Morning.\n'), files.srt.text);
    assert.ok(files.vtt.text.includes('\n<v Ben &amp; Co>Yes.\n') && files.vtt.text.includes('\n<v Ann  &lt;i&gt;Ärzte&lt;/i&gt;>Good.\n'), files.vtt.text);
    const document = JSON.parse(files.json.text);
    assert.deepEqual(document.segments.map((s) => [s.speaker, s.words.map((w) => w.speaker)]), [['Ben & Co', Array(3).fill('Ben & Co')], ['Ben & Co', Array(2).fill('Ben & Co')], ['Ben & Co', ['Ben & Co', name]]]);
    assert.deepEqual(document.speakers.map((s) => s.label).sort(), [name, 'Ben & Co'].sort());
    await page.evaluate(() => {
      const button = document.querySelector('.copy');
      window.copied = new Promise((resolve) => new MutationObserver(() => button.textContent === 'Copied' && resolve()).observe(button, { childList: true }));
    });
    await page.click('.copy');
    await page.evaluate(() => window.copied);
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), files.txt.text);
  });
});

test('page, speakers: two are made one, by keyboard alone', async () => {
  await withTalk({}, async (page, session, fake) => {
    session.talk('final', 0, [['S1', 'One two.'], ['S2', 'Three.']]);
    session.talk('final', 1, [['S3', 'Four.']]);
    await shows(page, [['S1: One two.', 'S2: Three.'], ['S3: Four.']]);
    // One chip is a stop of the tab key, arrows go on from it.
    const stops = await page.locator('.turn > button.who').evaluateAll((all) => all.map((b) => b.tabIndex));
    assert.deepEqual(stops, [0, -1, -1]);
    await page.locator('.turn > button.who').first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.name), 'name');
    await page.keyboard.type('Cy');
    for (let i = 0; i < 3; i++) await page.keyboard.press('Tab'); // Save, Cancel, S1
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'S1');
    await page.keyboard.press('Enter');
    await shows(page, [['S1: One two.', 'S2: Three.'], ['S1: Four.']]);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'S1');
    assert.deepEqual(await controlled(fake, 1), [{ type: 'merge_speakers', from: 'S3', into: 'S1' }]);
    // Whatever still says S3 means S1; a named one keeps its name.
    session.talk('final', 2, [['S3', 'Five.']]);
    await rename(page, 'S2', 'Bo');
    await chip(page, 'Bo').click();
    await page.locator('.who-editor .who', { hasText: 'S1' }).click();
    await shows(page, [['Bo: One two. Three.'], ['Bo: Four.'], ['Bo: Five.']]);
    assert.deepEqual((await controlled(fake, 4)).slice(1), [{ type: 'name_speaker', speaker: 'S2', name: 'Bo' }, { type: 'merge_speakers', from: 'S2', into: 'S1' }, { type: 'name_speaker', speaker: 'S1', name: 'Bo' }]);
    // After a break all of it is said again, in its order.
    const said = [...fake.controls];
    fake.options.drops = [session.count / session.rate + 0.1];
    assert.deepEqual((await controlled(fake, 8)).slice(4), said);
    await shows(page, [['Bo: One two. Three.'], ['Bo: Four.'], ['Bo: Five.']]);
    // A server that does not: it is said, and taken back.
    session.talk('final', 3, [['S4', 'Six.']]);
    session.refuses = true;
    await chip(page, 'S4').click();
    await page.locator('.who-editor .who', { hasText: 'Bo' }).click();
    await page.waitForSelector('#error:not([hidden])');
    assert.equal(await page.textContent('#error-text'), 'The server does not make two speakers one: only labels of speakers=revise ever change.');
    assert.deepEqual((await rows(page)).at(-1), ['S4: Six.']);
  });
});

test('page, speakers: delayed labels are pending, then stay; two are made one when it is over', async () => {
  await withTalk({ speakers: 'delayed', before: (page) => page.fill('#max-speakers', '99') }, async (page, session, fake) => {
    assert.match(fake.urls.at(-1), /speakers=delayed&max_speakers=16/);
    session.talk('final', 0, [[null, 'One two.']]);
    await page.waitForSelector('.who.pending');
    await shows(page, [['Unknown: One two.']]);
    session.revise(0, [['S1', 2]], { fixed: true });
    session.talk('final', 1, [[null, 'Three.']]);
    session.revise(1, [[null, 1]], { fixed: true }); // nobody will ever know
    session.talk('final', 2, [['S2', 'Four.']], { fixed: true });
    session.talk('final', 3, [[null, 'Five.']]);
    await shows(page, [['S1: One two.'], ['Unknown: Three.'], ['S2: Four.'], ['Unknown: Five.']]);
    assert.deepEqual(await page.locator('.who').evaluateAll((all) => all.map((w) => w.classList.contains('pending'))), [false, false, false, true]);
    await chip(page, 'S1').click();
    assert.match(await page.textContent('.who-editor'), /never change while it runs/);
    assert.equal(await page.locator('.who-editor .who').count(), 0);
    await shot(page, 'speakers-light-delayed');
    await stop(page);
    assert.equal(await page.locator('.who.pending').count(), 0, 'nothing comes any more');
    await page.locator('.who-editor .who', { hasText: 'S2' }).click(); // it was open all the time
    await shows(page, [['S2: One two.'], ['Unknown: Three.'], ['S2: Four.'], ['Unknown: Five.']]);
    assert.ok(fake.controls.every(({ type }) => type === 'close'));
    assert.deepEqual((await downloads(page)).txt.text, 'S2: One two.\nUnknown: Three.\nS2: Four.\nUnknown: Five.\n');
  });
});

test('page, speakers: enrolled voices have their names; the setting stays in this tab', async () => {
  const before = async (page) => {
    await page.fill('#voices', ' Judge,Clerk ');
    await page.locator('#voices').blur();
    await page.reload();
    assert.deepEqual(await page.evaluate(() => [document.querySelector('#speakers').value, document.querySelector('#voices').value]), ['enrolled', 'Judge,Clerk']);
  };
  await withTalk({ speakers: 'enrolled', before }, async (page, session, fake) => {
    assert.match(fake.urls.at(-1), /speakers=enrolled&voices=Judge%2CClerk/);
    assert.ok(await page.isHidden('#speaker-settings'));
    session.names.set('S1', 'Judge');
    session.talk('final', 0, [['S1', 'Order.'], ['other', 'But']], { fixed: true });
    await shows(page, [['Judge: Order.', 'Other: But']]);
    await rename(page, 'Judge', 'The court');
    await shows(page, [['The court: Order.', 'Other: But']]);
    await rename(page, 'The court', '');
    await shows(page, [['Judge: Order.', 'Other: But']]);
    await stop(page);
    await page.selectOption('#speakers', 'off');
    assert.ok(await page.isHidden('#voices'));
    await page.click('#speak');
    await state(page, 'open');
    assert.ok(!/speakers|voices/.test(fake.urls.at(-1)), fake.urls.at(-1));
    await page.waitForSelector('.session:last-child li.final');
    assert.equal(await page.locator('.session:last-child .who').count(), 0);
  });
});

// Some browsers keep a reader's place by themselves, some do not.
for (const anchors of ['auto', 'none']) test(`page, speakers: what a reader looks at stays where it is while rows above are mended (overflow-anchor: ${anchors})`, async () => {
  await withTalk({ context: { reducedMotion: 'reduce', viewport: { width: 900, height: 500 } } }, async (page, session) => {
    for (let i = 0; i < 60; i++) session.talk('final', i, [[null, 'One two three four.']]);
    await page.waitForFunction(() => document.querySelectorAll('li.final').length === 60);
    await page.evaluate((value) => (document.documentElement.style.overflowAnchor = value), anchors);
    const place = (n) => page.locator('#sessions li').nth(n).evaluate((row) => Math.round(row.getBoundingClientRect().top));
    await page.locator('#sessions li').nth(30).evaluate((row) => scrollBy(0, row.getBoundingClientRect().top - 200));
    const was = await place(30);
    for (let i = 0; i < 20; i++) session.revise(i, [['S1', 1], ['S2', 1], ['S3', 2]]);
    session.revise(59, [['S1', 4]]);
    await page.waitForFunction(() => document.querySelectorAll('.turn').length === 100 && /S1/.test(document.querySelector('li:last-child').textContent));
    assert.equal(await place(30), was);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))); // the browser has its own idea of this
    assert.equal(await place(30), was);
    assert.deepEqual(await page.evaluate(() => document.getAnimations().length), 0, 'nothing moves for those who ask');
    // At the end of the page the end stays in sight.
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    session.revise(58, [['S1', 1], ['S2', 1], ['S3', 2]]);
    await page.waitForFunction(() => document.querySelectorAll('.turn').length === 102);
    assert.ok(await page.evaluate(() => document.documentElement.scrollHeight - scrollY - innerHeight < 2));
  });
});

test('page, speakers: chips fit a phone and the dark', async () => {
  for (const [name, context] of [['light', {}], ['phone', { viewport: { width: 320, height: 640 }, reducedMotion: 'reduce', deviceScaleFactor: 2 }], ['phone-dark', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }], ['dark', { colorScheme: 'dark' }]]) {
    await withTalk({ context, before: (page) => shot(page, `speakers-${name}-idle`) }, async (page, session) => {
      for (let i = 0; i < 9; i++) session.talk('final', i, [[`S${i + 1}`, 'The quick brown fox jumps over the lazy dog, and nobody'], [i % 2 ? null : 'S1', 'knows']]);
      session.talk('final', 9, [[null, 'Who is this?']]);
      session.revise(2, [['S2', 10], ['S1', 1]]);
      session.talk('partial', 10, [['S2', 'and then'], [null, 'we went']]);
      await page.waitForFunction(() => document.querySelector('li.mended') && document.querySelector('li.partial'));
      await shot(page, `speakers-${name}-mended`);
      await page.waitForFunction(() => !document.querySelector('li.mended'));
      await rename(page, 'S2', 'Bartholomew Featherstonehaugh-Cholmondeley');
      const check = async (when) => {
        const wide = await page.evaluate(() => (document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => `${e.tagName}.${e.className} ${e.getBoundingClientRect().right}`)));
        assert.deepEqual(wide, [], `${name} scrolls sideways ${when}`);
        assert.deepEqual(await faintTexts(page), [], `${name} ${when}`);
        const cut = await page.evaluate(() => [...document.querySelectorAll('#speaker-settings *, .who-editor *')].filter((e) => e.offsetParent && e.getBoundingClientRect().left < e.parentElement.getBoundingClientRect().left - 1).map((e) => e.id || e.className || e.tagName));
        assert.deepEqual(cut, [], `${name} ${when}`);
        const small = await page.evaluate(() => [...document.querySelectorAll('button')].filter((b) => b.offsetParent && (b.offsetHeight < 24 || b.offsetWidth < 24)).map((b) => b.outerHTML));
        assert.deepEqual(small, [], `${name} ${when}`);
      };
      await check('while it runs');
      await chip(page, 'S1').click();
      await check('while a speaker is named');
      await shot(page, `speakers-${name}-editor`);
      await shot(page, `speakers-${name}-editor-window`, false);
      await page.keyboard.press('Escape');
      await stop(page);
      await check('when it is over');
      await shot(page, `speakers-${name}`);
    });
  }
});

// The page's modules are nobody's package: Node would have to guess what they are.
test('page formats: who speaks, where several do and where nobody knows', async () => {
  const source = readFileSync(new URL('../../web/formats.js', import.meta.url)).toString('base64');
  const { json, srt, txt, vtt } = await import(`data:text/javascript;base64,${source}`);
  const word = (text, i, speaker) => ({ word: text, start: i, end: i + 0.5, confidence: 1, speaker });
  const segment = (start, said) => ({ start, end: start + said.length - 0.5, text: said.map(([w]) => w).join(' '), confidence: 1, speaker: said[0][1], words: said.map(([w, s], i) => word(w, start + i, s)) });
  const recording = { file: 'f', model: 'm', language: 'en', duration: 20, speakers: [{ label: 'S1' }, { label: 'A<b>' }, { label: 'S3' }],
    segments: [segment(0, [['so', null], ['what', 'S1'], ['now', null], ['yes', 'A<b>']]), segment(5, [['no', 'A<b>']]), segment(7, [['hm', null]]), segment(9, [['a', 'other'], ['b', 'S1']])] };
  assert.equal(txt(recording), 'S1: so what now\nA<b>: yes\nno\nUnknown: hm\nother: a\nS1: b\n');
  const texts = (all) => all.split('\n').filter((line) => /[a-z]/.test(line) && line !== 'WEBVTT');
  // Words a second apart have pauses between them long enough for cues of two.
  const close = { ...recording, segments: recording.segments.map((s) => ({ ...s, words: s.words.map((w) => ({ ...w, end: w.start + 0.9 })) })) };
  assert.deepEqual(texts(srt(close)), ['S1: so what now', 'A<b>: yes', 'A<b>: no', 'hm', 'other: a', 'S1: b']);
  assert.deepEqual(texts(vtt(close)), ['<v S1>so what now', '<v A&lt;b&gt;>yes', '<v A&lt;b&gt;>no', 'hm', '<v other>a', '<v S1>b']);
  const document = JSON.parse(json(recording));
  assert.deepEqual(document.segments.map((s) => s.words.map((w) => w.speaker)), [[null, 'S1', null, 'A<b>'], ['A<b>'], [null], ['other', 'S1']]);
  assert.deepEqual(document.speakers, [{ label: 'other', seconds: 0.5 }, { label: 'S1', seconds: 3 }, { label: 'A<b>', seconds: 1 }]);
  // Without words the whole segment is one speaker's; without speakers nothing is said of them.
  const bare = { ...recording, segments: [{ start: 0, end: 1, text: 'so what', confidence: 1, speaker: 'S1' }] };
  assert.equal(txt(bare), 'S1: so what\n');
  assert.ok(!/S1|speaker/.test(json({ ...bare, speakers: undefined }) + srt({ ...bare, speakers: undefined })));
});
