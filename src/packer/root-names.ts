/** The names that every expression of an HCL2 template can begin with: `var`, `local`, `path`, `packer`. */
import { evaluate } from './evaluate/evaluate.ts';
import type { Lookup, Scope } from './evaluate/scope.ts';
import { mapOf, type Value } from './evaluate/values.ts';
import type { Expression } from './hcl/syntax.ts';
import type { Variable } from './hcl-variables.ts';
import { Refusal, type Place } from './problems.ts';

export interface Local {
  readonly at: Place;
  readonly value: Expression;
  readonly sensitive: boolean;
}

/** Locals are computed when they are first asked for; one that needs itself is refused. */
export function rootNames(
  variables: ReadonlyMap<string, Variable | null>,
  locals: ReadonlyMap<string, Local>,
  bare: Scope,
): Lookup {
  const computed = new Map<string, { readonly value: Value; readonly secrets: ReadonlySet<string> }>();
  const underway = new Set<string>();

  const variable = (name: string, at: Place, secrets: Set<string>): Value => {
    const found = variables.get(name);
    if (found === null) throw new Refusal(at, `the variable "${name}" has no value`, true);
    if (found === undefined) throw new Refusal(at, `there is no variable "${name}"; declare it, or give --var ${name}=VALUE`);
    if (found.sensitive) secrets.add(name);
    return found.value;
  };

  const local = (name: string, at: Place, secrets: Set<string>): Value => {
    const found = locals.get(name);
    if (found === undefined) throw new Refusal(at, `there is no local "${name}"; declare it in locals { }`);
    let known = computed.get(name);
    if (known === undefined) {
      if (underway.has(name)) throw new Refusal(found.at, `the local "${name}" needs itself; break the circle`);
      underway.add(name);
      try {
        const own = new Set<string>(found.sensitive ? [`local.${name}`] : []);
        known = { value: evaluate(found.value, { ...bare, lookup, secrets: own }), secrets: own };
        computed.set(name, known);
      } finally {
        underway.delete(name);
      }
    }
    for (const secret of known.secrets) secrets.add(secret);
    return known.value;
  };

  const lookup: Lookup = (root, key, at, secrets) => {
    switch (root) {
      case 'var':
        return key === null
          ? mapOf([...variables.keys()].map((name) => [name, variable(name, at, secrets)]))
          : variable(key, at, secrets);
      case 'local':
        return key === null ? mapOf([...locals.keys()].map((name) => [name, local(name, at, secrets)])) : local(key, at, secrets);
      case 'path':
        return key === null
          ? mapOf([
              ['root', '.'],
              ['cwd', '.'],
            ])
          : key === 'root' || key === 'cwd'
            ? '.'
            : undefined;
      case 'packer':
        return key === 'version' ? '1.11.0' : undefined;
      case 'data':
        throw new Refusal(
          at,
          'a data source asks a cloud while it builds, which a recipe does not; write its value into a variable',
        );
      default:
        return undefined;
    }
  };
  return lookup;
}
