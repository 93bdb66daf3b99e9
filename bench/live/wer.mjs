// wer.mjs STENO [OPTION…]: how good live text is: finals against what was said and against recordings, partials against
// finals. Every Debian prompt is a live stream of its own (options go to `steno live`), at SPEED times the pace of time;
// where a final ends and what it says does not depend on the pace.
//
// Prints word error rates of finals, of `steno transcribe` as it is, and of `steno transcribe --vad-join-ms 0`, which does
// not wait for more words either; then how many words of partials the final changed. See docs/partials.md.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SPEED = process.env.SPEED ?? '20';
const [steno = 'build/steno', ...options] = process.argv.slice(2);
const lines = (command, args) => execFileSync(command, args, { encoding: 'utf8' }).trim().split('\n');
const files = lines('tools/prompts.sh', ['--wav']);
const reference = lines('tools/prompts.sh', []);
const ids = reference.map((line) => line.split('\t')[0]);
const words = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}' ]/gu, ' ').split(/\s+/).filter(Boolean);

/** Words of `shown` that have to change to become a beginning of `said`. */
function changed(shown, said) {
    let row = said.map((_, j) => j);
    row.push(said.length);
    for (let i = 1; i <= shown.length; i++) {
        const next = [i];
        for (let j = 1; j <= said.length; j++)
            next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (shown[i - 1] === said[j - 1] ? 0 : 1));
        row = next;
    }
    return Math.min(...row);
}

const count = { stable: 0, stableChanged: 0, shown: 0, shownChanged: 0, partials: 0, finals: 0 };

function compare(partial, final) {
    const said = words(final.text), all = words(partial.text).slice(0, -2);
    const stable = words([...partial.text].slice(0, partial.stable_chars).join(''));
    count.stable += stable.length;
    count.stableChanged += changed(stable, said);
    count.shown += all.length;
    count.shownChanged += changed(all, said);
}

function live(file) {
    const run = spawnSync(steno, ['live', '-f', 'json', '--speed', SPEED, ...options, file], { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`${file}: ${run.stderr}`);
    const events = run.stdout.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const finals = events.filter((e) => e.type === 'final');
    const partials = events.filter((e) => e.type === 'partial');
    count.partials += partials.length;
    count.finals += finals.length;
    for (const partial of partials) compare(partial, finals.find((f) => f.message_id === partial.message_id));
    return finals.map((f) => f.text).join(' ');
}

const dir = mkdtempSync(join(tmpdir(), 'steno-live-'));
try {
    const rate = (name, texts) => {
        writeFileSync(join(dir, name), texts.map((text, i) => `${ids[i]}\t${text}\n`).join(''));
        const out = lines(steno, ['score', 'wer', '--ids', join(dir, 'reference'), join(dir, name)]);
        console.log(`${name}: ${out.find((line) => /wer/i.test(line))}`);
    };
    writeFileSync(join(dir, 'reference'), reference.join('\n') + '\n');
    writeFileSync(join(dir, 'list'), files.join('\n') + '\n');
    const offline = (more) => {
        const out = lines(steno, ['transcribe', '-f', 'json', '--files-from', join(dir, 'list'), ...more]);
        return out.map((line) => JSON.parse(line).segments.map((s) => s.text).join(' '));
    };
    rate('recordings', offline([]));
    rate('recordings, no joining', offline(['--vad-join-ms', '0']));
    rate('live', files.map(live));
    const share = (a, b) => `${a} of ${b} (${((100 * a) / b).toFixed(2)} %)`;
    console.log(`partials ${count.partials}, finals ${count.finals}`);
    console.log(`stable words that the final changed: ${share(count.stableChanged, count.stable)}`);
    console.log(`all but the last two words of partials that the final changed: ${share(count.shownChanged, count.shown)}`);
} finally {
    rmSync(dir, { recursive: true });
}
