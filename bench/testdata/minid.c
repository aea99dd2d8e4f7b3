/* SPDX-License-Identifier: ISC
 *
 * minid is the daemon that masters are measured with: it speaks the child's
 * side of the master protocol, serves one client with a line, and exits. It
 * has no C library, whose start would cost more than all that is measured.
 *
 * Descriptor 5 is the status channel, on which anything to read says that the
 * master is gone, 6 the socket that listens, and does not block. GENERATION in
 * the environment is octal.
 *
 * cc -O2 -nostdlib -static -ffreestanding
 */
#define STATUS 5
#define LISTEN 6

#if defined(__x86_64__)

#define SYS_write 1
#define SYS_getpid 39
#define SYS_accept 43
#define SYS_exit 60
#define SYS_ppoll 271

static long call(long n, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = 0;
	long r;

	__asm__ volatile ("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
	return r;
}

__asm__ (".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall serve\n");

#elif defined(__aarch64__)

#define SYS_write 64
#define SYS_ppoll 73
#define SYS_exit 93
#define SYS_getpid 172
#define SYS_accept 202

static long call(long n, long a, long b, long c, long d)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = 0;

	__asm__ volatile ("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
	return x0;
}

__asm__ (".globl _start\n_start:\n\tmov x0, sp\n\tbl serve\n");

#else
#error "minid knows the system calls of amd64 and arm64 only"
#endif

static const char line[] = "hello from minid\n";

/* What the master is told. */
struct status {
	int pid;
	unsigned generation;
	int avail;
};

struct pollfd {
	int fd;
	short events, revents;
};

/* generation finds GENERATION behind the arguments, of which stack has the
 * number.
 */
static unsigned generation(char **stack)
{
	static const char name[] = "GENERATION=";
	char **env = stack + 1 + *(long *)stack + 1;
	unsigned g = 0;

	for (; *env; env++) {
		char *s = *env;
		unsigned i = 0;

		while (name[i] && s[i] == name[i])
			i++;
		if (name[i])
			continue;
		for (s += i; *s >= '0' && *s <= '7'; s++)
			g = g * 8 + (*s - '0');
	}
	return g;
}

__attribute__((noreturn, used)) void serve(char **stack)
{
	struct status taken = { .pid = call(SYS_getpid, 0, 0, 0, 0), .generation = generation(stack), .avail = 0 };
	struct pollfd fds[2] = { { .fd = STATUS, .events = 1 }, { .fd = LISTEN, .events = 1 } };

	for (;;) {
		long fd = call(SYS_accept, LISTEN, 0, 0, 0);

		if (fd >= 0) {
			call(SYS_write, STATUS, (long)&taken, sizeof taken, 0);
			call(SYS_write, fd, (long)line, sizeof line - 1, 0);
			break;
		}
		/* Another process has taken it. */
		if (call(SYS_ppoll, (long)fds, 2, 0, 0) < 0 || fds[0].revents)
			break;
	}
	call(SYS_exit, 0, 0, 0, 0);
	__builtin_unreachable();
}
