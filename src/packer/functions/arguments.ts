/** Arguments of a template's functions: each asked for by what it must be, with one wording for what does not fit. */
import type { Call, TemplateFunction } from '../evaluate/scope.ts';
import { isList, isMap, kindOf, textOf, type Value, type ValueMap } from '../evaluate/values.ts';
import { number } from '../evaluate/operators.ts';
import { Refusal } from '../problems.ts';

export class Args {
  readonly all: readonly Value[];
  readonly call: Call;
  readonly #name: string;

  constructor(name: string, all: readonly Value[], call: Call) {
    this.#name = name;
    this.all = all;
    this.call = call;
  }

  get count(): number {
    return this.all.length;
  }

  value(position: number): Value {
    return this.all[position] ?? null;
  }

  text(position: number): string {
    const value = this.value(position);
    return textOf(value) ?? this.refuse(`argument ${position + 1} must be a text, and is ${kindOf(value)}`);
  }

  number(position: number): number {
    return number(this.value(position), this.call.at);
  }

  whole(position: number): number {
    const value = this.number(position);
    return Number.isSafeInteger(value) ? value : this.refuse(`argument ${position + 1} must be a whole number`);
  }

  list(position: number): readonly Value[] {
    const value = this.value(position);
    return isList(value) ? value : this.refuse(`argument ${position + 1} must be a list, and is ${kindOf(value)}`);
  }

  texts(position: number): readonly string[] {
    return this.list(position).map((item) => textOf(item) ?? this.refuse(`argument ${position + 1} must be a list of texts`));
  }

  map(position: number): ValueMap {
    const value = this.value(position);
    return isMap(value) ? value : this.refuse(`argument ${position + 1} must be a map, and is ${kindOf(value)}`);
  }

  refuse(text: string): never {
    throw new Refusal(this.call.at, `${this.#name}(): ${text}`);
  }
}

export interface FunctionEntry {
  readonly least: number;
  readonly most: number;
  readonly run: (args: Args) => Value;
}

/** A function of `least` to `most` arguments; `most` absent: exactly `least`. */
export const fn = (least: number, run: (args: Args) => Value, most = least): FunctionEntry => ({ least, most, run });

export type FunctionTable = Readonly<Record<string, FunctionEntry>>;

export function functionsOf(...tables: readonly FunctionTable[]): ReadonlyMap<string, TemplateFunction> {
  return new Map(tables.flatMap((table) => Object.entries(table)).map(([name, entry]) => [name, checked(name, entry)] as const));
}

const checked =
  (name: string, { least, most, run }: FunctionEntry): TemplateFunction =>
  (all, call) => {
    const args = new Args(name, all, call);
    if (all.length < least || all.length > most) {
      const wanted =
        least === most ? String(least) : most === Number.POSITIVE_INFINITY ? `${least} or more` : `${least} to ${most}`;
      args.refuse(`takes ${wanted} arguments, and has ${all.length}`);
    }
    const made = run(args);
    return typeof made === 'string' ? call.budget.text(call.at, made) : made;
  };
