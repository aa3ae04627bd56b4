/** Programs: ELF files that may be executed. Libraries are told by the package that brings them. */
import { ELF_MAGIC } from '../elf.ts';
import { goPackages } from './go.ts';
import { type Reader, reading } from './reader.ts';
import { rustPackages } from './rust.ts';

const EXECUTABLE = 0o111;

export const binary: Reader = {
  name: 'binary',
  maxBytes: 256 << 20,
  magic: ELF_MAGIC,
  wants: (_path, mode) => (mode & EXECUTABLE) !== 0,
  read: (content) => reading([...(goPackages(content) ?? []), ...(rustPackages(content) ?? [])]),
};
