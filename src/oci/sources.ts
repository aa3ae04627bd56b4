/**
 * Where something is pulled from: the mirrors of its registry in their order, then the registry. A mirror is believed in
 * nothing but what a tag names now: what it sends is checked by digest like everything else, and the next is asked where it
 * is down, lies, or lacks it.
 */
import { KilnError } from '../errors/error.ts';
import type { Reference } from './references.ts';
import { Registry, type RegistryOptions } from './registry.ts';

/** A mirror has the next one behind it: it is given up sooner than the registry. */
const MIRROR_ATTEMPTS = 2;
const NEXT_MAY_HELP: ReadonlySet<string> = new Set([
  'IMAGE_NOT_FOUND',
  'IMAGE_INVALID',
  'DIGEST_MISMATCH',
  'REGISTRY_UNREACHABLE',
  'REGISTRY_DENIED',
  'REGISTRY_PROTOCOL',
  'REGISTRY_LIMITED',
]);

export class Sources {
  /** Those that are not down, the registry itself last. */
  #left: readonly Registry[];
  readonly registry: Registry;

  constructor(reference: Pick<Reference, 'registry' | 'repository'>, options: RegistryOptions) {
    const mirrors = options.settings?.(reference.registry).mirrors ?? [];
    const transport = {
      ...options.transport,
      attempts: Math.min(options.transport?.attempts ?? MIRROR_ATTEMPTS, MIRROR_ATTEMPTS),
    };
    this.registry = new Registry(reference, options);
    this.#left = [
      ...mirrors.map((mirror) => new Registry(mirrored(mirror, reference.repository), { ...options, transport })),
      this.registry,
    ];
  }

  /** The first answer that is one. `run` answers null for "not here". Throws what the registry itself fails with. */
  async first<T>(run: (registry: Registry) => Promise<T | null>): Promise<T | null> {
    for (const registry of this.#left) {
      try {
        const found = await run(registry);
        if (found !== null) return found;
      } catch (error) {
        const code = error instanceof KilnError ? error.code : '';
        if (registry === this.registry || !NEXT_MAY_HELP.has(code)) throw error;
        if (code === 'REGISTRY_UNREACHABLE') this.#left = this.#left.filter((each) => each !== registry);
      }
    }
    return null;
  }
}

/** `HOST[:PORT]/PREFIX` and `library/debian` are `PREFIX/library/debian` on that host. */
function mirrored(mirror: string, repository: string): Pick<Reference, 'registry' | 'repository'> {
  const slash = mirror.indexOf('/');
  if (slash === -1) return { registry: mirror, repository };
  return { registry: mirror.slice(0, slash), repository: `${mirror.slice(slash + 1)}/${repository}` };
}
