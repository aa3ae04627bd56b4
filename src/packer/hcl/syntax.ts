/** The syntax of HCL2 (hashicorp/hcl, hclsyntax/spec.md) as a tree. Every node knows where it begins. */
import type { Place } from '../problems.ts';

interface Node {
  readonly at: Place;
}

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly value: Expression }
  | (Node & {
      readonly kind: 'if';
      readonly condition: Expression;
      readonly yes: readonly TemplatePart[];
      readonly no: readonly TemplatePart[];
    })
  | (Node & {
      readonly kind: 'for';
      readonly key: string | null;
      readonly item: string;
      readonly over: Expression;
      readonly body: readonly TemplatePart[];
    });

export interface ForExpression extends Node {
  readonly kind: 'for';
  readonly keyName: string | null;
  readonly itemName: string;
  readonly over: Expression;
  /** Null: the result is a list. */
  readonly key: Expression | null;
  readonly value: Expression;
  readonly condition: Expression | null;
  /** `...`: values of the same key are gathered in a list. */
  readonly grouped: boolean;
}

export type Expression =
  | (Node & { readonly kind: 'literal'; readonly value: number | boolean | null })
  | (Node & { readonly kind: 'template'; readonly parts: readonly TemplatePart[] })
  | (Node & { readonly kind: 'list'; readonly items: readonly Expression[] })
  | (Node & { readonly kind: 'map'; readonly members: readonly { readonly key: Expression; readonly value: Expression }[] })
  | (Node & { readonly kind: 'name'; readonly name: string })
  | (Node & { readonly kind: 'index'; readonly of: Expression; readonly key: Expression })
  /** `of[*].rest`: `rest` is taken of each, and stands on an `each`. */
  | (Node & { readonly kind: 'splat'; readonly of: Expression; readonly rest: Expression })
  | (Node & { readonly kind: 'each' })
  | (Node & { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[]; readonly spread: boolean })
  | (Node & { readonly kind: 'unary'; readonly operator: '-' | '!'; readonly of: Expression })
  | (Node & { readonly kind: 'binary'; readonly operator: string; readonly left: Expression; readonly right: Expression })
  | (Node & {
      readonly kind: 'choice';
      readonly condition: Expression;
      readonly yes: Expression;
      readonly no: Expression;
    })
  | ForExpression;

export interface Attribute extends Node {
  readonly name: string;
  readonly value: Expression;
}

export interface Block extends Node {
  readonly type: string;
  readonly labels: readonly string[];
  readonly body: Body;
}

/** Attributes and blocks in the order of the text. */
export interface Body extends Node {
  readonly attributes: readonly Attribute[];
  readonly blocks: readonly Block[];
}
