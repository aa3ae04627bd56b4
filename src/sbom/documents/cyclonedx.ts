/** CycloneDX 1.6, JSON (ECMA-424). Without a serial number, so that the same image always gives the same bytes. */
import { hexOf } from '../../domain/digest.ts';
import type { Json } from '../../domain/json.ts';
import type { Distribution, Package } from '../package.ts';
import { byPurl, type DocumentSubject, isSpdxExpression } from './subject.ts';

/** Of in-toto statements (in-toto attestation, predicates/cyclonedx.md). */
export const CYCLONEDX_PREDICATE = 'https://cyclonedx.org/bom';

export function cyclonedx(subject: DocumentSubject): Json {
  const { digest, name, created, inventory, toolVersion } = subject;
  const { distribution, packages, unread } = inventory;
  const groups = [...byPurl(packages).values()];
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      ...(created === null ? {} : { timestamp: created }),
      tools: { components: [{ type: 'application', name: 'kiln', version: toolVersion }] },
      component: {
        type: 'container',
        'bom-ref': digest,
        name,
        version: digest,
        hashes: [{ alg: 'SHA-256', content: hexOf(digest) }],
      },
      properties: unread.map(({ path, why }) => ({ name: 'kiln:unread', value: `${path}: ${why}` })),
    },
    components: [...(distribution === null ? [] : [operatingSystem(distribution)]), ...groups.map(component)],
    dependencies: [{ ref: digest, dependsOn: groups.map(([first]) => first?.purl ?? '') }],
  };
}

const operatingSystem = ({ id, version, name }: Distribution): Json => ({
  type: 'operating-system',
  'bom-ref': `os:${id}`,
  name: id,
  ...(version === null ? {} : { version }),
  description: name,
});

function component(found: readonly Package[]): Json {
  const [first] = found;
  if (first === undefined) return null;
  const { purl, name, version, license, source } = first;
  const scope = first.type === 'npm' && name.startsWith('@') ? name.slice(0, name.indexOf('/')) : null;
  return {
    type: 'library',
    'bom-ref': purl,
    ...(scope === null ? {} : { group: scope }),
    name: scope === null ? name : name.slice(scope.length + 1),
    version,
    ...(license === null ? {} : { licenses: licensesOf(license) }),
    purl,
    evidence: { occurrences: found.map(({ where }) => ({ location: `/${where.path}` })) },
    properties: [
      { name: 'kiln:layer', value: first.where.layer },
      ...(source === null ? [] : [{ name: 'kiln:source', value: `${source.name} ${source.version}` }]),
      ...(first.owner === null ? [] : [{ name: 'kiln:owner', value: first.owner }]),
    ],
  };
}

const licensesOf = (license: string): Json =>
  isSpdxExpression(license) ? [{ expression: license }] : [{ license: { name: license } }];
