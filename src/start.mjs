/**
 * Where Kiln starts, in JavaScript: the cache that spares Node the compiler of TypeScript (a third of a short command's time)
 * has to be on before the first file in TypeScript is loaded. Nothing else belongs here.
 */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

const { env } = process;
const home = env['HOME'] ?? env['KILN_HOME'];
const cache = env['XDG_CACHE_HOME'] ?? (home === undefined ? undefined : join(home, '.cache'));
if (cache !== undefined) enableCompileCache(join(cache, 'kiln', 'compile'));

await import('./main.ts');
