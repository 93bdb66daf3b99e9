// dice.mjs: repeatable chance, and texts that know which of their bytes are personal data. Used by the generators beside it.

/** Numbers in [0, 1) from a name, the same on every machine (xmur3 into sfc32). */
function stream(name) {
  let h = 1779033703 ^ name.length;
  for (let i = 0; i < name.length; i++) {
    h = Math.imul(h ^ name.charCodeAt(i), 3432918353);
    h = (h << 13) | (h >>> 19);
  }
  const next = () => {
    h = Math.imul(h ^ (h >>> 16), 2246822507);
    h = Math.imul(h ^ (h >>> 13), 3266489909);
    return (h ^= h >>> 16) >>> 0;
  };
  let [a, b, c, d] = [next(), next(), next(), next()];
  return () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t | 0;
    return (t >>> 0) / 4294967296;
  };
}

/** What generators throw. */
export function dice(name) {
  const random = stream(name);
  for (let i = 0; i < 12; i++) random();
  const d = {
    int: (low, high) => low + Math.floor(random() * (high - low + 1)),
    chance: (p) => random() < p,
    pick: (list) => list[Math.floor(random() * list.length)],
    /** [[weight, value], …] */
    weigh: (list) => {
      let at = random() * list.reduce((sum, [w]) => sum + w, 0);
      for (const [w, value] of list) if ((at -= w) < 0) return value;
      return list[list.length - 1][1];
    },
    /** '#' a digit, '%' one of 2..9, '!' one of 1..9, '?' a capital letter; the rest stays. */
    fill: (pattern) => pattern.replace(/[#%!?]/g, (c) =>
      c === '#' ? d.int(0, 9) : c === '%' ? d.int(2, 9) : c === '!' ? d.int(1, 9) : String.fromCharCode(65 + d.int(0, 25))),
    /** Until `good` says yes. */
    until: (make, good) => {
      for (;;) {
        const value = make();
        if (good(value)) return value;
      }
    },
  };
  return d;
}

/** Pieces [{ text, type? }] -> { text, entities: [{ type, start, end }] } in bytes of UTF-8. */
export function assemble(pieces) {
  let text = '', at = 0;
  const entities = [];
  for (const piece of pieces) {
    const n = Buffer.byteLength(piece.text);
    if (piece.type) entities.push({ type: piece.type, start: at, end: at + n });
    text += piece.text;
    at += n;
  }
  return { text, entities };
}

/** A template with '{}' for what `slots` yields, in order. */
export function pieces_of(template, slots) {
  const out = [];
  template.split('{}').forEach((text, i) => {
    if (i > 0) out.push(slots[i - 1]);
    if (text) out.push({ text });
  });
  return out;
}
