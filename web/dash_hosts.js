// dash_hosts.js: the other hosts whose /metrics this one reads, where it reads any. Every text is set as text.
import { $, child } from './dom.js';
import { badge, same } from './dash_parts.js';
import * as units from './dash_units.js';

export function paintHosts(hosts, now) {
  const box = $('hosts');
  if (same(box, [hosts ?? null, Math.floor(now / 60)]) || !hosts?.length) return;
  const list = child(box, 'ul', 'hosts');
  for (const h of hosts) {
    const item = child(list, 'li', 'card');
    child(item, 'span', 'name').textContent = h.host ?? h.name ?? '';
    const good = h.state === 'up' || h.state === 'ok';
    badge(item, good ? 'good' : 'off', h.state ?? 'unknown');
    const more = [h.seen_s ? `heard of ${units.moment(h.seen_s, now)}` : '', h.error ?? ''].filter(Boolean).join(' · ');
    if (more) child(item, 'span', 'where').textContent = more;
  }
}
