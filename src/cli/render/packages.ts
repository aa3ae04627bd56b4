/** What is in an image, as text. */
import { shortDigest } from '../../domain/digest.ts';
import type { InventoryBody } from '../../client/client.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { counted } from './amounts.ts';
import { table } from './table.ts';

export function inventoryLines({ digest, distribution, packages, unread }: InventoryBody, terminal: Terminal): readonly string[] {
  const on = distribution === null ? '' : ` on ${distribution.name}`;
  const rows = packages.map((each) => [
    each.type,
    harmless(each.name),
    harmless(each.version),
    harmless(each.license ?? ''),
    shortDigest(each.where.layer),
  ]);
  return [
    harmless(`${shortDigest(digest)}   ${counted(packages.length, 'package')}${on}`),
    ...unread.map(({ path, why }) => harmless(`  not read: /${path}: ${why}`)),
    ...(packages.length === 0
      ? ['No package of a kind that Kiln knows: deb, apk, npm, PyPI, and programs built with Go and Rust.']
      : [
          '',
          ...table(
            [
              { title: 'TYPE' },
              { title: 'PACKAGE', flexible: true },
              { title: 'VERSION', flexible: true },
              { title: 'LICENSE', flexible: true },
              { title: 'LAYER' },
            ],
            rows,
            terminal.columns,
          ),
        ]),
  ];
}
