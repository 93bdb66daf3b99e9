// sherpa_tokens.mjs: sherpa-onnx reads an empty piece as a broken line, so tokens without text get a name.
import { readFileSync, writeFileSync } from 'node:fs';

export function writeTokens(from, to) {
  const named = readFileSync(from, 'utf8')
    .split('\n')
    .filter((line) => line.includes(' '))
    .map((line) => (line.startsWith(' ') ? `${Buffer.from(`<${line.trim()}>`).toString('base64')}${line}` : line));
  writeFileSync(to, named.join('\n') + '\n');
}
