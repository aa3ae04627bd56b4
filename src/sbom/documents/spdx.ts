/** SPDX 2.3, JSON. Its namespace is the image's digest, so that the same image always gives the same bytes. */
import { createHash } from 'node:crypto';

import { hexOf } from '../../domain/digest.ts';
import type { Json } from '../../domain/json.ts';
import type { Package } from '../package.ts';
import { byPurl, type DocumentSubject, isSpdxExpression } from './subject.ts';

const ROOT = 'SPDXRef-Image';
/** Where the image has no date: the format wants one. */
const EPOCH = '1970-01-01T00:00:00Z';
const UNSAID = 'NOASSERTION';

export function spdx({ digest, name, created, inventory, toolVersion }: DocumentSubject): Json {
  const groups = [...byPurl(inventory.packages).values()];
  const { unread } = inventory;
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name,
    documentNamespace: `urn:kiln:image:${digest}`,
    creationInfo: { created: created ?? EPOCH, creators: [`Tool: kiln-${toolVersion}`] },
    ...(unread.length === 0 ? {} : { comment: `Not read: ${unread.map(({ path, why }) => `${path} (${why})`).join('; ')}` }),
    packages: [
      {
        SPDXID: ROOT,
        name,
        versionInfo: digest,
        downloadLocation: UNSAID,
        filesAnalyzed: false,
        primaryPackagePurpose: 'CONTAINER',
        checksums: [{ algorithm: 'SHA256', checksumValue: hexOf(digest) }],
        ...(inventory.distribution === null ? {} : { summary: inventory.distribution.name }),
      },
      ...groups.map(packageOf),
    ],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: ROOT },
      ...groups.map(([first]) => ({
        spdxElementId: ROOT,
        relationshipType: 'CONTAINS',
        relatedSpdxElement: idOf(first?.purl ?? ''),
      })),
    ],
  };
}

/** Identifiers hold letters, digits, `.` and `-` only. */
const idOf = (purl: string): string => `SPDXRef-Package-${createHash('sha256').update(purl).digest('hex').slice(0, 24)}`;

function packageOf(found: readonly Package[]): Json {
  const [first] = found;
  if (first === undefined) return null;
  const { name, version, purl, license, source } = first;
  const stated = license !== null && isSpdxExpression(license) ? license : UNSAID;
  return {
    SPDXID: idOf(purl),
    name,
    versionInfo: version,
    downloadLocation: UNSAID,
    filesAnalyzed: false,
    licenseConcluded: UNSAID,
    licenseDeclared: stated,
    ...(license !== null && stated === UNSAID ? { licenseComments: `The package states: ${license}` } : {}),
    copyrightText: UNSAID,
    sourceInfo: [
      ...(source === null ? [] : [`built from ${source.name} ${source.version}`]),
      ...found.map(({ where }) => `found in /${where.path} of the layer ${where.layer}`),
    ].join('; '),
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
  };
}
