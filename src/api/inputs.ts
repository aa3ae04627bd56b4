/** What inputs of the API are made of. */
import * as z from 'zod';

/** A number of a query: text on the wire. */
export const count = z.union([
  z.int().nonnegative(),
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
]);
/** A flag of a query. */
export const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((word) => word === 'true')]);

export const nothing = z.strictObject({});
export const folder = z.string().startsWith('/', 'an absolute path').max(4096);
export const name = z.string().min(1).max(300);
export const host = z.string().regex(/^[A-Za-z0-9.:[\]-]{1,255}$/, 'a registry as in registry.example:5000');
/** `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`. */
export const reference = z.string().min(1).max(500);
/** Of a vulnerability, as OSV, Debian or GitHub write them. */
export const cve = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9:._-]{2,79}$/, 'a vulnerability as in CVE-2024-5535')
  .transform((id) => (/^cve-/i.test(id) ? id.toUpperCase() : id));
/** For the history, in a person's words. */
export const reason = z.string().max(1000).default('');

/** Who asks, for the history. The socket's mode is what decides who may. */
export const by = z.string().min(1).max(200).default('somebody on this machine');
