/** The gate `sbom`: an image is published with the list of what is in it, or not at all. */
import type { Finding, Gate, GateSubject } from '../gates/contract.ts';
import { findingOf } from '../gates/finding.ts';
import { CYCLONEDX_PREDICATE } from './documents/cyclonedx.ts';
import { sbomOf } from './document.ts';
import { inventoryOf } from './inventory.ts';
import { type Inventory, PACKAGE_TYPES, type Unread } from './package.ts';
import { apk } from './readers/apk.ts';
import { dpkg } from './readers/dpkg.ts';

export const sbomGate: Gate = {
  name: 'sbom',
  async run(subject) {
    const { store, image } = subject;
    const inventory = await inventoryOf(store, image, subject);
    return {
      findings: inventory.unread.map((unread) => unreadFinding(unread, subject)),
      why: countsOf(inventory),
      predicates: [{ type: CYCLONEDX_PREDICATE, content: sbomOf(image, inventory, 'cyclonedx') }],
    };
  },
};

/** `412 packages: 340 deb, 72 npm`. */
export function countsOf({ packages }: Inventory): string {
  const total = `${packages.length} package${packages.length === 1 ? '' : 's'}`;
  const kinds = PACKAGE_TYPES.map((type) => [type, packages.filter((each) => each.type === type).length] as const);
  const told = kinds.filter(([, count]) => count > 0).map(([type, count]) => `${count} ${type}`);
  return told.length === 0 ? total : `${total}: ${told.join(', ')}`;
}

/** Without the list of the distribution's packages nothing is known of the image; one broken manifest among many is told. */
function unreadFinding({ path, why }: Unread, subject: GateSubject): Finding {
  const isDatabase = dpkg.wants(path, 0) || apk.wants(path, 0);
  const found = {
    gate: 'sbom',
    rule: isDatabase ? 'package-database-unread' : 'package-unread',
    severity: isDatabase ? 'high' : 'note',
    what: `what /${path} says of packages could not be read: ${why}`,
    where: { path: `/${path}`, layer: null },
    fix: isDatabase ? 'bake from a base whose package database is intact' : 'remove the file, or mend it',
  } as const;
  return { ...findingOf(found, [path], subject.policy), blocks: isDatabase };
}
