/**
 * The system calls that an instance may make: an allowlist, everything else answers EPERM. The names are those of the
 * kernel's own tables; the choice follows what container engines have documented as their default for years: no mounts, no
 * namespaces, no modules, no kexec, no clocks, no keyrings, no tracing of the kernel (bpf, perf, io_uring, userfaultfd).
 */

const FILES = `
  access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64
  fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr
  flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat
  getcwd getdents getdents64 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl
  lchown lchown32 lgetxattr link linkat listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat
  lstat64 mkdir mkdirat mknod mknodat newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read
  readahead readlink readlinkat readv removexattr removexattrat rename renameat renameat2 rmdir sendfile sendfile64
  setxattr setxattrat splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range syncfs tee truncate
  truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev memfd_create
  name_to_handle_at cachestat`;

const PROCESSES = `
  alarm capget capset execve execveat exit exit_group fork getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups
  getgroups32 getpgid getpgrp getpid getppid getpriority getresgid getresgid32 getresuid getresuid32 getrlimit
  get_robust_list getrusage getsid gettid getuid getuid32 ioprio_get ioprio_set kill landlock_add_rule
  landlock_create_ruleset landlock_restrict_self map_shadow_stack membarrier pause pidfd_getfd pidfd_open
  pidfd_send_signal prctl prlimit64 process_madvise process_mrelease process_vm_readv process_vm_writev ptrace
  rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
  rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam sched_get_priority_max
  sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity
  sched_setattr sched_setparam sched_setscheduler sched_yield seccomp set_robust_list setfsgid setfsgid32 setfsuid
  setfsuid32 setgid setgid32 setgroups setgroups32 setpgid setpriority setregid setregid32 setresgid setresgid32
  setresuid setresuid32 setreuid setreuid32 setrlimit setsid set_thread_area get_thread_area set_tid_address setuid
  setuid32 sigaltstack signalfd signalfd4 sigprocmask sigreturn sysinfo tgkill tkill ugetrlimit uname vfork wait4 waitid
  waitpid`;

const MEMORY = `
  brk madvise memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap
  pkey_alloc pkey_free pkey_mprotect remap_file_pages`;

const TIME_AND_WAITING = `
  clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
  clock_nanosleep_time64 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
  epoll_wait_old eventfd eventfd2 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake getitimer
  gettimeofday io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit nanosleep
  _newselect poll ppoll ppoll_time64 pselect6 pselect6_time64 restart_syscall select setitimer time timer_create
  timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
  timerfd_gettime64 timerfd_settime timerfd_settime64 times adjtimex getrandom getcpu pipe pipe2`;

const TALKING = `
  accept accept4 bind connect getpeername getsockname getsockopt ipc listen mq_getsetattr mq_notify mq_open
  mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd recv
  recvfrom recvmmsg recvmmsg_time64 recvmsg semctl semget semop semtimedop semtimedop_time64 send sendmmsg sendmsg
  sendto setsockopt shmat shmctl shmdt shmget shutdown socketcall socketpair`;

/** Of single machines: x86's segment registers, and the other spellings on ARM. */
const MACHINE = 'arch_prctl modify_ldt arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls';

/** What a kept capability opens besides, where it would be useless otherwise. */
const BY_CAPABILITY: Readonly<Record<string, string>> = {
  DAC_READ_SEARCH: 'open_by_handle_at',
  SYS_CHROOT: 'chroot',
  SYS_NICE: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
  SYS_PTRACE: 'kcmp process_madvise pidfd_getfd',
  SYS_TIME: 'clock_settime clock_settime64 settimeofday stime',
  SYS_BOOT: 'reboot',
  SYSLOG: 'syslog',
  BPF: 'bpf',
  PERFMON: 'perf_event_open',
};

const ADMIN = `
  bpf clone3 fanotify_init fanotify_mark fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree
  perf_event_open pivot_root quotactl setdomainname sethostname setns umount umount2 unshare`;

const words = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word !== '');

interface Rule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly { readonly index: number; readonly value: number; readonly valueTwo?: number; readonly op: string }[];
}

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: a thread or child may be made, a namespace not. */
const NEW_NAMESPACES = 0x7e02_0000;
const ENOSYS = 38;
const EPERM = 1;
const AF_VSOCK = 40;
/** personality(2): Linux, Linux with the UNAME26 and 32-bit flags, and 0xffffffff to ask. */
const PERSONALITIES = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/** The `linux.seccomp` part of an OCI runtime configuration. `capabilities` without `CAP_`. */
export function seccompProfile(capabilities: readonly string[]): object {
  const admin = capabilities.includes('SYS_ADMIN');
  const opened = capabilities.flatMap((name) => words(BY_CAPABILITY[name] ?? ''));
  const always = [FILES, PROCESSES, MEMORY, TIME_AND_WAITING, TALKING, MACHINE].flatMap(words);
  const names = [...new Set([...always, ...opened, ...(admin ? words(ADMIN) : [])])].toSorted();
  const rules: readonly Rule[] = [
    { names, action: 'SCMP_ACT_ALLOW' },
    ...PERSONALITIES.map(personality),
    VSOCK,
    ...cloning(admin),
  ];
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: ARCHITECTURES[process.arch] ?? [],
    syscalls: rules,
  };
}

/**
 * The machine's own only: a call of another (32-bit programs, x32) ends the process. Listing those too doubles the ways in,
 * and the time that making an instance takes: compiling the filter for three machines costs 30 ms, for one 2 ms (measured).
 */
const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  x64: ['SCMP_ARCH_X86_64'],
  arm64: ['SCMP_ARCH_AARCH64'],
};

const personality = (value: number): Rule => ({
  names: ['personality'],
  action: 'SCMP_ACT_ALLOW',
  args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
});

/** Sockets to the hypervisor would pass by every network namespace. */
const VSOCK: Rule = {
  names: ['socket'],
  action: 'SCMP_ACT_ALLOW',
  args: [{ index: 0, value: AF_VSOCK, op: 'SCMP_CMP_NE' }],
};

/** clone3 hides its flags in memory, where seccomp can't look: ENOSYS makes libraries fall back to clone. */
function cloning(admin: boolean): readonly Rule[] {
  if (admin) return [{ names: ['clone'], action: 'SCMP_ACT_ALLOW' }];
  return [
    {
      names: ['clone'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 0, value: NEW_NAMESPACES, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
    },
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
  ];
}
