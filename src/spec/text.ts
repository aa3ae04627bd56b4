/** A kiln.yaml as text, as a person would write it: short lists on one line, commands in lines of their own. */
import { Document, isMap, isScalar, visit } from 'yaml';

import type { Json } from '../domain/json.ts';

const SHORT = 60;

/** `comment` goes on top, line by line. The same content gives the same text. */
export function textOfSpec(content: { readonly [key: string]: Json }, comment: readonly string[]): string {
  const document = new Document(content);
  visit(document, {
    Seq: (_, list, path) => {
      const owner = path.at(-1);
      const isRun = owner !== undefined && 'key' in owner && isScalar(owner.key) && owner.key.value === 'run';
      const plain = list.items.every((item) => isScalar(item) && !String(item.value).includes('\n'));
      if (!isRun && plain && JSON.stringify(list).length <= SHORT) list.flow = true;
    },
    Map: (_, map, path) => {
      const plain = map.items.every(({ value }) => isScalar(value) && !String(value.value).includes('\n'));
      const isInList = path.some((node) => !isMap(node) && 'items' in node);
      if (plain && path.length > 2 && !isInList && JSON.stringify(map).length <= SHORT) map.flow = true;
    },
  });
  document.commentBefore = comment.map((line) => ` ${line}`).join('\n');
  return document.toString({ lineWidth: 0, blockQuote: 'literal' });
}
