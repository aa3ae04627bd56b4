/** Whether a process of that id runs, anybody's. A bare id says little: ids are used again, and a zombie still has one. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
